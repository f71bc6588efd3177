"""The processes of a run: the gate's workers under their supervisor, a guest that comes and goes, executors kept running."""

import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

from sluicegate.streams.runtime.spec import WorkerSpec
from sluicegate.streams.runtime.status import SlotStatus
from sluicegate.streams.runtime.supervisor import Supervisor

from .board import Card
from .executing import ExecutorSpec, serve

WORKER: Final = "sluicegate-worker"
EXECUTOR: Final = "executor"
_LOOK_S: Final = 0.2
_AGAIN_S: Final = 0.3
_DRAIN_S: Final = 25.0


class Workers:
    """A supervisor watched by a thread of its own."""

    def __init__(self, spec: WorkerSpec, *, workers: int, first_slot: int = 0) -> None:
        self._supervisor = Supervisor(spec, workers=workers, first_slot=first_slot)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="workers", daemon=True)
        self._thread.start()

    @property
    def status(self) -> tuple[SlotStatus, ...]:
        """What the workers said last."""
        return self._supervisor.status

    def end(self) -> None:
        """Drain, and return when all have ended."""
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        self._supervisor.start()
        while not self._ending.is_set():
            self._supervisor.watch(_LOOK_S)
        self._supervisor.stop()
        self._supervisor.join(_DRAIN_S)


class Executors:
    """One process per executor; what ends is started again at once."""

    def __init__(self, specs: dict[str, ExecutorSpec]) -> None:
        self._specs = specs
        self._context = multiprocessing.get_context("spawn")
        self._processes: dict[str, list[BaseProcess]] = {name: [] for name in specs}
        self._ending = threading.Event()
        self.restarts = -len(specs)
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="executors", daemon=True)
        self._thread.start()

    def start(self, name: str) -> None:
        """One more process of it, with the same transactional id: it fences the one before."""
        with self._lock:
            process: Any = self._context.Process(
                target=serve, args=(self._specs[name],), name=f"{EXECUTOR}-{name}", daemon=True
            )
            process.start()
            self._processes[name].append(process)
            self.restarts += 1

    def end(self) -> None:
        """Drain all, kill what does not."""
        self._ending.set()
        self._thread.join()
        everyone = [process for processes in self._processes.values() for process in processes]
        for process in everyone:
            process.terminate()
        until = time.monotonic() + _DRAIN_S
        for process in everyone:
            process.join(max(0.1, until - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()

    def _run(self) -> None:
        while not self._ending.wait(_AGAIN_S):
            for name, processes in self._processes.items():
                processes[:] = [process for process in processes if process.is_alive()]
                if not processes:
                    self.start(name)


@dataclass(frozen=True, slots=True)
class Living:
    """A process under test, found by its card."""

    name: str
    process: int
    card: Card


def living(board: Path, kind: str) -> Iterator[Living]:
    """Children of this process that have shown a step and are not gone."""
    for path in sorted(board.iterdir()):
        name, _, number = path.name.rpartition(".")
        if name.startswith(kind) and is_child(int(number)):
            yield Living(name, int(number), Card.open(board, name, int(number)))


def is_child(process: int) -> bool:
    """Whether it is a child of ours that runs or is stopped (proc(5), `stat`)."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] not in {"Z", "X"} and int(fields[1]) == os.getpid()
