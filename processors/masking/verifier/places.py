"""Places of records and what a profile says about them.

Paths and the profile's columns are read by `check_columns`, not by what the masking reads them with.
"""

import re
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from sluicegate.processors.masking.check_columns import DATA, CheckColumns, is_kept, lower_name
from sluicegate.processors.masking.identifiers import Kind, Operator, Reading
from sluicegate.processors.masking.profile import Column, Profile

_FORM_KEY: Final = re.compile(f"<(?:{'|'.join(Kind)})(?:-[1-9][0-9]{{0,5}}|:[a-z0-9]{{24}})?>")
_FIELD: Final = re.compile("[a-z_]{1,40}")


class Must(Enum):
    """What must have happened to what stands in a place."""

    STAY = auto()
    GO = auto()
    BE_REPLACED = auto()
    BE_CLEAN = auto()
    BE_READ = auto()


@dataclass(slots=True, eq=False)
class Place:
    """A place of records: the steps to it, and what the profile says about it."""

    path: str
    shown: str
    """The path for people: `*` for what may be data."""
    column: Column | None
    must: Must
    operator: Operator | None = None
    is_key: bool = False
    """Whether the name of the last step must not stay."""
    members: "dict[str, Place]" = field(default_factory=dict, repr=False)
    data: "Place | None" = field(default=None, repr=False)
    """Behind any key that was replaced."""
    inner: "Place | None" = field(default=None, repr=False)
    """The same place, within a string of JSON."""

    @classmethod
    def named(cls, shown: str) -> "Place":
        """A place that only has a name."""
        return cls("", shown, None, Must.STAY)

    @property
    def kind(self) -> Kind | None:
        """What stands here, if it is an identifier."""
        holds = self.column.holds if self.column is not None else None
        return holds if isinstance(holds, Kind) else None


class Places:
    """What a profile says about every place that was seen; kept from batch to batch."""

    _MOST: Final = 20_000

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._forget()

    def __len__(self) -> int:
        return self._known

    @property
    def root(self) -> Place:
        """Where records begin."""
        if self._known > self._MOST:
            self._forget()
        return self._root

    def _forget(self) -> None:
        self._columns = CheckColumns(self._profile)
        self._known = 0
        self._root = self._place("", "", None)

    def masks(self, kind: Kind) -> bool:
        """Whether identifiers of this kind must be gone."""
        return self._columns.masks(kind)

    def member(self, place: Place, key: str) -> Place:
        """The place behind a key that stayed."""
        is_data = _FORM_KEY.fullmatch(key) is not None
        kind = None if is_data or not key else self._columns.keys(place.path, key)
        is_key = kind is not None and self._columns.masks(kind)
        name = DATA if is_data else lower_name(key)
        found = self._step(place, name, name if _FIELD.fullmatch(name) and not is_key else DATA)
        found.is_key = is_key
        place.members[key] = found
        return found

    def data(self, place: Place) -> Place:
        """The place behind a key that was replaced."""
        if place.data is None:
            place.data = self._step(place, DATA, DATA)
        return place.data

    def inner(self, place: Place) -> Place:
        """The place once more, for what a string of JSON holds."""
        if place.inner is None:
            place.inner = self._place(place.path, place.shown, place.column)
        return place.inner

    def _step(self, place: Place, name: str, shown: str) -> Place:
        passed = place.column if place.kind is not None else None
        path, shown = (
            f"{before}/{step}" if before else step
            for before, step in ((place.path, name), (place.shown, shown))
        )
        return self._place(path, shown, passed)

    def _place(self, path: str, shown: str, inherited: Column | None) -> Place:
        self._known += 1
        column = (self._columns.at(path) if path else None) or inherited
        operator = self._columns.operator(column) if column is not None else None
        return Place(path, shown, column, _must(column, operator), operator)


_SHARED: Final[dict[tuple[object, ...], Places]] = {}
_MOST_SHARED: Final = 8


def places_of(profile: Profile) -> Places:
    """The places of a profile; what it says about them is worked out once, whatever the number of exports."""
    said = (profile.columns, profile.keys, tuple(sorted(profile.operators.items())))
    if said not in _SHARED:
        if len(_SHARED) >= _MOST_SHARED:
            _SHARED.clear()
        _SHARED[said] = Places(profile)
    return _SHARED[said]


def _must(column: Column | None, operator: Operator | None) -> Must:
    if is_kept(column):
        return Must.STAY
    if operator is Operator.DROP:
        return Must.GO
    if column is not None and isinstance(column.holds, Kind):
        return Must.STAY if operator is Operator.KEEP else Must.BE_REPLACED
    return Must.BE_READ if column is None or column.holds is Reading.TEXT else Must.BE_CLEAN
