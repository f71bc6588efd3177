"""Known plain text: what was replaced in one place must stand nowhere else, in whatever spelling.

A literal is compared by its letters and digits in lower case with what follows each other from the beginning of a word to the end of one,
whatever is between. One look at four bytes from every word, whatever the number of literals; eight bytes and then all of them only where
one may stand.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sluicegate.processors.masking.identifiers import Kind

from .forms import number_of
from .letters import EIGHT, MASKS, Keys, Letters
from .readings import plain
from .spelt import Spelt
from .texts import Flags, Places, Texts

_SURE_DIGITS: Final = 5
_SURE_MIXED: Final = 8
_LONG_PHONE: Final = 11
_NATIONAL: Final = 10
_LOCAL: Final = 7
_NOT_ASCII: Final = 0x80
_LONG_NAME: Final = 4
_SHORT_DIGITS: Final = 2
_LONG_DIGITS: Final = 9
_COMPARED: Final = 64
"""Letters of a literal that are compared: whoever writes a batch chooses how many lengths there are."""
_PREFIX: Final = 4
"""No literal is shorter."""
_MONEY: Final = tuple(sign.encode() for sign in ("$", "\u20ac", "\u00a3", "$ ", "\u20ac ", "\u00a3 "))
_NEAR: Final = 4
_FOREIGN: Final = 0xC3
"""First byte of letters that are not ASCII."""
_NO_NAMES: Final = (
    "new york united states north south east west san los las saint st city county state street road avenue hospital medical center centre"
    " health clinic general university college school department institute the of and"
)
_YEARS: Final = re.compile(rb"(?=((?:18|19|20)[0-9]{2}))")
_ISO_DAY: Final = re.compile(rb"((?:18|19|20)[0-9]{2})-([0-9]{2})-([0-9]{2})(?![0-9])")
_MONTHS: Final = (
    "january february march april may june july august september october november december".split()  # noqa: SIM905 (twelve words)
)
_NAME: Final = number_of(Kind.NAME)
_BIRTH_DATE: Final = number_of(Kind.BIRTH_DATE)
_PHONE: Final = number_of(Kind.PHONE)
_EMAIL: Final = number_of(Kind.EMAIL)
_FORM: Final = re.compile(rb"<[a-z-]{2,12}(?::[a-z0-9]{3,24}|-[0-9]{1,6})?>")
_NUMBERED: Final = np.array([kind in {Kind.PHONE, Kind.NUMBER} for kind in Kind])
_AS_THEY_ARE: Final = np.array([kind in {Kind.EMAIL, Kind.URL} for kind in Kind])
_MIX: Final = np.uint64(0xD6E8FEB86659FD93)
_SLOTS: Final = 16


class _Pieces(NamedTuple):
    """Literals that are one piece of some letters, or two, one after the other."""

    letters: Letters
    starts: Places
    ends: Places
    more_starts: Places
    more_ends: Places

    @property
    def sizes(self) -> Places:
        return np.asarray(self.ends - self.starts + self.more_ends - self.more_starts)

    @property
    def keys(self) -> Keys:
        """The first eight bytes, fewer of a shorter literal."""
        first = np.minimum(self.ends - self.starts, EIGHT)
        head = self.letters.keys(self.starts) & MASKS[first]
        tail = self.letters.keys(self.more_starts) << (first % EIGHT * 8).astype(np.uint64)
        both = np.where((first < EIGHT) & (self.more_ends > self.more_starts), head | tail, head)
        return np.asarray(both & MASKS[np.minimum(self.sizes, EIGHT)])

    def literal(self, number: int) -> bytes:
        data = self.letters.data
        return (
            data[self.starts[number] : self.ends[number]]
            + data[self.more_starts[number] : self.more_ends[number]]
        )


@dataclass(slots=True)
class Known:
    """Literals of a batch."""

    strong: list[_Pieces] = field(default_factory=list, repr=False)
    """Counted wherever they stand."""
    single: list[_Pieces] = field(default_factory=list, repr=False)
    """Names of one word: counted with a capital."""
    spelt: Spelt = field(default_factory=Spelt, repr=False)
    _days: set[bytes] = field(default_factory=set, repr=False)
    """Birth dates whose other forms are not known yet."""

    def add(self, literals: Texts, kinds: NDArray[np.int64], *, typed: bool = False) -> None:
        """Know these literals; `typed`: they are whole values of an identifier column."""
        if len(literals):
            self._add(literals, kinds, typed=typed, sure=typed)
            if not literals.data.isascii():
                self._add_plain(literals, kinds, typed=typed)
            if typed:
                self._days.update(map(literals.row, np.flatnonzero(kinds == _BIRTH_DATE).tolist()))

    def _add_days(self, within: "Sequence[Letters] | None") -> None:
        """Birth dates as they may be written elsewhere: those whose year stands there, where it is said where that is."""
        known, self._days = self._days, set()
        if known and within is not None:
            years = {year for letters in within for year in _YEARS.findall(letters.data)}
            known = {day for day in known if (date := _ISO_DAY.match(day)) and date[1] in years}
        days = {day for one in known for day in _written(one)}
        if days:
            texts = Texts.of(pa.array(sorted(days), pa.large_string()))
            self._add(texts, np.full(len(texts), _BIRTH_DATE), typed=False, sure=True)

    def _add_plain(self, literals: Texts, kinds: NDArray[np.int64], *, typed: bool) -> None:
        """Those that are not ASCII, as they look and in small letters of every script."""
        foreign = np.unique(literals.rows_of(np.flatnonzero(literals.codes >= _NOT_ASCII))).tolist()
        texts = {row: literals.row(row).decode(errors="replace") for row in foreign}
        rows = [
            row
            for row, text in texts.items()
            if typed or kinds[row] != _NAME or sum(word[:1].isupper() for word in text.split()) > 1
        ]
        if rows:
            folded = pa.array([plain(texts[row]).casefold() for row in rows], pa.large_string())
            self._add(Texts.of(folded), kinds[rows], typed=typed, sure=True)

    def _add(self, literals: Texts, kinds: NDArray[np.int64], *, typed: bool, sure: bool) -> None:
        letters = Letters(literals)
        bounds = letters.of_places(literals.offsets)
        begins, ends = bounds[:-1], bounds[1:] - 1
        sizes = ends - begins
        word_starts = letters.words
        word = np.searchsorted(word_starts, bounds)
        words = np.diff(word) - 1
        digits = _counted((np.frombuffer(letters.data, np.uint8) - np.uint8(ord("0"))) < 10, bounds)  # noqa: PLR2004 - digits
        proper = np.ones(len(word_starts), bool) if sure else _proper(letters)
        is_name = (kinds == _NAME) & (digits == 0)
        several = is_name & (words > 1) & (_counted(proper, word) > 1)
        strong = (
            (digits >= _SURE_DIGITS)
            | ((digits > _SHORT_DIGITS) & (digits < sizes) & (sizes >= _SURE_MIXED))
            | (several & (sizes >= _LONG_NAME))
            | (_AS_THEY_ARE[kinds] & (sizes >= _SURE_MIXED))
        )
        self._know(letters, begins[strong], ends[strong])
        long = _NUMBERED[kinds] & (digits >= _LONG_PHONE) & (digits == sizes)
        self._know(letters, ends[long] - _NATIONAL, ends[long])
        phone = (kinds == _PHONE) & (digits >= _NATIONAL) & (digits == sizes)
        self._know(letters, ends[phone] - _LOCAL, ends[phone])
        mixed = strong & (digits < sizes)
        self.spelt.add(letters.data, begins[mixed], ends[mixed])
        self._add_pairs(letters, proper, word[:-1][several], words[several])
        if typed:
            alone = is_name & (words == 1) & (sizes >= _LONG_NAME)
            none = np.zeros(int(alone.sum()), np.int64)
            self.single.append(_Pieces(letters, begins[alone], ends[alone], none, none))
            self._add_local_parts(letters, kinds)

    def _know(self, letters: Letters, starts: Places, ends: Places) -> None:
        none = np.zeros(len(starts), np.int64)
        self.strong.append(_Pieces(letters, starts, ends, none, none))

    def _add_pairs(self, letters: Letters, proper: Flags, first: Places, words: Places) -> None:
        """Any two of the first three words of a name, in both orders."""
        word_starts = letters.words
        stops = word_starts + letters.word_sizes
        usable = proper & (letters.word_sizes > 1)
        for one, other in _ORDERS:
            enough = words > max(one, other)
            left, right = first[enough] + one, first[enough] + other
            both = usable[left] & usable[right]
            left, right = left[both], right[both]
            pair = _Pieces(letters, word_starts[left], stops[left], word_starts[right], stops[right])
            if other == one + 1:
                self.spelt.add(letters.data, pair.starts, pair.more_ends)
            long = np.flatnonzero(pair.sizes >= _PREFIX)
            self.strong.append(_Pieces(letters, *(places[long] for places in pair[1:])))

    def _add_local_parts(self, letters: Letters, kinds: NDArray[np.int64]) -> None:
        """`ann.lee` of `ann.lee@example.org`, if it has several words."""
        literals = letters.texts
        signs = np.flatnonzero(literals.codes == ord("@"))
        rows = literals.rows_of(signs)
        signs, rows = signs[kinds[rows] == _EMAIL], rows[kinds[rows] == _EMAIL]
        begins, stops = letters.of_places(literals.offsets[rows]), letters.of_places(signs)
        words = np.searchsorted(letters.words, np.stack((begins, stops)))
        several = (words[1] - words[0] > 1) & (stops - begins >= _PREFIX)
        self._know(letters, begins[several], stops[several])
        self.spelt.add(letters.data, begins[several], stops[several])

    def search(self, within: "Sequence[Letters] | None" = None) -> "Search":
        """What finds these literals; `within`: in nothing but this."""
        self._add_days(within)
        return Search(_Index(self.strong), _Index(self.single), self.spelt)

    def is_spelt_in(self, text: bytes) -> bool:
        """Whether a long literal is spelt by what follows each other, whatever is around it and between its letters."""
        return self.spelt.is_in(_FORM.sub(b"", text) if b"<" in text else text)


class Search(NamedTuple):
    """Looks for literals in what is left of masked text."""

    strong: "_Index"
    single: "_Index"
    spelt: Spelt

    def rows(self, letters: Letters, *, singles: bool) -> Places:
        """The rows in which a literal stands; with `singles`, names of one word with a capital too."""
        left = letters.texts
        firsts, lasts = (letters.places(some).tolist() for some in self.strong.found(letters))
        found = [
            first
            for first, last in zip(firsts, lasts, strict=True)
            if not _is_money(left.data, first, last + 1)
        ]
        if singles:
            places = letters.places(self.single.found(letters)[0])
            codes = left.codes[places]
            found += places[(codes >= ord("A")) & (codes <= ord("Z"))].tolist()
        return np.unique(left.rows_of(np.array(found, np.int64)))


class _Index:
    """Literals by their first bytes."""

    def __init__(self, pieces: Sequence[_Pieces]) -> None:
        self._pieces = [one for one in pieces if len(one.starts)]
        self._table: Flags = np.zeros(1 << _SLOTS, bool)
        self._keys = np.concatenate([*(one.keys for one in self._pieces), np.zeros(0, np.uint64)])
        self._sizes = np.concatenate([*(one.sizes for one in self._pieces), np.zeros(0, np.int64)])
        self._table[_slots(self._keys & MASKS[_PREFIX])] = True
        # Sorted once: numpy's `unique` of as many takes twenty times as long.
        beginning = np.minimum(self._sizes, EIGHT)
        self._members = {size: np.sort(self._keys[beginning == size]) for size in range(_PREFIX, EIGHT + 1)}

    def found(self, letters: Letters) -> tuple[Places, Places]:
        """First and last letter of every place where a literal stands, from the beginning of a word to the end of one."""
        words = letters.words
        if not len(self._keys):
            return words[:0], words[:0]
        words = words[self._table[_slots(letters.keys(words, _PREFIX).astype(np.uint64))]]
        windows = letters.keys(words)
        firsts: list[int] = []
        lasts: list[int] = []
        for size in range(_PREFIX, EIGHT + 1):
            members = self._members[size]
            if not len(members):
                continue
            keys = windows & MASKS[size]
            at = np.minimum(np.searchsorted(members, keys), len(members) - 1)
            maybe = words[members[at] == keys]
            for first, stop in self._whole(letters, maybe, size):
                firsts.append(first)
                lasts.append(stop - 1)
        return np.array(firsts, np.int64), np.array(lasts, np.int64)

    def _whole(self, letters: Letters, places: Places, size: int) -> list[tuple[int, int]]:
        """Where a literal that begins so ends with a word."""
        if size < EIGHT:
            inside = places[places + size < len(letters.begins)]
            return [(first, first + size) for first in inside[letters.begins[inside + size]].tolist()]
        if not len(places):
            return []
        known = self._literals(letters.keys(places))
        return [
            (place, place + length)
            for place, key in zip(places.tolist(), letters.keys(places).tolist(), strict=True)
            for length, literals in known.get(key, {}).items()
            if letters.data[place : place + length] in literals
            and (letters.begins[place + length] or length == _COMPARED)
        ]

    def _literals(self, wanted: Keys) -> dict[int, dict[int, set[bytes]]]:
        """The literals that begin with one of these keys, by key and length."""
        known: dict[int, dict[int, set[bytes]]] = {}
        at = 0
        for one in self._pieces:
            keys, sizes = (whole[at : at + len(one.starts)] for whole in (self._keys, self._sizes))
            at += len(one.starts)
            for number in np.flatnonzero((sizes >= EIGHT) & np.isin(keys, wanted)).tolist():
                literal = one.literal(number)[:_COMPARED]
                known.setdefault(int(keys[number]), {}).setdefault(len(literal), set()).add(literal)
        return known


def _written(day: bytes) -> Iterator[str]:
    """A day of the form 1990-04-05 in other forms."""
    found = _ISO_DAY.match(day)
    if found is None or not 1 <= int(found[2]) <= len(_MONTHS):
        return
    year, month, number = found[1].decode(), int(found[2]), int(found[3])
    name = _MONTHS[month - 1]
    for one in {f"{month:02}", f"{month}", name, name[:3]}:
        for other in {
            f"{number:02}",
            f"{number}",
            f"{number}st",
            f"{number}nd",
            f"{number}rd",
            f"{number}th",
        }:
            yield from (
                f"{one} {other} {year}",
                f"{other} {one} {year}",
                f"{other} of {one} {year}",
                f"{year} {one} {other}",
            )


_ORDERS: Final = ((0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1))


def _counted(flags: Flags, bounds: Places) -> Places:
    """How many are true between each two bounds."""
    return np.diff(np.searchsorted(np.flatnonzero(flags), bounds))


def _proper(letters: Letters) -> Flags:
    """The words that may be a part of somebody's name: with a capital, and neither of places nor of institutions."""
    initials = letters.texts.codes[letters.word_places]
    capital = (initials < ord("a")) & (initials > ord("9")) | (initials >= _FOREIGN)
    return np.asarray(capital & ~is_word_of(_NO_NAMES, letters))


def is_word_of(vocabulary: str, letters: Letters) -> Flags:
    """Which words begin like one of some small words: the first eight letters are compared."""
    keys, others = _word_keys(letters), _vocabulary(vocabulary)
    at = np.minimum(np.searchsorted(others, keys), len(others) - 1)
    return np.asarray(others[at] == keys)


def _word_keys(letters: Letters) -> Keys:
    return letters.keys(letters.words) & MASKS[np.minimum(letters.word_sizes, EIGHT)]


@cache
def _vocabulary(words: str) -> Keys:
    return np.unique(_word_keys(Letters(Texts.of(pa.array([words], pa.large_string())))))


def _is_money(data: bytes, start: int, end: int) -> bool:
    """Whether it is a short number after a sign of money."""
    return (
        end - start < _LONG_DIGITS
        and data[start:end].isdigit()
        and data[max(0, start - _NEAR) : start].endswith(_MONEY)
    )


def _slots(keys: Keys) -> NDArray[np.intp]:
    return (keys * _MIX >> np.uint64(64 - _SLOTS)).astype(np.intp)
