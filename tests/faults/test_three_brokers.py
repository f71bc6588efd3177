"""Three brokers, each behind its proxy: one of them dies or stands still, and nothing that was acknowledged is gone."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from faults.aims import Aim, Fault
from faults.brokers import Brokers, OneBroker, ThreeBrokers
from faults.frames import Api
from sluicegate.schemas.errors import BrokerError
from sluicegate.streams.kafka.admin import Admin
from sluicegate.streams.kafka.conformance_suite import check_every_promise
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.kafka.principals import Naming

pytestmark = [pytest.mark.broker, pytest.mark.slow]
PATIENCE_S: Final = 60.0
AGAIN_S: Final = 0.5
AWAY_S: Final = 6.0
"""Longer than the session of a broker: the others take over meanwhile."""


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreeBrokers]:
    """Started once, broken by each test, whole between them."""
    with ThreeBrokers(tmp_path_factory.mktemp("three")) as brokers:
        yield brokers


class Stream:
    """A transaction after the other with a number each, by the rules of the runtime, until told to stop."""

    def __init__(self, brokers: Brokers, name: str) -> None:
        self.connection: Connection = brokers.super_user(Naming(f"{name}."))
        Admin(self.connection).create_topics(
            {"records": (3, brokers.replication, {"min.insync.replicas": "2"})}
        )
        self.topic = self.connection.topic("records")
        self.transactional_id = self.connection.transactional_id("0")
        self.committed: list[int] = []
        self.failure: BaseException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self.grow()

    def grow(self, count: int = 5) -> None:
        """Wait until so many more are committed."""
        wanted = len(self.committed) + count
        deadline = time.monotonic() + PATIENCE_S
        while len(self.committed) < wanted:
            assert self.failure is None, self.failure
            assert time.monotonic() < deadline, "nothing was committed any more"
            time.sleep(0.02)

    def end(self) -> list[int]:
        """Stop; the numbers that were committed."""
        self._stop.set()
        self._thread.join(PATIENCE_S)
        assert self.failure is None, self.failure
        return self.committed

    def visible(self) -> list[int]:
        """What a reader of committed records sees, from all partitions."""
        consumer = Consumer(self.connection.reader_config())
        consumer.assign([TopicPartition(self.topic, number, 0) for number in range(3)])
        found: list[int] = []
        deadline = time.monotonic() + PATIENCE_S
        while not set(self.committed) <= set(found) and time.monotonic() < deadline:
            if (record := consumer.poll(0.2)) is not None and record.error() is None:
                found.append(int(record.value() or b""))
        consumer.close()
        return sorted(found)

    def _run(self) -> None:
        try:
            producer = self._producer()
            number = 0
            while not self._stop.is_set():
                producer, done = self._transaction(producer, number)
                if done:
                    self.committed.append(number)
                    number += 1
        except BaseException as error:  # noqa: BLE001 - shown by whoever waits
            self.failure = error

    def _producer(self) -> Producer:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            producer = Producer({**self.connection.transactional_config("0"), "client.id": "stream"})
            try:
                producer.init_transactions(10)
            except KafkaException:
                assert time.monotonic() < deadline
            else:
                return producer

    def _transaction(self, producer: Producer, number: int) -> tuple[Producer, bool]:
        producer.begin_transaction()
        for partition in range(3):
            if number % 3 == partition:
                producer.produce(self.topic, str(number).encode(), partition=partition)
        timed_out = False
        while True:
            try:
                producer.commit_transaction(AGAIN_S)
            except KafkaException as error:
                trouble = error.args[0]
                if trouble.txn_requires_abort():
                    producer.abort_transaction(PATIENCE_S)
                    return self._producer(), False
                assert trouble.code() == KafkaError._TIMED_OUT, trouble
                timed_out = True
            else:
                break
        # A new epoch makes a late copy of the repeated request powerless.
        return (self._producer() if timed_out else producer), True


@pytest.mark.parametrize("whom", ["leader", "coordinator"])
def test_a_killed_broker_costs_a_pause_and_no_record(brokers: ThreeBrokers, whom: str) -> None:
    """SIGKILL of the leader or of the coordinator: another one takes over, the old one comes back with all copies."""
    stream = Stream(brokers, f"killed-{whom}")
    if whom == "leader":
        before = brokers.leader_of(stream.topic, 0)
        killed = brokers.kill_leader(AWAY_S, topic=stream.topic, partition=0)
    else:
        before = brokers.transaction_coordinator(stream.transactional_id)
        killed = brokers.kill_coordinator(stream.transactional_id, AWAY_S)
    assert killed == before
    stream.grow()
    assert stream.end() == stream.visible()
    brokers.await_healthy()
    assert {node.is_running for node in brokers.nodes} == {True}


def test_without_the_killed_one_the_others_go_on(brokers: ThreeBrokers) -> None:
    """While one is dead: its proxy refuses, another leads, records are still acknowledged by two; then it is whole again."""
    stream = Stream(brokers, "away")
    victim = brokers.leader_of(stream.topic, 1)
    brokers.node(victim).kill()
    with pytest.raises(BrokerError, match="has been killed"):
        _ = brokers.node(victim).running
    stream.grow()
    assert brokers.leader_of(stream.topic, 1) != victim
    with pytest.raises(BrokerError, match="not well after 1 s"):
        brokers.await_healthy(1.0)
    brokers.node(victim).start()
    brokers.await_healthy()
    assert stream.end() == stream.visible()


def test_a_frozen_broker_is_led_around_and_comes_back(brokers: ThreeBrokers) -> None:
    """SIGSTOP for longer than its session, of the leader: what it had not acknowledged is not shown twice."""
    stream = Stream(brokers, "frozen")
    brokers.stall(brokers.leader_of(stream.topic, 2), AWAY_S)
    stream.grow()
    brokers.await_healthy()
    assert stream.end() == stream.visible()


def test_an_aim_reaches_whichever_broker_is_asked(brokers: ThreeBrokers) -> None:
    """One aim is shared by the three proxies: the ends of transactions meet it at their coordinator."""
    stream = Stream(brokers, "aimed")
    armed = brokers.aims.arm(Aim(Api.END_TXN, "stream", Fault.CUT_AFTER, count=3, skip=2))
    assert armed.wait(PATIENCE_S)
    assert {hit.node for hit in armed.hits} == {brokers.transaction_coordinator(stream.transactional_id)}
    stream.grow()
    assert stream.end() == stream.visible()


def test_three_brokers_keep_every_promise(brokers: ThreeBrokers) -> None:
    """The whole conformance suite, with records on all three."""
    assert brokers.replication == 3
    connection = brokers.super_user(Naming("promises."))
    Admin(connection).create_topics({"conformance": (1, 3, {"message.timestamp.type": "LogAppendTime"})})
    suite = check_every_promise(connection, "conformance", "suite")
    assert [check.name for check in suite.checks if not check.held] == []


@pytest.mark.parametrize("kind", [OneBroker, ThreeBrokers])
def test_a_start_on_the_same_folder_goes_on_with_its_data(
    tmp_path: Path, kind: type[OneBroker] | type[ThreeBrokers]
) -> None:
    """Also when all of them were killed at once; addresses may be others, topics, users and records are the same."""
    with kind(tmp_path / "kept") as brokers:
        stream = Stream(brokers, "kept")
        committed = stream.end()
        for node in brokers.nodes:
            node.kill()
    with kind(tmp_path / "kept") as again:
        stream.connection = again.super_user(Naming("kept."))
        assert stream.visible() == committed
