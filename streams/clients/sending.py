"""Hand records to Kafka and learn where they stand: one idempotent producer, acknowledged by a thread of its own."""

import threading
import time
from concurrent.futures import Future
from functools import partial
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from sluicegate.processors.contract import Position
from sluicegate.schemas.errors import TimedOutError
from sluicegate.schemas.ids import partition_of
from sluicegate.streams.kafka.connection import DELIVERY_TIMEOUT_MS, Connection
from sluicegate.streams.kafka.outage import Outage

from .kafka_errors import Trouble, described, explain
from .signed_record import SignedRecord
from .topic_reader import REQUEST_S

ACKNOWLEDGED_S: Final = DELIVERY_TIMEOUT_MS / 1_000 + 5.0
"""The client itself reports a failed delivery before this."""
_POLL_S: Final = 0.2
_FULL_S: Final = 0.01


class Sender:
    """Any number of threads may send; close it once."""

    def __init__(self, connection: Connection, *, linger_ms: float = 0) -> None:
        """Connect; `linger_ms` is how long a record may wait for others to travel with."""
        self._connection = connection
        self._trouble = Trouble()
        self._producer = Producer(
            {**connection.producer_config(), "linger.ms": linger_ms, "error_cb": self._trouble}
        )
        self._partitions: dict[str, int] = {}
        self._reports = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="deliveries", daemon=True)
        self._thread.start()

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; asked once."""
        if topic not in self._partitions:
            name = self._connection.topic(topic)
            try:
                found = described(self._producer, name, REQUEST_S)
            except KafkaException as error:
                raise explain(self._connection, error, "write to", topic, self._trouble) from None
            if found.error is not None:
                raise explain(self._connection, found.error, "write to", topic, self._trouble)
            self._partitions[topic] = len(found.partitions)
        return self._partitions[topic]

    def send(self, topic: str, record: SignedRecord) -> "Future[Position]":
        """Queue a record for the partition of its lane; the future holds its position once the broker has it.

        The future fails with AccessError, or with TimedOutError when it is not known whether the record arrived.
        """
        partition = partition_of(record.lane, self.partitions(topic))
        delivered: Future[Position] = Future()
        delivered.set_running_or_notify_cancel()
        report = partial(self._delivered, delivered, topic)
        until = time.monotonic() + ACKNOWLEDGED_S
        while True:
            try:
                self._producer.produce(
                    self._connection.topic(topic),
                    key=record.key,
                    value=record.value,
                    headers=[(name, content or b"") for name, content in record.headers],
                    partition=partition,
                    on_delivery=report,
                )
            except BufferError:
                if time.monotonic() > until:
                    raise TimedOutError(
                        f"Kafka takes no more records for `{topic}`; send them later"
                    ) from None
                time.sleep(_FULL_S)
            except KafkaException as error:
                raise explain(self._connection, error, "write to", topic, self._trouble) from None
            else:
                return delivered

    def flush(self, timeout_s: float = ACKNOWLEDGED_S) -> None:
        """Return when every record sent so far is acknowledged or has failed; TimedOutError otherwise."""
        if self._producer.flush(timeout_s):
            raise TimedOutError(f"records are not acknowledged after {timeout_s:g} s; flush again")

    def close(self) -> None:
        """Wait for what is on its way, fail what cannot be delivered, end the thread; safe to call twice."""
        if self._stopping.is_set():
            return
        if self._producer.flush(ACKNOWLEDGED_S):
            self._producer.purge()
            self._producer.flush(1.0)
        self._stopping.set()
        self._thread.join(_POLL_S * 10)

    def _serve(self) -> None:
        outage = Outage("records to be acknowledged")
        while not self._stopping.is_set():
            reports = self._reports
            try:
                self._producer.poll(_POLL_S)
            except KafkaException:
                # A fatal error of the client: every delivery reports it too, and somebody must hear the reports.
                self._stopping.wait(_POLL_S)
            if len(self._producer) and reports == self._reports:
                outage.waits()
            else:
                outage.answered()

    def _delivered(
        self, delivered: "Future[Position]", topic: str, error: KafkaError | None, message: Message
    ) -> None:
        self._reports += 1
        if error is not None:
            delivered.set_exception(explain(self._connection, error, "write to", topic, self._trouble))
            return
        partition, offset = message.partition(), message.offset()
        delivered.set_result(
            Position(topic, -1 if partition is None else partition, -1 if offset is None else offset)
        )


def acknowledged(delivered: "Future[Position]") -> Position:
    """Wait until the broker has the record; raises what the delivery failed with."""
    try:
        return delivered.result(ACKNOWLEDGED_S)
    except TimeoutError:
        raise TimedOutError("Kafka has not acknowledged the record; send it again with the same id") from None
