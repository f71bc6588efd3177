"""The gate's workers beside another command: supervised from a thread of this process."""

import threading

from sluicegate.streams.runtime.spec import WorkerSpec
from sluicegate.streams.runtime.status import SlotStatus
from sluicegate.streams.runtime.supervisor import Supervisor


class GateProcess:
    """Starts workers, starts again what ends, and drains them on `stop`."""

    def __init__(self, spec: WorkerSpec, *, workers: int) -> None:
        """Nothing runs yet."""
        self._supervisor = Supervisor(spec, workers=workers)
        self._thread = threading.Thread(target=self._run, name="sluicegate-supervisor", daemon=True)
        self._stopping = threading.Event()

    @property
    def status(self) -> tuple[SlotStatus, ...]:
        """What the workers said last."""
        return self._supervisor.status

    @property
    def idle_s(self) -> float:
        """Seconds since the workers were looked at."""
        return self._supervisor.idle_s

    def start(self) -> None:
        """Start the workers and return at once."""
        self._thread.start()

    def stop(self) -> None:
        """Let every worker finish its transaction and end; safe to call twice."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        self._supervisor.start()
        while not self._stopping.is_set():
            self._supervisor.watch()
        self._supervisor.stop()
        self._supervisor.join()
