"""Does a broker keep the promises that "exactly once" rests on? Asked by doing it and reading back.

The short form, used as readiness: a committed record is visible, an aborted one is hidden from readers of committed
records and visible to the others. An in-memory stand-in fails here; that is the point.
"""

import time
from dataclasses import dataclass
from uuid import uuid4

from confluent_kafka import (
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from sluicegate.schemas.errors import BrokerError

from .client_errors import translate
from .connection import Connection

BETWEEN_TRANSACTIONS_S = 0.003
LIMIT_S = 20.0


@dataclass(frozen=True, slots=True)
class Check:
    """One promise and whether it held."""

    name: str
    held: bool


@dataclass(frozen=True, slots=True)
class Conformance:
    """What was checked."""

    checks: tuple[Check, ...]

    @property
    def holds(self) -> bool:
        """Whether every promise held; no checks at all hold nothing."""
        return bool(self.checks) and all(check.held for check in self.checks)

    def require(self) -> None:
        """Raise a `BrokerError` that names the first broken promise."""
        broken = [check.name for check in self.checks if not check.held]
        if broken or not self.checks:
            raise BrokerError(
                f"this broker cannot be used, it breaks: {broken[0] if broken else 'nothing was checked'}"
            )


def check_transactions(connection: Connection, topic: str, slot: str = "conformance") -> Conformance:
    """Abort one transaction, commit another on partition 0 of a logical topic, and read both back."""
    partition = TopicPartition(connection.topic(topic), 0)
    aborted, committed = uuid4().bytes, uuid4().bytes
    try:
        start = _end_offset(connection, partition)
        _write(connection, partition, slot, aborted, committed)
        safe = _read(connection, partition, start, "read_committed", {committed})
        everything = _read(connection, partition, start, "read_uncommitted", {committed})
    except KafkaException as error:
        raise translate(
            error, user=connection.user, bootstrap=connection.bootstrap, what="complete a transaction"
        ) from None
    return Conformance(
        (
            Check("a committed record is visible", committed in safe),
            Check("an aborted record is hidden under read_committed", aborted not in safe),
            Check("an aborted record is visible under read_uncommitted", aborted in everything),
        )
    )


def check_clock(connection: Connection, topic: str) -> int:
    """By how many milliseconds the broker's clock is ahead of this machine's, to within a round trip; appends a record."""
    found: list[int] = []

    def note(error: KafkaError | None, message: Message) -> None:
        kind, at_ms = message.timestamp()
        if error is None and kind == TIMESTAMP_LOG_APPEND_TIME:
            found.append(at_ms)

    producer = Producer({**connection.producer_config(), "on_delivery": note})
    # The first record pays for connecting, the second one tells.
    asked_ms = 0
    for _ in range(2):
        asked_ms = time.time_ns() // 1_000_000
        producer.produce(connection.topic(topic), b"clock", partition=0)
        producer.flush(LIMIT_S)
    answered_ms = time.time_ns() // 1_000_000
    if not found:
        raise BrokerError(f"`{topic}` does not carry log-append time, or takes no record")
    return found[-1] - (asked_ms + answered_ms) // 2


def _write(
    connection: Connection, partition: TopicPartition, slot: str, aborted: bytes, committed: bytes
) -> None:
    producer = Producer(connection.transactional_config(slot))
    producer.init_transactions(LIMIT_S)
    producer.begin_transaction()
    producer.produce(partition.topic, aborted, partition=partition.partition)
    producer.flush(LIMIT_S)
    producer.abort_transaction(LIMIT_S)
    time.sleep(BETWEEN_TRANSACTIONS_S)
    producer.begin_transaction()
    producer.produce(partition.topic, committed, partition=partition.partition)
    producer.flush(LIMIT_S)
    producer.commit_transaction(LIMIT_S)


def _end_offset(connection: Connection, partition: TopicPartition) -> int:
    consumer = Consumer(connection.reader_config(isolation="read_uncommitted"))
    try:
        _, end = consumer.get_watermark_offsets(partition, timeout=LIMIT_S)
    finally:
        consumer.close()
    return int(end)


def _read(
    connection: Connection, partition: TopicPartition, start: int, isolation: str, until: set[bytes]
) -> set[bytes]:
    """The values from `start` on, until those awaited are in or the time is over."""
    consumer = Consumer(connection.reader_config(isolation=isolation))
    seen: set[bytes] = set()
    deadline = time.monotonic() + LIMIT_S
    try:
        consumer.assign([TopicPartition(partition.topic, partition.partition, start)])
        while not until <= seen and time.monotonic() < deadline:
            record = consumer.poll(0.1)
            if record is None:
                continue
            if (error := record.error()) is not None:
                raise KafkaException(error)
            seen.add(record.value() or b"")
    finally:
        consumer.close()
    return seen
