"""The batch's own identifiers, looked for in its text: any case, any joiner, names in both orders.

Literals and text are compared by their letters and digits alone, eight bytes at a time: one pass over the text, whatever the number of
literals, and a Python object only where one may stand.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sluicegate.processors.masking.identifiers import Kind
from sluicegate.processors.masking.ordinary_words import MONTHS, NOUNS, ORDINARY, PLACES

from .batch import SEPARATOR, TextBatch
from .folding import fold_word
from .hashing import word_hashes
from .kinds import CODES
from .lexicon import Lexicon, Word
from .sieve import MOST_NAMES, WINDOW, Sieve, Sought
from .span_table import SpanTable, Stage

GLUED: Final = 8
"""Letters and digits from which a literal counts inside a longer word too."""

_SURE_DIGITS: Final = 5
_YEAR_DIGITS: Final = 4
_LONG_NAME: Final = 3
_NOTHING: Final = frozenset(b"|na|none|null|unknown|nil|n|y|yes|no|test|other|self".split(b"|"))
_ORDINARY: Final = frozenset(NOUNS) | frozenset(ORDINARY) | frozenset(PLACES)
_WORD: Final = re.compile(rb"[a-z]+|[0-9]+|[\x80-\xff]+")
_AROUND: Final = re.compile(rb"[A-Za-z0-9_\x80-\xff.\-]*")
_DATE: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})")

_SKIPPED, _LETTER, _DIGIT, _ROW_END = range(4)
_CLASS: Final = np.zeros(256, np.uint8)
_CLASS[[*range(ord("a"), ord("z") + 1), *range(ord("A"), ord("Z") + 1), *range(0x80, 0x100)]] = _LETTER
_CLASS[ord("0") : ord("9") + 1] = _DIGIT
_CLASS[SEPARATOR[0]] = _ROW_END
_LOWER: Final = np.frombuffer(bytes(range(256)).lower(), np.uint8)

_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
_SLOT_BITS: Final = 20


class _Known(NamedTuple):
    """What a literal is; a weak one counts only where it is more than an ordinary word."""

    kind: Kind
    weak: bool


class _Literals(NamedTuple):
    by_key: dict[int, list[bytes]]
    table: NDArray[np.bool_]


class _Spelt(NamedTuple):
    """The letters and digits of a batch in lower case, rows apart."""

    text: bytes
    windows: NDArray[np.uint64]
    """Eight bytes from each place on."""
    places: NDArray[np.int64]
    """Of each byte in the batch's text."""
    edges: NDArray[np.bool_]
    """Whether a word, or a number, begins here (and another one ended)."""


