"""Known plain text: what was replaced in one place must stand nowhere else, in whatever spelling.

A literal is compared by its letters and digits in lower case; windows of one to five words of what is left are compared with all literals
at once by polynomial hashes modulo 2**64 (Karp and Rabin, 1987), so the price does not depend on how many literals there are.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sluicegate.processors.masking.identifiers import Kind

from .forms import number_of
from .spelt import Spelt, squeezed
from .texts import CLASSES, DIGIT, MARK, Flags, Places, Texts

Hashes = NDArray[np.uint64]

_WINDOW: Final = 5
"""Words that are compared together."""
_SURE_DIGITS: Final = 5
_SURE_MIXED: Final = 8
_LONG_PHONE: Final = 11
_NATIONAL: Final = 10
_LONG_NAME: Final = 4
_SHORT_DIGITS: Final = 2
_LONG_DIGITS: Final = 9
_MONEY: Final = tuple(sign.encode() for sign in ("$", "\u20ac", "\u00a3", "$ ", "\u20ac ", "\u00a3 "))
_NEAR: Final = 4
_FOREIGN: Final = 0xC3
"""First byte of letters that are not ASCII."""
_NO_NAMES: Final = [
    "new",
    "york",
    "united",
    "states",
    "north",
    "south",
    "east",
    "west",
    "san",
    "los",
    "las",
    "saint",
    "st",
    "city",
    "county",
    "state",
    "street",
    "road",
    "avenue",
    "hospital",
    "medical",
    "center",
    "centre",
    "health",
    "clinic",
    "general",
    "university",
    "college",
    "school",
    "department",
    "institute",
    "the",
    "of",
    "and",
]
_NAME: Final = number_of(Kind.NAME)
_EMAIL: Final = number_of(Kind.EMAIL)
_FORM: Final = re.compile(rb"<[a-z-]{2,12}(?::[a-z0-9]{3,24}|-[0-9]{1,6})?>")
_NUMBERED: Final = np.array([kind in {Kind.PHONE, Kind.NUMBER} for kind in Kind])
_AS_THEY_ARE: Final = np.array([kind in {Kind.EMAIL, Kind.URL} for kind in Kind])

_BASE: Final = 0x5851F42D4C957F2D
_INVERSE: Final = pow(_BASE, -1, 1 << 64)
_SLOTS: Final = 20
_MIX: Final = np.uint64(0xD6E8FEB86659FD93)
_WORD_CLASSES: Final = bytes(2 if code == MARK else int(CLASSES[code] > 0) for code in range(256))
_LOWER: Final = np.frombuffer(bytes(range(256)).lower(), np.uint8)


class _Spelt(NamedTuple):
    """The letters and digits of rows, their words, and the rolling hash."""

    places: Places
    word_starts: Places
    word_ends: Places
    sums: Hashes
    digits: Places
    """How many digits are before each letter or digit."""

    def hashes(self, starts: Places, ends: Places) -> Hashes:
        return np.asarray((self.sums[ends] - self.sums[starts]) * _powers(len(self.sums)).down[starts])


class _Words(NamedTuple):
    """The words of rows: places of their bytes, and their hashes."""

    starts: Places
    ends: Places
    hashes: Hashes


class _Powers(NamedTuple):
    up: Hashes
    down: Hashes


_POWERS: list[_Powers] = []


@dataclass(slots=True)
class Known:
    """Literals of a batch, as hashes."""

    strong: list[Hashes] = field(default_factory=list, repr=False)
    """Counted wherever they stand."""
    single: list[Hashes] = field(default_factory=list, repr=False)
    """Names of one word: counted with a capital."""
    spelt: Spelt = field(default_factory=Spelt, repr=False)

    def add(self, literals: Texts, kinds: NDArray[np.int64], *, typed: bool = False) -> None:
        """Know these literals; `typed`: they are whole values of an identifier column."""
        if not len(literals):
            return
        spelt = _spelt(literals)
        first = np.searchsorted(spelt.places, literals.offsets)
        begins, stops = first[:-1], first[1:]
        word = np.searchsorted(spelt.word_starts, begins)
        words = np.searchsorted(spelt.word_starts, stops) - word
        sizes, digits = stops - begins, spelt.digits[stops] - spelt.digits[begins]
        is_name = kinds == _NAME
        proper = np.ones(len(spelt.word_starts), bool) if typed else _proper(literals, spelt)
        so_far = np.append(0, np.cumsum(proper))
        several = is_name & (words > 1) & (digits == 0) & (so_far[word + words] - so_far[word] > 1)
        strong = (
            (digits >= _SURE_DIGITS)
            | ((digits > _SHORT_DIGITS) & (digits < sizes) & (sizes >= _SURE_MIXED))
            | (several & (sizes >= _LONG_NAME))
            | (_AS_THEY_ARE[kinds] & (sizes >= _SURE_MIXED))
        )
        whole = spelt.hashes(begins[strong], stops[strong])
        long = _NUMBERED[kinds] & (digits >= _LONG_PHONE) & (digits == sizes)
        national = spelt.hashes(stops[long] - _NATIONAL, stops[long])
        pairs = [_pairs(spelt, proper, word[several], words[several], one, other) for one, other in _ORDERS]
        self.strong += (whole, national, *pairs)
        letters = squeezed(literals.data)
        mixed = strong & (digits < sizes)
        self.spelt.add(letters, begins[mixed], stops[mixed])
        if typed:
            alone = is_name & (words == 1) & (sizes >= _LONG_NAME) & (digits == 0)
            self.single.append(spelt.hashes(begins[alone], stops[alone]))
            self._add_local_parts(literals, letters, spelt, kinds)

    def _add_local_parts(
        self, literals: Texts, letters: bytes, spelt: _Spelt, kinds: NDArray[np.int64]
    ) -> None:
        """`ann.lee` of `ann.lee@example.org`, if it has several words."""
        signs = np.flatnonzero(literals.codes == ord("@"))
        rows = literals.rows_of(signs)
        signs, rows = signs[kinds[rows] == _EMAIL], rows[kinds[rows] == _EMAIL]
        begins = np.searchsorted(spelt.places, literals.offsets[rows])
        stops = np.searchsorted(spelt.places, signs)
        words = np.searchsorted(spelt.word_starts, stops) - np.searchsorted(spelt.word_starts, begins)
        several = words > 1
        self.strong.append(spelt.hashes(begins[several], stops[several]))
        self.spelt.add(letters, begins[several], stops[several])

    def search(self) -> "Search":
        """What finds these literals."""
        return Search(_Filter(self.strong), _Filter(self.single), self.spelt)

    def is_spelt_in(self, text: bytes) -> bool:
        """Whether a long literal is spelt by what follows each other, whatever is around it and between its letters."""
        return self.search().is_spelt_in(text)


class Search(NamedTuple):
    """Looks for literals in what is left of masked text."""

    strong: "_Filter"
    single: "_Filter"
    spelt: Spelt

    def rows(self, left: Texts, *, singles: bool) -> Places:
        """The rows in which a literal stands; with `singles`, names of one word with a capital too."""
        strong, single = self.strong, self.single
        if not (len(strong) or (singles and len(single))):
            return np.zeros(0, np.int64)
        words = _words(left)
        count, lengths = len(words.starts), words.ends - words.starts
        hashes, sizes = words.hashes, lengths
        ups = _powers(len(left.data)).up
        found: list[Places] = []
        for more in range(min(_WINDOW, count)):
            if more:
                hashes = hashes[:-1] + words.hashes[more:] * ups[sizes[:-1]]
                sizes = sizes[:-1] + lengths[more:]
            some = np.flatnonzero(strong.holds(hashes))
            if len(some):
                starts = words.starts[some]
                found.append(starts[~_is_money(left, starts, words.ends[some + more])])
        if singles and len(single):
            places = words.starts[single.holds(words.hashes)]
            codes = left.codes[places]
            found.append(places[(codes >= ord("A")) & (codes <= ord("Z"))])
        return np.unique(left.rows_of(np.concatenate(found))) if found else np.zeros(0, np.int64)

    def is_spelt_in(self, text: bytes) -> bool:
        """Whether a long literal is spelt by what follows each other, whatever is around it and between its letters."""
        return self.spelt.is_in(_FORM.sub(b"", text) if b"<" in text else text)


def _is_money(left: Texts, starts: Places, ends: Places) -> Flags:
    """Short numbers after a sign of money."""
    pairs = zip(starts.tolist(), ends.tolist(), strict=True)
    data = left.data
    return np.array(
        [
            end - start < _LONG_DIGITS
            and data[start:end].isdigit()
            and data[max(0, start - _NEAR) : start].endswith(_MONEY)
            for start, end in pairs
        ],
        bool,
    )


_ORDERS: Final = ((0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1))


def _pairs(spelt: _Spelt, proper: Flags, first: Places, words: Places, one: int, other: int) -> Hashes:
    """The hash of two words of each literal, one after the other."""
    enough = words > max(one, other)
    left, right = first[enough] + one, first[enough] + other
    sizes = spelt.word_ends - spelt.word_starts
    long = (sizes[left] > 1) & (sizes[right] > 1) & proper[left] & proper[right]
    left, right = left[long], right[long]
    heads = spelt.hashes(spelt.word_starts[left], spelt.word_ends[left])
    tails = spelt.hashes(spelt.word_starts[right], spelt.word_ends[right])
    return np.asarray(heads + tails * _powers(len(spelt.sums)).up[sizes[left]])


def _proper(literals: Texts, spelt: _Spelt) -> Flags:
    """The words that may be a part of somebody's name: with a capital, and neither of places nor of institutions."""
    initials = literals.codes[spelt.places[spelt.word_starts]]
    capital = (initials < ord("a")) & (initials > ord("9")) | (initials >= _FOREIGN)
    return capital & ~_no_names().holds(spelt.hashes(spelt.word_starts, spelt.word_ends))


