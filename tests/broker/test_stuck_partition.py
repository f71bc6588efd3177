"""A partition that cannot get on, on a real broker: the others go on, everybody is told which, and nothing is lost."""

import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from sluicegate.streams.health import Watched, readiness
from sluicegate.streams.health.metrics import Metrics
from sluicegate.streams.health.readiness import Readiness, Why
from sluicegate.streams.runtime.aside import Cause, pause_ms
from sluicegate.streams.runtime.marks import ENOUGH, FIRST_PAUSE_MS
from sluicegate.streams.runtime.spec import WorkerSpec
from sluicegate.streams.runtime.supervisor import Supervisor
from sluicegate.streams.testing import Counter, Poison, Poisoned, Unreadable
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker

PARTITIONS = 2
STUCK = 0
"""The partition that gets the poison."""
WELL = 1


class Deployment:
    """Writes inputs, reads committed outcomes, and asks how workers are."""

    def __init__(self, cluster: Cluster) -> None:
        self.gate = cluster.connection("gate")
        connection = cluster.super_user().connection
        self._writer = Producer(connection.producer_config())
        self._reader = Consumer(connection.reader_config())
        self._reader.assign(
            [TopicPartition(self.gate.topic("outcomes"), number, 0) for number in range(PARTITIONS)]
        )
        self.outcomes: dict[int, list[bytes]] = {number: [] for number in range(PARTITIONS)}

    def supervisor(self, topology: Callable[[], Counter] = Poisoned, **settings: Any) -> Supervisor:
        """Workers that run."""
        first_slot = settings.pop("first_slot", 0)
        spec = WorkerSpec(topology, self.gate, PARTITIONS, **settings)
        supervisor = Supervisor(spec, first_slot=first_slot)
        supervisor.start()
        return supervisor

    def write(self, partition: int, *values: bytes | str, topic: str = "actions") -> None:
        """Append records, each with its value as its key."""
        for value in values:
            encoded = value.encode() if isinstance(value, str) else value
            self._writer.produce(self.gate.topic(topic), encoded, encoded, partition)
        assert self._writer.flush(10) == 0

    def cure(self) -> None:
        """What makes poison harmless."""
        self.write(0, "cure", topic="policies")

    def until(self, is_done: Callable[[], bool], *supervisors: Supervisor, limit_s: float = 60.0) -> None:
        """Let workers work until it is done."""
        deadline = time.monotonic() + limit_s
        while not is_done():
            assert time.monotonic() < deadline, [supervisor.status for supervisor in supervisors]
            for supervisor in supervisors:
                supervisor.watch(0.01)
            for message in self._reader.consume(1_000, 0.05):
                self.outcomes[message.partition() or 0].append(message.value() or b"")

    def has(self, partition: int, *values: bytes | str) -> bool:
        """Whether these are the visible outcomes of a partition, in this order and each once."""
        return self.outcomes[partition] == [v.encode() if isinstance(v, str) else v for v in values]


@pytest.fixture
def deployment(cluster: Cluster) -> Deployment:
    """A fresh deployment with two partitions."""
    return Deployment(cluster)


