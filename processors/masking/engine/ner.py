"""The optional stage that reads sentences: what a token classifier says of pieces of words, as spans of whole words.

The model is handed in as a function from a text to pieces; this module knows labels, words and sentences, and no file.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sluicegate.processors.masking.identifiers import Kind

from .batch import Offsets, TextBatch
from .closed_world import covered
from .eponyms import eponyms
from .kinds import CODES, Finer, SpanKind
from .lexicon import Lexicon, Word
from .span_table import SpanTable, Stage
from .tokens import Tokens
from .words import Mask, Words


class Piece(NamedTuple):
    """Characters of a text (end exclusive) with the model's label, and how sure it was, in percent."""

    start: int
    end: int
    label: str
    confidence: int


Classifier = Callable[[str], tuple[Piece, ...]]
"""A model: the pieces of a text that are something, in order."""

KINDS_OF_LABELS: Final[Mapping[str, SpanKind]] = {
    **dict.fromkeys(("GIVEN_NAME", "SURNAME", "FIRST_NAME", "LAST_NAME", "NAME", "PER", "PERSON"), Kind.NAME),
    **dict.fromkeys(("PATIENT", "DOCTOR", "STAFF", "HCW", "USERNAME"), Kind.NAME),
    **dict.fromkeys(("CITY", "STATE", "COUNTRY", "COUNTY", "LOC", "LOCATION", "GPE", "FAC"), Kind.PLACE),
    **dict.fromkeys(("ORG", "ORGANIZATION", "HOSPITAL", "HOSP", "VENDOR"), Finer.ORGANIZATION),
    **dict.fromkeys(
        ("BUILDING_NUMBER", "STREET_NAME", "SECONDARY_ADDRESS", "STREET", "ADDRESS"), Kind.STREET
    ),
    **dict.fromkeys(("TAX_ID", "SSN"), Kind.SSN),
    **dict.fromkeys(("BANK_ACCOUNT", "ROUTING_NUMBER", "ACCOUNT", "IBAN"), Kind.ACCOUNT),
    **dict.fromkeys(("PASSPORT", "DRIVERS_LICENSE", "LICENSE"), Kind.LICENSE),
    **dict.fromkeys(("GOVERNMENT_ID", "ID", "IDNUM", "NUMBER"), Kind.NUMBER),
    **dict.fromkeys(("MRN", "MEDICALRECORD", "RECORD"), Kind.RECORD),
    **dict.fromkeys(("ZIP_CODE", "ZIP"), Kind.ZIP),
    **dict.fromkeys(("CREDIT_CARD", "CARD"), Kind.CARD),
    "EMAIL": Kind.EMAIL,
    "PHONE": Kind.PHONE,
    "FAX": Finer.FAX,
    "URL": Kind.URL,
    "DATE": Kind.DATE,
    "AGE": Kind.AGE,
    "DEVICE": Kind.DEVICE,
    "IP": Kind.IP,
}
"""The labels of token classifiers that we know, without their `B-`, `I-`, `E-`, `S-`."""
IGNORED_LABELS: Final = frozenset({"O", "MISC"})

_PLACE_OF_LABEL: Final = re.compile(r"[BIELSU]-")
_NAMES: Final = np.array([CODES[kind] for kind in (Kind.NAME, Kind.PLACE, Kind.STREET, Finer.ORGANIZATION)])
_ORDINARY: Final = Word.VERY_COMMON | Word.CLINICAL
_BETWEEN_SENTENCES: Final = re.compile(rb"\x1e|\n+|(?<=[a-z0-9)]{3}[.!?]) +(?=[A-Z\"'(])")
_LONGEST: Final = 480
"""Bytes of a sentence that are read at once: no more than a model of 512 pieces takes."""
_OVERLAP: Final = 80
_TAIL: Final = 0x80
_TAIL_MASK: Final = 0xC0
_WIDEST_GAP: Final = 2
_BREAKS: Final = np.frombuffer(b"\n\r\x1e", np.uint8)
_SUREST: Final = 90
"""In percent: a rule or a label is surer than any model."""
_REMEMBERED: Final = 4096
_ESCAPED: Final = re.compile("[\ud800-\udfff]")


def kind_of_label(label: str) -> SpanKind | None:
    """What a label means, or None for one that is no identifier; a label nobody knows is an identifier of some sort."""
    bare = _PLACE_OF_LABEL.sub("", label, count=1).upper()
    return None if bare in IGNORED_LABELS else KINDS_OF_LABELS.get(bare, Kind.NUMBER)


@dataclass(slots=True)
class Remembered:
    """A classifier that remembers the texts it read last: sentences of forms and templates come again and again."""

    classifier: Classifier
    most: int = _REMEMBERED
    _known: OrderedDict[str, tuple[Piece, ...]] = field(default_factory=OrderedDict)

    def __call__(self, text: str) -> tuple[Piece, ...]:
        """The pieces of a text."""
        known = self._known.get(text)
        if known is not None:
            self._known.move_to_end(text)
            return known
        pieces = self.classifier(text)
        self._known[text] = pieces
        if len(self._known) > self.most:
            self._known.popitem(last=False)
        return pieces


