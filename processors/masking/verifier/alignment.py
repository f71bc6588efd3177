"""Lay masked text over what it was made of: all that is no replacement must be the same bytes in the same order."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sluicegate.processors.masking.identifiers import Kind

from .claim import Claim
from .forms import Forms, number_of
from .texts import CLASSES, DIGIT, Places, Texts

_YEAR: Final = re.compile(rb"(?:1[89]|20)[0-9]{2}(?![0-9])")
_WHOLE_YEAR: Final = re.compile(rb"(?<![0-9])(?:1[89]|20)[0-9]{2}(?![0-9])")
_NUMBER: Final = re.compile(rb"[0-9]+")
_COMPACT: Final = (8, 12, 14)
"""Digits of a date in one piece, without and with a time."""
_DAY_AND_MONTH: Final = 2
"""Two numbers of two digits."""
_TRIED: Final = 32
_TAIL: Final = 0x80
_TAIL_MASK: Final = 0xC0
_DATE: Final = number_of(Kind.DATE)


@dataclass(frozen=True, slots=True)
class Misfit:
    """Two texts that do not go together."""

    rows: tuple[int, ...] = ()
    """The first row where they do not, if it is known."""


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """What was replaced (`starts` to `ends` before), and the kind of each replacement."""

    starts: Places
    ends: Places
    kinds: NDArray[np.int64]
    left: Texts
    """What is no replacement, with marks."""


def aligned(
    before: Texts, after: Texts, forms: Forms, claim: Claim | None, *, years: bool
) -> Alignment | Misfit:
    """How both texts go together, if they do. With `years`, a year may stand for a date."""
    if claim is None:
        guess = _guessed(before, after, forms, years=years)
        return guess if isinstance(guess, Misfit) else _walked(before, after, forms, guess, years=years)
    if ((claim.rows < 0) | (claim.rows >= len(before))).any():
        return Misfit()
    starts, ends = before.offsets[claim.rows] + claim.starts, before.offsets[claim.rows] + claim.ends
    if not _usable(before, claim, starts, ends):
        return Misfit()
    if len(forms.starts) == len(starts):
        left = after.with_marks(forms.starts, forms.ends)
        kept = before.with_marks(starts, ends)
        if kept.data == left.data and np.array_equal(kept.offsets, left.offsets):
            return Alignment(starts, ends, forms.kinds, left)
    return _walked(before, after, forms, (starts, ends), years=years)


def torn(texts: Texts, starts: Places, ends: Places) -> Places:
    """The rows in which a piece begins or ends between two letters, two digits, or inside a character."""
    codes = texts.codes
    edges = np.concatenate((starts, ends))
    first, last = texts.offsets[texts.rows_of(starts)], texts.offsets[texts.rows_of(starts) + 1]
    bounded = np.concatenate((starts > first, ends < last))
    edges = edges[bounded]
    classes, behind = CLASSES[codes[edges - 1]], CLASSES[codes[edges]]
    inside = (classes == behind) & (classes > 0) & (classes <= DIGIT)
    wrong = inside | ((codes[edges] & _TAIL_MASK) == _TAIL)
    return texts.rows_of(edges[wrong]) if wrong.any() else edges[:0]


def _usable(before: Texts, claim: Claim, starts: Places, ends: Places) -> bool:
    in_rows = (claim.starts >= 0) & (claim.ends > claim.starts) & (ends < before.offsets[claim.rows + 1])
    return bool(in_rows.all() and (starts[1:] >= ends[:-1]).all())


def _walked(
    before: Texts, after: Texts, forms: Forms, spans: tuple[Places, Places], *, years: bool
) -> Alignment | Misfit:
    """Row by row: what is kept, a replacement, what is kept; the only way where years stand for dates."""
    places = zip(forms.ends.tolist(), forms.kinds.tolist(), strict=True)
    form_at = dict(zip(forms.starts.tolist(), places, strict=True))
    pieces = list(zip(spans[0].tolist(), spans[1].tolist(), strict=True))
    first = np.searchsorted(spans[0], before.offsets).tolist()
    bounds, others = before.offsets.tolist(), after.offsets.tolist()
    found: list[tuple[int, int, int]] = []
    for row in range(len(before)):
        its_own = _Row(before.data, after.data, bounds[row : row + 2], others[row : row + 2])
        placed = its_own.walked(pieces[first[row] : first[row + 1]], form_at, years=years)
        if placed is None:
            return Misfit((row,))
        found += placed
    made = np.array(found, np.int64).reshape(-1, 3)
    left = after.with_marks(made[:, 0], made[:, 1])
    return Alignment(*spans, made[:, 2], left)


class _Row(NamedTuple):
    """One row in both texts."""

    old: bytes
    new: bytes
    bounds: list[int]
    others: list[int]

    def walked(
        self, pieces: list[tuple[int, int]], form_at: dict[int, tuple[int, int]], *, years: bool
    ) -> list[tuple[int, int, int]] | None:
        """Start, end and kind of each replacement; None when something else is there."""
        old, new = self.old, self.new
        at, place = self.bounds[0], self.others[0]
        found: list[tuple[int, int, int]] = []
        for start, end in pieces:
            kept = old[at:start]
            if not new.startswith(kept, place):
                return None
            place += len(kept)
            form = form_at.get(place)
            if form is None and years:
                form = _year(new, place, self.others[1], old[start:end])
            if form is None:
                return None
            found.append((place, *form))
            at, place = end, form[0]
        is_whole = place <= self.others[1] and old[at : self.bounds[1]] == new[place : self.others[1]]
        return found if is_whole else None


def _year(new: bytes, place: int, last: int, literal: bytes) -> tuple[int, int] | None:
    year = _YEAR.match(new, place, last)
    return (year.end(), _DATE) if year is not None and is_dated(literal, year[0]) else None


def is_dated(literal: bytes, year: bytes) -> bool:
    """Whether a literal may be a date of this year: the last four digits of another number are no year."""
    numbers = _NUMBER.findall(literal)
    others = [number for number in numbers if number != year]
    if len(others) == len(numbers):
        return any(len(number) in _COMPACT and year in {number[:4], number[-4:]} for number in numbers)
    return b":" in literal or (
        len(others) <= _DAY_AND_MONTH and all(len(one) <= _DAY_AND_MONTH for one in others)
    )


def _guessed(before: Texts, after: Texts, forms: Forms, *, years: bool) -> tuple[Places, Places] | Misfit:
    """Where replacements may have been, when nobody says: kept pieces as early as they fit."""
    starts: list[int] = []
    ends: list[int] = []
    first = np.searchsorted(forms.starts, after.offsets).tolist()
    for row in range(len(before)):
        old, new, base = before.row(row), after.row(row), int(after.offsets[row])
        if old == new:
            continue
        places = [
            (start - base, end - base)
            for start, end in zip(
                forms.starts[first[row] : first[row + 1]].tolist(),
                forms.ends[first[row] : first[row + 1]].tolist(),
                strict=True,
            )
        ]
        if years:
            # A shifted date holds a year as well, and is a form whole.
            places = sorted((*places, *_outside(places, _WHOLE_YEAR, new)))
        spans = list(_gaps(old, new, places))
        if not spans and places:
            return Misfit((row,))
        starts += [int(before.offsets[row]) + start for start, _ in spans]
        ends += [int(before.offsets[row]) + end for _, end in spans]
    return np.array(starts, np.int64), np.array(ends, np.int64)


def _outside(
    places: list[tuple[int, int]], pattern: re.Pattern[bytes], text: bytes
) -> Iterator[tuple[int, int]]:
    """Matches of a pattern that lie in none of these places, which are in order."""
    for found in pattern.finditer(text):
        before = bisect_right(places, found.span())
        if before == 0 or places[before - 1][1] <= found.start():
            yield found.span()


def _gaps(old: bytes, new: bytes, places: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """For each replacement what it stands for; nothing when the kept pieces are not there in their order."""
    at = places[0][0] if places else 0
    gaps: list[tuple[int, int]] = []
    for number, (start, end) in enumerate(places):
        last = number + 1 == len(places)
        kept = new[end : len(new) if last else places[number + 1][0]]
        behind = at + end - start
        stays = old[behind:] == kept if last else old.startswith(kept, behind)
        if stays and new[start:end] == old[at:behind]:
            # A tag or a year that was there before.
            at = behind + len(kept)
            continue
        first = at + 1
        if new[start : start + 1] != b"<":
            # A year stands for a date that has it.
            year = old.find(new[start:end], at)
            if year < 0:
                return
            first = year + end - start
        place = len(old) - len(kept) if last else _found(old, kept, first)
        if place < first or (last and not old.endswith(kept)):
            return
        gaps.append((at, place))
        at = place + len(kept)
    yield from gaps


def _found(old: bytes, kept: bytes, first: int) -> int:
    """Where a kept piece stands from here on: the first place that tears no word, if there is one near."""
    place = old.find(kept, first)
    near = place
    for _ in range(_TRIED):
        if near < 0:
            break
        if not (_tears(old, near) or _tears(old, near + len(kept))):
            return near
        near = old.find(kept, near + 1)
    return place


def _tears(old: bytes, place: int) -> bool:
    if not 0 < place < len(old):
        return False
    before, behind = CLASSES[old[place - 1]], CLASSES[old[place]]
    return bool(before == behind and 0 < before <= DIGIT)
