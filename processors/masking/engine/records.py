"""JSON records of one batch: what stands where, and the edits that mask it; every byte that is not replaced stays.

Strings and numbers, keys that are data, and JSON within strings are walked. Keys are judged first, all of a batch at once.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from sluicegate.processors.masking.columns import Path, spelled
from sluicegate.processors.masking.identifiers import Kind, Operator, Reading
from sluicegate.processors.masking.json_tree import (
    Array,
    Edit,
    Node,
    Object,
    Scalar,
    edited,
    quoted,
    read,
    within_text,
)
from sluicegate.processors.masking.operators import NUMBERED
from sluicegate.processors.masking.profile import Column

from .batch import TextBatch
from .fields import FieldBatch, Group, Masking
from .folding import fold_word
from .kinds import CODES
from .surrogates import FORM

_REMEMBERED_KEYS: Final = 20_000
_REMEMBERED_PLACES: Final = 20_000
_NULL: Final = "null"


@dataclass(frozen=True, slots=True)
class _Value:
    """A value, and where its result will be."""

    node: Scalar
    group: Group
    number: int


@dataclass(frozen=True, slots=True)
class _Dropped:
    node: Node


@dataclass(frozen=True, slots=True)
class _Within:
    """JSON in a string."""

    node: Scalar
    parts: "list[Part]"


@dataclass(frozen=True, slots=True)
class _Key:
    """A key: an identifier of this kind, or a name (None) unless the batch's own identifiers say otherwise."""

    node: Scalar
    kind: Kind | None
    siblings: "Siblings"


Part = _Value | _Dropped | _Within | _Key


class Siblings:
    """The keys of one object or map, which must stay different."""

    def __init__(self, names: Iterable[str]) -> None:
        self.taken = set(names)
        self.last: Counter[Kind] = Counter()

    def own(self, kind: Kind, surrogate: str) -> str:
        """The surrogate, or a numbered tag when a key of the object is it already."""
        if surrogate in self.taken:
            return self.numbered(kind)
        self.taken.add(surrogate)
        return surrogate

    def numbered(self, kind: Kind) -> str:
        """The next tag of a kind that no key of the object has."""
        while True:
            self.last[kind] += 1
            new = f"<{kind}-{self.last[kind]}>"
            if new not in self.taken:
                self.taken.add(new)
                return new


@dataclass(slots=True, eq=False)
class Place:
    """A place of records, with what the profile says about it."""

    path: Path
    inherited: Column | None
    column: Column | None
    keeps: bool
    drops: bool
    here: Column | None = None
    """What a value here holds, once there was one."""
    stays: bool = False
    """Whether values here leave as they are."""
    steps: "dict[str, Place]" = field(default_factory=dict, repr=False)
    fields: "tuple[dict[str, Place], dict[str, Place]]" = field(default_factory=lambda: ({}, {}), repr=False)
    """Behind keys that are names: in objects, and of values in lists of objects."""
    within: "Place | None" = field(default=None, repr=False)
    """The same place, in a string of JSON."""

    @property
    def passed(self) -> Column | None:
        """What an object passes on to fields that the profile does not know: a kind, never a way of reading."""
        return self.column if self.column is not None and isinstance(self.column.holds, Kind) else None


