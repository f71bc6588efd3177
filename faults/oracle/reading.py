"""Read every topic of a deployment, read_committed, again and again to its end."""

import time
from collections.abc import Mapping
from typing import Any, Final, Self

from confluent_kafka import Consumer, KafkaException, TopicPartition

from .wire import Stored

_CALL_S: Final = 10.0
_POLL_S: Final = 0.2
_BATCH: Final = 2_000


class LogReader:
    """Keeps what it has read; `client` is how to reach the broker and log in."""

    def __init__(self, client: Mapping[str, Any], prefix: str) -> None:
        self.records: list[Stored] = []
        self._prefix = prefix
        self._consumer = Consumer(
            {
                **client,
                "group.id": "oracle",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.queue.backoff.ms": 5,
                "fetch.wait.max.ms": 50,
            }
        )
        self._assigned: list[TopicPartition] = []

    def read_to_end(self, limit_s: float = 60.0) -> None:
        """Keep what is new, up to the committed ends as of now; TimeoutError when they are not reached."""
        self._assign()
        ends = {
            (place.topic, place.partition): self._consumer.get_watermark_offsets(place, timeout=_CALL_S)[1]
            for place in self._assigned
        }
        until = time.monotonic() + limit_s
        while not self._reached(ends):
            if time.monotonic() > until:
                raise TimeoutError("the end of the topics was not reached: a transaction is left open")
            first = self._consumer.poll(_POLL_S)
            if first is not None:
                # At once: it is not read a second time, whether the ends are reached in time or not.
                self.records += [
                    self._stored(message)
                    for message in (first, *self._consumer.consume(_BATCH, 0))
                    if message.error() is None
                ]

    def close(self) -> None:
        """Leave."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _assign(self) -> None:
        if self._assigned:
            return
        listed = self._consumer.list_topics(timeout=_CALL_S).topics
        self._assigned = [
            TopicPartition(name, number, 0)
            for name, topic in listed.items()
            if name.startswith(self._prefix)
            for number in topic.partitions
        ]
        self._consumer.assign(self._assigned)

    def _reached(self, ends: Mapping[tuple[str, int], int]) -> bool:
        try:
            places = self._consumer.position(self._assigned)
        except KafkaException:
            return False
        return all(max(place.offset, 0) >= ends[place.topic, place.partition] for place in places)

    def _stored(self, message: Any) -> Stored:
        return Stored(
            message.topic().removeprefix(self._prefix),
            message.partition(),
            message.offset(),
            message.timestamp()[1],
            message.key(),
            tuple(message.headers() or ()),
            message.value(),
        )
