"""Topics in memory with the transactions of a real log: markers, open and aborted records, stable end offsets.

What it does not model, and only a real broker shows: fencing races, time-outs, delayed requests, retention, compaction.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from sluicegate.processors.contract import Position, Record
from sluicegate.schemas.envelope import Headers
from sluicegate.streams.runtime.task import Progress


class _State(Enum):
    OPEN = auto()
    COMMITTED = auto()
    ABORTED = auto()


@dataclass(slots=True)
class _Transaction:
    state: _State = _State.OPEN
    touched: dict[tuple[str, int], None] = field(default_factory=dict)
    progress: list[Progress] = field(default_factory=list)

    @property
    def is_committed(self) -> bool:
        """Whether it has ended well."""
        return self.state is _State.COMMITTED


@dataclass(frozen=True, slots=True)
class _Slot:
    record: Record | None
    """None is a marker."""
    transaction: _Transaction | None


class MemoryLog:
    """All topics and the committed offsets of one group. Topics exist as soon as somebody names them."""

    def __init__(self) -> None:
        self._slots: defaultdict[tuple[str, int], list[_Slot]] = defaultdict(list)
        self.offsets: dict[tuple[str, int], Progress] = {}

    def append(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
        append_ms: int,
        transaction: _Transaction | None = None,
    ) -> Position:
        """Store one record, in a transaction or at once."""
        slots = self._slots[topic, partition]
        position = Position(topic, partition, len(slots))
        slots.append(_Slot(Record(position, append_ms, key, headers, value), transaction))
        if transaction is not None:
            transaction.touched[topic, partition] = None
        return position

    def read(
        self, topic: str, partition: int, start: int = 0, limit: int | None = None
    ) -> tuple[list[Record], int]:
        """Committed records from `start`, and the consumer's next position, which has passed markers."""
        records: list[Record] = []
        slots = self._slots.get((topic, partition), [])
        for offset in range(start, len(slots)):
            slot = slots[offset]
            if slot.transaction is not None and slot.transaction.state is _State.OPEN:
                return records, offset
            if slot.record is None or (
                slot.transaction is not None and slot.transaction.state is _State.ABORTED
            ):
                continue
            if limit is not None and len(records) == limit:
                return records, offset
            records.append(slot.record)
        return records, max(start, len(slots))

    def high_watermark(self, topic: str, partition: int) -> int:
        """The end offset, open transactions included."""
        return len(self._slots.get((topic, partition), ()))

    def partitions(self, topic: str) -> list[int]:
        """Partitions of this topic that hold anything."""
        return sorted(partition for name, partition in self._slots if name == topic)

    def topics(self) -> list[str]:
        """Topics that hold anything."""
        return sorted({name for name, _ in self._slots})

    def begin(self) -> _Transaction:
        """Open a transaction."""
        return _Transaction()

    def commit(self, transaction: _Transaction) -> None:
        """Make its records visible and its offsets the group's."""
        self._end(transaction, _State.COMMITTED)
        for progress in transaction.progress:
            self.offsets[progress.topic, progress.partition] = progress

    def abort(self, transaction: _Transaction) -> None:
        """Hide its records for ever and drop its offsets."""
        self._end(transaction, _State.ABORTED)

    def _end(self, transaction: _Transaction, state: _State) -> None:
        transaction.state = state
        for touched in transaction.touched:
            self._slots[touched].append(_Slot(None, transaction))


class MemoryProducer:
    """The transactional producer of one worker slot, over a `MemoryLog`."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._open: _Transaction | None = None
        self.now_ms = 0

    def init(self) -> None:
        """As `init_transactions` of a restarted worker: abort what its predecessor left open."""
        if self._open is not None:
            self.abort()

    def begin(self) -> None:
        """Start a transaction."""
        self._open = self._log.begin()

    def produce(self, topic: str, partition: int, key: bytes, value: bytes | None, headers: Headers) -> None:
        """Append one record, invisible until the commit."""
        self._log.append(topic, partition, key, value, headers, self.now_ms, self._transaction)

    def flush(self) -> None:
        """Everything is appended at once."""

    def send_offsets(self, progress: Sequence[Progress]) -> None:
        """Add offsets to the transaction."""
        self._transaction.progress.extend(progress)

    def commit(self) -> None:
        """End it well."""
        self._log.commit(self._transaction)
        self._open = None

    def abort(self) -> None:
        """End it as if it had never been."""
        self._log.abort(self._transaction)
        self._open = None

    @property
    def _transaction(self) -> _Transaction:
        if self._open is None:
            raise RuntimeError("no transaction is open")
        return self._open
