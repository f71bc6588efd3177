"""Two documents beside each other, value by value: what each leaf must be, and where it stands."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final

from sluicegate.processors.masking.identifiers import Kind, Operator

from .documents import is_same_outside, within
from .places import Must, Place, Places
from .report import Reason

NUMBERED: Final = re.compile(f"<({'|'.join(Kind)})-[1-9][0-9]{{0,5}}>")
"""A tag as a key."""

_LONG_NUMBER: Final = re.compile(rb"-?(?:[0-9]{9,}(?:\.0*)?|(?=[0-9.]{10,}[eE])[0-9]*\.?[0-9]+[eE]\+?[0-9]+)")
_MOST_NAMES: Final = 6


@dataclass(slots=True)
class Leaves:
    """Values of one treatment, each pair once."""

    before: list[str] = field(default_factory=list, repr=False)
    after: list[str] = field(default_factory=list, repr=False)
    records: list[int] = field(default_factory=list)
    places: list[Place] = field(default_factory=list, repr=False)
    _seen: set[tuple[str, str]] = field(default_factory=set, repr=False)

    def add(self, before: str, after: str, record: int, place: Place) -> None:
        """Add a value, if it is new."""
        pair = (before, after)
        if pair not in self._seen:
            self._seen.add(pair)
            self.before.append(before)
            self.after.append(after)
            self.records.append(record)
            self.places.append(place)


Object = Callable[[Reason, str, int], None]
"""Told an objection, the path, and the number of the record."""


@dataclass(slots=True)
class Walk:
    """What the records of one document hold."""

    places: Places
    object_: Object
    text: Leaves = field(default_factory=Leaves)
    """Free text."""
    plain: Leaves = field(default_factory=Leaves)
    """Codes and the like: searched for shapes and for the document's own identifiers."""
    kept: Leaves = field(default_factory=Leaves)
    identifiers: "dict[tuple[Kind, Operator | None], Leaves]" = field(
        default_factory=lambda: defaultdict(Leaves), repr=False
    )
    keys: dict[str, tuple[int, Place]] = field(default_factory=dict, repr=False)
    """Keys that stayed."""
    new_keys: Leaves = field(default_factory=Leaves)
    numbers: dict[bytes, tuple[int, Place]] = field(default_factory=dict, repr=False)
    names: set[str] = field(default_factory=set, repr=False)
    """Names that stand together in one object."""
    values: list[str] = field(default_factory=list, repr=False)
    """All values that leave, in their order."""
    record: int = 0
    _opened: int = 0
    _dropped: list[int] = field(default_factory=list)
    _names: list[str] = field(default_factory=list, repr=False)

    def document(self, before: str, after: str, old: Sequence[Any], new: Sequence[Any]) -> None:
        """Compare the records of a document, and what is around their leaves."""
        root = self.places.root
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            self.record = number
            self._node(one, other, root, listed=False)
        if (before != after and old == new) or not is_same_outside(before, after, self._dropped):
            self._object(Reason.STRUCTURE, root)

    def _object(self, reason: Reason, place: Place) -> None:
        self.object_(reason, place.shown, self.record)

    def _node(self, old: Any, new: Any, place: Place, *, listed: bool) -> None:
        must = place.must
        if must is Must.GO:
            self._gone(old, new, place)
        elif type(old) is tuple:
            if must is Must.STAY and place.kind is None:
                self._stays(old, new, place)
            else:
                self._opened += 1
                self._members(old, new, place, listed=listed)
        elif type(old) is list:
            if must is Must.STAY and place.kind is None:
                self._stays(old, new, place)
            else:
                self._opened += 1
                self._elements(old, new, place)
        elif must is Must.STAY:
            self._stays(old, new, place)
        elif type(old) is str:
            self._string(old, new, place, listed=listed)
        elif type(old) is bytes:
            self._number(old, new, place)
        elif old is not new:
            self._object(Reason.STRUCTURE, place)

    def _gone(self, old: Any, new: Any, place: Place) -> None:
        if isinstance(old, tuple | list):
            self._dropped.append(self._opened)
            self._opened += _containers(old)
        if new is not None:
            self._object(Reason.DROPPED, place)

    def _stays(self, old: Any, new: Any, place: Place) -> None:
        self._opened += _containers(old)
        if old != new:
            self._object(Reason.UNTOUCHED, place)
        else:
            self._keep(new, place)

    def _keep(self, value: Any, place: Place) -> None:
        match value:
            case str():
                self.kept.add(value, value, self.record, place)
                self.values.append(value)
            case tuple():
                for key, inner in value:
                    self._keep(key, place)
                    self._keep(inner, place)
            case list():
                for element in value:
                    self._keep(element, place)
            case bytes():
                self._keep(value.decode(), place)
            case _:
                pass

    def _members(self, old: Any, new: Any, place: Place, *, listed: bool) -> None:
        if type(new) is not tuple or len(old) != len(new):
            self._object(Reason.STRUCTURE, place)
            return
        members, first_name = place.members, len(self._names)
        for (key, value), (name, other) in zip(old, new, strict=True):
            if key != name:
                inner = self.places.data(place)
                self.new_keys.add(key, name, self.record, place)
            else:
                inner = members.get(key) or self.places.member(place, key)
                if inner.is_key and not (listed and type(value) not in {tuple, list}):
                    self._object(Reason.KEY, place)
                if key not in self.keys:
                    self.keys[key] = (self.record, place)
            self._node(value, other, inner, listed=False)
        if len(self._names) > first_name + 1:
            self._know_person(self._names[first_name:])
        del self._names[first_name:]

    def _know_person(self, names: list[str]) -> None:
        words = [word for name in names[:_MOST_NAMES] for word in name.split()]
        self.names.update(f"{one} {other}" for one, other in combinations(words[:_MOST_NAMES], 2))

    def _elements(self, old: list[Any], new: Any, place: Place) -> None:
        if type(new) is not list or len(old) != len(new):
            self._object(Reason.STRUCTURE, place)
            return
        for one, other in zip(old, new, strict=True):
            self._node(one, other, place, listed=True)

    def _string(self, old: str, new: Any, place: Place, *, listed: bool) -> None:
        if type(new) is not str:
            self._object(Reason.STRUCTURE, place)
        elif not old.strip():
            if old != new:
                self._object(Reason.STRUCTURE, place)
        elif place.must is Must.BE_REPLACED:
            self._identifier(old, new, place)
        elif (inner := within(old)) is not None:
            self._within(old, new, inner, place, listed=listed)
        else:
            self._read(old, new, place)

    def _read(self, old: str, new: str, place: Place) -> None:
        leaves = self.text if place.must is Must.BE_READ else self.plain
        leaves.add(old, new, self.record, place)
        self.values.append(new)

    def _identifier(self, old: str, new: str, place: Place) -> None:
        kind = place.kind
        if kind is None:
            raise AssertionError("a place without a kind is none of an identifier")
        self.identifiers[kind, place.operator].add(old, new, self.record, place)
        if kind is Kind.NAME and old != new:
            self._names.append(old)

    def _within(self, old: str, new: str, inner: Any, place: Place, *, listed: bool) -> None:
        other = within(new)
        if other is None:
            self._object(Reason.STRUCTURE, place)
            return
        outer = self._opened, self._dropped
        self._opened, self._dropped = 0, []
        self._node(inner, other, self.places.inner(place), listed=listed)
        # The same values in other bytes: nothing was masked, and yet something was written anew.
        if old != new and (inner == other or not is_same_outside(old, new, self._dropped)):
            self._object(Reason.STRUCTURE, place)
        self._opened, self._dropped = outer

    def _number(self, old: bytes, new: Any, place: Place) -> None:
        """A number that stayed, or text in its place."""
        if type(new) is str and place.must is Must.BE_REPLACED:
            self._identifier(old.decode(), new, place)
        elif type(new) is str and place.must is Must.BE_READ:
            self._read(old.decode(), new, place)
        elif old != new:
            self._object(Reason.STRUCTURE, place)
        elif place.must is Must.BE_REPLACED:
            self._identifier(old.decode(), old.decode(), place)
        elif place.must is Must.BE_READ:
            self.numbers.setdefault(old, (self.record, place))
            self.values.append(old.decode())
            if _LONG_NUMBER.fullmatch(old) and self.places.masks(Kind.NUMBER):
                self._object(Reason.DIGITS, place)


def _containers(value: Any) -> int:
    match value:
        case tuple():
            return 1 + sum(_containers(inner) for _, inner in value)
        case list():
            return 1 + sum(map(_containers, value))
        case _:
            return 0