@dataclass(frozen=True, slots=True)
class Ner:
    """A `Finder` of the engine.

    Attributes:
        classifier: the model.
        lexicon: what a word is; without one no sentence is left out and nothing is dropped.
        gated: read only sentences where the closed world is unsure or found something.
    """

    classifier: Classifier
    lexicon: Lexicon | None = None
    gated: bool = False

    def __call__(self, batch: TextBatch, found: SpanTable) -> SpanTable:
        """Spans of whole words; those of clinical or very common words alone are dropped."""
        tokens = Tokens.of(batch)
        if not len(tokens):
            return SpanTable.empty()
        words = None if self.lexicon is None else Words(batch, tokens, self.lexicon, covered(tokens, found))
        labelled = _Labelled.none(tokens)
        for start, end in _read_places(batch, words, found if self.gated else None):
            text = batch.text[start:end].decode("utf-8", "surrogateescape")
            # A byte that is not UTF-8 is one character here, and one that every model takes.
            labelled.add(start, text, self.classifier(_ESCAPED.sub("\ufffd", text)))
        return labelled.spans(words)


@dataclass(frozen=True, slots=True, eq=False)
class _Labelled:
    """For each word the code of its kind plus one, or 0, and how sure the model was."""

    tokens: Tokens
    kinds: NDArray[np.uint8]
    confidence: NDArray[np.uint8]

    @classmethod
    def none(cls, tokens: Tokens) -> "_Labelled":
        return cls(tokens, np.zeros(len(tokens), np.uint8), np.zeros(len(tokens), np.uint8))

    def add(self, base: int, text: str, pieces: tuple[Piece, ...]) -> None:
        """A word that a piece touches is of that kind; of several pieces the surest says so."""
        places = _byte_places(text)
        for start, end, label, sure in pieces:
            kind = kind_of_label(label)
            if kind is None or end <= start:
                continue
            first = int(np.searchsorted(self.tokens.ends, base + places[start], "right"))
            last = int(np.searchsorted(self.tokens.starts, base + places[end], "left"))
            for word in range(first, last):
                if not self.kinds[word] or sure > self.confidence[word]:
                    self.kinds[word], self.confidence[word] = CODES[kind] + 1, min(sure, _SUREST)

    def spans(self, words: Words | None) -> SpanTable:
        """Neighbouring words of one kind as one span, less those that hold ordinary words only."""
        found = np.flatnonzero(self.kinds)
        if not len(found):
            return SpanTable.empty()
        tokens, kind = self.tokens, self.kinds[found]
        goes_on = np.zeros(len(found), bool)
        goes_on[1:] = (found[1:] == found[:-1] + 1) & (kind[1:] == kind[:-1])
        goes_on[goes_on] = _close(tokens, found[goes_on])
        first = np.flatnonzero(~goes_on)
        last = np.append(first[1:], len(found)) - 1
        spans = SpanTable.of(
            tokens.starts[found[first]],
            tokens.ends[found[last]],
            kind[first] - 1,
            Stage.NER,
            np.maximum.reduceat(self.confidence[found], first),
        )
        if words is None:
            return spans
        return spans.take(~np.logical_and.reduceat(_ordinary(words)[found], first))


def _ordinary(words: Words) -> Mask:
    """Words of which the model is not believed that they alone identify anybody.

    Clinical and very common ones, names of diseases and scales, and words of the dictionary, no names, whose writing says no more.
    """
    plain = words.has(Word.COMMON) & ~words.name & ~words.caseless & (~words.cased | words.sentence_start)
    return words.has(_ORDINARY) | eponyms(words) | plain


def _close(tokens: Tokens, words: Offsets) -> Mask:
    """Whether a word stands right behind the one before it: no more than two signs, and no line, between them."""
    ends, starts = tokens.ends[words - 1], tokens.starts[words]
    breaks = np.isin(tokens.codes[ends], _BREAKS) | np.isin(tokens.codes[starts - 1], _BREAKS)
    return np.asarray((starts - ends <= _WIDEST_GAP) & ~breaks)


def _read_places(batch: TextBatch, words: Words | None, found: SpanTable | None) -> Iterator[tuple[int, int]]:
    """Start and end of every text the model reads; with `found` only those in which there is something to read."""
    doubt = None if words is None or found is None else words.tokens.starts[_doubtful(words, found)]
    for start, end in _sentences(batch.text):
        if doubt is None or np.searchsorted(doubt, start) < np.searchsorted(doubt, end):
            yield from _windows(batch.text, start, end)


def _doubtful(words: Words, found: SpanTable) -> Mask:
    """Words that are in a name, place or institution, or that may be one though nothing said so."""
    named = covered(words.tokens, found.take(np.isin(found.kind, _NAMES)))
    explained = words.explained & ~words.cased & ~words.name | words.has(_ORDINARY)
    return named | words.letters & (words.lengths > 1) & ~words.covered & ~explained


def _sentences(text: bytes) -> Iterator[tuple[int, int]]:
    start = 0
    for between in _BETWEEN_SENTENCES.finditer(text):
        if between.start() > start:
            yield start, between.start()
        start = between.end()


def _windows(text: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A long sentence in parts that overlap, cut at spaces where there are any, never inside a character."""
    while end - start > _LONGEST:
        cut = text.rfind(b" ", start + _LONGEST - _OVERLAP, start + _LONGEST)
        cut = cut if cut > 0 else _at_character(text, start + _LONGEST)
        yield start, cut
        again = text.find(b" ", cut - _OVERLAP, cut)
        start = again + 1 if again > 0 else _at_character(text, cut - _OVERLAP)
    yield start, end


def _at_character(text: bytes, place: int) -> int:
    for back in range(4):
        if text[place - back] & _TAIL_MASK != _TAIL:
            return place - back
    return place


def _byte_places(text: str) -> "range | NDArray[np.int64]":
    """For each character of a text, and its end, the byte where it begins."""
    if text.isascii():
        return range(len(text) + 1)
    lengths = [len(sign.encode("utf-8", "surrogateescape")) for sign in text]
    return np.append(np.zeros(1, np.int64), np.cumsum(lengths))