@cache
def _no_names() -> "_Filter":
    spelt = _spelt(Texts.of(pa.array(_NO_NAMES, pa.large_string())))
    return _Filter([spelt.hashes(spelt.word_starts, spelt.word_ends)])


class _Filter:
    """Whether a hash is one of a set: most are told by one look into a small table."""

    def __init__(self, members: Sequence[Hashes]) -> None:
        self._members = np.sort(np.concatenate([*members, np.zeros(0, np.uint64)]))
        self._table: Flags = np.zeros(1 << _SLOTS, bool)
        self._table[_slots(self._members)] = True

    def __len__(self) -> int:
        return len(self._members)

    def holds(self, hashes: Hashes) -> Flags:
        maybe = self._table[_slots(hashes)]
        if len(self._members):
            some = np.flatnonzero(maybe)
            at = np.minimum(np.searchsorted(self._members, hashes[some]), len(self._members) - 1)
            maybe[some] = self._members[at] == hashes[some]
        return maybe


def _slots(hashes: Hashes) -> NDArray[np.intp]:
    return (hashes * _MIX >> np.uint64(64 - _SLOTS)).astype(np.intp)


def _spelt(texts: Texts) -> _Spelt:
    classes = CLASSES[texts.codes]
    places = np.flatnonzero(classes)
    begins = np.ones(len(places), bool)
    begins[1:] = np.diff(places) > 1
    row_starts = np.searchsorted(places, texts.offsets[:-1])
    begins[row_starts[row_starts < len(places)]] = True
    word_starts = np.flatnonzero(begins)
    word_ends = np.append(word_starts[1:], len(places))
    powers = _powers(len(places) + 1)
    sums = np.zeros(len(places) + 1, np.uint64)
    np.cumsum(_LOWER[texts.codes[places]] * powers.up[: len(places)], out=sums[1:])
    digits = np.zeros(len(places) + 1, np.int64)
    np.cumsum(classes[places] == DIGIT, out=digits[1:])
    return _Spelt(places, word_starts, word_ends, sums, digits)


def _words(left: Texts) -> _Words:
    """Runs of letters and digits, and marks, with which no literal goes on."""
    classes = np.frombuffer(b"\0" + left.data.translate(_WORD_CLASSES) + b"\0", np.uint8)
    edges = classes[1:] != classes[:-1]
    starts = np.flatnonzero(edges & (classes[1:] > 0))
    ends = np.flatnonzero(edges & (classes[:-1] > 0))
    powers = _powers(len(left.data) + 1)
    sums = np.zeros(len(left.data) + 1, np.uint64)
    np.multiply(np.frombuffer(left.data.lower(), np.uint8), powers.up[: len(left.data)], out=sums[1:])
    np.cumsum(sums[1:], out=sums[1:])
    return _Words(starts, ends, (sums[ends] - sums[starts]) * powers.down[starts])


def _powers(length: int) -> _Powers:
    if not _POWERS or len(_POWERS[0].up) < length:
        size = max(1 << 16, 1 << length.bit_length())
        _POWERS[:] = [_Powers(_geometric(_BASE, size), _geometric(_INVERSE, size))]
    return _POWERS[0]


def _geometric(base: int, size: int) -> Hashes:
    factors = np.full(size, base, np.uint64)
    factors[0] = 1
    return np.cumprod(factors)