def found(*supervisors: Supervisor) -> Readiness:
    """What `/readyz` would say of all these."""
    slots = [slot for supervisor in supervisors for slot in supervisor.status]
    return readiness(slots, time.time_ns() // 1_000_000, partitions=PARTITIONS)


def codes(*supervisors: Supervisor) -> list[tuple[Why, int | None, str | None]]:
    """The same in short."""
    return [(reason.why, reason.partition, reason.code) for reason in found(*supervisors).reasons]


def is_stuck(cause: Cause, *supervisors: Supervisor) -> bool:
    """Whether exactly one thing is wrong: that partition is set aside for this cause."""
    return codes(*supervisors) == [(Why.STUCK, STUCK, cause.value)]


def stuck_by_metric(supervisor: Supervisor) -> dict[str, str]:
    """The metric that says which partition is stuck."""
    watched = Watched("gate", supervisor, PARTITIONS)
    text = Metrics([watched], lambda: time.time_ns() // 1_000_000).text().decode()
    return dict(re.findall(r'sluicegate_partition_stuck\{partition="(\d+)",processor="gate"\} (\S+)', text))


def _note_end(supervisor: Supervisor, ended_ms: dict[int, int]) -> None:
    """When the worker has ended for the first time, the second, and so on."""
    slot = supervisor.status[0]
    if slot.restarts:
        assert slot.ended_ms is not None
        ended_ms[slot.restarts] = slot.ended_ms


def ended(supervisor: Supervisor) -> int:
    """Stop and wait; the exit code."""
    supervisor.stop()
    return supervisor.join()


@pytest.mark.parametrize(
    ("poison", "cause"),
    [(Poison.RAISE, Cause.RAISED), (Poison.LARGE, Cause.REFUSED), (Poison.ABSENT, Cause.REFUSED)],
)
def test_a_poison_holds_up_its_partition_only_until_it_is_cured(
    deployment: Deployment, poison: Poison, cause: Cause
) -> None:
    """What is before it is done, the other partition goes on in the same process, and after the cure nothing is missing."""
    deployment.write(STUCK, "a", "b", poison, "c")
    deployment.write(WELL, "1")
    supervisor = deployment.supervisor()
    deployment.until(partial(is_stuck, cause, supervisor), supervisor)
    deployment.write(WELL, "2", "3")
    deployment.until(lambda: deployment.has(WELL, "1", "2", "3"), supervisor)
    deployment.until(lambda: deployment.has(STUCK, "a", "b"), supervisor)
    assert supervisor.status[0].restarts == 0
    assert stuck_by_metric(supervisor) == {"0": "1.0", "1": "0.0"}
    [reason] = found(supervisor).reasons
    assert poison.value not in reason.said
    deployment.cure()
    deployment.until(lambda: deployment.has(STUCK, "a", "b", poison, "c"), supervisor)
    deployment.until(lambda: found(supervisor).ready, supervisor)
    assert stuck_by_metric(supervisor) == {"0": "0.0", "1": "0.0"}
    assert ended(supervisor) == 0


def test_state_that_cannot_be_read_stops_its_partition_alone(deployment: Deployment) -> None:
    """A version that cannot restore one partition works on the others; with the version before, that one goes on."""
    before = deployment.supervisor(Counter)
    deployment.write(STUCK, Poison.RAISE)
    deployment.until(lambda: deployment.has(STUCK, Poison.RAISE), before)
    assert ended(before) == 0
    broken = deployment.supervisor(Unreadable)
    deployment.write(STUCK, "a")
    deployment.write(WELL, "1")
    deployment.until(lambda: deployment.has(WELL, "1"), broken)
    deployment.until(partial(is_stuck, Cause.RAISED, broken), broken)
    assert (ended(broken), broken.status[0].restarts) == (0, 0)
    again = deployment.supervisor(Counter)
    deployment.until(lambda: deployment.has(STUCK, Poison.RAISE, "a"), again)
    assert ended(again) == 0


@pytest.mark.slow
def test_what_ends_processes_is_set_aside_after_the_third(deployment: Deployment) -> None:
    """The supervisor knows at what a process was when it was killed; a new version takes up the work."""
    deployment.write(STUCK, "a", Poison.KILL, "b")
    supervisor = deployment.supervisor()
    ended_ms: dict[int, int] = {}

    def is_set_aside() -> bool:
        _note_end(supervisor, ended_ms)
        return (Why.STUCK, STUCK, Cause.ENDED.value) in codes(supervisor)

    def has_done(partition: int, *values: str) -> bool:
        _note_end(supervisor, ended_ms)
        return deployment.has(partition, *values)

    deployment.until(is_set_aside, supervisor, limit_s=120)
    assert supervisor.status[0].restarts >= ENOUGH
    deployment.write(WELL, "1", "2")
    deployment.until(lambda: has_done(WELL, "1", "2"), supervisor)
    deployment.until(lambda: has_done(STUCK, "a"), supervisor)
    assert sorted(ended_ms) == list(range(1, len(ended_ms) + 1))
    # On a slow machine a pause may end meanwhile: then it costs one worker more, and never sooner.
    for number in range(ENOUGH, len(ended_ms)):
        assert ended_ms[number + 1] - ended_ms[number] >= pause_ms(number - ENOUGH + 1, FIRST_PAUSE_MS)
    assert ended(supervisor) == 0
    corrected = deployment.supervisor(Counter)
    deployment.until(lambda: deployment.has(STUCK, "a", Poison.KILL, "b"), corrected)
    deployment.until(lambda: found(corrected).ready, corrected)
    assert ended(corrected) == 0


def test_a_stuck_partition_that_moves_is_stuck_there_and_holds_up_nobody(deployment: Deployment) -> None:
    """The worker that gets it from another finds out alone, and goes on with its own partition."""
    first, second = deployment.supervisor(), deployment.supervisor(first_slot=1)
    deployment.until(
        lambda: all(
            each.worker is not None and len(each.worker.partitions) == 1
            for each in (*first.status, *second.status)
        ),
        first,
        second,
    )
    deployment.write(STUCK, Poison.RAISE)
    deployment.until(partial(is_stuck, Cause.RAISED, first, second), first, second)
    has_it = next(each for each in (first, second) if codes(each)[0][0] is Why.STUCK)
    other = second if has_it is first else first
    assert ended(has_it) == 0
    deployment.until(partial(is_stuck, Cause.RAISED, other), other)
    deployment.write(WELL, "1")
    deployment.until(lambda: deployment.has(WELL, "1"), other)
    deployment.cure()
    deployment.until(lambda: deployment.has(STUCK, Poison.RAISE), other)
    deployment.until(lambda: found(other).ready, other)
    assert ended(other) == 0
    assert (first.status[0].restarts, second.status[0].restarts) == (0, 0)
