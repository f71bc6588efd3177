"""Which of a batch's identifiers may stand in a text at all, told for all of them at once.

A table has tens of thousands of names and numbers in a batch, and its text mentions few. Every form that `known_values` looks for begins
with certain bytes: they are computed for all values by array operations and compared with those of the text; only values of which a form
may be there are spelled out. Never fewer than that: what is not told here is in no form in the text.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import permutations, product
from typing import Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from sluicegate.processors.masking.identifiers import Kind
from sluicegate.processors.masking.ordinary_words import MONTHS

from .folding import fold_word

Numbers = NDArray[np.int64]
Keys = NDArray[np.uint64]
Flags = NDArray[np.bool_]

WINDOW: Final = 8
"""Bytes of a form that are compared."""
MOST_NAMES: Final = 6
"""Words of a name that are put in another order."""

_WHOLE_DIGITS: Final = WINDOW + 1
"""Stands for the size of a form of eight digits or more and nothing else, which counts only as a whole number."""
_APART: Final = "\x1e"
_LONG_DIGITS: Final = 5
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
_LETTER, _DIGIT, _WIDE = 1, 2, 3
_CLASS: Final = np.zeros(256, np.uint8)
_CLASS[ord("a") : ord("z") + 1] = _LETTER
_CLASS[ord("0") : ord("9") + 1] = _DIGIT
_CLASS[0x80:] = _WIDE
_TOP: Final = np.array(
    [((1 << 8 * size) - 1) << 8 * (WINDOW - size) for size in range(WINDOW + 1)], np.uint64
)
"""Masks of the first so many bytes of a window."""
_KINDS: Final = {kind: number for number, kind in enumerate(Kind)}
_PAIRED: Final = [_KINDS[kind] for kind in (Kind.NAME, Kind.EMAIL, Kind.USER)]

_DATE: Final = re.compile(r"(?:1[89]|20)[0-9][0-9]-(?:0[1-9]|1[0-2])-[0-3][0-9]")
_YEAR: Final = 4
_SHORTEST_DAY: Final = 2
_LONGEST_DAY: Final = 17
_WIDE_BYTES: Final = 8
"""Bytes around a year that are looked at."""


class Begun(NamedTuple):
    """First bytes, at the top of 64 bits, and how many of them there are (eight for more, `_WHOLE_DIGITS` for digits alone)."""

    keys: Keys
    sizes: Numbers
    whose: Numbers
    """Number of the value, or, behind the values, of the people."""


class Sought(NamedTuple):
    """What begins in a text: windows of eight bytes anywhere, shorter forms only as whole words."""

    spelt: bytes
    windows: Keys
    edges: Flags


class Sieve:
    """Values of identifier columns of one batch, and the names of one person, until they are spelled out."""

    def __init__(self) -> None:
        self._values: list[str] = []
        self._kinds: list[int] = []
        self._names: dict[str, int] = {}
        self._people: list[tuple[Numbers, Numbers]] = []
        self._built: _Built | None = None

    def __len__(self) -> int:
        return len(self._values)

    def add(self, kind: Kind, values: Sequence[str]) -> None:
        """Hold values of a kind."""
        if kind is Kind.NAME:
            first = len(self._values)
            self._names.update(zip(values, range(first, first + len(values)), strict=True))
        self._values += values
        self._kinds += [_KINDS[kind]] * len(values)
        self._built = None

    def add_people(self, names: Sequence[str], owners: Numbers) -> None:
        """Hold names with the number of the person each belongs to; names that were not added do not count."""
        known = self._names
        ids = np.fromiter((known.get(name, -1) for name in names), np.int64, len(names))
        self._people.append((ids[ids >= 0], owners[ids >= 0]))
        self._built = None

    def told(self, sought: Sought) -> "Iterator[tuple[Kind, str] | tuple[str, ...]]":
        """Values, and names of one person, of which a form may stand in the text; each one once for all texts."""
        if self._built is None:
            self._built = _Built(self._values, self._kinds, self._people)
        for number in self._built.new(sought):
            if number < len(self._values):
                yield _BY_NUMBER[self._kinds[number]], self._values[number]
            else:
                yield tuple(self._values[value] for value in self._built.person(number))


_BY_NUMBER: Final = tuple(Kind)


class _Built:
    """The first bytes of all forms, and where they are by their bytes."""

    def __init__(
        self, values: Sequence[str], kinds: Sequence[int], people: "Sequence[tuple[Numbers, Numbers]]"
    ) -> None:
        words = _Words.of(values)
        self._count = len(values)
        ids = np.concatenate([np.zeros(0, np.int64), *(some for some, _ in people)])
        owners = np.concatenate([np.zeros(0, np.int64), *(some for _, some in people)])
        order = np.argsort(owners, kind="stable")
        self._members, owners = ids[order], owners[order]
        starts = np.flatnonzero(np.append(True, owners[1:] != owners[:-1])[: len(owners)])
        self._bounds = np.append(starts, len(owners))
        forms = _joined([*_of_values(words, np.array(kinds, np.int64)), *self._of_people(words)])
        self._whose = forms.whose
        self._sizes = forms.sizes
        self._keys = forms.keys
        bits = int(np.clip(len(forms.keys).bit_length() + 4, 12, 22))
        self._shift = np.uint64(64 - bits)
        self._tables = np.zeros((_WHOLE_DIGITS + 1, 1 << bits), bool)
        self._tables[forms.sizes, self._slots(forms.keys)] = True
        self._told: Flags = np.zeros(len(values) + len(starts), bool)
        self._dates = _dates(values, kinds)

    def _slots(self, keys: Keys) -> NDArray[np.intp]:
        return (keys * _ODD >> self._shift).astype(np.intp)

    def person(self, number: int) -> list[int]:
        """The values that are one person's names."""
        at = number - self._count
        members: list[int] = self._members[self._bounds[at] : self._bounds[at + 1]].tolist()
        return members

    def _of_people(self, words: "_Words") -> Iterator[Begun]:
        sizes = np.diff(self._bounds)
        several = np.flatnonzero(sizes > 1)
        person = np.repeat(np.arange(len(sizes)), sizes)
        is_several = np.repeat(sizes > 1, sizes)
        values, person = self._members[is_several], person[is_several]
        if not len(several):
            return
        rows = np.searchsorted(several, person)
        whose = several + self._count
        eligible, of_value = words.names(np.ones(len(words.firsts) - 1, bool))
        counts = np.bincount(of_value, minlength=len(words.firsts) - 1)
        first = np.cumsum(counts) - counts
        each = counts[values]
        inner = np.arange(each.sum()) - np.repeat(np.cumsum(each) - each, each)
        flat = eligible[np.repeat(first[values], each) + inner]
        starts, ends = words.starts[flat], words.ends[flat]
        yield from _pairs(words, starts, ends, np.repeat(rows, each), whose)
        yield from _pairs(words, words.firsts[values], words.firsts[values + 1], rows, whose)

    def new(self, sought: Sought) -> list[int]:
        """Numbers that are told for the first time."""
        found = np.zeros(len(self._told), bool)
        for size, keys in _windows(sought):
            maybe = keys[self._tables[size, self._slots(keys)]]
            if len(maybe):
                here = np.zeros(self._tables.shape[1], bool)
                here[self._slots(maybe)] = True
                some = np.flatnonzero((self._sizes == size) & here[self._slots(self._keys)])
                found[self._whose[some[_are_among(self._keys[some], maybe)]]] = True
        if self._dates:
            for day in _days(sought, self._dates):
                found[self._dates[day]] = True
        found &= ~self._told
        self._told |= found
        told: list[int] = np.flatnonzero(found).tolist()
        return told


