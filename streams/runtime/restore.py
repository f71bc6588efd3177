"""Bring the stores of newly assigned partitions back from their changelogs, in slices between transactions.

The end of a restore is the *high watermark* asked for after the committed offsets were known, reached by the reader's
position under read_committed. Markers of one transaction reach its partitions one by one: offsets can be committed while
the changelog's marker is still under way, and the read_committed end of that moment would miss the last transaction.
Positions, not records: markers and aborted records occupy offsets too.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from sluicegate.processors.contract import Topology
from sluicegate.streams.kafka.connection import Connection

from .end_offsets import EndOffsets
from .first_start import check_first_start, joined_sources
from .open_transactions import Held
from .records import RecordReader, raise_for
from .stores import Stores

_CHUNK: Final = 2_000
_END_OF_PARTITION: Final = KafkaError._PARTITION_EOF  # noqa: SLF001  # the client's public constant


@dataclass(frozen=True, slots=True)
class Restored:
    """A partition that is ready to work: its stores and where each input goes on."""

    partition: int
    stores: Stores
    positions: dict[str, int]


@dataclass(slots=True)
class _Restoring:
    stores: Stores
    committed: Mapping[str, int | None]
    ends: dict[str, int]
    """Changelogs, and evidence topics on a first start, that are not read to their end yet."""
    deriving: Iterator[None] | None = None
    """Under way when everything is read."""
    evidence: bool = False
    """Whether a committed record was seen."""
    stable: dict[str, int] = field(default_factory=dict)
    """Where topics are read up to an open transaction that lies before their end."""


class Restorer:
    """Restores several partitions at once with one consumer that belongs to no group."""

    def __init__(
        self,
        connection: Connection,
        topology: Topology[Any],
        ends: EndOffsets,
        *,
        evidence: tuple[str, ...],
        source: str | None = None,
    ) -> None:
        """`evidence` are output topics whose committed records prove that a partition has been worked on.

        Not those of another `ce_source` than `source`: several processors write to `audit`.
        """
        self._connection = connection
        self._topology = topology
        self._ends = ends
        self._evidence = tuple(topic for topic in evidence if topic in topology.output_topics)
        self._source = None if source is None else source.encode()
        self._joined = joined_sources(topology)
        self._stores = {spec.changelog: spec.name for spec in topology.stores}
        self._reader = RecordReader(connection)
        self._restoring: dict[int, _Restoring] = {}
        self.failed: dict[int, Exception] = {}
        """Partitions whose state the topology cannot read, with what it raised; whoever reads this takes them out."""
        self._consumer = self._client()

    @property
    def busy(self) -> bool:
        """Whether a partition is being restored."""
        return bool(self._restoring)

    def held(self) -> dict[int, Held]:
        """Partitions that wait for a transaction that is open in one of their topics."""
        return {
            partition: Held(*next(iter(restoring.stable.items())))
            for partition, restoring in self._restoring.items()
            if restoring.stable
        }

    def start(self, partition: int, committed: Mapping[str, int | None], stream_ms: int) -> None:
        """Begin; `committed` are the group's offsets, stable ones, None where there is none."""
        stores = Stores(self._topology)
        stores.stream_ms = stream_ms
        is_first = any(offset is None for offset in committed.values())
        topics = [*self._stores, *(self._evidence if is_first else ())]
        found = self._ends.wait((topic, partition) for topic in topics)
        ends = {topic: end for (topic, _), (first, end) in found.items() if first < end}
        self._restoring[partition] = _Restoring(stores, committed, ends)
        if ends:
            self._consumer.incremental_assign(
                [self._named(topic, partition, OFFSET_BEGINNING) for topic in ends]
            )

    def drop(self, partition: int) -> None:
        """The partition was taken away."""
        restoring = self._restoring.pop(partition, None)
        if restoring is not None and restoring.ends:
            self._consumer.incremental_unassign([self._named(topic, partition) for topic in restoring.ends])

    def work(self, budget_s: float) -> list[Restored]:
        """Read on for at most about this long; the partitions that are ready now.

        InvariantError for a partition that has been worked on and has lost its offsets.
        """
        until = time.monotonic() + budget_s
        while any(restoring.ends for restoring in self._restoring.values()):
            left = until - time.monotonic()
            if left <= 0:
                break
            # Wait for one, then take what is there: consume(n, t) would wait for n.
            first = self._consumer.poll(left)
            if first is not None:
                for message in (first, *self._consumer.consume(_CHUNK, 0)):
                    self._take(message)
            self._check_positions()
        return self._ready(until)

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()

    def _client(self) -> Consumer:
        """The client's reader; a simulation gives it another one."""
        return Consumer({**self._connection.reader_config(), "enable.partition.eof": True})

    def _take(self, message: Message) -> None:
        topic, partition = self._reader.logical(message.topic() or ""), message.partition() or 0
        restoring = self._restoring.get(partition)
        error = message.error()
        if error is not None:
            if error.code() != _END_OF_PARTITION:
                raise_for(error, topic)
            elif restoring is not None and topic in restoring.ends:
                self._at_end(restoring, topic, partition, message.offset() or 0)
            return
        if restoring is None or topic not in restoring.ends:
            return
        restoring.stable.pop(topic, None)
        store = self._stores.get(topic)
        if store is None and self._is_of_another(message):
            return
        restoring.evidence = True
        if store is None:
            self._finish(restoring, topic, partition)  # one committed record is proof enough
            return
        key, value = message.key() or b"", message.value()
        restoring.stores.load(store, key, value, message.timestamp()[1])

    def _at_end(self, restoring: _Restoring, topic: str, partition: int, offset: int) -> None:
        """Of what is committed: either everything is read, or a transaction is open before the end."""
        if offset >= restoring.ends[topic]:
            self._finish(restoring, topic, partition)
        else:
            restoring.stable[topic] = offset

    def _is_of_another(self, message: Message) -> bool:
        if self._source is None:
            return False
        return dict(message.headers() or ()).get("ce_source", self._source) != self._source

    def _check_positions(self) -> None:
        for partition, restoring in self._restoring.items():
            if not restoring.ends:
                continue
            asked = [self._named(topic, partition) for topic in restoring.ends]
            for found in self._consumer.position(asked):
                topic = self._reader.logical(found.topic)
                if found.offset >= restoring.ends[topic]:
                    self._finish(restoring, topic, partition)

    def _finish(self, restoring: _Restoring, topic: str, partition: int) -> None:
        restoring.stable.pop(topic, None)
        if restoring.ends.pop(topic, None) is not None:
            self._consumer.incremental_unassign([self._named(topic, partition)])

    def _ready(self, until: float) -> list[Restored]:
        ready = []
        for partition, restoring in tuple(self._restoring.items()):
            if not restoring.ends and self._is_derived(partition, restoring, until):
                del self._restoring[partition]
                positions = check_first_start(
                    partition, restoring.committed, evidence=restoring.evidence, joined=self._joined
                )
                ready.append(Restored(partition, restoring.stores, positions))
        return ready

    def _is_derived(self, partition: int, restoring: _Restoring, until: float) -> bool:
        try:
            return _derived(restoring, until)
        except Exception as error:  # noqa: BLE001  # whatever it is, only this partition cannot work
            del self._restoring[partition]
            self.failed[partition] = error
            return False

    def _named(self, topic: str, partition: int, offset: int = 0) -> TopicPartition:
        return TopicPartition(self._connection.topic(topic), partition, offset)


def _derived(restoring: _Restoring, until: float) -> bool:
    """Derive dues, at least one slice and at most until then; whether all are."""
    if restoring.deriving is None:
        restoring.deriving = restoring.stores.deriving()
    return all(time.monotonic() < until for _ in restoring.deriving)
