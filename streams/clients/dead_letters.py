"""Look at records that could not be read or trusted. They hold raw values: only the privacy office may read them.

Listing shows where a record stood, why it was refused and how large it is. Its bytes come only from
`raw_value_unmasked`, which says what it does in its name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

from confluent_kafka import Consumer, KafkaException

from sluicegate.processors.contract import Position, Record
from sluicegate.schemas.envelope import Headers
from sluicegate.schemas.errors import RefusedError
from sluicegate.streams.kafka.connection import Connection, connect_as
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.settings import Settings, load

from .kafka_errors import Trouble, explain
from .topic_reader import REQUEST_S, From, Start, TopicReader

PREFIX: Final = "dlq."
REASON_HEADER: Final = "dlq-reason"
ORIGIN_HEADER: Final = "dlq-origin"
_KNOWN: Final = frozenset(
    {"ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "content-type", "sig"}
)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What may be told about a dead letter: places, sizes, the code of the reason; no content."""

    position: Position
    """Where it stands now."""
    origin: str | None
    """Where it stood, such as `actions-2@17`."""
    reason: str | None
    append_ms: int
    key_bytes: int
    value_bytes: int
    headers: tuple[str, ...]
    """Names of known headers only: other names are the sender's text."""


class DeadLetterReader:
    """Reads the `dlq.*` topics; joins no group and commits nothing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    def connect(cls, *, settings: Settings | None = None) -> Self:
        """Connect as the settings say, with the rights of the privacy office."""
        return cls(connect_as(settings or load(), Role.PRIVACY))

    def topics(self) -> tuple[str, ...]:
        """Every topic of dead letters that this principal may see."""
        trouble = Trouble()
        consumer = Consumer({**self._connection.reader_config(), "error_cb": trouble})
        try:
            found = consumer.list_topics(timeout=REQUEST_S).topics
        except KafkaException as error:
            raise explain(self._connection, error, "list", PREFIX + "*", trouble) from None
        finally:
            consumer.close()
        logical = (self._connection.logical(name) for name in found)
        return tuple(sorted(name for name in logical if name is not None and name.startswith(PREFIX)))

    def list(self, topic: str | None = None, *, since_ms: int | None = None) -> Iterator[DeadLetter]:
        """Dead letters of one topic (`actions` or `dlq.actions`) or of all, from the oldest or a log-append time on."""
        start: Start = From.BEGINNING if since_ms is None else since_ms
        for name in self.topics() if topic is None else (_topic(topic),):
            with TopicReader(self._connection, name, start) as reader:
                for record in reader.to_end():
                    yield _described(record)

    def show(self, position: Position) -> DeadLetter:
        """What may be told about one dead letter; RefusedError when nothing stands there any more."""
        return _described(self._record(position))

    def raw_value_unmasked(self, position: Position) -> bytes:
        """The original bytes, as they were refused: they may identify people, so keep them off screens and logs."""
        return self._record(position).value or b""

    def record_unmasked(self, position: Position) -> Record:
        """The dead letter whole, to be replayed; its bytes may identify people."""
        return self._record(position)

    def _record(self, position: Position) -> Record:
        with TopicReader(
            self._connection, _topic(position.topic), From.BEGINNING, partitions=[position.partition]
        ) as reader:
            for record in reader.to_end():
                if record.position.offset == position.offset:
                    return record
        raise RefusedError(f"nothing stands at `{position}` any more; list the dead letters again")


def _topic(name: str) -> str:
    return name if name.startswith(PREFIX) else PREFIX + name


def _described(record: Record) -> DeadLetter:
    return DeadLetter(
        position=record.position,
        origin=header_text(record.headers, ORIGIN_HEADER),
        reason=header_text(record.headers, REASON_HEADER),
        append_ms=record.append_ms,
        key_bytes=len(record.key or b""),
        value_bytes=len(record.value or b""),
        headers=tuple(name for name, _ in record.headers if name in _KNOWN),
    )


def header_text(headers: Headers, name: str) -> str | None:
    """One of the headers that the reader of the topic put first, None when it is not there."""
    # The gate writes its own headers first; a sender's of the same name come after.
    found = next((value for key, value in headers if key == name), None)
    return None if found is None else found.decode("ascii", errors="replace")