def _are_among(keys: Keys, members: Keys) -> Flags:
    ordered = np.sort(members)
    at = np.minimum(np.searchsorted(ordered, keys), len(ordered) - 1)
    return np.asarray(ordered[at] == keys)


def _windows(sought: Sought) -> "Iterator[tuple[int, Keys]]":
    yield WINDOW, sought.windows
    begins = np.flatnonzero(sought.edges[:-1])
    yield _WHOLE_DIGITS, sought.windows[begins]
    for size in range(1, WINDOW):
        begins = begins[begins + size < len(sought.edges)]
        whole = begins[sought.edges[begins + size]]
        yield size, sought.windows[whole] & _TOP[size]


class _Words(NamedTuple):
    """Values by their letters and digits, as `known_values` reads them."""

    spelt: NDArray[np.uint8]
    """Letters and digits in small letters, and `WINDOW` zeros."""
    starts: Numbers
    ends: Numbers
    is_digits: Flags
    of_value: Numbers
    """Of each word its value."""
    firsts: Numbers
    """Where each value begins."""
    locals: Numbers
    """Where the part before the first `@` ends."""

    @classmethod
    def of(cls, values: Sequence[str]) -> "_Words":
        codes, offsets = _plain(values)
        classes = _CLASS[codes]
        places = np.flatnonzero(classes)
        kept = classes[places]
        firsts = np.searchsorted(places, offsets)
        begins = np.ones(len(places), bool)
        begins[1:] = (np.diff(places) > 1) | (kept[1:] != kept[:-1])
        starts = np.flatnonzero(begins)
        at = np.append(np.flatnonzero(codes == ord("@")), len(codes))
        signs = np.minimum(at[np.searchsorted(at, offsets[:-1])], offsets[1:])
        counts = np.diff(np.searchsorted(starts, firsts))
        return cls(
            np.concatenate((codes[places], np.zeros(WINDOW, np.uint8))),
            starts,
            np.append(starts[1:], len(places)),
            kept[starts] == _DIGIT,
            np.repeat(np.arange(len(values)), counts),
            firsts,
            np.searchsorted(places, signs) if len(at) > 1 else firsts[1:],
        )

    def are_numbers(self) -> Flags:
        """The values that are nothing but digits."""
        others = self.of_value[~self.is_digits]
        return np.asarray(np.bincount(others, minlength=len(self.firsts) - 1) == 0)

    def names(self, values: Flags) -> tuple[Numbers, Numbers]:
        """Words of these values that may be names, and whose they are."""
        usable = values[self.of_value] & ~self.is_digits & (self.ends - self.starts > 1)
        words = np.flatnonzero(usable)
        return words, self.of_value[words]


