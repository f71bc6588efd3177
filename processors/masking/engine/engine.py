"""The stages in their order: batch, spans, replacements, bytes."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np

from sluicegate.processors.masking.identifiers import Kind

from .batch import TextBatch
from .closed_world import closed_world_by_pieces
from .kinds import CODES, KINDS, SpanKind
from .lexicon import Lexicon
from .scan import Scanner, scan
from .span_table import SpanTable
from .splice import MaskedRows, spliced
from .surrogates import FORM, Surrogates
from .tokens import Tokens
from .treatments import Replacing

Finder = Callable[[TextBatch, SpanTable], SpanTable]
"""A further stage (a token classifier): told the batch and what is found so far, gives what it finds."""

_LARGEST_KEPT: Final = (32 << 20) - (64 << 10)
"""Bytes; glibc learns from blocks of no more than 32 MB."""
_NOTHING: Final = b"\x1f"
"""Stands for a byte that is already masked: no letter, no digit, no space."""


@dataclass(frozen=True, slots=True, eq=False)
class Masked:
    """What masking made of a batch."""

    rows: MaskedRows
    spans: SpanTable
    """What was found, in bytes of the batch's `text`, in order and without overlaps; kept kinds are left out."""
    counts: Mapping[SpanKind, int]


@dataclass(frozen=True, slots=True)
class Engine:
    """The stages, compiled and loaded once, used for any number of batches; by one thread at a time (Hyperscan's scratch space).

    Attributes:
        scanner: the compiled rules.
        lexicon: what a word is; None leaves the closed world out.
        finders: further stages, in their order.
    """

    scanner: Scanner
    lexicon: Lexicon | None = None
    finders: tuple[Finder, ...] = ()

    @classmethod
    def of(cls, scanner: Scanner, lexicon: Lexicon | None = None, *finders: Finder) -> Self:
        """An engine of these stages."""
        _keep_freed_memory()
        return cls(scanner, lexicon, finders)

    def spans(self, batch: TextBatch, surrogates: Surrogates | None = None) -> SpanTable:
        """Every identifier of the batch, in order and without overlaps.

        A tag, and a surrogate that is the export's own, is no identifier; a look-alike is treated as any other text.
        """
        if not len(batch):
            return SpanTable.empty()
        seen = _without_own_forms(batch, surrogates)
        tokens = Tokens.of(seen)
        found = scan(seen, self.scanner, tokens).within(batch).merged()
        if self.lexicon is not None:
            # Streets are told by the words around them too: cities, units and numbers beside them.
            more = closed_world_by_pieces(
                seen, self.lexicon, found.take(found.kind != CODES[Kind.STREET]), tokens=tokens
            )
            found = SpanTable.joined([found, more.within(batch)]).merged()
        for finder in self.finders:
            found = SpanTable.joined([found, finder(seen, found).within(batch)]).merged()
        return found

    def masked(
        self,
        batch: TextBatch,
        replacing: Replacing,
        surrogates: Surrogates | None = None,
        subjects: Sequence[bytes | None] | None = None,
    ) -> Masked:
        """The batch with every identifier replaced; `subjects` says whose row each is, for shifted dates."""
        spans = self.spans(batch, surrogates)
        return replaced(batch, spans, replacing, subjects)


def _keep_freed_memory() -> None:
    """Let the C library keep what one batch frees (64 MB at most) for the next.

    Otherwise glibc gives it back to the system and gets it again page by page, which is a third of the closed world's time. It learns from
    the largest block that was freed (mallopt(3), M_MMAP_THRESHOLD); this one is never touched. Other C libraries do as they like.
    """
    np.empty(_LARGEST_KEPT, np.uint8)


def replaced(
    batch: TextBatch, spans: SpanTable, replacing: Replacing, subjects: Sequence[bytes | None] | None = None
) -> Masked:
    """A batch with these spans replaced; they are in order and do not overlap."""
    codes = spans.kind.tolist()
    if any(replacing.keeps(code) for code in set(codes)):
        spans = spans.take(np.array([not replacing.keeps(code) for code in codes]))
        codes = spans.kind.tolist()
    text = batch.text
    shown = [text[start:end] for start, end in zip(spans.start.tolist(), spans.end.tolist(), strict=True)]
    whose = None if subjects is None else [subjects[row] for row in batch.rows_of(spans.start).tolist()]
    made = replacing.replacements(codes, shown, whose)
    rows = spliced(batch, batch.to_original(spans.start), batch.to_original(spans.end), made)
    return Masked(rows, spans, {KINDS[code]: count for code, count in Counter(codes).items()})


def _is_own(form: "re.Match[bytes]", surrogates: Surrogates | None) -> bool:
    if surrogates is None:
        return form["token"] is None and form["day"] is None
    return surrogates.is_own(form)


def _without_own_forms(batch: TextBatch, surrogates: Surrogates | None) -> TextBatch:
    """The batch as the stages see it: what is already masked says nothing, at the same length."""
    if b"<" not in batch.text:
        return batch
    seen = FORM.sub(
        lambda form: _NOTHING * len(form[0]) if _is_own(form, surrogates) else form[0], batch.text
    )
    return replace(batch, text=seen)
