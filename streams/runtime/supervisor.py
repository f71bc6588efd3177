"""Keeps N worker processes running: starts them again with back-off, passes signals on, knows how they are.

Slot numbers make the transactional ids `<prefix>gate.<slot>`, so a worker that starts again fences its predecessor. Two
hosts must never use the same slots: give each its own `first_slot`.
"""

import multiprocessing
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from types import FrameType
from typing import Any, Final

import structlog

from .process import EXIT_DRAINED, work
from .spec import WorkerSpec
from .status import SlotState, SlotStatus, WorkerFailure, WorkerStatus

FIRST_BACKOFF_S: Final = 0.2
LONGEST_BACKOFF_S: Final = 10.0
STEADY_S: Final = 30.0
"""A worker that ran for this long starts again without a long wait."""
DRAIN_S: Final = 20.0


@dataclass(slots=True)
class _Slot:
    number: int
    state: SlotState = SlotState.WAITING
    process: Any = None
    pipe: Pipe | None = None
    worker: WorkerStatus | None = None
    restarts: int = 0
    last_exit: int | None = None
    failure: str | None = None
    started_s: float = 0.0
    start_at_s: float = 0.0
    backoff_s: float = FIRST_BACKOFF_S


class Supervisor:
    """Runs `workers` processes of one `WorkerSpec`. Use it from one thread: `start`, `watch` again and again, `stop`."""

    def __init__(self, spec: WorkerSpec, *, workers: int = 1, first_slot: int = 0) -> None:
        self._spec = spec
        # A fresh interpreter: a forked one would share the client's threads, which do not survive a fork.
        self._context = multiprocessing.get_context("spawn")
        self._slots = [_Slot(first_slot + number) for number in range(workers)]
        self._stopping = False
        self._log = structlog.get_logger("sluicegate.supervisor")

    @property
    def status(self) -> tuple[SlotStatus, ...]:
        """What is known of every slot, as of the last `watch`."""
        return tuple(
            SlotStatus(slot.number, slot.state, slot.restarts, slot.last_exit, slot.worker, slot.failure)
            for slot in self._slots
        )

    @property
    def ended(self) -> bool:
        """Whether no worker is left and none will be started."""
        return self._stopping and all(slot.state is SlotState.ENDED for slot in self._slots)

    def start(self) -> None:
        """Start every worker and return at once."""
        for slot in self._slots:
            self._start(slot)

    def watch(self, timeout_s: float = 0.5) -> None:
        """Wait for news of the workers for at most this long; start again what has ended."""
        living = [slot for slot in self._slots if slot.process is not None]
        sources = [
            source for slot in living for source in (slot.process.sentinel, slot.pipe) if source is not None
        ]
        if sources:
            wait(sources, timeout_s)
        else:
            time.sleep(timeout_s)
        for slot in living:
            self._read(slot)
            if not slot.process.is_alive():
                self._note_end(slot)
        for slot in self._slots:
            if slot.state is SlotState.WAITING and not self._stopping and time.monotonic() >= slot.start_at_s:
                self._start(slot)

    def stop(self) -> None:
        """Ask every worker to finish its transaction and end; returns at once. A second call ends them at once."""
        for slot in self._slots:
            if slot.process is not None and slot.process.is_alive():
                # The first SIGTERM drains, the second ends at once.
                slot.process.terminate()
            else:
                slot.state = SlotState.ENDED
        self._stopping = True

    def join(self, timeout_s: float = DRAIN_S) -> int:
        """After `stop`: wait until all have ended, kill what has not by then; the exit code."""
        deadline = time.monotonic() + timeout_s
        while not self.ended and time.monotonic() < deadline:
            self.watch(0.1)
        for slot in self._slots:
            if slot.process is not None:
                slot.process.kill()
                slot.process.join()
                self._note_end(slot)
        return self.exit_code

    @property
    def exit_code(self) -> int:
        """0 when every worker has drained; else the first other exit status, 1 for one that a signal ended.

        SIGTERM ends a worker that has not come so far as to handle it: it had not begun, which is as good as drained.
        """
        good = {EXIT_DRAINED, -signal.SIGTERM, None}
        bad = [slot.last_exit for slot in self._slots if slot.last_exit not in good]
        return max(bad[0] or 0, 1) if bad else EXIT_DRAINED

    def run(self, on_watch: Callable[["Supervisor"], None] | None = None) -> int:
        """Until SIGTERM or SIGINT: drain, then the exit code. A second one ends the workers at once.

        `on_watch` is called about twice a second, for a status line.
        """
        previous = {
            number: signal.signal(number, self._signalled) for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            self.start()
            while not self._stopping:
                self.watch()
                if on_watch is not None:
                    on_watch(self)
            return self.join()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._log.info("stopping", signal=signal.Signals(number).name, at_once=self._stopping)
        self.stop()

    def _start(self, slot: _Slot) -> None:
        ours, theirs = self._context.Pipe(duplex=False)
        slot.process = self._context.Process(
            target=work,
            args=(self._spec, slot.number, theirs),
            name=f"sluicegate-worker-{slot.number}",
            # A program that ends without `stop` sends SIGTERM instead of waiting for its workers for ever.
            daemon=True,
        )
        slot.process.start()
        theirs.close()
        slot.pipe = ours
        slot.worker = None
        slot.state = SlotState.STARTING
        slot.started_s = time.monotonic()

    def _read(self, slot: _Slot) -> None:
        while slot.pipe is not None:
            try:
                if not slot.pipe.poll():
                    return
                self._take(slot, slot.pipe.recv())
            except (EOFError, OSError):
                slot.pipe.close()
                slot.pipe = None

    def _take(self, slot: _Slot, said: WorkerStatus | WorkerFailure) -> None:
        if isinstance(said, WorkerFailure):
            slot.failure = said.message
            return
        slot.worker, slot.failure, slot.state = said, None, SlotState.RUNNING

    def _note_end(self, slot: _Slot) -> None:
        slot.last_exit = slot.process.exitcode
        slot.process = None
        if slot.pipe is not None:
            slot.pipe.close()
            slot.pipe = None
        if self._stopping:
            slot.state = SlotState.ENDED
            return
        now_s = time.monotonic()
        if now_s - slot.started_s >= STEADY_S:
            slot.backoff_s = FIRST_BACKOFF_S
        slot.state = SlotState.WAITING
        slot.start_at_s = now_s + slot.backoff_s
        slot.restarts += 1
        self._log.warning(
            "a worker ended and will be started again",
            slot=slot.number,
            status=slot.last_exit,
            because=slot.failure,
            wait_s=slot.backoff_s,
            restarts=slot.restarts,
        )
        slot.backoff_s = min(2 * slot.backoff_s, LONGEST_BACKOFF_S)
