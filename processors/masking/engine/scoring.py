"""How good masking is against labelled text: what it left, and what it took that nobody asked for."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .batch import TextBatch
from .span_table import SpanTable

_TAIL_MASK = 0xC0
_TAIL = 0x80


@dataclass(frozen=True, slots=True)
class GoldText:
    """A text with its identifiers: start, end (code points, end exclusive), label."""

    text: str
    spans: tuple[tuple[int, int, str], ...]


def code_points(batch: TextBatch, spans: SpanTable) -> Iterator[list[tuple[int, int]]]:
    """For each row its spans in code points of the original text."""
    starts, ends = batch.to_original(spans.start), batch.to_original(spans.end)
    codes = np.frombuffer(batch.original, np.uint8)
    counted = np.zeros(len(codes) + 1, np.int64)
    np.cumsum((codes & _TAIL_MASK) != _TAIL, out=counted[1:])
    rows = np.searchsorted(batch.original_offsets, starts, "right") - 1
    first = counted[batch.original_offsets[rows]]
    places = list(zip((counted[starts] - first).tolist(), (counted[ends] - first).tolist(), strict=True))
    bounds = np.searchsorted(rows, np.arange(len(batch) + 1)).tolist()
    for row in range(len(batch)):
        yield places[bounds[row] : bounds[row + 1]]


@dataclass(slots=True)
class Score:
    """Counts over labelled texts; a span is caught only when every letter and digit of it is masked, whatever its type."""

    total: Counter[str] = field(default_factory=Counter)
    caught: Counter[str] = field(default_factory=Counter)
    touched: int = 0
    hits: int = 0
    strays: int = 0
    clean: int = 0
    clean_masked: int = 0
    clean_texts: int = 0
    clean_texts_touched: int = 0

    def add(self, gold: GoldText, masked: Sequence[tuple[int, int]]) -> None:
        """Count one text."""
        size = len(gold.text)
        visible = np.fromiter(map(str.isalnum, gold.text), bool, size)
        truth = _marked(size, ((start, end) for start, end, _ in gold.spans))
        taken = _marked(size, masked)
        for start, end, label in gold.spans:
            marks = taken[start:end][visible[start:end]]
            self.total[label] += 1
            self.caught[label] += bool(marks.all())
            self.touched += bool(marks.any())
        hits = sum(bool(truth[start:end].any()) for start, end in masked)
        self.hits += hits
        self.strays += len(masked) - hits
        clean = visible & ~truth
        self.clean += int(clean.sum())
        self.clean_masked += int((clean & taken).sum())
        if not gold.spans:
            self.clean_texts += 1
            self.clean_texts_touched += bool(masked)

    def to_json(self) -> dict[str, Any]:
        """The figures.

        `recall` (spans caught), `recall_any` (touched), `precision`, `over` (share of clean letters and digits masked),
        `clean_touched` (share of texts without identifiers in which something was masked), and recall per label.
        """
        spans = sum(self.total.values())
        return {
            "spans": spans,
            "recall": _share(self.caught.total(), spans),
            "recall_any": _share(self.touched, spans),
            "precision": _share(self.hits, self.hits + self.strays),
            "over": _share(self.clean_masked, self.clean),
            "clean_touched": _share(self.clean_texts_touched, self.clean_texts) if self.clean_texts else None,
            "per_label": {
                label: round(self.caught[label] / count, 3) for label, count in sorted(self.total.items())
            },
        }


def _marked(size: int, spans: Iterable[tuple[int, int]]) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    marks = np.zeros(size, bool)
    for start, end in spans:
        marks[max(0, start) : end] = True
    return marks


def _share(part: int, whole: int) -> float:
    return round(part / max(1, whole), 4)
