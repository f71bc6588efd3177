"""Keeps N worker processes running: starts them again with back-off, passes signals on, knows how they are.

Slot numbers make the transactional ids `<prefix>gate.<slot>`, so a worker that starts again fences its predecessor. Two
hosts must never use the same slots: give each its own `first_slot`.

A rolling restart (SIGHUP) drains one worker after the other and starts it again at once; the next one's turn comes when
the new one works, and never when it does not. With two workers or more every partition is held by somebody all the time
but for a rebalance.
"""

import multiprocessing
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from types import FrameType
from typing import Any, Final

from sluicegate.streams.logs import get_logger

from .marks import Marks
from .process import EXIT_DRAINED, work
from .spec import WorkerSpec
from .status import SlotState, SlotStatus, WorkerFailure, WorkerStatus

FIRST_BACKOFF_S: Final = 0.2
LONGEST_BACKOFF_S: Final = 10.0
STEADY_S: Final = 30.0
"""A worker that ran for this long starts again without a long wait."""
DRAIN_S: Final = 20.0
SETTLED_S: Final = 3.0
"""In a rolling restart, a worker that has said it works for this long and restores nothing is as good as before."""
LONGEST_TURN_S: Final = 60.0
"""A rolling restart ends when a worker does not work again after this long: the others go on as they are."""

_DRAINED: Final = frozenset({EXIT_DRAINED, -signal.SIGTERM})


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
    ended_ms: int | None = None
    works_since_s: float | None = None

    @property
    def is_settled(self) -> bool:
        """Whether its worker works, for long enough that the group has given it its part, and restores nothing."""
        return (
            self.works_since_s is not None
            and time.monotonic() - self.works_since_s >= SETTLED_S
            and self.worker is not None
            and all(each.running or each.aside is not None for each in self.worker.partitions)
        )


class Supervisor:
    """Runs `workers` processes of one `WorkerSpec`. Use it from one thread: `start`, `watch` again and again, `stop`."""

    def __init__(self, spec: WorkerSpec, *, workers: int = 1, first_slot: int = 0) -> None:
        self._spec = spec
        # A fresh interpreter: a forked one would share the client's threads, which do not survive a fork.
        self._context = multiprocessing.get_context("spawn")
        self._slots = [_Slot(first_slot + number) for number in range(workers)]
        self._marks = Marks([slot.number for slot in self._slots], spec.partitions, self._context)
        self._stopping = False
        self._rolling: deque[_Slot] = deque()
        self._turn: _Slot | None = None
        self._turn_ends_s = 0.0
        self._watched_s = time.monotonic()
        self._log = get_logger("sluicegate.supervisor")

    @property
    def status(self) -> tuple[SlotStatus, ...]:
        """What is known of every slot, as of the last `watch`."""
        return tuple(
            SlotStatus(
                slot.number,
                slot.state,
                slot.restarts,
                slot.last_exit,
                slot.worker,
                slot.failure,
                slot.ended_ms,
            )
            for slot in self._slots
        )

    @property
    def idle_s(self) -> float:
        """Seconds since somebody called `watch`: whether the supervisor itself lives."""
        return time.monotonic() - self._watched_s

    @property
    def rolling(self) -> bool:
        """Whether a rolling restart is under way."""
        return bool(self._rolling) or self._turn is not None

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
        self._watched_s = time.monotonic()
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
        self._roll()

    def roll(self) -> None:
        """Start every worker again, one after the other; returns at once, `watch` does it. A second call starts over."""
        self._rolling = deque(self._slots)

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
        bad = [slot.last_exit for slot in self._slots if slot.last_exit not in {*_DRAINED, None}]
        return max(bad[0] or 0, 1) if bad else EXIT_DRAINED

    def _roll(self) -> None:
        """The next step of a rolling restart, if one is under way."""
        if self._stopping:
            return
        turn = self._turn
        if turn is not None and turn.is_settled:
            self._turn = turn = None
            if not self._rolling:
                self._log.info("every worker was started again")
        elif turn is not None and time.monotonic() >= self._turn_ends_s:
            self._log.error("a worker does not work again, the others stay as they are", slot=turn.number)
            self._rolling.clear()
            self._turn = turn = None
        if turn is None and self._rolling:
            self._turn = slot = self._rolling.popleft()
            self._turn_ends_s = time.monotonic() + LONGEST_TURN_S
            if slot.process is not None and slot.process.is_alive():
                self._log.info("starting a worker again", slot=slot.number)
                slot.state, slot.works_since_s = SlotState.DRAINING, None
                slot.process.terminate()

    def run(self, on_watch: Callable[["Supervisor"], None] | None = None) -> int:
        """Until SIGTERM or SIGINT: drain, then the exit code. A second one ends the workers at once.

        Without a terminal SIGHUP starts a rolling restart. `on_watch` is called about twice a second, for a status line.
        """
        previous = {
            number: signal.signal(number, self._signalled) for number in (signal.SIGTERM, signal.SIGINT)
        }
        if sys.stdin is None or not sys.stdin.isatty():
            # On a terminal it goes on to mean that the terminal is gone.
            previous[signal.SIGHUP] = signal.signal(signal.SIGHUP, lambda *_: self.roll())
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
        self._marks.rest(slot.number)
        ours, theirs = self._context.Pipe(duplex=False)
        slot.process = self._context.Process(
            target=work,
            args=(self._spec, slot.number, theirs, self._marks),
            name=f"sluicegate-worker-{slot.number}",
            # A program that ends without `stop` sends SIGTERM instead of waiting for its workers for ever.
            daemon=True,
        )
        slot.process.start()
        theirs.close()
        slot.pipe = ours
        slot.worker = None
        slot.works_since_s = None
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
        slot.worker, slot.failure = said, None
        if slot.state is not SlotState.DRAINING:
            slot.state = SlotState.RUNNING
            slot.works_since_s = slot.works_since_s or time.monotonic()

    def _note_end(self, slot: _Slot) -> None:
        slot.last_exit = slot.process.exitcode
        slot.process = None
        if slot.pipe is not None:
            slot.pipe.close()
            slot.pipe = None
        if self._stopping:
            slot.state = SlotState.ENDED
            return
        if slot.state is SlotState.DRAINING and slot.last_exit in _DRAINED and not self._stopping:
            slot.state, slot.start_at_s = SlotState.WAITING, 0.0
            return
        slot.ended_ms = time.time_ns() // 1_000_000
        self._marks.ended(slot.number, slot.ended_ms)
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