class Records:
    """JSON texts of one export, batch by batch."""

    def __init__(self, masking: Masking, *, root: Path = ()) -> None:
        self.masking = masking
        self.root = root
        self._keys: dict[str, Kind | None] = {}
        self._places: dict[tuple[Path, Column | None], Place] = {}
        self._known_places = 0
        self._fields = {
            spelled(path.split(".")[-1]).replace("_", "")
            for path, _ in masking.profile.columns
            if "*" not in path.split(".")[-1]
        }

    def masked(self, texts: list[str]) -> list[str]:
        """The texts masked, in their order; `RecordError` when one is no strict JSON."""
        nodes = [read(text) for text in texts]
        batch = self.masking.batch()
        self.judge_keys(nodes, batch)
        walk = Walk(self, batch)
        place = self.place(self.root, None)
        parts = [walk.parts(node, place, walk.next_owner()) for node in nodes]
        batch.masked()
        walk.judge_known_keys()
        return [edited(text, walk.edits(some)) for text, some in zip(texts, parts, strict=True)]

    def place(self, path: Path, inherited: Column | None) -> Place:
        """A place to begin at; places are remembered from batch to batch, so many of them."""
        if self._known_places > _REMEMBERED_PLACES:
            self._known_places = 0
            self._places.clear()
        if (path, inherited) not in self._places:
            self._places[path, inherited] = self._new(path, inherited)
        return self._places[path, inherited]

    def behind(self, place: Place, step: str) -> Place:
        """The place one step further."""
        if step not in place.steps:
            place.steps[step] = self._new((*place.path, step), place.passed)
        return place.steps[step]

    def _new(self, path: Path, inherited: Column | None) -> Place:
        self._known_places += 1
        column = (self.masking.columns.column(path) if path else None) or inherited
        keeps = column is not None and column.holds is Reading.KEEP
        return Place(path, inherited, column, keeps, column is not None and self.masking.drops(column))

    def key_kind(self, key: str, path: Path, *, is_field: bool) -> Kind | None:
        """What kind of identifier a key is; None for the name of a field."""
        if NUMBERED.fullmatch(key) or self.masking.is_own(key):
            return None
        if not key or self.is_field_name(key):
            return None
        said = None if is_field else self.masking.columns.keys(path)
        if said is not None:
            return said if self.masking.profile.operator(said) is not Operator.KEEP else None
        return self._keys[key]

    def is_field_name(self, key: str) -> bool:
        """Whether the profile names a column so."""
        return spelled(key).replace("_", "") in self._fields

    def header(self, names: list[str]) -> list[int]:
        """The numbers of column names that look like data."""
        self.judge({*names}, self.masking.batch())
        return [
            number for number, name in enumerate(names) if self.key_kind(name, (), is_field=True) is not None
        ]

    def judge_keys(self, nodes: Sequence[Node], batch: FieldBatch) -> None:
        """Judge every key of these records that is new."""
        keys: set[str] = set()
        for node in nodes:
            _gather_keys(node, keys)
        self.judge(keys, batch)

    def judge(self, keys: Iterable[str], batch: FieldBatch) -> None:
        """Judge every key that is new."""
        if len(self._keys) > _REMEMBERED_KEYS:
            self._keys.clear()
        new = sorted(key for key in keys if key not in self._keys)
        if not new:
            return
        for free in (False, True):
            some = [key for key in new if (" " in key or not key.isascii()) is free]
            masked = batch.through_engine(
                TextBatch.of([key.encode(errors="replace") for key in some]), free=free
            )
            for key, row in zip(some, masked.rows, strict=True):
                self._keys[key] = None if row == key.encode(errors="replace") else _kind_in(row)


def _kind_in(masked: bytes) -> Kind:
    form = FORM.search(masked)
    return Kind((form["kind"] or b"number").decode()) if form else Kind.NUMBER


