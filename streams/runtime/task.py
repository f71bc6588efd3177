"""One partition of a topology: the pure core of the runtime, driven by a worker or by the test driver.

Source: the topology's co-partitioned inputs.  Stores: the topology's.  Sinks: what its steps write.

Order within one transaction: adoption of newer tables, then records in source order and by offset, then punctuations by
(due, key), then `Topology.close`. A task does no I/O and reads no clock: it is handed records, positions, end offsets and
the time, and holds what has to be written until it hears `committed` or `aborted`.

Fairness: a punctuation fires only when an end offset of its source, fetched at least `skew_ms` after it was due, has been
passed by this task's position. One fetch serves every punctuation that was due before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from sluicegate.processors.contract import Output, Phased, Record, Step, Topology, Transaction
from sluicegate.schemas.errors import InvariantError

from .stores import Stores

Tables = TypeVar("Tables")

DEFAULT_SKEW_MS: Final = 2_000
"""How far the brokers' clocks may be apart: one tells a gate the time, another stamps what people and executors write."""

_METADATA: Final = "stream-ms:"


@dataclass(frozen=True, slots=True)
class Progress:
    """The next offset of one input, committed with the transaction. `metadata` carries the stream time."""

    topic: str
    partition: int
    offset: int
    metadata: str


@dataclass(frozen=True, slots=True)
class Written:
    """What one task adds to a transaction."""

    partition: int
    outputs: Sequence[Output]
    changes: Sequence[tuple[str, bytes, bytes | None]]
    """(changelog, key, value), None for a deletion."""
    progress: tuple[Progress, ...]


def stream_time(metadata: str | None) -> int:
    """The stream time in an offset's metadata; 0 when there is none."""
    text = (metadata or "").removeprefix(_METADATA)
    return int(text) if text.isascii() and text.isdigit() else 0