class KnownValues:
    """Literals of one batch's identifier columns; a `Finder` of the engine once all are added."""

    def __init__(self, lexicon: Lexicon | None = None) -> None:
        """With a lexicon, a word of the dictionary in small letters is no name because somebody is called so."""
        self._lexicon = lexicon
        self._literals: dict[bytes, _Known] = {}
        self._sieve = Sieve()
        self._index: dict[int, _Literals] | None = None
        self._in_small_letters: frozenset[bytes] | None = None

    def add(self, kind: Kind, value: str) -> None:
        """Know a value: its letters and digits, and what else may stand for it."""
        plain = fold_word(value).encode(errors="replace").lower()
        words = _WORD.findall(plain)
        spelt = b"".join(words)
        if spelt in _NOTHING:
            return
        weak = spelt.isdigit() and len(spelt) < _SURE_DIGITS
        self._know(spelt, kind, weak=weak or (len(words) == 1 and not spelt.isdigit()))
        if weak or len(words) == 1:
            return
        match kind:
            case Kind.NAME:
                self._know_names(words)
                for turn in range(1, min(len(words), MOST_NAMES)):
                    # `O'Hara, Ann` is `Ann O'Hara`.
                    self._know(b"".join(words[turn:] + words[:turn]), kind, weak=False)
            case Kind.EMAIL:
                self._know_local_part(plain)
            case Kind.USER:
                self._know_pairs(words)
            case Kind.BIRTH_DATE:
                self._know_dates(value)
            case _ if words[-1].isdigit() and len(words[-1]) >= _SURE_DIGITS:
                self._know(words[-1], kind, weak=False)

    def add_column(self, kind: Kind, values: Sequence[str]) -> None:
        """Know the different values of a column; they are spelled out when a text may hold one."""
        self._sieve.add(kind, values)

    def add_people(self, names: Sequence[str], owners: NDArray[np.int64]) -> None:
        """Names that were added as columns, with the person each belongs to: each alone, and any two in both orders."""
        self._sieve.add_people(names, owners)

    def add_names(self, values: Sequence[str]) -> None:
        """Names of one person: each alone, and any two in both orders."""
        parts = [
            _WORD.findall(fold_word(value).encode(errors="replace").lower()) for value in values[:MOST_NAMES]
        ]
        self._know_names([word for words in parts for word in words])
        self._know_pairs([b"".join(words) for words in parts])

    def _know(self, spelt: bytes, kind: Kind, *, weak: bool) -> None:
        known = self._literals.get(spelt)
        if known is None or (known.weak and not weak):
            self._literals[spelt] = _Known(kind, weak)
            self._index = self._in_small_letters = None

    def _know_names(self, words: Sequence[bytes]) -> None:
        for word in words[:MOST_NAMES]:
            if len(word) > 1 and not word.isdigit() and word not in _NOTHING:
                self._know(word, Kind.NAME, weak=True)
        self._know_pairs(words)

    def _know_pairs(self, words: Sequence[bytes]) -> None:
        names = [word for word in words if len(word) > 1 and not word.isdigit()][:MOST_NAMES]
        for one, other in permutations(names, 2):
            self._know(one + other, Kind.NAME, weak=False)

    def _know_local_part(self, plain: bytes) -> None:
        words = _WORD.findall(plain.split(b"@", maxsplit=1)[0])
        if len(words) > 1:
            self._know(b"".join(words), Kind.EMAIL, weak=False)
            self._know_pairs(words)

    def _know_dates(self, value: str) -> None:
        match = _DATE.match(value)
        if match is None or not 1 <= int(match[2]) <= len(MONTHS):
            return
        year, month, day = match.groups()
        name = MONTHS[int(month) - 1]
        for m in {month, str(int(month)), name, name[:3]}:
            for d in {day, str(int(day))}:
                nths = [d, *(d + nth for nth in ("st", "nd", "rd", "th"))] if m == name else [d]
                for nth in nths:
                    for order in (m + nth + year, nth + m + year, year + m + nth, nth + "of" + m + year):
                        self._know(order.encode(), Kind.BIRTH_DATE, weak=False)

    def __call__(self, batch: TextBatch, found: SpanTable) -> SpanTable:
        """Where the literals stand in free text."""
        del found
        return self._find(batch, weak=True)

    def sure(self, batch: TextBatch, found: SpanTable) -> SpanTable:
        """Where they stand in columns of codes and places: there a single name or short number is none (`Virginia`)."""
        del found
        return self._find(batch, weak=False)

    def _find(self, batch: TextBatch, *, weak: bool) -> SpanTable:
        if not (self._literals or len(self._sieve)) or not len(batch):
            return SpanTable.empty()
        spelt = _spelt(batch)
        self._spell_out(spelt)
        if self._in_small_letters is None:
            self._in_small_letters = self._ordinary()
        ordinary = self._in_small_letters
        starts, ends, kinds = [], [], []
        for at, literal in sorted(self._candidates(spelt)):
            known = self._literals[literal]
            if known.weak and not weak:
                continue
            end = at + len(literal)
            begins, stops = spelt.edges[at], spelt.edges[end]
            whole = begins and stops
            if not whole and (known.weak or len(literal) < GLUED or literal.isdigit()):
                continue
            start, last = int(spelt.places[at]), int(spelt.places[end - 1]) + 1
            if known.weak and not _stands_out(batch.text, start, last, literal, ordinary):
                continue
            start, last = (start, last) if known.weak else _widened(batch.text, start, last)
            starts.append(start)
            ends.append(last)
            kinds.append(CODES[known.kind])
        return SpanTable.of(starts, ends, np.array(kinds, np.uint8), Stage.KNOWN)

    def _spell_out(self, spelt: _Spelt) -> None:
        """Know all forms of the values of columns that may stand here."""
        if not len(self._sieve):
            return
        for told in self._sieve.told(Sought(spelt.text, spelt.windows, spelt.edges)):
            match told:
                case (Kind() as kind, value):
                    self.add(kind, value)
                case _:
                    self.add_names(told)

    def _ordinary(self) -> frozenset[bytes]:
        weak = [literal for literal, known in self._literals.items() if known.weak and not literal.isdigit()]
        listed = frozenset(word for word in weak if word.decode(errors="replace") in _ORDINARY)
        if self._lexicon is None or not weak:
            return listed
        classes = self._lexicon.words.classes(word_hashes([word.decode(errors="replace") for word in weak]))
        known = (classes & np.uint64(Word.COMMON)) != 0
        return listed | {word for word, is_word in zip(weak, known.tolist(), strict=True) if is_word}

    def _looked_up(self) -> dict[int, _Literals]:
        """By length (eight for longer ones too): the literals by their first bytes, and a filter for those bytes."""
        if self._index is None:
            by_length: dict[int, dict[int, list[bytes]]] = {}
            for literal in self._literals:
                length = min(len(literal), WINDOW)
                key = int.from_bytes(literal[:length])
                by_length.setdefault(length, {}).setdefault(key, []).append(literal)
            self._index = {
                length: _Literals(literals, _filter(literals)) for length, literals in by_length.items()
            }
        return self._index

    def _candidates(self, spelt: _Spelt) -> Iterator[tuple[int, bytes]]:
        """Places and literals that stand there, whatever is around them."""
        word_starts = np.flatnonzero(spelt.edges[:-1])
        for length, (literals, table) in self._looked_up().items():
            if length == WINDOW:
                places, keys = None, spelt.windows
            else:
                places = word_starts[word_starts + length < len(spelt.edges)]
                places = places[spelt.edges[places + length]]
                keys = spelt.windows[places] >> np.uint64(8 * (WINDOW - length))
            maybe = np.flatnonzero(table[_slots(keys)])
            at = maybe if places is None else places[maybe]
            for place, key in zip(at.tolist(), keys[maybe].tolist(), strict=True):
                for literal in literals.get(key, ()):
                    if length < WINDOW or spelt.text.startswith(literal, place):
                        yield place, literal


