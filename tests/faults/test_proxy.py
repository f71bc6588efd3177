"""A real client, the proxy and a real Kafka: each fault happens, is counted, and is what the client sees."""

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from faults.aims import Aim, Aims, Armed, Fault
from faults.brokers import OneBroker
from faults.frames import Api
from sluicegate.streams.kafka.admin import Admin
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.kafka.principals import Naming

pytestmark = [pytest.mark.broker, pytest.mark.thorough]
PATIENCE_S: Final = 20.0
SHORT_MS: Final = 600
"""What the clients here wait for an answer, so that a fault can outlast it."""
LONGER_MS: Final = 4_000
RARER: Final = (Fault.CUT_BEFORE, Fault.DROP_RESPONSE, Fault.DELAY_REQUEST, Fault.DELAY_RESPONSE)


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneBroker]:
    """One broker behind its proxy for the whole file."""
    with OneBroker(tmp_path_factory.mktemp("proxied") / "state") as brokers:
        yield brokers


class Bench:
    """A topic of its own, clients with short tempers, and what is visible at the end."""

    def __init__(self, brokers: OneBroker, name: str) -> None:
        self.aims: Aims = brokers.aims
        self.client = f"c-{name}"
        self.connection: Connection = brokers.super_user(Naming(f"{name}."))
        Admin(self.connection).create_topics({"records": (1, 1, {})})
        self.topic = self.connection.topic("records")

    def aim(self, api: Api, fault: Fault, **more: Any) -> Armed:
        """At this bench's clients only."""
        return self.aims.arm(Aim(api, self.client, fault, **more))

    def transactional(self, slot: str = "0") -> Producer:
        """As a worker's, but for the time limits."""
        config = {
            **self.connection.transactional_config(slot),
            "client.id": self.client,
            "socket.timeout.ms": SHORT_MS,
        }
        producer = Producer(config)
        producer.init_transactions(PATIENCE_S)
        return producer

    def producer(self, **more: Any) -> Producer:
        """As an agent's, but for the time limits; may be told not to be idempotent."""
        config = {
            **self.connection.producer_config(),
            "client.id": self.client,
            "socket.timeout.ms": SHORT_MS,
        }
        return Producer({**config, **{name.replace("_", "."): value for name, value in more.items()}})

    def visible(self, *wanted: bytes, isolation: str = "read_committed") -> list[bytes]:
        """Everything on the topic, read until the last of `wanted` is there and a little longer."""
        consumer = Consumer(self.connection.reader_config(isolation=isolation))
        consumer.assign([TopicPartition(self.topic, 0, 0)])
        found: list[bytes] = []
        deadline = time.monotonic() + PATIENCE_S
        while not set(wanted) <= set(found) and time.monotonic() < deadline:
            found += values_of(consumer, 0.1)
        found += values_of(consumer, 0.1)
        consumer.close()
        return found


def now_ms() -> int:
    """The clock by which hits are stamped."""
    return time.time_ns() // 1_000_000


def values_of(consumer: Consumer, seconds: float) -> list[bytes]:
    """What comes within so long after the last."""
    found = []
    while (record := consumer.poll(seconds)) is not None:
        assert record.error() is None, record.error()
        found.append(record.value() or b"")
    return found


