"""Read partitions of one topic from a chosen place; joins no group and commits nothing."""

from collections.abc import Collection, Iterator, Mapping
from enum import Enum
from typing import Any, Final, Self

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_INVALID,
    Consumer,
    KafkaException,
    Message,
    TopicPartition,
)

from sluicegate.processors.contract import Position, Record
from sluicegate.schemas.errors import AccessError, TimedOutError
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.runtime.records import headers_of

from .kafka_errors import UNKNOWN_PARTITION, Trouble, described, explain, passes, patiently

REQUEST_S: Final = 15.0
"""How long one request to the cluster may take."""
_BATCH: Final = 500
_PAUSE_S: Final = 0.1


class From(Enum):
    """Where to start reading."""

    BEGINNING = "beginning"
    """The oldest record that retention has left."""
    END = "end"
    """After everything that stands there now."""


Start = From | int | Mapping[int, int]
"""A place; a log-append time in milliseconds since the epoch: the first record at or after it; or an offset per partition."""


class TopicReader:
    """One consumer with an explicit assignment, for one thread: asked from a second one, the client never answers."""

    def __init__(
        self,
        connection: Connection,
        topic: str,
        start: Start,
        *,
        partitions: Collection[int] | None = None,
    ) -> None:
        """Connect and take the start positions; AccessError when the topic is absent or not to be read."""
        self.topic = topic
        self._connection = connection
        self._trouble = Trouble()
        self._consumer = Consumer({**connection.reader_config(), "error_cb": self._trouble})
        self._closed = False
        try:
            self.partitions = self._count()
            chosen = range(self.partitions) if partitions is None else sorted(partitions)
            self._assigned = [TopicPartition(connection.topic(topic), number) for number in chosen]
            self._starts = self._place(start)
        except KafkaException as error:
            self.close()
            raise self._explained(error) from None
        except BaseException:
            self.close()
            raise

    def poll(self, timeout_s: float) -> list[Record]:
        """What has arrived, at most a batch; empty after `timeout_s` without a record."""
        # One record, then what is there: `consume(n, t)` would wait for n records or the whole time.
        first = self._consumer.poll(timeout_s)
        if first is None:
            if self._trouble.wrong_password:
                raise AccessError(f"Kafka does not accept the password of `{self._connection.user}`")
            return []
        messages = [first, *self._consumer.consume(_BATCH, 0)]
        return [self._record(message) for message in messages if self._is_record(message)]

    def positions(self) -> dict[int, int]:
        """The next offset of each partition; it moves over transaction markers too."""
        return {
            place.partition: place.offset if place.offset != OFFSET_INVALID else self._starts[place.partition]
            for place in self._consumer.position(self._assigned)
        }

    def ends(self) -> dict[int, int]:
        """The offset after the last committed record of each partition, as of now."""
        try:
            return {place.partition: self._watermarks(place)[1] for place in self._assigned}
        except KafkaException as error:
            raise self._explained(error) from None

    def begins(self) -> dict[int, int]:
        """The first offset that retention has left in each partition, as of now."""
        try:
            return {place.partition: self._watermarks(place)[0] for place in self._assigned}
        except KafkaException as error:
            raise self._explained(error) from None

    def to_end(self, timeout_s: float = 60.0) -> Iterator[Record]:
        """Every record up to the end as of now; TimedOutError when nothing at all arrives for `timeout_s`."""
        ends = self.ends()
        idle_s = 0.0
        while not passed(self.positions(), ends):
            batch = self.poll(_PAUSE_S)
            idle_s = 0.0 if batch else idle_s + _PAUSE_S
            if idle_s > timeout_s:
                raise TimedOutError(f"the end of `{self.topic}` was not reached; is a transaction left open?")
            yield from batch

    def close(self) -> None:
        """Leave; safe to call twice."""
        if not self._closed:
            self._closed = True
            self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _count(self) -> int:
        name = self._connection.topic(self.topic)
        found = described(self._consumer, name, REQUEST_S)
        if found.error is not None:
            raise explain(self._connection, found.error, "read", self.topic, self._trouble)
        return len(found.partitions)

    def _place(self, start: Start) -> dict[int, int]:
        """Assign; the first offset of each partition that will be read, or would be."""
        marks = {place.partition: self._watermarks(place) for place in self._assigned}
        if start is From.BEGINNING:
            starts = {number: low for number, (low, _) in marks.items()}
        elif isinstance(start, int):
            starts = self._at_time(start, marks)
        elif isinstance(start, Mapping):
            starts = {number: start[number] for number in marks}
        else:
            starts = {number: high for number, (_, high) in marks.items()}
        name = self._connection.topic(self.topic)
        self._consumer.assign(
            # Asked for by its name, the beginning cannot be deleted between asking and reading.
            [
                TopicPartition(name, number, OFFSET_BEGINNING if start is From.BEGINNING else offset)
                for number, offset in starts.items()
            ]
        )
        return starts

    def _at_time(self, since_ms: int, marks: Mapping[int, tuple[int, int]]) -> dict[int, int]:
        name = self._connection.topic(self.topic)
        asked = [TopicPartition(name, place.partition, since_ms) for place in self._assigned]
        found = patiently(lambda: self._consumer.offsets_for_times(asked, timeout=REQUEST_S), REQUEST_S)
        return {
            place.partition: place.offset if place.offset >= 0 else marks[place.partition][1]
            for place in found
        }

    def _watermarks(self, place: TopicPartition) -> tuple[int, int]:
        marks: tuple[int, int] | None = patiently(
            lambda: self._consumer.get_watermark_offsets(place, timeout=REQUEST_S), REQUEST_S
        )
        if marks is None:
            raise TimedOutError(f"Kafka did not say in time where `{self.topic}` ends")
        return marks

    def _is_record(self, message: Message) -> bool:
        error = message.error()
        if error is not None and not passes(error):
            raise explain(self._connection, error, "read", self.topic, self._trouble)
        return error is None

    def _record(self, message: Message) -> Record:
        place: Any = (self.topic, message.partition(), message.offset())
        key, value = message.key(), message.value()
        return Record(
            position=Position(*place),
            append_ms=message.timestamp()[1],
            key=_bytes(key),
            headers=headers_of(message),
            value=_bytes(value),
        )

    def _explained(self, error: KafkaException) -> Exception:
        """Of a question about partitions, which were there when this reader was made."""
        if error.args[0].code() == UNKNOWN_PARTITION:
            return TimedOutError(f"Kafka did not say in time where `{self.topic}` ends")
        return explain(self._connection, error, "read", self.topic, self._trouble)


def passed(positions: Mapping[int, int], ends: Mapping[int, int]) -> bool:
    """Whether every position has reached its end."""
    return all(positions[number] >= end for number, end in ends.items())


def _bytes(content: Any) -> bytes | None:
    return content.encode() if isinstance(content, str) else content
