"""The stage that finds names and places without patterns: what no vocabulary explains, and all that belongs to it.

Rules run in groups. The order matters only in that later groups see what earlier ones found: first words by themselves and what announces
names, then widening (a few rounds, for a name grows word by word), then institutions and streets, then widening once more.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .batch import SEPARATOR, TextBatch
from .context import CONTEXT
from .eponyms import eponyms
from .kinds import CODES
from .lexicon import Lexicon
from .organisations import ORGANISATIONS
from .span_table import SpanTable, Stage
from .tokens import Tokens
from .unexplained import UNEXPLAINED
from .widening import WIDENING
from .word_rule import Standing, WordRule
from .words import Mask, Words

EPONYM_GUARD: Final = "eponym-guard"
"""The one rule that takes away: names of diseases and scales are left alone."""

RULES: Final[tuple[WordRule, ...]] = (*UNEXPLAINED, *CONTEXT, *WIDENING, *ORGANISATIONS)
"""Every rule, for lists and ablations."""

_GROUPS: Final = (
    (UNEXPLAINED, 1),
    (CONTEXT, 1),
    (WIDENING, 3),
    (ORGANISATIONS, 1),
    (WIDENING, 1),
    (ORGANISATIONS, 1),
)
"""Groups of rules, and how often each may run; a round that finds nothing is the last."""
_CONFIDENCE: Final = 60
_PIECE: Final = 1 << 22
"""Bytes of text that the closed world looks at in one go: some thirty bytes of arrays for each."""
_OVERLAP: Final = 1 << 12
"""Bytes of a cut row that the next piece repeats, or a quarter of a piece."""


def closed_world(
    batch: TextBatch,
    lexicon: Lexicon,
    rule_spans: SpanTable,
    *,
    tokens: Tokens | None = None,
    without: Collection[str] = frozenset(),
) -> SpanTable:
    """Spans of names, places, institutions and streets; `without` names rules that are left out.

    Words that `rule_spans` cover are left to them. `tokens` are the batch's, if they are at hand.
    """
    tokens = tokens or Tokens.of(batch)
    if not len(tokens):
        return SpanTable.empty()
    words = Words(batch, tokens, lexicon, covered(tokens, rule_spans))
    return _spans(words, kinds_of_words(words, without=without))


def closed_world_by_pieces(
    batch: TextBatch,
    lexicon: Lexicon,
    rule_spans: SpanTable,
    *,
    tokens: Tokens | None = None,
    longest: int = _PIECE,
) -> SpanTable:
    """The same, in pieces of at most so many bytes, so that memory does not grow with the text.

    Pieces end where rows end. Only a row that is longer is cut, where a space is; its pieces overlap, so that what a cut parts is whole
    in one of them.
    """
    if len(batch.text) <= longest:
        return closed_world(batch, lexicon, rule_spans, tokens=tokens)
    found = []
    for start, end in _pieces(batch, longest):
        near = rule_spans.take((rule_spans.start < end) & (rule_spans.end > start))
        moved = replace(near, start=np.maximum(near.start - start, 0), end=np.minimum(near.end, end) - start)
        one = closed_world(_piece(batch, start, end), lexicon, moved)
        found.append(replace(one, start=one.start + start, end=one.end + start))
    return SpanTable.joined(found)


def _pieces(batch: TextBatch, longest: int) -> Iterator[tuple[int, int]]:
    start, whole = 0, len(batch.text)
    while whole - start > longest:
        row_end = int(batch.offsets[np.searchsorted(batch.offsets, start + longest, "right") - 1])
        if row_end > start:
            yield start, row_end
            start = row_end
            continue
        end = batch.text.rfind(b" ", start + longest // 2, start + longest)
        end = end if end >= 0 else start + longest
        yield start, end
        back = batch.text.find(b" ", end - min(_OVERLAP, longest // 4), end)
        start = back if back >= 0 else end
    yield start, whole


def _piece(batch: TextBatch, start: int, end: int) -> TextBatch:
    text = batch.text[start:end]
    if not text.endswith(SEPARATOR):
        text += SEPARATOR
    inner = batch.offsets[(batch.offsets > start) & (batch.offsets < end)] - start
    offsets = np.concatenate(([0], inner, [len(text)])).astype(np.int64)
    return TextBatch(text, offsets, text, offsets, None)


def covered(tokens: Tokens, spans: SpanTable) -> Mask:
    """Words that lie in spans, or partly."""
    first = np.searchsorted(tokens.ends, spans.start, "right")
    sizes = np.maximum(np.searchsorted(tokens.starts, spans.end, "left") - first, 0)
    inside = np.zeros(len(tokens), bool)
    # The words of all spans, one after the other: the first of each span, and so many steps on.
    inside[np.repeat(first - (np.cumsum(sizes) - sizes), sizes) + np.arange(int(sizes.sum()))] = True
    return inside


def kinds_of_words(words: Words, *, without: Collection[str] = frozenset()) -> NDArray[np.uint8]:
    """For each word the code of its kind plus one, or 0: left alone."""
    kept = np.zeros(len(words), bool) if EPONYM_GUARD in without else eponyms(words)
    standing = Standing(words, kept, np.zeros(len(words), bool), ~words.covered)
    kinds = np.zeros(len(words), np.uint8)
    caseless = bool(words.caseless.any())
    # Named words, as many as there were when a rule last looked: it finds nothing more while there are no others.
    seen: dict[str, int] = {}
    for group, rounds in _GROUPS:
        applied = [
            one
            for one in group
            if one.name not in without
            and (caseless or not one.caseless)
            and (one.needs is None or words.holds(one.needs))
        ]
        for _ in range(rounds):
            if not _round(words, standing, kinds, applied, seen):
                break
    return kinds


def _round(
    words: Words,
    standing: Standing,
    kinds: NDArray[np.uint8],
    rules: Sequence[WordRule],
    seen: dict[str, int],
) -> bool:
    """Apply rules in order; whether they found a word that was not found before."""
    before = standing.count
    for one in rules:
        last = seen.get(one.name)
        if last is not None and (one.once or last == standing.count):
            continue
        seen[one.name] = standing.count
        new = (one.finds(words, standing) & standing.free).nonzero()[0]
        if len(new):
            kinds[new] = CODES[one.kind] + 1
            standing.add(new)
    return standing.count > before


def _spans(words: Words, kinds: NDArray[np.uint8]) -> SpanTable:
    """Neighbouring words of one kind as one span; a name goes on over spaces, hyphens, apostrophes, full stops and commas."""
    found = np.flatnonzero(kinds)
    if not len(found):
        return SpanTable.empty()
    kind = kinds[found]
    joins = words.space | words.hyphen | words.apostrophe | words.dot | words.comma
    goes_on = np.zeros(len(found), bool)
    goes_on[1:] = (found[1:] == found[:-1] + 1) & (kind[1:] == kind[:-1]) & joins[found[1:]]
    first = np.flatnonzero(~goes_on)
    last = np.append(first[1:], len(found)) - 1
    start, end = words.tokens.starts[found[first]], words.tokens.ends[found[last]]
    return SpanTable.of(start, end, kind[first] - 1, Stage.CLOSED_WORLD, _CONFIDENCE)
