"""The executor's transactional producer: the runtime's, and the broker's time of every record it appended."""

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaError, Message, Producer

from sluicegate.streams.runtime.producer import CALL_S, KafkaProducer


class ClaimProducer(KafkaProducer):
    """As its parent; `appended_ms` says when the broker appended a value of the last transaction."""

    def begin(self) -> None:
        """Start a transaction and forget the times of the last one."""
        self._appended: dict[bytes, int] = {}
        super().begin()

    def appended_ms(self, value: bytes) -> int | None:
        """Log-append time from the delivery report, after `flush`; None when the broker did not stamp it."""
        return self._appended.get(value)

    def _open(self) -> Producer:
        producer = Producer(
            {**self._connection.transactional_config(self._slot), "on_delivery": self._delivered}
        )
        self._settle("init transactions", lambda: producer.init_transactions(CALL_S))
        self._repeated = False
        return producer

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        super()._delivered(error, message)
        kind, at_ms = message.timestamp()
        value = message.value()
        if error is None and kind == TIMESTAMP_LOG_APPEND_TIME and isinstance(value, bytes):
            self._appended[value] = at_ms
