"""Look at what people would see, with other eyes than the masking's.

Reads both bodies anew, recomputes what identifies from the raw one by its own reading of the columns, and looks for that and for
generic shapes in the masked one. Shares the profile's words with the masking and no code with its detectors, its columns or its
operators. A column that is kept is compared and looked at for this batch's own longer identifiers: `keep` says that a column
identifies nobody, and one that holds an address of the same batch belies it.

Codes: `media-type`, `unreadable`, `structure` (records, order, keys or text that is not the raw one's), `kept-changed`,
`column` (an identifier column whose value is no form), `key` (likewise a key), `known-value`, `known-value-in-kept`,
`known-value-encoded`, `surrogate` (a form that only an export makes, or what looks like one), `email`, `digits`, `ip`, `url`,
`date`, `birth-date`, `name`, `failed` (a defect here).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from .check_columns import DATA, CheckColumns, is_kept, lower_name
from .check_literals import Literals
from .check_shapes import form_of, shapes, without_forms
from .identifiers import Kind, Operator, Reading
from .profile import Column, Profile

_JSON: Final = ("application/json", "application/x-ndjson")
_SHOWN_AGE: Final = 89
_YEAR_DIGITS: Final = 4
_LONG_NUMBER: Final = re.compile(r"-?(?:[0-9]{9,}(?:\.0*)?|(?=[0-9.]{10,}[eE])[0-9]*\.[0-9]+[eE]\+?[0-9]+)")


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


class _Members(tuple[tuple[str, Any], ...]):
    """The members of an object, in order, repeated keys included."""

    __slots__ = ()


class _Place(NamedTuple):
    path: str
    inherited: Column | None
    in_list: bool = False


def check(media_type: str, raw: bytes, masked: bytes, profile: Profile) -> tuple[str, ...]:
    """Why these bytes must not leave, as codes in alphabetical order; empty when they may."""
    look = _Look(CheckColumns(profile))
    try:
        if media_type == "text/plain":
            look.text(raw.decode(), masked.decode(), free=True)
        elif media_type in _JSON:
            look.records(*(_records(media_type, body.decode()) for body in (raw, masked)))
        else:
            look.reasons.add("media-type")
    except (UnicodeDecodeError, ValueError, RecursionError):
        look.reasons.add("unreadable")
    except Exception:  # noqa: BLE001 - in doubt nothing leaves, and nothing is said about what was there
        look.reasons.add("failed")
    return tuple(sorted(look.reasons))


def _records(media_type: str, text: str) -> list[Any]:
    if media_type == _JSON[1]:
        return [_parsed(line) for line in text.removesuffix("\n").split("\n")] if text else []
    return [_parsed(text)]


def _parsed(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_Members, parse_int=_Number, parse_float=_Number)


@dataclass(slots=True)
class _Look:
    columns: CheckColumns
    literals: Literals = field(default_factory=Literals, repr=False)
    reasons: set[str] = field(default_factory=set)
    checks: list[tuple[str, bool]] = field(default_factory=list, repr=False)
    kept: list[str] = field(default_factory=list, repr=False)

    def records(self, raw: list[Any], masked: list[Any]) -> None:
        """Compare record by record, then look for what was learnt."""
        if len(raw) != len(masked):
            self.reasons.add("structure")
            return
        for one, other in zip(raw, masked, strict=True):
            self.compare(one, other, _Place("", None))
        self._search()

    def text(self, raw: str, masked: str, *, free: bool) -> None:
        """Compare two texts: what is left is the raw one's, in its order, and holds no shape."""
        left = without_forms(masked, self.reasons, raw=raw)
        self.reasons.update(shapes(left, self.columns))
        if not self.columns.masks(Kind.DATE) and not _in_order(left.split(), raw):
            self.reasons.add("structure")
        self.checks.append((left, free))

    def compare(self, raw: Any, masked: Any, place: _Place) -> list[str]:
        """Compare one place; returns the names that stand there."""
        column = self.columns.at(place.path) or place.inherited
        if is_kept(column):
            self._compare_kept(raw, masked)
        elif column is not None and self.columns.operator(column) is Operator.DROP:
            if masked is not None:
                self.reasons.add("column")
        elif isinstance(raw, _Members):
            passed_on = column if column is not None and isinstance(column.holds, Kind) else None
            self._compare_members(raw, masked, _Place(place.path, passed_on, in_list=place.in_list))
        elif isinstance(raw, list):
            self._compare_elements(raw, masked, place)
        elif isinstance(raw, str) and raw.strip():
            return self._compare_text(raw, masked, column or Column(Reading.TEXT), place)
        elif raw != masked or type(raw) is not type(masked):
            self.reasons.add("structure")
        return []

    def _compare_kept(self, raw: Any, masked: Any) -> None:
        if raw != masked or type(raw) is not type(masked):
            self.reasons.add("kept-changed")
        for text in _texts(masked):
            without_forms(text, self.reasons, raw=text)
            self.kept.append(text)

    def _compare_members(self, raw: _Members, masked: Any, place: _Place) -> None:
        if not isinstance(masked, _Members) or len(raw) != len(masked) or len(dict(masked)) != len(masked):
            self.reasons.add("structure")
            return
        names: list[str] = []
        for (key, value), (new, other) in zip(raw, masked, strict=True):
            self._compare_key(
                key, new, place, names_record=not place.in_list or isinstance(value, list | _Members)
            )
            name = lower_name(key) if key == new and form_of(key) is None else DATA
            path = f"{place.path}/{name}" if place.path else name
            names += self.compare(value, other, _Place(path, place.inherited))
        self.literals.add_names(names)

    def _compare_key(self, raw: str, masked: str, place: _Place, *, names_record: bool) -> None:
        if raw != masked:
            self.literals.add(raw)
            if form_of(masked) is None:
                self.reasons.add("structure")
        elif (
            names_record
            and form_of(raw) is None
            and (kind := self.columns.keys(place.path, raw))
            and self.columns.masks(kind)
        ):
            self.reasons.add("key")
        left = without_forms(masked, self.reasons, raw=raw)
        self.reasons.update(shapes(left, self.columns))
        self.checks.append((left, False))

    def _compare_elements(self, raw: list[Any], masked: Any, place: _Place) -> None:
        if not isinstance(masked, list) or len(raw) != len(masked):
            self.reasons.add("structure")
            return
        for one, other in zip(raw, masked, strict=True):
            self.compare(one, other, _Place(place.path, place.inherited, in_list=True))

    def _compare_text(self, raw: str, masked: Any, column: Column, place: _Place) -> list[str]:
        if not isinstance(masked, str):
            self.reasons.add("structure")
            return []
        if isinstance(column.holds, Kind):
            return self._compare_identifier(raw, masked, column)
        free = column.holds is Reading.TEXT
        if isinstance(masked, _Number):
            self._compare_number(raw, masked, free=free)
        elif (inner := _within(raw)) is not None and (other := _within(masked)) is not None:
            self.compare(inner, other, _Place(place.path, column))
        else:
            self.text(raw, masked, free=free)
        return []

    def _compare_identifier(self, raw: str, masked: str, column: Column) -> list[str]:
        operator = self.columns.operator(column)
        if operator is Operator.KEEP:
            self._compare_kept(raw, masked)
            return []
        year = (
            operator is Operator.YEAR and len(masked) == _YEAR_DIGITS and masked.isdigit() and masked in raw
        )
        age = column.holds is Kind.AGE and masked == raw and raw.isdigit() and int(raw[:4]) <= _SHOWN_AGE
        if form_of(masked) is None and not year and not age:
            self.reasons.add("column")
        without_forms(masked, self.reasons, raw=raw)
        if form_of(raw) is not None or year or age:
            return []
        self.literals.add(raw)
        return [raw] if column.holds is Kind.NAME else []

    def _compare_number(self, raw: str, masked: _Number, *, free: bool) -> None:
        if raw != masked:
            self.reasons.add("structure")
        if free:
            self.checks.append((masked, False))
            if _LONG_NUMBER.fullmatch(masked) and self.columns.masks(Kind.NUMBER):
                self.reasons.add("digits")

    def _search(self) -> None:
        seen: set[tuple[str, bool]] = set(self.checks)
        if any(self.literals.found(text, singles=free) for text, free in seen):
            self.reasons.add("known-value")
        if self.literals.found_within([text for text, _ in self.checks]):
            self.reasons.add("known-value")
        if any(self.literals.found_encoded(text) for text, _ in seen):
            self.reasons.add("known-value-encoded")
        if any(self.literals.found_in_kept(text) for text in set(self.kept)) or self.literals.found_within(
            self.kept
        ):
            self.reasons.add("known-value-in-kept")


def _within(text: str) -> Any:
    if text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        return _parsed(text)
    except (ValueError, RecursionError):
        return None


def _in_order(pieces: list[str], raw: str) -> bool:
    at = 0
    for piece in pieces:
        at = raw.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return True


def _texts(value: Any) -> Iterator[str]:
    match value:
        case _Members():
            for key, inner in value:
                yield key
                yield from _texts(inner)
        case list():
            for element in value:
                yield from _texts(element)
        case str():
            yield value