def _slots(keys: NDArray[np.uint64]) -> NDArray[np.intp]:
    return (keys * _ODD >> np.uint64(64 - _SLOT_BITS)).astype(np.intp)


def _filter(literals: "dict[int, list[bytes]]") -> NDArray[np.bool_]:
    table = np.zeros(1 << _SLOT_BITS, bool)
    table[_slots(np.array(list(literals), np.uint64))] = True
    return table


def _spelt(batch: TextBatch) -> _Spelt:
    codes = batch.codes
    classes = _CLASS[codes]
    places = np.flatnonzero(classes)
    kept = classes[places]
    text = _LOWER[codes[places]]
    edges = np.ones(len(places) + 1, bool)
    edges[1:-1] = (np.diff(places) > 1) | (kept[1:] != kept[:-1])
    padded = np.concatenate((text, np.zeros(WINDOW, np.uint8))).astype(np.uint64)
    windows = np.zeros(len(text), np.uint64)
    for ahead in range(WINDOW):
        windows = windows << np.uint64(8) | padded[ahead : ahead + len(text)]
    return _Spelt(text.tobytes(), windows, places, edges)


def _stands_out(text: bytes, start: int, end: int, literal: bytes, ordinary: frozenset[bytes]) -> bool:
    """Whether a single known word is more than an ordinary one here."""
    if literal.isdigit():
        before, after = text[max(0, start - 1) : start], text[end : end + 2]
        amount = before in {b"$", b"."} or (after[:1] in {b".", b","} and after[1:].isdigit())
        year = len(literal) == _YEAR_DIGITS and b"1900" <= literal <= b"2099"
        return len(literal) >= _YEAR_DIGITS and not amount and not year
    if not literal.isascii() or text[start : start + 1].isupper():
        return True
    return len(literal) >= _LONG_NAME and literal not in ordinary


def _widened(text: bytes, start: int, end: int) -> tuple[int, int]:
    """Over what is written together with it: `mia_li_3668` whole when `Mia Li` is known."""
    around = _AROUND.match(text, end)
    last = around.end() if around else end
    while last > end and text[last - 1] in b".-":
        last -= 1
    while start and (text[start - 1] == ord("_") or _CLASS[text[start - 1]] in {_LETTER, _DIGIT}):
        start -= 1
    return start, last
