"""I5: tiles cover each input without gap or overlap, every leaf lies in its transaction's tile, every output is there."""

from collections.abc import Sequence

from sluicegate.processors.events import Event
from sluicegate.processors.export_release import EXPORT_RELEASE, RELEASER
from sluicegate.schemas.audit import AuditEntry, EntryKind, InputRange, Leaf
from sluicegate.schemas.outcome import OutcomeKind

from .findings import Invariant, Ledger
from .placed import Placed
from .report import Begin

_WORK = frozenset({EntryKind.RECORD, EntryKind.PUNCTUATION})
"""What a tile counts; adopted tables are known by the positions that the tile repeats."""
_GRANTING = frozenset({Event.ACTION_GRANTED.value, Event.DECISION_COUNTED.value})


class Tiling:
    """The inputs of one partition: how far they are covered, and from where on."""

    def __init__(self, ledger: Ledger, partition: int, first: int = 0) -> None:
        """`first` is the offset of the first entry that was read of this partition of `audit`, whoever wrote it."""
        self._ledger = ledger
        self._partition = partition
        self._first = first
        self._ends: dict[str, int] = {}
        self._begins: dict[str, int] = {}
        self._tables: dict[str, int] | None = None
        self._tiles = 0
        self._is_cut = False
        self.is_whole = True
        """Whether the history of this partition begins with the first record of every input."""

    @property
    def begins(self) -> tuple[Begin, ...]:
        """Where each input begins."""
        inputs = (Begin(topic, self._partition, offset) for topic, offset in sorted(self._begins.items()))
        return (*inputs, Begin("audit", self._partition, self._first)) if self._is_cut else tuple(inputs)

    def take(self, entries: Sequence[Placed], tile: Placed) -> None:
        """One transaction: its entries in order, then its tile."""
        told = tile.entry.tile
        if told is None:
            return  # reported as an entry without its parts
        self._ledger.count(Invariant.I5, "tiles")
        self._cover(tile, told.inputs)
        self._notice_cut(entries)
        self._count_work(entries, tile, told.entries)
        self._adopt(entries, tile, told.tables)
        self._place_leaves(entries, {covered.topic: covered for covered in told.inputs})
        for placed in entries:
            self._check_written(placed)
        self._tiles += 1

    def _cover(self, tile: Placed, inputs: Sequence[InputRange]) -> None:
        topics = [covered.topic for covered in inputs]
        if len(set(topics)) != len(topics) or any(covered.partition != self._partition for covered in inputs):
            self._find(tile, "the tile names an input twice or an input of another partition")
        if self._tiles == 0:
            self.is_whole = all(covered.start == 0 for covered in inputs)
        for covered in inputs:
            self._continue(tile, covered)

    def _notice_cut(self, entries: Sequence[Placed]) -> None:
        """Reading may begin in the middle and still see the first record of every input: a task adopts tables long before it."""
        adopted = any(placed.entry.tables is not None for placed in entries)
        if self._tiles == 0 and self.is_whole and self._first and not adopted:
            self._is_cut, self.is_whole = True, False

    def _continue(self, tile: Placed, covered: InputRange) -> None:
        topic, start = covered.topic, covered.start
        before = self._ends.get(topic)
        if before is None:
            self._begins[topic] = start
            if start and self.is_whole:
                self._find(tile, f"the first tile of `{topic}` begins at {start}, not at 0: a gap")
        elif start > before:
            self._find(tile, f"positions {before} to {start} of `{topic}` are in no tile: a gap")
        elif start < before:
            self._find(tile, f"positions {start} to {before} of `{topic}` are in two tiles: an overlap")
        if covered.end < start:
            self._find(tile, f"the tile of `{topic}` ends before it starts")
        self._ends[topic] = max(covered.end, before or 0)

    def _count_work(self, entries: Sequence[Placed], tile: Placed, told: int) -> None:
        found = sum(placed.entry.entry in _WORK for placed in entries)
        # Reading that starts in the middle of a transaction sees fewer of its entries.
        cut = self._tiles == 0 and not self.is_whole and found < told
        if found != told and not cut:
            self._find(tile, f"the tile counts {told} records and punctuations, {found} are there")

    def _adopt(self, entries: Sequence[Placed], tile: Placed, told: dict[str, int]) -> None:
        for placed in entries:
            if placed.entry.tables is not None:
                self._tables = placed.entry.tables
        if self._tables is None and self._tiles == 0 and not self.is_whole:
            self._tables = told
        if told != self._tables:
            self._find(tile, "the tile was made under table positions that no entry adopted")
            self._tables = told

    def _place_leaves(self, entries: Sequence[Placed], ranges: dict[str, InputRange]) -> None:
        last: dict[str, Leaf] = {}
        for placed in entries:
            leaf = placed.entry.leaf
            if leaf is None:
                continue
            self._ledger.count(Invariant.I5, "leaves")
            covered = ranges.get(leaf.topic)
            if leaf.partition != self._partition:
                self._find(placed, "the leaf is of another partition")
            elif covered is None or not covered.start <= leaf.offset < covered.end:
                self._find(placed, "the leaf lies outside the tile of its transaction")
            before = last.get(leaf.topic)
            if before is not None and leaf.offset <= before.offset:
                self._find(placed, _second(before, leaf))
            last[leaf.topic] = leaf

    def _check_written(self, placed: Placed) -> None:
        entry = placed.entry
        topics = [record.topic for record in entry.written]
        if topics:
            self._ledger.counts[Invariant.I5]["outputs"] += len(topics)
            if sorted(record.ordinal for record in entry.written) != list(range(len(topics))):
                self._find(placed, "an output of this entry is missing or there twice")
        if topics.count("outcomes") != len(entry.outcomes):
            self._find(placed, "outcomes told and outcomes written differ")
        grants = [topic for topic in topics if topic.startswith("execution.")]
        if _ends_a_release(entry) and grants == [f"execution.{RELEASER}"]:
            return  # the end, told to masking: no grant
        if grants != ([f"execution.{entry.executor}"] if _issues(entry) else []):
            self._find(placed, "the grants written are not the one grant that this entry issues")

    def _find(self, placed: Placed, sentence: str) -> None:
        self._ledger.find(Invariant.I5, placed, sentence)


def _issues(entry: AuditEntry) -> bool:
    return entry.event in _GRANTING and entry.grant_id is not None


def _ends_a_release(entry: AuditEntry) -> bool:
    ends = [told.outcome for told in entry.outcomes if told.outcome.final and not told.repeated]
    return entry.action_type == EXPORT_RELEASE and bool(ends) and OutcomeKind.EXECUTED not in ends


def _second(before: Leaf, leaf: Leaf) -> str:
    if leaf.offset < before.offset:
        return "the leaf comes after one of a later position"
    if leaf == before:
        return "the leaf of this position is there twice"
    return "two leaves of one position differ"
