"""A transaction that somebody leaves open in a partition, on a real broker: the others go on, and everybody is told."""

import time
from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from sluicegate.processors.contract import Record
from sluicegate.schemas.errors import TimedOutError
from sluicegate.schemas.keys import PrivateKey
from sluicegate.streams.clients import grant_reader, receipts_back
from sluicegate.streams.clients.execution_records import Scribe
from sluicegate.streams.doctor.findings import Grade
from sluicegate.streams.doctor.held_readers import examine_held_readers
from sluicegate.streams.health import Why, readiness
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.logs import get_logger
from sluicegate.streams.runtime import open_transactions
from sluicegate.streams.runtime.end_offsets import EndOffsets
from sluicegate.streams.runtime.open_transactions import OPEN_MS
from sluicegate.streams.runtime.spec import WorkerSpec
from sluicegate.streams.runtime.supervisor import Supervisor
from sluicegate.streams.runtime.watchdog import Watchdog
from sluicegate.streams.testing import Counter
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker

PARTITIONS = 2
HELD = 0
WELL = 1


class Somebody:
    """A producer that leaves its transactions open, for much longer than ours may be."""

    def __init__(self, cluster: Cluster) -> None:
        self._gate = cluster.connection("gate")
        self._connection = cluster.super_user().connection
        timeout_ms = 300_000
        settings = {
            "transactional.id": f"{cluster.settings.prefix}somebody",
            "transaction.timeout.ms": timeout_ms,
        }
        self._producer = Producer({**self._connection.producer_config(), **settings})
        self._producer.init_transactions(30)
        self._producer.begin_transaction()

    def hold_changelog(self) -> None:
        """A record in a changelog of the partition, neither committed nor aborted."""
        self._producer.produce(self._gate.topic(Counter.stores[0].changelog), b"value", b"key", HELD)
        assert self._producer.flush(30) == 0

    def hold_offsets(self) -> None:
        """An offset of the gate's group for the partition."""
        group = Consumer({**self._connection.client_config(), "group.id": self._gate.group})
        offset = TopicPartition(self._gate.topic("actions"), HELD, 0)
        self._producer.send_offsets_to_transaction([offset], group.consumer_group_metadata(), 30)
        group.close()

    def hold_receipts(self) -> None:
        """A record where executors read back what they have told."""
        self._producer.produce(self._gate.topic("receipts"), b"value", b"key", HELD)
        assert self._producer.flush(30) == 0

    def hold_grants(self, executor: Connection) -> None:
        """An offset of an executor's group."""
        group = Consumer({**self._connection.client_config(), "group.id": executor.group})
        offset = TopicPartition(executor.topic("execution.held"), HELD, 0)
        self._producer.send_offsets_to_transaction([offset], group.consumer_group_metadata(), 30)
        group.close()

    def end(self) -> None:
        """As if it had never been."""
        self._producer.abort_transaction(30)


def until(supervisor: Supervisor, is_done: Callable[[], bool]) -> None:
    """Let the worker work until it is done."""
    deadline = time.monotonic() + 60
    while not is_done():
        assert time.monotonic() < deadline, supervisor.status
        supervisor.watch(0.05)


@pytest.mark.parametrize("hold", [Somebody.hold_changelog, Somebody.hold_offsets])
def test_an_open_transaction_holds_up_its_partition_only_and_is_named(
    cluster: Cluster, hold: Callable[[Somebody], None]
) -> None:
    """The other partition runs in the same worker; the held one runs by itself once the transaction has ended."""
    somebody = Somebody(cluster)
    hold(somebody)
    supervisor = Supervisor(WorkerSpec(Counter, cluster.connection("gate"), PARTITIONS))
    supervisor.start()

    def partitions() -> dict[int, tuple[bool, bool]]:
        worker = supervisor.status[0].worker
        found = () if worker is None else worker.partitions
        return {each.partition: (each.running, each.open_ms is not None) for each in found}

    until(supervisor, lambda: partitions() == {HELD: (False, True), WELL: (True, False)})
    later_ms = time.time_ns() // 1_000_000 + OPEN_MS + 1_000
    reasons = readiness(supervisor.status, later_ms, partitions=PARTITIONS).reasons
    assert (Why.OPEN_TRANSACTION, HELD) in {(reason.why, reason.partition) for reason in reasons}
    somebody.end()
    until(supervisor, lambda: partitions() == {HELD: (True, False), WELL: (True, False)})
    assert supervisor.status[0].restarts == 0
    supervisor.stop()
    assert supervisor.join() == 0


def test_the_doctor_finds_where_readers_are_held_up(cluster: Cluster) -> None:
    """With the command that ends a transaction which nobody else ends; nothing is found once it has ended."""
    operator = cluster.admin("operator")
    [well] = examine_held_readers(operator, 1.0)
    assert well.grade is Grade.OK
    somebody = Somebody(cluster)
    somebody.hold_changelog()
    [found] = examine_held_readers(operator, 1.0)
    changelog = Counter.stores[0].changelog
    assert (found.about, found.grade) == (f"open transactions in {changelog}-{HELD}", Grade.FAIL)
    named = f"abort --topic {cluster.settings.prefix}{changelog} --partition {HELD} --start-offset 0`"
    assert named in found.todo
    somebody.end()
    [well] = examine_held_readers(operator, 10.0)
    assert well.grade is Grade.OK


@pytest.fixture
def executor(cluster: Cluster) -> Connection:
    """An executor's connection; what it waits for shows within seconds."""
    cluster.add_executor("held")
    return cluster.connection("executor-held")


def test_an_executor_says_which_open_transaction_it_waits_for(
    cluster: Cluster, executor: Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In a line while it waits, and in the error with which it gives up; nothing is told as read that was not."""
    monkeypatch.setattr(open_transactions, "OPEN_MS", 1_000)
    monkeypatch.setattr(receipts_back, "LONGEST_S", 4.0)
    somebody = Somebody(cluster)
    somebody.hold_receipts()

    def read() -> list[Record]:
        ends = EndOffsets(executor)
        back = receipts_back.receipts_back(
            executor, ends, HELD, 0, beat=lambda: None, log=get_logger("sluicegate.executor")
        )
        return list(back)

    with pytest.raises(TimedOutError, match=r"`receipts-0` .* open transaction .*`sluicegate doctor`"):
        read()
    assert "a partition waits for an open transaction" in caplog.text
    assert "receipts-0@0" in caplog.text
    somebody.end()
    assert read() == []


def test_an_executor_says_that_an_open_transaction_holds_its_offsets(
    cluster: Cluster, executor: Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It has a partition and may not begin with it: the error names why, and so does the log before."""
    monkeypatch.setattr(open_transactions, "OPEN_MS", 1_000)
    monkeypatch.setattr(grant_reader, "_CALL_S", 1.0)
    monkeypatch.setattr(grant_reader, "_COMMITTED_FOR_S", 4.0)
    somebody = Somebody(cluster)
    somebody.hold_grants(executor)
    scribe = Scribe(cluster.settings.deployment, "held", PrivateKey.generate())
    reader = grant_reader.GrantReader(executor, scribe, EndOffsets(executor), Watchdog(60))
    with pytest.raises(TimedOutError, match=r"open transaction is in the way at partition 0; .*doctor"):
        until_raised(lambda: reader.gather(1, 0.1))
    assert "a partition waits for an open transaction" in caplog.text
    reader.close()
    somebody.end()


def until_raised(call: Callable[[], object]) -> None:
    """Call it again and again, for a minute at most."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        call()
