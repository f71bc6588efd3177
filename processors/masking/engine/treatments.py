"""Type by profile: what happens to each kind of identifier, as one table that can be printed and overruled."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import cache, partial
from importlib import resources
from typing import Final, cast

from sluicegate.processors.masking.identifiers import Kind, Operator
from sluicegate.processors.masking.profile import Profile

from .kinds import CODES, KINDS, SpanKind, profile_kind
from .surrogates import Surrogates


class Treatment(StrEnum):
    """What takes the place of an identifier.

    `tag`: its kind. `surrogate`: the same stand-in for the same value. `pseudonym`: the same in every export of one key. `year`: of a
    date, the year, unless it tells an age over 89. `age-class`: an age over 89 is `90+`. `zip3`: the first three digits, 000 where few
    people live. `shift`: a date moved by days that are the subject's own. What cannot be generalised is a tag. `keep`: nothing.
    """

    TAG = "tag"
    SURROGATE = "surrogate"
    PSEUDONYM = "pseudonym"
    YEAR = "year"
    AGE_CLASS = "age-class"
    ZIP3 = "zip3"
    SHIFT = "shift"
    KEEP = "keep"


_OF_OPERATOR: Final = {
    Operator.TAG: Treatment.TAG,
    Operator.SURROGATE: Treatment.SURROGATE,
    Operator.PSEUDONYM: Treatment.PSEUDONYM,
    Operator.YEAR: Treatment.YEAR,
    Operator.SHIFT: Treatment.SHIFT,
    Operator.AGE_CLASS: Treatment.AGE_CLASS,
    Operator.ZIP3: Treatment.ZIP3,
    Operator.DROP: Treatment.TAG,
    Operator.KEEP: Treatment.KEEP,
}


@dataclass(frozen=True, slots=True)
class Treatments:
    """The treatment of every kind; one that is not named is a tag."""

    by_kind: Mapping[SpanKind, Treatment]

    @classmethod
    def of(cls, profile: Profile, overruled: Mapping[SpanKind, Treatment] | None = None) -> "Treatments":
        """What a profile says of each kind."""
        table = {kind: _OF_OPERATOR[profile.operator(profile_kind(kind))] for kind in KINDS}
        return cls(table | dict(overruled or {}))

    def __getitem__(self, kind: SpanKind) -> Treatment:
        return self.by_kind.get(kind, Treatment.TAG)


Make = Callable[[bytes, bytes | None], bytes]
"""Makes what takes the place of a value, told whose row it is in where that is known."""
MakeMany = Callable[[Sequence[bytes]], list[bytes]]
"""The same for many values at once, whosever rows they are in."""


class _Made(dict[bytes, bytes]):
    """Replacements by value; those of many values are forgotten and made again."""

    def __init__(self, make: Make | None, make_many: MakeMany | None) -> None:
        super().__init__()
        self._make = make
        self._make_many = make_many

    def __missing__(self, shown: bytes) -> bytes:
        if len(self) >= _REMEMBERED:
            self.clear()
        made = shown if self._make is None else self._make(shown, None)
        if len(shown) <= _LONGEST_REMEMBERED:
            self[shown] = made
        return made

    def prepare(self, shown: Iterable[bytes]) -> None:
        """Make many at once where that is cheaper; they are remembered until others are prepared."""
        if self._make_many is None:
            return
        short = [one for one in shown if len(one) <= _LONGEST_REMEMBERED]
        if len(self) >= _REMEMBERED:
            self.clear()
        self.update(zip(short, self._make_many(short), strict=True))


class Replacing:
    """Treatments at work in one export."""

    def __init__(
        self,
        treatments: Treatments,
        surrogates: Surrogates | None,
        *,
        day_first: bool = False,
        this_year: int | None = None,
    ) -> None:
        """Without surrogates (no secret) a tag stands for each; `day_first` reads 3/4/2021 as 3 April.

        A year from which somebody may be over 89 in `this_year` is a tag; when nobody says what year it is, so is every birth year.
        """
        self._surrogates = surrogates
        self._day_first = day_first
        self._this_year = this_year
        self._by_code = tuple(self._replacement(kind, treatments[kind]) for kind in KINDS)
        many = (self._replacements(kind, treatments[kind]) for kind in KINDS)
        self._made = tuple(map(_Made, self._by_code, many))
        self._for_subjects = frozenset(CODES[kind] for kind in KINDS if treatments[kind] is Treatment.SHIFT)

    def keeps(self, code: int) -> bool:
        """Whether nothing happens to this kind."""
        return self._by_code[code] is None

    def replacement(self, code: int, shown: bytes, subject: bytes | None = None) -> bytes:
        """What takes the place of a value of a kind, told as a folded text shows it; whose row it is, where that is known."""
        made = self._by_code[code]
        return shown if made is None else made(shown, subject)

    def replacements(
        self, codes: Sequence[int], shown: Sequence[bytes], subjects: Sequence[bytes] | None = None
    ) -> list[bytes]:
        """The same for many values of a batch, each of its kind and from within one row; `subjects` says whose row each is in."""
        made = self._made
        found = [made[code].get(value) for code, value in zip(codes, shown, strict=True)]
        lacking = [number for number, one in enumerate(found) if one is None]
        by_code: dict[int, list[bytes]] = defaultdict(list)
        for number in lacking:
            by_code[codes[number]].append(shown[number])
        for code, values in by_code.items():
            made[code].prepare(dict.fromkeys(values))
        for number in lacking:
            found[number] = made[codes[number]][shown[number]]
        if subjects is not None and not self._for_subjects.isdisjoint(codes):
            for number, code in enumerate(codes):
                if code in self._for_subjects:
                    found[number] = self.replacement(code, shown[number], subjects[number])
        return cast("list[bytes]", found)

    def _replacements(self, kind: SpanKind, treatment: Treatment) -> MakeMany | None:
        """For treatments that many values make cheaper."""
        if self._surrogates is None:
            return None
        match treatment:
            case Treatment.SURROGATE:
                return partial(self._surrogates.surrogates, profile_kind(kind))
            case Treatment.PSEUDONYM:
                return partial(self._surrogates.pseudonyms, profile_kind(kind))
            case _:
                return None

    def _replacement(self, kind: SpanKind, treatment: Treatment) -> Make | None:
        named = profile_kind(kind)
        tag = f"<{named}>".encode()
        surrogates = self._surrogates
        match treatment:
            case Treatment.KEEP:
                return None
            case Treatment.SURROGATE if surrogates is not None:
                return lambda shown, _subject: surrogates.surrogate(named, shown)
            case Treatment.PSEUDONYM if surrogates is not None:
                return lambda shown, _subject: surrogates.pseudonym(named, shown)
            case Treatment.YEAR if self._this_year is not None:
                last = self._this_year - _OVER_89
                return lambda shown, _subject: _year_after(last, shown) or tag
            case Treatment.YEAR if named is not Kind.BIRTH_DATE:
                return lambda shown, _subject: _year(shown) or tag
            case Treatment.AGE_CLASS:
                return lambda _shown, _subject: b"<age:90+>"
            case Treatment.ZIP3:
                return lambda shown, _subject: _zip3(shown) or tag
            case Treatment.SHIFT if surrogates is not None:
                return lambda shown, subject: self._shifted(surrogates, shown, subject) or tag
            case _:
                return lambda _shown, _subject: tag

    def _shifted(self, surrogates: Surrogates, shown: bytes, subject: bytes | None) -> bytes | None:
        day = _day(shown, day_first=self._day_first)
        if day is None or subject is None:
            return None
        # From a year back to a day back, and from a day on to a year on: never no shift at all.
        days = surrogates.number(b"shift", subject) % (2 * _YEAR_DAYS) - _YEAR_DAYS
        try:
            return surrogates.shifted_day(str(day + timedelta(days=days if days < 0 else days + 1)))
        except OverflowError:
            return None


_REMEMBERED: Final = 20_000
_LONGEST_REMEMBERED: Final = 256
_LOW_POPULATION: Final = "low-population-zips.json"
_YEAR_DAYS: Final = 365
_OVER_89: Final = 90
_YEAR: Final = re.compile(rb"(?<![0-9])(?:1[89]|20)[0-9]{2}(?![0-9])")
_COMPACT_YEAR: Final = re.compile(rb"(?<![0-9])((?:19|20)[0-9]{2})[01][0-9][0-3][0-9](?![0-9])")
_ZIP: Final = re.compile(rb"(?<![0-9])([0-9]{3})[0-9]{2}(?:-?[0-9]{4})?(?![0-9])")
_DAYS: Final = (
    (re.compile(rb"(?P<y>[0-9]{4})[-/.]?(?P<m>[0-9]{2})[-/.]?(?P<d>[0-9]{2})(?![0-9])"), False),
    (re.compile(rb"(?P<m>[0-9]{1,2})[-/.](?P<d>[0-9]{1,2})[-/.](?P<y>[0-9]{4})(?![0-9])"), True),
    (re.compile(rb"(?i)(?P<m>[a-z]{3})[a-z]{0,6}\.? (?P<d>[0-9]{1,2})(?:st|nd|rd|th)?,? (?P<y>[0-9]{4})"), False),
    (re.compile(rb"(?i)(?P<d>[0-9]{1,2})(?:st|nd|rd|th)?[ \-](?:of )?(?P<m>[a-z]{3})[a-z]{0,6}\.?,?[ \-](?P<y>[0-9]{4})"), False),
)  # fmt: skip
_MONTHS: Final = b"jan feb mar apr may jun jul aug sep oct nov dec".split()


def _year(shown: bytes) -> bytes | None:
    found = _YEAR.search(shown)
    if found is not None:
        return found[0]
    compact = _COMPACT_YEAR.search(shown)
    return compact[1] if compact else None


def _year_after(last: int, shown: bytes) -> bytes | None:
    year = _year(shown)
    return year if year is not None and int(year) > last else None


def _zip3(shown: bytes) -> bytes | None:
    found = _ZIP.search(shown)
    if found is None:
        return None
    return b"<zip:%b>" % (b"000" if found[1] in low_population_prefixes() else found[1])


def _day(shown: bytes, *, day_first: bool) -> date | None:
    for pattern, ambiguous in _DAYS:
        found = pattern.search(shown)
        if found is None:
            continue
        month, day = found["m"], found["d"]
        if ambiguous and day_first:
            month, day = day, month
        try:
            number = int(month) if month.isdigit() else _MONTHS.index(month.lower()) + 1
            return date(int(found["y"]), number, int(day))
        except ValueError:
            return None
    return None


@cache
def low_population_prefixes() -> frozenset[bytes]:
    """Three-digit ZIP prefixes of areas with 20,000 people or fewer, as the dated file beside this module lists them."""
    text = (
        resources.files("sluicegate.processors.masking.engine")
        .joinpath(_LOW_POPULATION)
        .read_text(encoding="utf-8")
    )
    return frozenset(prefix.encode() for prefix in json.loads(text)["prefixes"])
