"""Known plain text: what was replaced in one place must stand nowhere else, in whatever spelling.

A literal is compared by its letters and digits in lower case; windows of one to five words of what is left are compared with all literals
at once by polynomial hashes modulo 2**64 (Karp and Rabin, 1987), so the price does not depend on how many literals there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sluicegate.processors.masking.identifiers import Kind

from .forms import number_of
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
_NAME: Final = number_of(Kind.NAME)
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
    """Names of one word: counted with a capital inside a sentence."""

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
        strong = (
            (digits >= _SURE_DIGITS)
            | ((digits > _SHORT_DIGITS) & (digits < sizes) & (sizes >= _SURE_MIXED))
            | (is_name & (words > 1) & (sizes >= _LONG_NAME) & (digits == 0))
            | (_AS_THEY_ARE[kinds] & (sizes >= _SURE_MIXED))
        )
        whole = spelt.hashes(begins[strong], stops[strong])
        long = _NUMBERED[kinds] & (digits >= _LONG_PHONE) & (digits == sizes)
        national = spelt.hashes(stops[long] - _NATIONAL, stops[long])
        several = np.flatnonzero(is_name & (words > 1) & (digits == 0))
        pairs = [_pairs(spelt, word[several], words[several], one, other) for one, other in _ORDERS]
        self.strong += (whole, national, *pairs)
        if typed:
            alone = is_name & (words == 1) & (sizes >= _LONG_NAME) & (digits == 0)
            self.single.append(spelt.hashes(begins[alone], stops[alone]))

    def found(self, several: Sequence[Texts]) -> bool:
        """Whether a literal stands in what is left of masked text."""
        strong, single = _Filter(self.strong), _Filter(self.single)
        return any(_found(left, strong, single) for left in several if left.data)


def _found(left: Texts, strong: "_Filter", single: "_Filter") -> bool:
    if not (len(strong) or len(single)):
        return False
    words = _words(left)
    count, lengths = len(words.starts), words.ends - words.starts
    hashes, sizes = words.hashes, lengths
    ups = _powers(len(left.data)).up
    for more in range(min(_WINDOW, count)):
        if more:
            hashes = hashes[:-1] + words.hashes[more:] * ups[sizes[:-1]]
            sizes = sizes[:-1] + lengths[more:]
        if strong.holds(hashes).any():
            return True
    return len(single) > 0 and _single_found(left, words.starts[single.holds(words.hashes)])


def _single_found(left: Texts, places: Places) -> bool:
    """Whether a word at one of these places has a capital inside a sentence."""
    codes = left.codes
    places = places[places > 1]
    capital = (codes[places] >= ord("A")) & (codes[places] <= ord("Z"))
    before = codes[places - 2]
    small = ((before >= ord("a")) & (before <= ord("z"))) | (before == ord(","))
    return bool((capital & small & (codes[places - 1] == ord(" "))).any())


_ORDERS: Final = ((0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1))


def _pairs(spelt: _Spelt, first: Places, words: Places, one: int, other: int) -> Hashes:
    """The hash of two words of each literal, one after the other."""
    enough = words > max(one, other)
    left, right = first[enough] + one, first[enough] + other
    sizes = spelt.word_ends - spelt.word_starts
    long = (sizes[left] > 1) & (sizes[right] > 1)
    left, right = left[long], right[long]
    heads = spelt.hashes(spelt.word_starts[left], spelt.word_ends[left])
    tails = spelt.hashes(spelt.word_starts[right], spelt.word_ends[right])
    return np.asarray(heads + tails * _powers(len(spelt.sums)).up[sizes[left]])


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
