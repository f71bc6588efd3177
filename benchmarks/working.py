"""A worker process under measurement: how long it takes for so many records, and the CPU time it uses."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sluicegate.streams.local.gate_process import GateProcess
from sluicegate.streams.runtime.status import WorkerStatus

from .machine import cpu_seconds
from .measuring import Measure

LIMIT_S = 60.0


@dataclass(slots=True)
class Work:
    """Rounds of one worker; it tells its counts twice a second, and with them when its last commit was."""

    workers: GateProcess
    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    @contextmanager
    def on(self, count: int) -> Iterator[None]:
        """One round: the block writes so many records, the round ends with the commit of the last one."""
        before = self._status()
        cpu_before, began_ms = cpu_seconds(before.process), time.time_ns() / 1e6
        yield
        after = self._until(before.records + count)
        if (after.process, after.aborts) != (before.process, before.aborts):
            raise AssertionError("the worker was disturbed, so its times say nothing")
        self.wall_s.append(((after.last_commit_ms or 0) - began_ms) / 1_000)
        cpu_after = cpu_seconds(after.process)
        if cpu_before is not None and cpu_after is not None:
            self.cpu_s.append(cpu_after - cpu_before)

    def measures(self, name: str, count: int) -> Iterator[Measure]:
        """Wall and CPU time per record; the first round was to warm up."""
        yield Measure.of(f"{name}, wall", count, self.wall_s[1:])
        if self.cpu_s:
            yield Measure.of(f"{name}, CPU", count, self.cpu_s[1:])

    def _until(self, records: int) -> WorkerStatus:
        deadline = time.monotonic() + LIMIT_S
        while (status := self._status()).records < records:
            if time.monotonic() > deadline:
                raise AssertionError(f"{status.records} of {records} records were worked on in {LIMIT_S} s")
            time.sleep(0.02)
        return status

    def _status(self) -> WorkerStatus:
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            (slot,) = self.workers.status
            if slot.worker is not None and any(place.running for place in slot.worker.partitions):
                return slot.worker
            time.sleep(0.02)
        raise AssertionError("the worker was not ready in time")