class Task(Generic[Tables]):
    """Collects one transaction at a time; `positions` is the next offset of every source."""

    def __init__(
        self,
        topology: Topology[Tables],
        partition: int,
        stores: Stores,
        positions: Mapping[str, int],
        *,
        skew_ms: int = DEFAULT_SKEW_MS,
    ) -> None:
        """Start after a restore: `stores` are loaded and know the stream time."""
        self.partition = partition
        self.stores = stores
        self._topology = topology
        self._skew_ms = skew_ms
        self._committed = {source: positions[source] for source in topology.sources}
        self._positions = dict(self._committed)
        self._stream_ms = stores.stream_ms
        self._adopted: Tables | None = None
        self._tables: Tables | None = None
        self._outputs: list[Output] = []
        self._entries = 0
        self._adopting = False
        self._ends: dict[str, tuple[int, int]] = {}
        self._horizons: dict[str, int] = {}

    @property
    def positions(self) -> Mapping[str, int]:
        """The next offset per source, this transaction included."""
        return self._positions

    @property
    def dirty(self) -> bool:
        """Whether there is anything to commit."""
        return self._adopting or self._entries > 0

    def adopt(self, tables: Tables, now_ms: int) -> None:
        """Use these tables from here on; call it before the records of a transaction."""
        if tables is not self._tables:
            step = self._topology.adopt(self.partition, self._tables, tables, now_ms)
            self._take(step)
            self._adopting = self._adopting or bool(step.puts or step.outputs)
            self._tables = tables

    def process(self, batch: Mapping[str, Sequence[Record]], now_ms: int) -> int:
        """Process the records of each source, in the topology's order of sources; how many.

        Records below the position have been processed and are skipped. Of a phased topology each phase is done for all
        records of a source before the next one. A topology that raises is an InvariantError that
        names the record's position and nothing else of it.
        """
        entries = self._entries
        # INVARIANT: only the first source moves stream time. After a standstill the others may be read hours ahead of it,
        # and what a record still unread there must find would have expired before its turn.
        clock = self._topology.sources[0]
        for source in self._topology.sources:
            records = _from(self._positions[source], batch.get(source, ()))
            if not records:
                continue
            if isinstance(self._topology, Phased):
                self._process_in_phases(self._topology, records, now_ms, moves_time=source == clock)
            else:
                self._process_each(records, now_ms, moves_time=source == clock)
            self._positions[source] = records[-1].position.offset + 1
            self._entries += len(records)
        return self._entries - entries

    def _process_each(self, records: Sequence[Record], now_ms: int, *, moves_time: bool) -> None:
        tables, stores, process = self._in_force(), self.stores, self._topology.process
        record = records[0]
        try:
            for record in records:
                if moves_time:
                    stores.stream_ms = max(stores.stream_ms, record.append_ms)
                self._take(process(stores, tables, record, now_ms))
        except Exception as error:
            raise _raised_at(record, error) from error

    def _process_in_phases(
        self, topology: Phased, records: Sequence[Record], now_ms: int, *, moves_time: bool
    ) -> None:
        tables, stores = self._in_force(), self.stores
        record = records[0]
        try:
            reads = []
            for record in records:
                reads.append(topology.read(tables, record, now_ms))  # noqa: PERF401  # `record` is named if it raises
            judgements = []
            for record, read in zip(records, reads, strict=True):  # noqa: B007  # likewise
                judgements.append(topology.judge(tables, read, now_ms))
            rulings = []
            for record, judged in zip(records, judgements, strict=True):
                if moves_time:
                    stores.stream_ms = max(stores.stream_ms, record.append_ms)
                decided = topology.decide(stores, tables, judged, now_ms)
                for change in decided.puts:
                    stores.put(change)
                rulings.append(decided)
            for record, decided in zip(records, rulings, strict=True):  # noqa: B007  # likewise
                self._outputs.extend(topology.write(decided))
        except Exception as error:
            raise _raised_at(record, error) from error

    def passed(self, source: str, position: int) -> None:
        """The consumer has gone over what is no record (markers, aborted records) up to `position`."""
        self._positions[source] = max(self._positions[source], position)

    def awaits_end(self, now_ms: int) -> tuple[str, ...]:
        """Sources whose end offset must be fetched now for a punctuation to become ripe."""
        self._forget_the_future(now_ms)
        return tuple(source for source in self._topology.sources if self._awaits_end(source, now_ms))

    def end_offset(self, source: str, offset: int, fetched_ms: int) -> None:
        """The high watermark of a source, asked for at `fetched_ms`."""
        self._ends.setdefault(source, (offset, fetched_ms))

    def punctuate(self, now_ms: int, limit: int = 500) -> int:
        """Fire what is ripe, in the order of (due, key); how many. Call it after `process` and `passed`."""
        self._forget_the_future(now_ms)
        self._move_horizons()
        topology, stores, fired = self._topology, self.stores, 0
        while fired < limit and (due := stores.dues.pop(self._horizons)) is not None:
            value = stores.get(due.store, due.key)
            if value is None or topology.due(due.store, due.key, value) != due:
                continue  # changed by this very transaction: its new due counts after the commit
            self._take(topology.punctuate(stores, self._in_force(), due, self.partition, now_ms))
            value = stores.get(due.store, due.key)
            if value is not None and topology.due(due.store, due.key, value) == due:
                # INVARIANT: a punctuation changes what made it due, or it would fire for ever.
                raise InvariantError(
                    f"a punctuation `{due.kind}` of store `{due.store}` left its entry as due as before"
                )
            fired += 1
        self._entries += fired
        return fired

    def close(self, now_ms: int) -> Written:
        """Everything this transaction writes; then either `committed` or `aborted` must follow."""
        inputs = tuple(
            (source, self._committed[source], position)
            for source, position in self._positions.items()
            if position != self._committed[source]
        )
        transaction = Transaction(self.partition, now_ms, inputs, self._entries)
        self._outputs.extend(self._topology.close(self._in_force(), transaction))
        return Written(self.partition, self._outputs, tuple(self.stores.changes()), self._progress())

    def committed(self) -> None:
        """The transaction is in the log: make its effects the state."""
        self.stores.merge()
        self._committed.update(self._positions)
        self._stream_ms = self.stores.stream_ms
        self._adopted = self._tables
        self._clear()

    def aborted(self) -> None:
        """The transaction is not in the log: be as after the last commit, and read on from there."""
        self.stores.discard()
        self.stores.stream_ms = self._stream_ms
        self._positions.update(self._committed)
        self._tables = self._adopted
        # What had been passed is to be read again, so nothing is known about ends.
        self._ends.clear()
        self._horizons.clear()
        self._clear()

    def _clear(self) -> None:
        self._outputs = []
        self._entries = 0
        self._adopting = False

    def _in_force(self) -> Tables:
        if self._tables is None:
            raise InvariantError("a task works without tables; call `adopt` first")
        return self._tables

    def _take(self, step: Step) -> None:
        put = self.stores.put
        for change in step.puts:
            put(change)
        self._outputs.extend(step.outputs)

    def _awaits_end(self, source: str, now_ms: int) -> bool:
        due = self.stores.dues.first(source)
        return (
            due is not None
            and source not in self._ends
            and self._horizons.get(source, -1) < due.at_ms <= now_ms - self._skew_ms
        )

    def _forget_the_future(self, now_ms: int) -> None:
        """Drop ends that were asked for at a time that has not come yet: the clock was set back since.

        Kept, they would make ripe at once whatever is due before that time, unread decisions or not.
        """
        for source, (_, fetched_ms) in tuple(self._ends.items()):
            if fetched_ms > now_ms:
                del self._ends[source]
        for source, horizon in tuple(self._horizons.items()):
            if horizon > now_ms - self._skew_ms:
                del self._horizons[source]

    def _move_horizons(self) -> None:
        for source, (offset, fetched_ms) in tuple(self._ends.items()):
            if self._positions[source] >= offset:
                self._horizons[source] = max(self._horizons.get(source, -1), fetched_ms - self._skew_ms)
                del self._ends[source]

    def _progress(self) -> tuple[Progress, ...]:
        # Every source every time: so either all inputs of a partition have a committed offset or none, and a transaction
        # of punctuations alone is refused too when its worker has lost the partition.
        metadata = f"{_METADATA}{self.stores.stream_ms}"
        return tuple(
            Progress(source, self.partition, offset, metadata) for source, offset in self._positions.items()
        )


def _from(position: int, records: Sequence[Record]) -> list[Record]:
    """The records that have not been processed: each at or above the position behind the one before it."""
    found = []
    for record in records:
        if record.position.offset >= position:
            found.append(record)
            position = record.position.offset + 1
    return found


def _raised_at(record: Record, error: Exception) -> InvariantError:
    return InvariantError(
        f"the topology raised {type(error).__name__} at {record.position}; no record may make it raise"
    )
