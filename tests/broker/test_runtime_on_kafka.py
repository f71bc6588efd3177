"""Workers on a real broker: exactly once through drains and rebalances, punctuations, tables, first start."""

import time
from collections import Counter as Tally
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from sluicegate.streams.runtime.spec import WorkerSpec
from sluicegate.streams.runtime.supervisor import Supervisor
from sluicegate.streams.testing import Counter, PassThrough
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker

PARTITIONS = 2


class Deployment:
    """Writes inputs, reads committed outputs, and runs workers of one cluster with a gate's rights."""

    def __init__(self, cluster: Cluster) -> None:
        self.gate = cluster.connection("gate")
        self._super = cluster.super_user().connection
        self._writer = Producer(self._super.producer_config())
        self._reader = Consumer(self._super.reader_config())
        topics = ("outcomes", "audit")
        self._reader.assign(
            [
                TopicPartition(self.gate.topic(topic), number, 0)
                for topic in topics
                for number in range(PARTITIONS)
            ]
        )
        self.seen: dict[str, list[Message]] = {self.gate.topic(topic): [] for topic in topics}

    def spec(self, topology: Callable[[], PassThrough], **settings: Any) -> WorkerSpec:
        """What its workers are told."""
        return WorkerSpec(topology, self.gate, PARTITIONS, **settings)

    def write(self, topic: str, count: int, *, start: int = 0) -> None:
        """Append records to both partitions in turn."""
        for number in range(start, start + count):
            self._writer.produce(
                self.gate.topic(topic),
                b"%d" % number,
                b"key",
                number % PARTITIONS if topic != "policies" else 0,
            )
        assert self._writer.flush(10) == 0

    def read(self, limit_s: float = 0.05) -> None:
        """Take in what is visible."""
        for message in self._reader.consume(1_000, limit_s):
            self.seen[message.topic() or ""].append(message)

    @property
    def outcomes(self) -> list[Message]:
        """Visible outcomes."""
        return self.seen[self.gate.topic("outcomes")]

    @property
    def audit(self) -> list[Message]:
        """Visible audit records."""
        return self.seen[self.gate.topic("audit")]

    def has(self, count: int) -> bool:
        """Whether so many outcomes are visible."""
        return len(self.outcomes) >= count

    def origins(self) -> Tally[str]:
        """How often each input position is named by an outcome."""
        return Tally(header_of(message, "origin").decode() for message in self.outcomes)

    def until(self, supervisor: Supervisor, is_done: Callable[[], bool], limit_s: float = 20.0) -> None:
        """Let the workers work until `is_done`."""
        deadline = time.monotonic() + limit_s
        while not is_done():
            assert time.monotonic() < deadline, f"not done in time: {supervisor.status}"
            supervisor.watch(0.01)
            self.read()


def header_of(message: Message, name: str) -> bytes:
    """The value of a header."""
    headers: Any = message.headers()
    return bytes(dict(headers)[name])


@pytest.fixture
def deployment(cluster: Cluster) -> Deployment:
    """A fresh deployment with two partitions."""
    return Deployment(cluster)


def drained(supervisor: Supervisor) -> int:
    """Stop and wait; the exit code."""
    supervisor.stop()
    return supervisor.join()


def test_every_input_is_worked_on_once_through_drains(deployment: Deployment) -> None:
    """Two runs, each ended by SIGTERM with exit code 0: each position has exactly one outcome, the state goes on."""
    for written, wanted in ((500, 250), (1_000, 1_000)):
        supervisor = Supervisor(deployment.spec(Counter, transaction_records=50))
        supervisor.start()
        deployment.write("actions", 500, start=written - 500)
        deployment.until(supervisor, partial(deployment.has, wanted))
        assert drained(supervisor) == 0
        deployment.read(0.3)
    assert len(deployment.outcomes) == 1_000
    assert set(deployment.origins().values()) == {1}
    counts = [header_of(message, "known") for message in deployment.outcomes if message.partition() == 0]
    assert counts == [b"%d" % number for number in range(1, 501)]


def test_two_workers_share_and_hand_over_without_loss(deployment: Deployment) -> None:
    """A second worker joins and leaves under load: every input once, and counts go on where the other left off."""
    first = Supervisor(deployment.spec(Counter))
    second = Supervisor(deployment.spec(Counter), first_slot=1)
    first.start()
    second.start()
    written = 0

    def load() -> bool:
        nonlocal written
        deployment.write("actions", 20, start=written)
        written += 20
        first.watch(0)
        second.watch(0)
        return all(
            status.worker is not None and len(status.worker.partitions) == 1
            for status in (*first.status, *second.status)
        )

    deployment.until(first, load)
    assert drained(second) == 0
    deployment.write("actions", 100, start=written)
    written += 100
    deployment.until(first, lambda: len(deployment.outcomes) >= written)
    assert drained(first) == 0
    deployment.read(0.3)
    assert len(deployment.outcomes) == written
    assert set(deployment.origins().values()) == {1}
    counts = [header_of(message, "known") for message in deployment.outcomes if message.partition() == 1]
    assert counts == [b"%d" % number for number in range(1, written // 2 + 1)]


def test_punctuations_fire_after_the_end_of_their_source_and_tables_are_adopted(
    deployment: Deployment,
) -> None:
    """A count ends when its life and the skew are over; a table record is adopted by every task."""
    supervisor = Supervisor(deployment.spec(partial(Counter, 300), skew_ms=200))
    supervisor.start()
    deployment.write("actions", 2)
    deployment.until(supervisor, lambda: len(deployment.outcomes) == 4)
    assert sorted(message.value() or b"" for message in deployment.outcomes)[2:] == [b"expired at 1"] * 2
    deployment.write("policies", 1)
    deployment.until(
        supervisor, lambda: sum(message.key() == b"tables" for message in deployment.audit) == PARTITIONS
    )
    assert drained(supervisor) == 0


def test_a_gate_without_its_offsets_does_not_start_over(cluster: Cluster, deployment: Deployment) -> None:
    """When the group's offsets are gone, the worker ends with an error and nothing is done a second time."""
    supervisor = Supervisor(deployment.spec(Counter))
    supervisor.start()
    deployment.write("actions", 10)
    deployment.until(supervisor, lambda: len(deployment.outcomes) == 10)
    assert drained(supervisor) == 0
    group = deployment.gate.group
    cluster.super_user().client.delete_consumer_groups([group], request_timeout=10)[group].result(10)
    again = Supervisor(deployment.spec(Counter))
    again.start()
    deployment.until(again, lambda: again.status[0].restarts > 0)
    assert again.status[0].last_exit == 1
    assert "has been worked on before" in (again.status[0].failure or "")
    drained(again)
    deployment.read(0.3)
    assert len(deployment.outcomes) == 10


def test_a_seek_forgets_the_position(cluster: Cluster) -> None:
    """The client reports no position between a seek and the next record: the worker's ranges rest on that."""
    connection = cluster.super_user().connection
    writer = Producer(connection.producer_config())
    for _ in range(4):
        writer.produce(connection.topic("actions"), b"x", partition=0)
    writer.flush(10)
    start = TopicPartition(connection.topic("actions"), 0, 0)
    reader = Consumer(connection.reader_config())
    reader.assign([start])
    assert [reader.poll(5) is not None for _ in range(4)] == [True] * 4
    assert reader.position([start])[0].offset == 4
    reader.seek(start)
    assert reader.position([start])[0].offset < 0
    reader.close()
