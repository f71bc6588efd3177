"""What a topology is to the runtime that drives it: words and shapes exactly as in Kafka Streams.

A topology is pure. It is told the record, the stores, the global tables and the time, and returns a `Step`: what to put into
the stores and what to write. It has no clock, draws no random number and does no I/O, so replaying what was consumed gives
the same stores and the same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

from sluicegate.schemas.envelope import Headers

Tables = TypeVar("Tables")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where a record stands: logical topic (without prefix), partition, offset."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        """`topic-partition@offset`."""
        return f"{self.topic}-{self.partition}@{self.offset}"


@dataclass(frozen=True, slots=True)
class Record:
    """One consumed record, exactly as the broker stored it. `append_ms` is its log-append time."""

    position: Position
    append_ms: int
    key: bytes | None
    headers: Headers
    value: bytes | None


class Output(NamedTuple):
    """One record to write, to this task's own partition of `topic`, in order.

    `signed` asks the runtime to add the gate's signature at the commit (one root over all of a transaction's grants).
    """

    topic: str
    key: bytes
    value: bytes
    headers: Headers
    signed: bool = False


class Put(NamedTuple):
    """One change of a store: the new value, or None to delete."""

    store: str
    key: bytes
    value: bytes | None


class Step(NamedTuple):
    """What one input changes: stores and outputs, committed together or not at all."""

    puts: tuple[Put, ...] = ()
    outputs: tuple[Output, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Due:
    """The next punctuation of one store entry, derived from its state, never scheduled.

    `source` is the input whose records up to `at_ms` must have been processed first (a decision in time beats the expiry).
    Ordered by (due, key).
    """

    at_ms: int
    key: bytes
    kind: str
    store: str
    source: str


@dataclass(frozen=True, slots=True)
class StoreSpec:
    """A store and the logical topic of its changelog.

    `retention_ms` None: entries live until deleted (compacted changelog). Otherwise entries leave `retention_ms` of stream
    time (the log-append time of the topology's first source, as far as it was consumed) after they were put, see
    `Topology.expired`.
    """

    name: str
    changelog: str
    retention_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Transaction:
    """What one transaction of one task covered, told to `Topology.close`."""

    partition: int
    now_ms: int
    inputs: tuple[tuple[str, int, int], ...]
    """(topic, from, to): consumer positions, half open."""
    entries: int
    """How many records and punctuations it processed."""


class StoreReader(Protocol):
    """The stores of one task as a step sees them: committed state under this transaction's overlay."""

    def get(self, store: str, key: bytes) -> bytes | None:
        """The value, or None."""
        ...


@runtime_checkable
class Dated(Protocol):
    """A topology that can tell since when an entry waits; for metrics only, nothing is decided by it."""

    def began_ms(self, store: str, value: bytes) -> int | None:
        """Log-append time of the record that began this entry; None for stores whose entries do not wait."""
        ...


@runtime_checkable
class Joined(Protocol):
    """A topology that reads sources which an earlier version of it did not read.

    Such a source may begin at 0 where the others have been worked on: nothing that stands on it does anything twice.
    """

    @property
    def joined(self) -> frozenset[str]:
        """These sources."""
        ...


class Decided(Protocol):
    """What a phased topology has decided about one record: store changes, and all that is needed to write the records."""

    @property
    def puts(self) -> tuple[Put, ...]:
        """What changes in the stores."""
        ...


@runtime_checkable
class Phased(Protocol):
    """A topology that takes its step in four phases, of which a task does each for all records at hand before the next.

    `process` is the four of them for one record. Checking signatures, asking rules, deciding and encoding each find in the
    processor's caches what they left there at the record before: in turn they push each other out, which costs a third of
    the time.
    """

    def read(self, tables: Any, record: Record, now_ms: int) -> Any:
        """What a record says, and whether to trust it. Must not raise."""
        ...

    def judge(self, tables: Any, read: Any, now_ms: int) -> Any:
        """What was read, with all that can be said about it before any state is looked at. Must not raise."""
        ...

    def decide(self, stores: StoreReader, tables: Any, judged: Any, now_ms: int) -> Decided:
        """What becomes of it, in the order of the records: the next one sees these puts. Must not raise."""
        ...

    def write(self, decided: Any) -> tuple[Output, ...]:
        """The records to write, without looking at state. Must not raise."""
        ...


class Folded(Protocol, Generic[Tables]):
    """Documents of operators folded into global tables: all that a reader of tables needs to know."""

    @property
    def table_topics(self) -> tuple[str, ...]:
        """One-partition topics read completely by every process, in the order in which they are applied."""
        ...

    def no_tables(self) -> Tables:
        """The tables before anything was read."""
        ...

    def apply(
        self,
        tables: Tables,
        records: Sequence[Record],
        positions: Mapping[str, int],
        reachable: frozenset[str],
    ) -> Tables:
        """Tables after these records.

        `positions` is the next offset per table topic, `reachable` the executors whose topic exists with the right number of
        partitions.
        """
        ...

    def executors(self, tables: Tables) -> frozenset[str]:
        """Names of the executors that routes lead to; the runtime checks which of their topics exist."""
        ...


class Topology(Folded[Tables], Protocol[Tables]):
    """Everything the runtime needs to know; one object per process, without state of its own."""

    @property
    def sources(self) -> tuple[str, ...]:
        """Co-partitioned inputs, in the order in which they are processed within a transaction."""
        ...

    @property
    def stores(self) -> tuple[StoreSpec, ...]:
        """The stores of every task."""
        ...

    @property
    def output_topics(self) -> tuple[str, ...]:
        """Topics with one partition per task that a step may write to, other than `execution.*`."""
        ...

    def adopt(self, partition: int, before: Tables | None, tables: Tables, now_ms: int) -> Step:
        """A task starts to use newer tables: `before` is what it used last, None at its start."""
        ...

    def process(self, stores: StoreReader, tables: Tables, record: Record, now_ms: int) -> Step:
        """One record. Must not raise for anything a record can contain."""
        ...

    def due(self, store: str, key: bytes, value: bytes) -> Due | None:
        """The next punctuation that a store entry asks for."""
        ...

    def punctuate(self, stores: StoreReader, tables: Tables, due: Due, partition: int, now_ms: int) -> Step:
        """A due punctuation whose source has been read far enough."""
        ...

    def expired(self, store: str, value: bytes, stream_ms: int) -> bool:
        """Whether an entry of a store with retention has left the window at this stream time."""
        ...

    def close(self, tables: Tables, transaction: Transaction) -> tuple[Output, ...]:
        """The last outputs of a transaction: its tile."""
        ...
