"""End offsets, asked for without waiting: the answers come while the worker works.

An end offset is the high watermark (read_uncommitted). The read_committed end stops before open transactions, whose
records may become visible at offsets below it: whoever waits for that end waits for too little.

An administrative client keeps the leader epochs it learned first: once a broker has died and come back, each question is
refused as FENCED_LEADER_EPOCH, for as long as the client lives. So a question that failed is asked again by a new client.
"""

import time
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from sluicegate.schemas.errors import TimedOutError
from sluicegate.streams.kafka.connection import Connection

REQUEST_S: Final = 10.0
RENEW_S: Final = 1.0
"""A client lives at least this long: while the broker is away every question fails."""
_AGAIN_S: Final = 0.5
_STABLE_S: Final = 2.0
"""A broker that is there says at once whether committed offsets are stable."""
AGAIN_S: Final = 0.2

_SPEC: Any = OffsetSpec  # its functions carry no types
_EARLIEST: Final = _SPEC.earliest()
_LATEST: Final = _SPEC.latest()


@dataclass(frozen=True, slots=True)
class EndOffset:
    """The high watermark of one partition, asked for at wall-clock time `asked_ms`."""

    topic: str
    partition: int
    offset: int
    asked_ms: int


class EndOffsets:
    """Asks the cluster; keep it as long as answers are awaited."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._asked: dict[tuple[str, int], tuple[int, Future[Any]]] = {}
        self._renew()

    def ask(self, partitions: Iterable[tuple[str, int]], now_ms: int) -> None:
        """Ask for these (topic, partition), except where an answer is under way."""
        wanted = [each for each in partitions if each not in self._asked]
        if wanted:
            for each, future in self._request(wanted, _LATEST).items():
                self._asked[each] = (now_ms, future)

    def answers(self) -> list[EndOffset]:
        """What has been answered since the last call; a failed question is simply asked again by who needs it."""
        found, has_failed = [], False
        for (topic, partition), (asked_ms, future) in tuple(self._asked.items()):
            if future.done():
                del self._asked[topic, partition]
                if future.exception() is None:
                    found.append(EndOffset(topic, partition, future.result().offset, asked_ms))
                else:
                    has_failed = True
        if has_failed and time.monotonic() - self._renewed_s >= RENEW_S:
            self._renew()
        return found

    def wait(self, partitions: Iterable[tuple[str, int]]) -> dict[tuple[str, int], tuple[int, int]]:
        """First and end offset of each, now; TimedOutError when the cluster does not answer.

        A broker that was away a moment ago may lead nothing yet and say so at once: it is asked again.
        """
        wanted = list(partitions)
        deadline = time.monotonic() + REQUEST_S
        while True:
            first = self._request(wanted, _EARLIEST)
            end = self._request(wanted, _LATEST)
            try:
                return {
                    each: (_offset(first[each], deadline), _offset(end[each], deadline)) for each in wanted
                }
            except (KafkaException, TimeoutError) as error:
                self._renew()
                if time.monotonic() > deadline - _AGAIN_S:
                    raise TimedOutError(
                        f"the cluster did not tell end offsets: {type(error).__name__}"
                    ) from error
                time.sleep(_AGAIN_S)

    def unstable(self, partitions: Iterable[TopicPartition]) -> frozenset[int] | None:
        """The partitions whose committed offsets an open transaction holds up; None when the cluster does not tell."""
        group = self._connection.group
        asked = ConsumerGroupTopicPartitions(group, list(partitions))
        try:
            futures = self.admin.list_consumer_group_offsets(
                [asked], require_stable=True, request_timeout=_STABLE_S
            )
            found = futures[group].result(_STABLE_S).topic_partitions
        except (KafkaException, TimeoutError):
            return None
        return frozenset(
            each.partition
            for each in found
            if each.error is not None and each.error.code() == KafkaError.UNSTABLE_OFFSET_COMMIT
        )

    def partitions(self) -> dict[str, int]:
        """Logical name and number of partitions of every topic of this deployment that may be described."""
        try:
            topics = self.admin.list_topics(timeout=REQUEST_S).topics
        except KafkaException as error:
            raise TimedOutError(f"the cluster did not list its topics: {error.args[0].name()}") from error
        named = ((self._connection.logical(name), topic) for name, topic in topics.items())
        return {logical: len(topic.partitions) for logical, topic in named if logical is not None}

    def _renew(self) -> None:
        # The futures of the one before fail with it, so what is under way is forgotten first, to be asked again.
        self._asked.clear()
        # Kept in a variable: a collected client fails its futures.
        self.admin = AdminClient(self._connection.client_config())
        self._renewed_s = time.monotonic()

    def _request(self, partitions: list[tuple[str, int]], spec: Any) -> dict[tuple[str, int], Future[Any]]:
        if not partitions:
            return {}
        named = {
            TopicPartition(self._connection.topic(topic), partition): (topic, partition)
            for topic, partition in partitions
        }
        wanted: dict[TopicPartition, Any] = dict.fromkeys(named, spec)
        answers: dict[TopicPartition, Future[Any]] = self.admin.list_offsets(
            wanted,
            isolation_level=IsolationLevel.READ_UNCOMMITTED,
            request_timeout=REQUEST_S,
        )
        by_name = {(each.topic, each.partition): future for each, future in answers.items()}
        return {logical: by_name[each.topic, each.partition] for each, logical in named.items()}


def _offset(future: "Future[Any]", deadline: float) -> int:
    return int(future.result(max(0.0, deadline - time.monotonic())).offset)


def _name(error: KafkaException | TimeoutError) -> str:
    return str(error.args[0].name()) if isinstance(error, KafkaException) else type(error).__name__