class Walk:
    """The records of one batch: gather what they hold, and afterwards say what to write."""

    def __init__(self, records: Records, batch: FieldBatch) -> None:
        self._records = records
        self._masking = records.masking
        self._batch = batch
        self._names: set[str] = set()
        self._data_keys: set[str] = set()
        self._known_keys: dict[str, Kind] = {}
        self._groups: tuple[dict[Place, Group], dict[Place, Group]] = ({}, {})
        self._owners = 0

    def next_owner(self, subject: bytes | None = None) -> int:
        """A number for the next object, told whose it is; rows of a table count from zero on, objects below."""
        self._owners -= 1
        self._batch.belongs_to(self._owners, subject)
        return self._owners

    def skip_owners(self, count: int) -> None:
        """Leave out so many numbers: somebody else gives them."""
        self._owners -= count

    def parts(self, node: Node, place: Place, owner: int) -> list[Part]:
        """What is to be replaced under a place, in the order of the text; names of one owner are one person's."""
        found: list[Part] = []
        self._node(node, place, owner, found, listed=False)
        return found

    def _node(self, node: Node, place: Place, owner: int, found: list[Part], *, listed: bool) -> None:
        if place.keeps or place.drops:
            self._holds(place)
            if not place.keeps:
                found.append(_Dropped(node))
        elif isinstance(node, Object):
            self._members(node, place, owner, found, listed=listed)
        elif isinstance(node, Array):
            for element in node.elements:
                self._node(element, place, owner, found, listed=True)
        elif node.value and not node.value.isspace():
            self._scalar(node, node.value, place, owner, found, listed=listed)

    def _holds(self, place: Place) -> Column:
        if place.here is None:
            place.here = self._masking.at(place.path, place.inherited)
            place.stays = self._masking.keeps(place.here)
        return place.here

    def _members(self, node: Object, place: Place, outer: int, found: list[Part], *, listed: bool) -> None:
        siblings: Siblings | None = None
        owner = self.next_owner()
        if self._masking.subjects:
            own = self._masking.subjects.of_object(node, is_root=place.path == self._records.root)
            self._batch.belongs_to(owner, own or self._batch.subject_of(outer))
        for key, value in node.members:
            name = key.value or ""
            is_field = listed and isinstance(value, Scalar)
            behind = place.fields[is_field].get(name)
            if behind is None:
                kind, step = self.key(name, place.path, is_field=is_field)
                behind = self._records.behind(place, step)
                if kind is None and self._records.is_field_name(name):
                    place.fields[is_field][name] = behind
                else:
                    siblings = siblings or Siblings(one.value or "" for one, _ in node.members)
                    found.append(_Key(key, kind, siblings))
            self._node(value, behind, owner, found, listed=False)

    def key(self, name: str, path: Path, *, is_field: bool) -> tuple[Kind | None, str]:
        """What kind of identifier a key is, and its name in a path; None as long as only the batch may say more."""
        kind = self._records.key_kind(name, path, is_field=is_field)
        if kind is not None:
            if name not in self._data_keys:
                self._data_keys.add(name)
                self._batch.add_known(kind, name)
            return kind, "*"
        if not self._records.is_field_name(name):
            self._names.add(name)
        is_own = name.startswith("<") and (NUMBERED.fullmatch(name) or self._masking.is_own(name))
        return None, "*" if is_own else spelled(name)

    def _scalar(
        self, node: Scalar, value: str, place: Place, owner: int, found: list[Part], *, listed: bool
    ) -> None:
        column = self._holds(place)
        is_identifier = isinstance(column.holds, Kind)
        if not is_identifier and node.quoted and (inner := within_text(value)) is not None:
            place.within = place.within or self._records.place(place.path, column)
            within: list[Part] = []
            self._node(inner, place.within, owner, within, listed=listed)
            found.append(_Within(node, within))
        elif not place.stays and (is_identifier or node.quoted or column.holds is Reading.TEXT):
            is_number = not is_identifier and not node.quoted
            group = self._groups[is_number].get(place)
            if group is None:
                group = self._groups[is_number][place] = self._batch.group(column, is_number=is_number)
            found.append(_Value(node, group, self._batch.put(group, value, owner)))

    def judge_known_keys(self) -> None:
        """A key that is one of the batch's own identifiers is one there too."""
        names = sorted(self._names)
        for name, kind in zip(names, self._batch.known_in(names), strict=True):
            if kind is not None:
                self._known_keys[name] = kind
                self._masking.forget_name(spelled(name))

    def edits(self, parts: "list[Part]") -> Iterator[Edit]:
        """What to write in the place of what."""
        for part in parts:
            node = part.node
            match part:
                case _Dropped():
                    yield Edit(node.start, node.end, _NULL)
                case _Value(Scalar(value=old), group, number):
                    new = group.results[number]
                    if new != old:
                        yield Edit(node.start, node.end, _NULL if new is None else quoted(new))
                case _Within(Scalar(value=str(old)), inner):
                    new = edited(old, self.edits(inner))
                    if new != old:
                        yield Edit(node.start, node.end, quoted(new))
                case _Key(Scalar(value=name), kind, siblings):
                    new = self.new_key(kind, name or "", siblings)
                    if new != name:
                        yield Edit(node.start, node.end, quoted(new))

    def known_key(self, name: str) -> Kind | None:
        """What identifier of the batch's own a key is."""
        return self._known_keys.get(name)

    def new_key(self, kind: Kind | None, name: str, siblings: Siblings) -> str:
        """The key as it leaves, once the batch is masked; `kind` is what `key` said.

        A surrogate, so that one key is one in all records, where the profile says so; a numbered tag otherwise.
        """
        kind = kind or self.known_key(name)
        if kind is None:
            return name
        self._masking.counts["key", kind.value] += 1
        made = self._masking.replacing.replacement(CODES[kind], fold_word(name).encode(errors="replace"))
        form = FORM.fullmatch(made)
        if form is None or form["token"] is None:
            return siblings.numbered(kind)
        return siblings.own(kind, made.decode())


def _gather_keys(node: Node, keys: set[str]) -> None:
    match node:
        case Object():
            for key, value in node.members:
                keys.add(key.value or "")
                _gather_keys(value, keys)
        case Array():
            for element in node.elements:
                _gather_keys(element, keys)
        case Scalar(value=str(value), quoted=True) if (inner := within_text(value)) is not None:
            _gather_keys(inner, keys)
        case _:
            pass
