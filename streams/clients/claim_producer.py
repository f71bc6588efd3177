"""The executor's transactional producer: the runtime's, and where and when the broker appended what was asked about."""

from dataclasses import dataclass

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaError, Message

from sluicegate.streams.runtime.producer import KafkaProducer


@dataclass(frozen=True, slots=True)
class Appended:
    """Where a record stands; `append_ms` is None when the broker did not stamp it."""

    partition: int
    offset: int
    append_ms: int | None


class ClaimProducer(KafkaProducer):
    """As its parent; `appended` answers for the values that `expect` was told of."""

    reports_only_failures = False

    def begin(self) -> None:
        """Start a transaction and forget the places of the last one."""
        self._appended: dict[bytes, Appended | None] = {}
        super().begin()

    def expect(self, value: bytes) -> None:
        """Remember where this value of the transaction will stand; say so before it is produced."""
        self._appended[value] = None

    def appended(self, value: bytes) -> Appended | None:
        """From the delivery report, after `flush`; None for what was not expected or not delivered."""
        return self._appended.get(value)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        super()._delivered(error, message)
        value, partition, offset = message.value(), message.partition(), message.offset()
        if error is not None or not isinstance(value, bytes) or value not in self._appended:
            return
        if partition is not None and offset is not None:
            kind, at_ms = message.timestamp()
            stamped = at_ms if kind == TIMESTAMP_LOG_APPEND_TIME else None
            self._appended[value] = Appended(partition, offset, stamped)
