"""Worker processes under measurement: how long a backlog takes them, and the CPU time that they and the broker use."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sluicegate.streams.local.gate_process import GateProcess
from sluicegate.streams.runtime.status import WorkerStatus

from .machine import cpu_seconds
from .measuring import Measure
from .world import standing_still

LIMIT_S = 120.0


@dataclass(slots=True)
class Work:
    """Rounds of work; workers tell their counts twice a second, and with them when their last commit was."""

    workers: GateProcess
    partitions: int
    broker: int
    """The broker's process."""
    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    broker_cpu_s: list[float] = field(default_factory=list)

    @contextmanager
    def on(self, count: int) -> Iterator[None]:
        """One round: the block writes so many records, the round goes from its end to the commit of the last one."""
        before = self.ready()
        with standing_still([status.process for status in before]):
            yield
            cpu_before = self._cpu(before)
            began_ms = time.time_ns() / 1e6
        after = self._until(sum(status.records for status in before) + count)
        cpu_after = self._cpu(after)
        if _identity(after) != _identity(before):
            raise AssertionError("a worker was disturbed, so its times say nothing")
        self.wall_s.append((max(status.last_commit_ms or 0 for status in after) - began_ms) / 1_000)
        self.cpu_s.append(cpu_after[0] - cpu_before[0])
        self.broker_cpu_s.append(cpu_after[1] - cpu_before[1])

    def measures(self, name: str, count: int, **labels: str | int) -> tuple[Measure, Measure, Measure]:
        """Wall time, CPU of the workers and CPU of the broker per record; the first round was to warm up."""
        return (
            Measure.of(f"{name}, wall", count, self.wall_s[1:], **labels, clock="wall"),
            Measure.of(f"{name}, CPU", count, self.cpu_s[1:], **labels, clock="cpu"),
            Measure.of(f"{name}, CPU of the broker", count, self.broker_cpu_s[1:], **labels, clock="broker"),
        )

    def ready(self) -> list[WorkerStatus]:
        """The workers, once each of them runs partitions and together they run all."""
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            found = self._statuses()
            running = [sum(place.running for place in status.partitions) for status in found]
            if len(found) == len(self.workers.status) and all(running) and sum(running) == self.partitions:
                return found
            time.sleep(0.02)
        raise AssertionError("the workers were not ready in time")

    def _until(self, records: int) -> list[WorkerStatus]:
        deadline = time.monotonic() + LIMIT_S
        while True:
            found = self._statuses()
            done = sum(status.records for status in found)
            if done >= records:
                return found
            if time.monotonic() > deadline:
                raise AssertionError(f"{done} of {records} records were worked on in {LIMIT_S} s")
            time.sleep(0.02)

    def _statuses(self) -> list[WorkerStatus]:
        return [slot.worker for slot in self.workers.status if slot.worker is not None]

    def _cpu(self, statuses: list[WorkerStatus]) -> tuple[float, float]:
        return sum(cpu_seconds(status.process) for status in statuses), cpu_seconds(self.broker)


def _identity(statuses: list[WorkerStatus]) -> list[tuple[int, int]]:
    return [(status.process, status.aborts) for status in statuses]
