"""A cluster in memory that can do what the real one does to transactions: fence, time out, write markers late, move work.

More than `MemoryLog` it knows transactional ids with epochs, transactions that the broker ends after `TRANSACTION_MS`,
markers that reach the partitions of one transaction one by one, copies of requests that arrive late, and one group whose
members hold partitions. What it does not model, only a real broker shows: retention, compaction, replication, a network.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sluicegate.processors.contract import Position, Record
from sluicegate.schemas.envelope import Headers
from sluicegate.streams.runtime.task import Progress
from sluicegate.streams.testing.log import MemoryLog

TRANSACTION_MS: Final = 10_000
"""The broker ends a transaction that is open for longer, and fences its producer."""
_LOOKED_BACK: Final = 20


class FencedError(Exception):
    """The epoch of this producer is over."""


class EvictedError(Exception):
    """This member is not in the group any more, or has missed a change of it."""


@dataclass(slots=True)
class _Open:
    epoch: int
    began_ms: int
    parts: dict[tuple[str, int], Any] = field(default_factory=dict)
    progress: list[Progress] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Marker:
    """An end that one partition, or with None the topic of the offsets, has not heard of yet."""

    part: Any
    progress: tuple[Progress, ...]
    commits: bool


@dataclass(frozen=True, slots=True)
class LateEnd:
    """A copy of a request to end a transaction that is still under way."""

    name: str
    epoch: int
    commits: bool


class SimulatedCluster(MemoryLog):
    """All topics, transactions and members. `now_ms` is the brokers' clock: it never steps back."""

    def __init__(self, start_ms: int, partitions: int) -> None:
        super().__init__()
        self._partitions = partitions
        self._turn = 0
        self.now_ms = start_ms
        self.late: list[LateEnd] = []
        self.abandoned: list[Record] = []
        """Records of transactions that were not committed, the last ones."""
        self.markers_wait = False
        """Whether the markers of the next end are delayed until something asks for them."""
        self._epochs: dict[str, int] = {}
        self._open: dict[str, _Open] = {}
        self._last_end: dict[str, tuple[int, bool]] = {}
        self._markers: dict[str, list[_Marker]] = {}
        self._member_epochs: dict[str, int] = {}
        self.targets: dict[int, str] = {}
        """Which member each partition is meant for."""
        self.holders: dict[int, str] = {}
        """Which member has it."""

    def begin_with(self, log: MemoryLog) -> None:
        """Hold what this log holds."""
        for place, slots in log._slots.items():  # noqa: SLF001  # of our own kind
            self._slots[place] = list(slots)

    # --- transactions ---

    def init(self, name: str) -> int:
        """A producer with this transactional id begins: end what its predecessor left open, and fence it."""
        self.deliver_markers(name)
        if name in self._open:
            self._finish(name, commits=False)
            self.deliver_markers(name)
        self._last_end.pop(name, None)
        self._epochs[name] = epoch = self._epochs.get(name, -1) + 1
        return epoch

    def check_epoch(self, name: str, epoch: int) -> None:
        """FencedError when another producer has begun with this id, or the broker has ended its transaction."""
        if self._epochs.get(name) != epoch:
            raise FencedError

    def produce(
        self,
        name: str,
        epoch: int,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
    ) -> Position:
        """Append a record to the open transaction of this producer, which begins with its first record."""
        transaction = self._transaction(name, epoch)
        part = transaction.parts.get((topic, partition))
        if part is None:
            part = transaction.parts[topic, partition] = self.begin()
        return self.append(topic, partition, key, value, headers, self.now_ms, part)

    def add_offsets(
        self, name: str, epoch: int, progress: Sequence[Progress], member: tuple[str, int] | None
    ) -> None:
        """Add offsets to the transaction; EvictedError for a member that the group does not know like this."""
        if member is not None and self._member_epochs.get(member[0]) != member[1]:
            raise EvictedError
        self._transaction(name, epoch).progress.extend(progress)

    def end(self, name: str, epoch: int, *, commits: bool) -> None:
        """End the transaction; the same end again is answered like the first."""
        self.check_epoch(name, epoch)
        if name in self._open:
            self._finish(name, commits=commits)

    def arrive_late(self) -> bool:
        """Let one late copy arrive; whether it ended a transaction that it was not meant for."""
        late = self.late.pop(0)
        if self._epochs.get(late.name) != late.epoch or late.name not in self._open:
            return False
        self._finish(late.name, commits=late.commits)
        return True

    def deliver_markers(self, name: str | None = None, most: int | None = None) -> None:
        """Let partitions hear of ended transactions: of one id or of all, at most so many."""
        for each in [name] if name is not None else list(self._markers):
            markers = self._markers.get(each, [])
            for _ in range(len(markers) if most is None else min(most, len(markers))):
                self._apply(markers.pop(0))

    def decided(self, topic: str, partition: int) -> list[Record]:
        """Records whose commit is decided, also where readers of committed records still have to wait."""
        waiting = {
            id(marker.part) for markers in self._markers.values() for marker in markers if marker.commits
        }
        return [
            slot.record
            for slot in self._slots.get((topic, partition), ())
            if slot.record is not None
            and (slot.transaction is None or slot.transaction.is_committed or id(slot.transaction) in waiting)
        ]

    def time_out(self) -> None:
        """End what is open for too long, and fence who began it."""
        for name, transaction in list(self._open.items()):
            if self.now_ms - transaction.began_ms > TRANSACTION_MS:
                self._finish(name, commits=False)
                self._epochs[name] += 1

    def has_open_records(self, name: str) -> bool:
        """Whether a transaction of this id is open."""
        return name in self._open

    def are_stable(self, topics: Sequence[str], partition: int) -> bool:
        """Whether nothing under way can change the committed offsets of these topics."""
        waiting = [each for transaction in self._open.values() for each in transaction.progress]
        waiting += [each for markers in self._markers.values() for m in markers for each in m.progress]
        return not any(each.partition == partition and each.topic in topics for each in waiting)

    def _transaction(self, name: str, epoch: int) -> _Open:
        self.check_epoch(name, epoch)
        found = self._open.get(name)
        if found is None:
            # A new transaction waits until the markers of the last one are written.
            self.deliver_markers(name)
            found = self._open[name] = _Open(epoch, self.now_ms)
        return found

    def _finish(self, name: str, *, commits: bool) -> None:
        transaction = self._open.pop(name)
        if not commits:
            self._abandon(transaction)
        markers = [_Marker(part, (), commits) for part in transaction.parts.values()]
        markers.insert(0, _Marker(None, tuple(transaction.progress), commits))
        self._markers[name] = markers
        if self.markers_wait:
            self.markers_wait = False
            self._apply(markers.pop(0))
        else:
            self.deliver_markers(name)

    def _abandon(self, transaction: _Open) -> None:
        for place, part in transaction.parts.items():
            slots = self._slots[place][-_LOOKED_BACK:]
            self.abandoned += [each.record for each in slots if each.transaction is part and each.record]
        del self.abandoned[:-_LOOKED_BACK]

    def _apply(self, marker: _Marker) -> None:
        if marker.part is not None:
            (self.commit if marker.commits else self.abort)(marker.part)
        elif marker.commits:
            for progress in marker.progress:
                self.offsets[progress.topic, progress.partition] = progress

    # --- the group ---

    @property
    def members(self) -> list[str]:
        """Everybody in the group."""
        return list(self._member_epochs)

    def join(self, member: str) -> None:
        """A member joins; it holds nothing yet."""
        self._member_epochs[member] = 0
        self.assign(0)

    def evict(self, member: str) -> None:
        """A member is not heard of any more, or leaves: what it holds is free."""
        self._member_epochs.pop(member, None)
        for partition in [number for number, holder in self.holders.items() if holder == member]:
            del self.holders[partition]

    def assign(self, round_by: int) -> None:
        """Share the partitions among the members, so much further round than last time."""
        self._turn += round_by
        members = self.members
        self.targets = {
            number: members[(number + self._turn) % len(members)]
            for number in range(self._partitions)
            if members
        }

    def heartbeat(self, member: str) -> tuple[tuple[str, int], set[int]]:
        """A member learns what it holds from here on, and its new epoch; EvictedError when it was given up."""
        if member not in self._member_epochs:
            raise EvictedError
        before = {number for number, holder in self.holders.items() if holder == member}
        for number in before:
            if self.targets.get(number) != member:
                del self.holders[number]
        for number, target in self.targets.items():
            if target == member and number not in self.holders:
                self.holders[number] = member
        now = {number for number, holder in self.holders.items() if holder == member}
        if now != before:
            self._member_epochs[member] += 1
        return (member, self._member_epochs[member]), now
