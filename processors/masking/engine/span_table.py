"""Spans of a batch as arrays: where identifiers are, of what kind, who found them and how sure it was."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sluicegate.processors.masking.identifiers import Kind

from .batch import Bytes, Offsets, TextBatch
from .kinds import CODES, KINDS, SpanKind

SURE: Final = 100
"""Confidence of a labelled or checked value; percent."""

_TAIL: Final = 0x80
_TAIL_MASK: Final = 0xC0
_LONGEST_TAIL: Final = 3


class Stage(IntEnum):
    """Who found a span."""

    RULES = 0
    KNOWN = 1
    CLOSED_WORLD = 2
    NER = 3


class Found(NamedTuple):
    """One span, for people and tests; the engine itself never makes one."""

    start: int
    end: int
    kind: SpanKind
    stage: Stage
    confidence: int


@dataclass(frozen=True, slots=True, eq=False)
class SpanTable:
    """Spans in bytes of `TextBatch.text`, end exclusive; five arrays of one length, in any order, overlaps allowed.

    `kind` holds codes of `kinds.KINDS`, `stage` of `Stage`, `confidence` percent. What a confidence means is the stage's own; it
    settles which kind a merged span has and never whether one is masked.
    """

    start: Offsets
    end: Offsets
    kind: NDArray[np.uint8]
    stage: NDArray[np.uint8]
    confidence: NDArray[np.uint8]

    @classmethod
    def empty(cls) -> Self:
        """No spans."""
        return cls.of((), (), Kind.NUMBER, Stage.RULES)

    @classmethod
    def of(
        cls,
        start: ArrayLike,
        end: ArrayLike,
        kind: SpanKind | NDArray[np.uint8],
        stage: Stage,
        confidence: int | NDArray[np.uint8] = SURE,
    ) -> Self:
        """Spans of one stage; one kind and confidence for all, or an array with one for each."""
        starts = np.asarray(start, np.int64)
        codes = kind if isinstance(kind, np.ndarray) else np.uint8(CODES[kind])
        return cls(
            starts,
            np.asarray(end, np.int64),
            np.broadcast_to(np.asarray(codes, np.uint8), starts.shape),
            np.broadcast_to(np.uint8(stage), starts.shape),
            np.broadcast_to(np.asarray(confidence, np.uint8), starts.shape),
        )

    @classmethod
    def joined(cls, tables: Iterable[Self]) -> Self:
        """All spans of several tables."""
        parts = list(tables)
        if not parts:
            return cls.empty()
        return cls(
            np.concatenate([part.start for part in parts]),
            np.concatenate([part.end for part in parts]),
            np.concatenate([part.kind for part in parts]),
            np.concatenate([part.stage for part in parts]),
            np.concatenate([part.confidence for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.start)

    def __iter__(self) -> Iterator[Found]:
        columns = (self.start, self.end, self.kind, self.stage, self.confidence)
        for start, end, kind, stage, confidence in zip(*(one.tolist() for one in columns), strict=True):
            yield Found(start, end, KINDS[kind], Stage(stage), confidence)

    def take(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> "SpanTable":
        """The spans of these numbers, or where the mask is true."""
        return SpanTable(
            self.start[which], self.end[which], self.kind[which], self.stage[which], self.confidence[which]
        )

    def merged(self) -> "SpanTable":
        """In order and without overlaps: what overlaps becomes one span, from the first start to the last end.

        Its kind, stage and confidence are those of its longest part; of equally long ones the surest; then not the name, because
        names are guessed more freely than numbers and codes; then the part that came first.

        INVARIANT: a byte that was covered stays covered, and no other byte is covered.
        """
        holds = self.end > self.start
        table = self if holds.all() else self.take(holds)
        if len(table) < 2:  # noqa: PLR2004 - nothing to merge
            return table
        table = table.take(np.argsort(table.start, kind="stable"))
        reach = np.maximum.accumulate(table.end)
        opens = np.ones(len(table), bool)
        opens[1:] = table.start[1:] >= reach[:-1]
        first = np.flatnonzero(opens)
        if len(first) == len(table):
            return table
        best = table.take(_best_of_each(table, first))
        ends = reach[np.append(first[1:], len(table)) - 1]
        return SpanTable(table.start[first], ends, best.kind, best.stage, best.confidence)

    def within(self, batch: TextBatch) -> "SpanTable":
        """The same spans cut at row ends and widened to whole code points; a piece of each row stays."""
        starts = _at_code_points(batch.codes, self.start, -1)
        ends = np.maximum(_at_code_points(batch.codes, self.end, 1), starts)
        table = SpanTable(starts, ends, self.kind, self.stage, self.confidence)
        return table if not len(table) else _cut_at_rows(table, batch)

    def covered(self, length: int) -> NDArray[np.bool_]:
        """For each of `length` bytes whether a span covers it."""
        steps = np.bincount(self.start, minlength=length + 1) - np.bincount(self.end, minlength=length + 1)
        return np.asarray(np.cumsum(steps[:length]) > 0)


def _best_of_each(table: SpanTable, first: Offsets) -> Offsets:
    """The number of the span that gives its kind to each group; groups are told by their first spans."""
    sizes = np.diff(np.append(first, len(table)))
    several = np.flatnonzero(sizes > 1)
    members = np.flatnonzero(np.repeat(sizes > 1, sizes))
    group = np.repeat(several, sizes[several])
    one = table.take(members)
    name = one.kind == CODES[Kind.NAME]
    order = np.lexsort((name, SURE - one.confidence.astype(np.int64), one.start - one.end, group))
    best = first.copy()
    best[several] = members[order[np.cumsum(sizes[several]) - sizes[several]]]
    return best


def _at_code_points(codes: Bytes, places: Offsets, step: int) -> Offsets:
    if not len(places):
        return places
    moved = places.copy()
    for _ in range(_LONGEST_TAIL):
        inside = moved < len(codes)
        split = inside & ((codes[np.where(inside, moved, 0)] & _TAIL_MASK) == _TAIL) & (moved > 0)
        if not split.any():
            break
        moved[split] += step
    return moved


def _cut_at_rows(table: SpanTable, batch: TextBatch) -> SpanTable:
    row = batch.rows_of(table.start)
    if (table.end < batch.offsets[row + 1]).all():  # nearly always: none goes beyond its row
        return table if (table.end > table.start).all() else table.take(table.end > table.start)
    last = batch.rows_of(np.maximum(table.end - 1, table.start))
    pieces = last - row + 1
    number = np.repeat(np.arange(len(table)), pieces)
    ordinal = np.arange(len(number)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    rows = row[number] + ordinal
    cut = table.take(number)
    starts = np.maximum(cut.start, batch.offsets[rows])
    ends = np.minimum(cut.end, batch.offsets[rows + 1] - 1)
    whole = SpanTable(starts, ends, cut.kind, cut.stage, cut.confidence)
    return whole.take(np.flatnonzero(ends > starts))
