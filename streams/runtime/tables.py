"""Read the global tables of this process: every table topic completely, then whatever is appended.

Fresh means: the tables have reached an end offset that was asked for at most `fresh_ms` ago. A transaction starts only on
fresh tables; past `limit_ms` without them the worker stops with an error rather than guess.
"""

import time
from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from sluicegate.processors.contract import Folded, Record, Topology
from sluicegate.schemas.errors import ConfigurationError, TimedOutError
from sluicegate.streams.kafka.connection import Connection

from .end_offsets import EndOffsets
from .global_tables import EXECUTION, GlobalTables
from .records import RecordReader

Tables = TypeVar("Tables")

_CHUNK: Final = 1_000
_LIST_S: Final = 10.0
_LOOK_AGAIN_MS: Final = 5_000
"""How often executors whose topic was missing are looked for again."""


class TableReader(Generic[Tables]):
    """Call `refresh` before each transaction; it never waits for long."""

    def __init__(
        self,
        connection: Connection,
        folded: Folded[Tables],
        ends: EndOffsets,
        *,
        partitions: int,
        fresh_ms: int,
        limit_ms: int,
        folding: Callable[[], None] = lambda: None,
    ) -> None:
        """`folding` is called before documents are taken in, which may take long: every version of a policy is loaded."""
        self._connection = connection
        self._ends = ends
        self._partitions = partitions
        self._fresh_ms = fresh_ms
        self._limit_ms = limit_ms
        self._folding = folding
        self._table = GlobalTables(folded)
        self._reader = RecordReader(connection)
        self._topics = {topic: connection.topic(topic) for topic in folded.table_topics}
        self._awaited: dict[str, tuple[int, int]] = {}
        self._reached_ms: dict[str, int] = dict.fromkeys(folded.table_topics, 0)
        self._stale_since_ms: int | None = None
        self._asked_ms = 0
        self._looked_ms = 0
        self._seen_ms = 0
        self._consumer = Consumer(connection.reader_config())
        self._consumer.assign([TopicPartition(name, 0, OFFSET_BEGINNING) for name in self._topics.values()])

    @property
    def current(self) -> Tables:
        """The tables as read so far."""
        return self._table.current

    @property
    def positions(self) -> Mapping[str, int]:
        """The next offset of every table topic."""
        return self._table.positions

    @property
    def known_ms(self) -> int:
        """The newest wall-clock time for which every table is known to be complete; 0 for none."""
        return min(self._reached_ms.values(), default=0)

    def read_to_end(self, now_ms: Callable[[], int], beat: Callable[[], None]) -> None:
        """At the start: return when everything has been read; TimedOutError past the limit."""
        while not self.refresh(now_ms()):
            beat()
            for end in self._ends.answers():
                self.end_offset(end.topic, end.offset, end.asked_ms)
            time.sleep(0.005)

    def refresh(self, now_ms: int) -> bool:
        """Take in what has arrived; whether the tables are fresh. TimedOutError past the limit."""
        if now_ms < self._seen_ms:
            self._forget_what_is_known()
        self._seen_ms = now_ms
        self._read(now_ms)
        self._ask(now_ms)
        if now_ms - min(self._reached_ms.values(), default=now_ms) <= self._fresh_ms:
            self._stale_since_ms = None
            return True
        # Counted from the first look that found them stale: a pause of this process is no silence of the cluster.
        if self._stale_since_ms is None:
            self._stale_since_ms = now_ms
        if now_ms - self._stale_since_ms > self._limit_ms:
            raise TimedOutError(
                f"the global tables could not be read to their end for {self._limit_ms} ms; stopping rather than guess"
            )
        return False

    def end_offset(self, topic: str, offset: int, asked_ms: int) -> None:
        """An end offset of a table topic that was asked for at this time."""
        if asked_ms > self._seen_ms:
            return  # by a clock that was set back since
        self._awaited[topic] = (offset, asked_ms)
        self._note_reached()

    def ask(self, now_ms: int) -> None:
        """Ask where the tables end now, except where an answer is under way."""
        self._asked_ms = now_ms
        self._seen_ms = max(self._seen_ms, now_ms)
        self._ends.ask(((topic, 0) for topic in self._topics), now_ms)

    def owns(self, topic: str) -> bool:
        """Whether this is a table topic."""
        return topic in self._topics

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()

    def _forget_what_is_known(self) -> None:
        """The wall clock was set back: by it, tables read an hour ago would be fresh for an hour to come."""
        self._awaited.clear()
        self._reached_ms = dict.fromkeys(self._reached_ms, 0)
        self._stale_since_ms = None
        self._asked_ms = self._looked_ms = 0

    def _read(self, now_ms: int) -> None:
        found: dict[str, list[Record]] = {}
        while messages := self._consumer.consume(_CHUNK, 0):
            for topic, records in self._reader.read(messages).get(0, {}).items():
                found.setdefault(topic, []).extend(records)
        if found:
            self._folding()
        changed = self._table.take(found, self._position())
        missing = bool(self._table.unreachable) and now_ms - self._looked_ms >= _LOOK_AGAIN_MS
        if changed or missing:
            self._looked_ms = now_ms
            self._table.reach(self._reachable)
        self._note_reached()

    def _position(self) -> dict[str, int]:
        asked = [TopicPartition(name, 0) for name in self._topics.values()]
        return {
            self._reader.logical(found.topic): found.offset
            for found in (self._consumer.position(asked) if asked else ())
            if found.offset >= 0
        }

    def _ask(self, now_ms: int) -> None:
        if now_ms - self._asked_ms >= self._fresh_ms // 2:
            self.ask(now_ms)

    def _note_reached(self) -> None:
        for topic, (offset, asked_ms) in tuple(self._awaited.items()):
            if self._table.positions[topic] >= offset:
                self._reached_ms[topic] = max(self._reached_ms[topic], asked_ms)
                del self._awaited[topic]

    def _reachable(self, executors: frozenset[str]) -> frozenset[str]:
        known = self._ends.partitions()
        return frozenset(name for name in executors if known.get(EXECUTION + name) == self._partitions)


def check_topics(topology: Topology[Tables], known: Mapping[str, int], partitions: int) -> None:
    """ConfigurationError unless every topic of the topology exists with the partitions it must have."""
    changelogs = tuple(spec.changelog for spec in topology.stores)
    for topic in (*topology.sources, *changelogs):
        _check(topic, known.get(topic), {partitions})
    for topic in topology.output_topics:
        _check(topic, known.get(topic), {1, partitions})
    for topic in topology.table_topics:
        _check(topic, known.get(topic), {1})


def _check(topic: str, found: int | None, wanted: set[int]) -> None:
    if found not in wanted:
        has = "does not exist" if found is None else f"has {found} partitions instead of {max(wanted)}"
        raise ConfigurationError(f"topic `{topic}` {has}: see `sluicegate topics plan`")
