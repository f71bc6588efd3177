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
from .fields import FieldBatch, Masking, Ticket
from .folding import fold_word
from .kinds import CODES
from .surrogates import FORM

_REMEMBERED_KEYS: Final = 20_000
_NULL: Final = "null"


@dataclass(frozen=True, slots=True)
class _Value:
    node: Scalar
    ticket: Ticket


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


@dataclass(slots=True)
class Siblings:
    """The keys of one object or map, which must stay different."""

    taken: set[str]
    last: Counter[Kind] = field(default_factory=Counter)

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


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a record."""

    path: Path
    inherited: Column | None
    listed: bool
    """Whether it is an element of a list."""
    owner: int
    """The object whose value it is: names that stand in one object are one person's."""


class Records:
    """JSON texts of one export, batch by batch."""

    def __init__(self, masking: Masking, *, root: Path = ()) -> None:
        self.masking = masking
        self.root = root
        self._keys: dict[str, Kind | None] = {}
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
        parts = [
            list(walk.parts(node, Place(self.root, None, listed=False, owner=walk.next_owner())))
            for node in nodes
        ]
        batch.masked()
        walk.judge_known_keys()
        return [edited(text, walk.edits(some)) for text, some in zip(texts, parts, strict=True)]

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
        self.judge({key for node in nodes for key in _keys(node)}, batch)

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
        self._known_keys: dict[str, Kind] = {}
        self._owners = 0

    def next_owner(self, subject: bytes | None = None) -> int:
        """A number for the next object, told whose it is; rows of a table count from zero on, objects below."""
        self._owners -= 1
        self._batch.belongs_to(self._owners, subject)
        return self._owners

    def skip_owners(self, count: int) -> None:
        """Leave out so many numbers: somebody else gives them."""
        self._owners -= count

    def parts(self, node: Node, place: Place) -> Iterator[Part]:
        """What is to be replaced under a place, in the order of the text."""
        said = self._masking.columns.column(place.path) if place.path else None
        column = said or place.inherited
        if column is not None and column.holds is Reading.KEEP:
            self._masking.at(place.path, place.inherited)
            return
        if column is not None and self._masking.drops(column):
            self._masking.at(place.path, place.inherited)
            yield _Dropped(node)
            return
        match node:
            case Object():
                passed = column if column is not None and isinstance(column.holds, Kind) else None
                yield from self._members(node, place, passed)
            case Array():
                inner = Place(place.path, place.inherited, listed=True, owner=place.owner)
                for element in node.elements:
                    yield from self.parts(element, inner)
            case Scalar(value=str(value)) if value.strip():
                yield from self._scalar(node, value, self._masking.at(place.path, place.inherited), place)

    def _members(self, node: Object, place: Place, passed: Column | None) -> Iterator[Part]:
        siblings = Siblings({key.value or "" for key, _ in node.members})
        owner = self.next_owner()
        if self._masking.subjects:
            own = self._masking.subjects.of_object(node, is_root=place.path == self._records.root)
            self._batch.belongs_to(owner, own or self._batch.subject_of(place.owner))
        for key, value in node.members:
            name = key.value or ""
            is_field = place.listed and isinstance(value, Scalar)
            kind, step = self.key(name, place.path, is_field=is_field)
            yield _Key(key, kind, siblings)
            yield from self.parts(value, Place((*place.path, step), passed, listed=False, owner=owner))

    def key(self, name: str, path: Path, *, is_field: bool) -> tuple[Kind | None, str]:
        """What kind of identifier a key is, and its name in a path; None as long as only the batch may say more."""
        kind = self._records.key_kind(name, path, is_field=is_field)
        if kind is not None:
            self._batch.add_known(kind, name)
            return kind, "*"
        if not self._records.is_field_name(name):
            self._names.add(name)
        is_own = name.startswith("<") and (NUMBERED.fullmatch(name) or self._masking.is_own(name))
        return None, "*" if is_own else spelled(name)

    def _scalar(self, node: Scalar, value: str, column: Column, place: Place) -> Iterator[Part]:
        if isinstance(column.holds, Kind):
            if not self._masking.keeps(column):
                yield _Value(node, self._batch.add(column, value, place.owner))
        elif not node.quoted:
            if column.holds is Reading.TEXT:
                yield _Value(node, self._batch.add(column, value, place.owner, is_number=True))
        elif (inner := within_text(value)) is not None:
            within = Place(place.path, column, listed=place.listed, owner=place.owner)
            yield _Within(node, list(self.parts(inner, within)))
        else:
            yield _Value(node, self._batch.add(column, value, place.owner))

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
                case _Value(Scalar(value=old), Ticket(group, number)):
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


def _keys(node: Node) -> Iterator[str]:
    match node:
        case Object():
            for key, value in node.members:
                yield key.value or ""
                yield from _keys(value)
        case Array():
            for element in node.elements:
                yield from _keys(element)
        case Scalar(value=str(value), quoted=True) if (inner := within_text(value)) is not None:
            yield from _keys(inner)