def _plain(values: Sequence[str]) -> tuple[NDArray[np.uint8], Numbers]:
    """The values in small letters, each followed by a separator, and where each begins."""
    joined = _APART.join([*values, ""])
    if not joined.isascii() or joined.count(_APART) != len(values):
        joined = _APART.join([*(fold_word(value).replace(_APART, " ") for value in values), ""])
    codes = np.frombuffer(joined.encode(errors="replace").lower(), np.uint8)
    return codes, np.append(0, np.flatnonzero(codes == ord(_APART)) + 1)


def _of_values(words: _Words, kinds: Numbers) -> Iterator[Begun]:
    """Of every value: all of it, its last long number, and what its kind is told by besides."""
    firsts, ends = words.firsts[:-1], words.firsts[1:]
    everyone = np.arange(len(firsts))
    yield _begun(words, firsts, ends, everyone, words.are_numbers())
    long = np.flatnonzero(words.is_digits & (words.ends - words.starts >= _LONG_DIGITS))
    yield _begun(words, words.starts[long], words.ends[long], words.of_value[long], np.ones(len(long), bool))
    is_name = kinds == _KINDS[Kind.NAME]
    named, of_named = words.names(is_name)
    yield _begun(words, words.starts[named], words.ends[named], of_named)
    yield _turned(words, np.flatnonzero(is_name[words.of_value]))
    is_mail = kinds == _KINDS[Kind.EMAIL]
    mails = np.flatnonzero(is_mail)
    yield _begun(words, firsts[mails], words.locals[mails], mails)
    some, of_value = words.names(np.isin(kinds, _PAIRED))
    local = ~is_mail[of_value] | (words.starts[some] < words.locals[of_value])
    some, of_value = some[local], of_value[local]
    yield from _pairs(words, words.starts[some], words.ends[some], of_value, everyone)


def _top(words: _Words, starts: Numbers, ends: Numbers) -> "tuple[Keys, Numbers]":
    sizes = np.minimum(ends - starts, WINDOW)
    windows = sliding_window_view(words.spelt, WINDOW)[starts].view(">u8").reshape(-1)
    return windows.astype(np.uint64) & _TOP[sizes], sizes


def _begun(
    words: _Words, starts: Numbers, ends: Numbers, whose: Numbers, are_numbers: Flags | None = None
) -> Begun:
    full = ends > starts
    keys, sizes = _top(words, starts[full], ends[full])
    if are_numbers is not None:
        sizes = np.where((sizes == WINDOW) & are_numbers[full], _WHOLE_DIGITS, sizes)
    return Begun(keys, sizes, whose[full])


def _after(one: "tuple[Keys, Numbers]", other: "tuple[Keys, Numbers]") -> "tuple[Keys, Numbers]":
    """The first bytes of two pieces, one after the other."""
    (keys, sizes), (more, others) = one, other
    shifts = (8 * np.minimum(sizes, WINDOW - 1)).astype(np.uint64)
    return np.where(sizes < WINDOW, keys | more >> shifts, keys), np.minimum(sizes + others, WINDOW)


def _turned(words: _Words, some: Numbers) -> Begun:
    """A name from each of its words on, and then from the beginning."""
    values = words.of_value[some]
    firsts, ends = words.firsts[values], words.firsts[values + 1]
    keys, _ = _after(_top(words, words.starts[some], ends), _top(words, firsts, ends))
    sizes = np.minimum(ends - firsts, WINDOW)
    return Begun(keys & _TOP[sizes], sizes, values)