@pytest.fixture
def bench(brokers: OneBroker, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Fresh for each test."""
    name = f"b{abs(hash(request.node.name)):x}"
    yield Bench(brokers, name)
    brokers.aims.disarm()


def again_and_again(call: Callable[[float], Any], limit_s: float) -> int:
    """The same call until it succeeds, as the runtime makes it; how often it timed out."""
    deadline = time.monotonic() + PATIENCE_S
    timed_out = 0
    while True:
        try:
            call(limit_s)
        except KafkaException as error:
            trouble = error.args[0]
            assert trouble.code() == KafkaError._TIMED_OUT, trouble
            assert trouble.retriable()
            timed_out += 1
            assert time.monotonic() < deadline
        else:
            return timed_out


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize(
    "api",
    [
        Api.END_TXN,
        pytest.param(Api.ADD_PARTITIONS_TO_TXN, marks=pytest.mark.slow),
        pytest.param(Api.PRODUCE, marks=pytest.mark.slow),
    ],
)
def test_a_transaction_meets_a_fault_and_is_committed_once(bench: Bench, fault: Fault, api: Api) -> None:
    """Each fault at several of its steps: counted once, inside it, and the record is visible exactly once."""
    producer = bench.transactional()
    armed = bench.aim(api, fault, delay_ms=100)
    producer.begin_transaction()
    producer.produce(bench.topic, b"one", partition=0)
    again_and_again(producer.commit_transaction, PATIENCE_S)
    assert armed.wait(PATIENCE_S)
    (hit,) = armed.hits
    assert (hit.fault, hit.request.api_key, hit.request.client_id) == (fault, api, bench.client)
    assert hit.request.transactional_id == bench.connection.transactional_id("0")
    assert hit.in_transaction
    assert hit in bench.aims.hits()
    assert bench.visible(b"one") == [b"one"]


def test_a_delayed_end_is_a_timed_out_call_that_succeeds_when_it_is_made_again(bench: Bench) -> None:
    """`commit_transaction` says `_TIMED_OUT` and retriable; nothing is visible; the same call again ends well."""
    producer = bench.transactional()
    bench.aim(Api.END_TXN, Fault.DELAY_REQUEST, delay_ms=900)
    producer.begin_transaction()
    producer.produce(bench.topic, b"one", partition=0)
    producer.flush(PATIENCE_S)
    with pytest.raises(KafkaException) as caught:
        producer.commit_transaction(0.2)
    assert caught.value.args[0].code() == KafkaError._TIMED_OUT
    assert caught.value.args[0].retriable()
    assert bench.visible() == []
    again_and_again(producer.commit_transaction, 0.2)
    assert bench.visible(b"one") == [b"one"]


@pytest.mark.slow
def test_an_end_that_comes_when_its_client_has_asked_again_changes_nothing(bench: Bench) -> None:
    """The first request is held for longer than its client waits, and reaches the broker after the repeated one.

    A new producer with the same id comes before the next transaction: its epoch makes the late copy powerless.
    """
    producer = bench.transactional()
    armed = bench.aim(Api.END_TXN, Fault.DELAY_REQUEST, delay_ms=LONGER_MS)
    producer.begin_transaction()
    producer.produce(bench.topic, b"one", partition=0)
    assert again_and_again(producer.commit_transaction, 0.5)
    late_ms = armed.hits[0].at_ms + LONGER_MS
    assert now_ms() < late_ms, "the repeated request was not there first"
    successor = bench.transactional()
    successor.begin_transaction()
    successor.produce(bench.topic, b"aborted", partition=0)
    successor.flush(PATIENCE_S)
    time.sleep(max(0, late_ms + 200 - now_ms()) / 1_000)
    successor.abort_transaction(PATIENCE_S)
    assert bench.visible(b"one") == [b"one"]


@pytest.mark.parametrize(
    "fault",
    [Fault.CUT_AFTER, Fault.REPEAT, *(pytest.param(fault, marks=pytest.mark.slow) for fault in RARER)],
)
def test_an_idempotent_produce_is_kept_once_whatever_happens_to_it(bench: Bench, fault: Fault) -> None:
    """Also when the broker had it and the client could not know, and asked again."""
    producer = bench.producer()
    armed = bench.aim(Api.PRODUCE, fault)
    producer.produce(bench.topic, b"one", partition=0)
    assert producer.flush(PATIENCE_S) == 0
    assert armed.wait(PATIENCE_S)
    assert not armed.hits[0].in_transaction
    assert bench.visible(b"one") == [b"one"]


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        (Fault.REPEAT, 2),
        (Fault.CUT_AFTER, 1),
        (Fault.CUT_BEFORE, 0),
        pytest.param(Fault.DELAY_REQUEST, 1, marks=pytest.mark.slow),
        pytest.param(Fault.DROP_RESPONSE, 1, marks=pytest.mark.slow),
    ],
)
def test_what_the_broker_has_got_is_what_the_fault_says(bench: Bench, fault: Fault, times: int) -> None:
    """A producer that neither is idempotent nor asks again: so often the record is there, as its client believes or not."""
    producer = bench.producer(enable_idempotence=False, retries=0, request_timeout_ms=500)
    armed = bench.aim(Api.PRODUCE, fault, delay_ms=LONGER_MS)
    told: list[object] = []
    producer.produce(bench.topic, b"one", partition=0, on_delivery=lambda error, _: told.append(error))
    producer.flush(PATIENCE_S)
    assert armed.wait(PATIENCE_S)
    assert [error is None for error in told] == [fault is Fault.REPEAT]
    found = bench.visible(*([b"one"] if times else []))
    assert found == [b"one"] * times


def test_offsets_of_a_transaction_can_be_aimed_at(bench: Bench) -> None:
    """AddOffsetsToTxn and TxnOffsetCommit, each cut off behind: the transaction and its offset are committed once."""
    producer = bench.transactional()
    consumer = Consumer(bench.connection.reader_config())
    armed = [
        bench.aim(api, Fault.CUT_AFTER, transactional_id_prefix=bench.connection.transactional_id("0"))
        for api in (Api.ADD_OFFSETS_TO_TXN, Api.TXN_OFFSET_COMMIT)
    ]
    producer.begin_transaction()
    producer.produce(bench.topic, b"one", partition=0)
    producer.flush(PATIENCE_S)
    place = TopicPartition(bench.topic, 0, 17)
    metadata = consumer.consumer_group_metadata()
    again_and_again(lambda limit: producer.send_offsets_to_transaction([place], metadata, limit), PATIENCE_S)
    again_and_again(producer.commit_transaction, PATIENCE_S)
    assert [one.wait(PATIENCE_S) and one.hits[0].in_transaction for one in armed] == [True, True]
    (committed,) = consumer.committed([TopicPartition(bench.topic, 0)], PATIENCE_S)
    assert committed.offset == 17
    consumer.close()
    assert bench.visible(b"one") == [b"one"]


def test_a_heartbeat_can_be_aimed_at_and_the_member_stays(bench: Bench) -> None:
    """Three in a row lost on their way back, of the protocol that the runtime uses: the member goes on reading."""
    consumer = Consumer(
        {**bench.connection.member_config(), "client.id": bench.client, "auto.offset.reset": "earliest"}
    )
    armed = bench.aim(Api.CONSUMER_GROUP_HEARTBEAT, Fault.CUT_AFTER, count=3)
    consumer.subscribe([bench.topic])
    producer = bench.producer()
    producer.produce(bench.topic, b"one", partition=0)
    assert producer.flush(PATIENCE_S) == 0
    deadline = time.monotonic() + PATIENCE_S
    found: list[bytes] = []
    while not (found and armed.wait(0)) and time.monotonic() < deadline:
        if (record := consumer.poll(0.1)) is not None and record.error() is None:
            found.append(record.value() or b"")
    consumer.close()
    assert found == [b"one"]
    assert len(armed.hits) == 3


def test_clients_know_the_proxy_only(brokers: OneBroker) -> None:
    """The address that the broker tells is the proxy's, whichever of its addresses was asked."""
    told = Admin(brokers.super_user(Naming("any."))).client.list_topics(timeout=PATIENCE_S).brokers
    assert [(broker.host, broker.port) for broker in told.values()] == [
        ("127.0.0.1", brokers.nodes[0].proxy.port)
    ]
    assert brokers.nodes[0].proxy.port != brokers.nodes[0].running.ports.client
