"""From the client's messages to the records that a topology sees."""

from collections.abc import Iterable
from typing import Any, Final

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaError, Message

from sluicegate.processors.contract import Position, Record
from sluicegate.schemas.envelope import Headers
from sluicegate.schemas.errors import AccessError, ConfigurationError, InvariantError, SluicegateError
from sluicegate.streams.kafka.connection import Connection

UNREADABLE: Final[Headers] = (("unreadable", b""),)
"""What a topology sees instead of headers whose names are no text: an envelope that nobody accepts."""

_DENIED: Final = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}
_GONE: Final = {
    KafkaError._AUTO_OFFSET_RESET,  # noqa: SLF001  # the client's public constant
    KafkaError.OFFSET_OUT_OF_RANGE,
}


class RecordReader:
    """Turns messages into records; raises for the errors that reading on would only hide."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._logical: dict[str, str] = {}

    def logical(self, topic: str) -> str:
        """The logical name of a topic on the cluster."""
        known = self._logical.get(topic)
        if known is None:
            known = self._logical[topic] = self._connection.logical(topic) or topic
        return known

    def read(self, messages: Iterable[Message]) -> dict[int, dict[str, list[Record]]]:
        """The records by partition and topic, in the order in which they came."""
        batches: dict[int, dict[str, list[Record]]] = {}
        for message in messages:
            if message.error() is not None:
                raise_for(message.error(), self.logical(message.topic() or ""))
                continue
            record = self.record(message)
            position = record.position
            batches.setdefault(position.partition, {}).setdefault(position.topic, []).append(record)
        return batches

    def record(self, message: Message) -> Record:
        """One record; ConfigurationError when the broker did not stamp its time."""
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        kind, append_ms = message.timestamp()
        if topic is None or partition is None or offset is None or kind != TIMESTAMP_LOG_APPEND_TIME:
            raise ConfigurationError(
                f"`{topic}` does not carry log-append time; set `message.timestamp.type` with `sluicegate topics apply`"
            )
        position = Position(self.logical(topic), partition, offset)
        return Record(position, append_ms, message.key(), headers_of(message), message.value())


def raise_for(error: KafkaError | None, topic: str) -> None:
    """Raise for an event of `poll` that must not be passed over; return for the client's passing troubles."""
    if error is None:
        return
    trouble: SluicegateError | None = None
    if error.code() in _GONE:
        trouble = InvariantError(
            f"the committed offset of `{topic}` is gone: records were deleted before they were read; see `sluicegate doctor`"
        )
    elif error.code() in _DENIED:
        trouble = AccessError(f"`{topic}` may not be read: {error.name()}; see `sluicegate acl plan`")
    elif error.fatal():
        trouble = InvariantError(f"the consumer cannot go on: {error.name()}")
    if trouble is not None:
        raise trouble


def headers_of(message: Message) -> Headers:
    """The headers, `UNREADABLE` when they cannot be read."""
    try:
        found: Any = message.headers()  # a list of (name, value or None); the stub says otherwise
    except (UnicodeDecodeError, ValueError, SystemError):
        # A header name is any bytes to the broker; an agent that sends such a one must not stop the gate.
        return UNREADABLE
    if not found:
        return ()
    return tuple((name, b"" if value is None else value) for name, value in found)