def _pairs(words: _Words, starts: Numbers, ends: Numbers, rows: Numbers, whose: Numbers) -> Iterator[Begun]:
    """Any two of the first pieces of each row, in both orders; rows are in order, `whose` says whose each is."""
    if not len(rows):
        return
    fresh = np.append(True, rows[1:] != rows[:-1])
    first = np.maximum.accumulate(np.where(fresh, np.arange(len(rows)), 0))
    rank = np.arange(len(rows)) - first
    early = rank < MOST_NAMES
    table = np.full((int(rows[-1]) + 1, MOST_NAMES), -1)
    table[rows[early], rank[early]] = np.flatnonzero(early)
    for one, other in permutations(range(min(MOST_NAMES, int(rank.max()) + 1)), 2):
        both = np.flatnonzero((table[:, one] >= 0) & (table[:, other] >= 0))
        left, right = table[both, one], table[both, other]
        yield Begun(
            *_after(_top(words, starts[left], ends[left]), _top(words, starts[right], ends[right])),
            whose[both],
        )


def _joined(several: Sequence[Begun]) -> Begun:
    return Begun(*(np.concatenate(parts) for parts in zip(*several, strict=True)))


def _dates(values: Sequence[str], kinds: Sequence[int]) -> "dict[str, list[int]]":
    """Birth dates by their day."""
    found: dict[str, list[int]] = {}
    birth_date = _KINDS[Kind.BIRTH_DATE]
    for number in np.flatnonzero(np.array(kinds, np.int64) == birth_date).tolist():
        day = _DATE.match(values[number])
        found.setdefault(day[0] if day else _ODD_DAY, []).append(number)
    return found


_ODD_DAY: Final = ""
"""A date of another year or in other digits: always told."""


def _days(sought: Sought, wanted: "dict[str, list[int]]") -> Iterator[str]:
    """Days that may be written in a text and are wanted."""
    if _ODD_DAY in wanted:
        yield _ODD_DAY
    before, after = _written_days()
    spelt = sought.spelt
    for at in _years(sought):
        end = at + _YEAR
        year = spelt[at:end].decode()
        days = {
            day
            for size in range(_SHORTEST_DAY, min(at, _LONGEST_DAY) + 1)
            for day in before.get(spelt[at - size : at], ())
        }
        for size in range(_SHORTEST_DAY, _LONGEST_DAY + 1):
            days |= after.get(spelt[end : end + size], set())
        yield from (full for day in days if (full := f"{year}-{day}") in wanted)


def _years(sought: Sought) -> list[int]:
    """Where a year stands that may be one of a date: with letters before or behind, or at an end of a number as long as a date."""
    codes = np.frombuffer(sought.spelt, np.uint8)
    around = np.zeros(len(codes) + 2 * _WIDE_BYTES, np.uint8)
    around[_WIDE_BYTES:-_WIDE_BYTES] = codes
    edges = np.zeros(len(around) + 1, bool)
    edges[_WIDE_BYTES : _WIDE_BYTES + len(sought.edges)] = sought.edges
    digits = around - np.uint8(ord("0"))
    is_digit = digits <= 9  # noqa: PLR2004
    is_letter = ~is_digit & (around > 0)
    at = np.arange(_WIDE_BYTES, _WIDE_BYTES + max(0, len(codes) - _YEAR + 1))
    century = digits[at].astype(np.int64) * 10 + digits[at + 1]
    at = at[
        np.isin(century, (18, 19, 20)) & is_digit[at] & is_digit[at + 1] & is_digit[at + 2] & is_digit[at + 3]
    ]
    begins = edges[at - 2] | edges[at - 3] | edges[at - 4]
    stops = edges[at + 6] | edges[at + 7] | edges[at + 8]
    letters = is_letter[at - 1] | is_letter[at - 2] | is_letter[at - 3] | is_letter[at + _YEAR]
    found: list[int] = (
        at[(begins & edges[at + _YEAR]) | (edges[at] & stops) | letters] - _WIDE_BYTES
    ).tolist()
    return found


@cache
def _written_days() -> "tuple[dict[bytes, set[str]], dict[bytes, set[str]]]":
    """What may stand before a year, and after one, and the days that it may mean."""
    before: dict[bytes, set[str]] = {}
    after: dict[bytes, set[str]] = {}
    for month, day in product(range(1, 13), range(40)):
        name, told = MONTHS[month - 1], f"{month:02}-{day:02}"
        for m, d in product({f"{month:02}", f"{month}", name, name[:3]}, {f"{day:02}", f"{day}"}):
            for nth in ("", "st", "nd", "rd", "th") if m == name else ("",):
                for form in (m + d + nth, d + nth + m, d + nth + "of" + m):
                    before.setdefault(form.encode(), set()).add(told)
                after.setdefault((m + d + nth).encode(), set()).add(told)
    return before, after
