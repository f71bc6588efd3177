"""Mask JSON records by their places: column policy, keys that are data, JSON within text, and free text for the rest."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from .columns import Columns, Path, spelled
from .folding import fold
from .free_text import FreeText
from .identifiers import Kind, Operator, Reading
from .json_tree import Array, Edit, Node, Object, Scalar, edited, quoted, within_text
from .known_values import KnownValues
from .operators import FORM, NUMBERED, Operators
from .profile import Column, Profile
from .spans import Span

_UNKNOWN: Final = Column(Reading.TEXT)
_LONG_NUMBER: Final = 9
"""Digits from which a bare whole number in an unknown column is taken for an identifier, not for an amount."""
_GREATEST_AGE: Final = 89


class _Keys:
    """The keys of one object, which must stay different; linear in their number."""

    def __init__(self, names: Iterable[str]) -> None:
        self._taken = set(names)
        self._last: Counter[Kind] = Counter()

    def numbered(self, kind: Kind) -> str:
        """The next tag of a kind that no key of the object has."""
        while True:
            self._last[kind] += 1
            new = f"<{kind}-{self._last[kind]}>"
            if new not in self._taken:
                self._taken.add(new)
                return new


class Records:
    """The records of one batch: first learn its identifiers, then mask."""

    def __init__(self, profile: Profile) -> None:
        self._columns = Columns(profile)
        self._fields = {
            spelled(path.split(".")[-1]).replace("_", "")
            for path, _ in profile.columns
            if "*" not in path.split(".")[-1]
        }
        self._known = KnownValues()
        self._operators = Operators(profile)
        self._profile = profile
        self.text = FreeText(profile, self._known, self._operators)
        self.reported: set[Path] = set()

    # Learning.

    def learn(
        self, node: Node, path: Path = (), inherited: Column | None = None, *, listed: bool = False
    ) -> list[str]:
        """Know the identifiers under a place; returns the names that stand there."""
        column = self._column(path, inherited)
        match node:
            case Object():
                self._learn_members(node, path, _passed_on(column), listed=listed)
            case Array():
                for element in node.elements:
                    self.learn(element, path, inherited, listed=True)
            case Scalar(value=str(value)) if value.strip():
                return self._learn_value(value, path, column or _UNKNOWN, quoted_=node.quoted)
        return []

    def _learn_members(self, node: Object, path: Path, inherited: Column | None, *, listed: bool) -> None:
        names: list[str] = []
        for key, value in node.members:
            kind = self._key_kind(key.value or "", path, is_field=listed and isinstance(value, Scalar))
            if kind is not None:
                self._known.add(kind, key.value or "")
            names += self.learn(value, (*path, _step(key.value or "", kind)), inherited)
        self._known.add_names(names)

    def _learn_value(self, value: str, path: Path, column: Column, *, quoted_: bool) -> list[str]:
        if isinstance(column.holds, Kind):
            if FORM.fullmatch(value) is None and self._operator(column) is not Operator.KEEP:
                self._known.add(column.holds, value)
                return [value] if column.holds is Kind.NAME else []
        elif quoted_ and column.holds is not Reading.KEEP and (inner := within_text(value)):
            self.learn(inner, path, column)
        return []

    # Masking.

    def edits(
        self, node: Node, path: Path = (), inherited: Column | None = None, *, listed: bool = False
    ) -> Iterator[Edit]:
        """What to write in the place of what, under a place; `listed`: the node is an element of a list there."""
        column = self._column(path, inherited)
        if column is not None and column.holds is Reading.KEEP:
            return
        if column is not None and self._operator(column) is Operator.DROP:
            yield Edit(node.start, node.end, "null")
            return
        match node:
            case Object():
                yield from self._edited_members(node, path, _passed_on(column), listed=listed)
            case Array():
                for element in node.elements:
                    yield from self.edits(element, path, inherited, listed=True)
            case Scalar(value=str(value)) if value.strip():
                if column is None:
                    self.reported.add(path)
                new = self._masked(value, path, column or _UNKNOWN, quoted_=node.quoted)
                if new != value:
                    yield Edit(node.start, node.end, quoted(new))

    def _edited_members(
        self, node: Object, path: Path, inherited: Column | None, *, listed: bool
    ) -> Iterator[Edit]:
        keys = _Keys(key.value or "" for key, _ in node.members)
        for key, value in node.members:
            name = key.value or ""
            kind = self._key_kind(name, path, is_field=listed and isinstance(value, Scalar))
            if kind is not None:
                self.text.counts[kind.value] += 1
                yield Edit(key.start, key.end, quoted(keys.numbered(kind)))
            yield from self.edits(value, (*path, _step(name, kind)), inherited)

    def _masked(self, value: str, path: Path, column: Column, *, quoted_: bool) -> str:
        if isinstance(column.holds, Kind):
            return self._typed(column.holds, value, column)
        free = column.holds is Reading.TEXT
        if not quoted_:
            return self._number(value, free=free)
        inner = within_text(value)
        if inner is not None:
            return edited(value, self.edits(inner, path, column))
        return self.text.masked(value, free=free)

    def _typed(self, kind: Kind, value: str, column: Column) -> str:
        form = FORM.fullmatch(value)
        if form and form[2] is None:
            return value
        if kind is Kind.AGE and value.isdigit() and int(value[:4]) <= _GREATEST_AGE:
            return value
        new = self._operators.replace(kind, value, column.operator)
        if new != value:
            self.text.counts[kind.value] += 1
        return new

    def _number(self, value: str, *, free: bool) -> str:
        if not free:
            return value
        spans = self.text.known(value, free=True)
        if not spans and not _is_long(value):
            return value
        kind = spans[0].kind if spans else Kind.NUMBER
        new = self._operators.replace(kind, value.lstrip("-"))
        if new == value.lstrip("-"):
            return value
        self.text.counts[kind.value] += 1
        return new

    # Keys.

    def _key_kind(self, key: str, path: Path, *, is_field: bool) -> Kind | None:
        """What kind of identifier a key is; None for the name of a field, and for a form that is already there.

        In a list of records (`patients: [{"remark": "..."}]`) what holds one value `is_field`: the profile's word about the keys
        of `patients` speaks of a map by identifier.
        """
        if NUMBERED.fullmatch(key) or ((form := FORM.fullmatch(key)) and form[2] is None):
            return None
        if not key or spelled(key).replace("_", "") in self._fields:
            return None
        said = None if is_field else self._columns.keys(path)
        if said is not None:
            return said if self._profile.operator(said) is not Operator.KEEP else None
        if FORM.search(key):
            return Kind.ENCODED
        spans = self.text.spans(key, free=" " in key or not key.isascii())
        # Who writes a batch writes its keys: a name of its own columns is one there too.
        spans = spans or [span for span in self.text.known(fold(key).text, free=True) if self._masks(span)]
        return spans[0].kind if spans else None

    def _masks(self, span: Span) -> bool:
        return self._profile.operator(span.kind) is not Operator.KEEP

    # Columns.

    def _column(self, path: Path, inherited: Column | None) -> Column | None:
        return (self._columns.column(path) if path else None) or inherited

    def _operator(self, column: Column) -> Operator | None:
        if column.operator is None and isinstance(column.holds, Kind):
            return self._profile.operator(column.holds)
        return column.operator


def _passed_on(column: Column | None) -> Column | None:
    """What an object passes on to fields that the profile does not know: a kind, never a way of reading."""
    return column if column is not None and isinstance(column.holds, Kind) else None


def _is_long(number: str) -> bool:
    """Whether a number may be an identifier: many digits and no fraction, however it is written."""
    mantissa, _, exponent = number.lower().lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    if exponent:
        return len(whole + fraction) >= _LONG_NUMBER and not exponent.startswith("-")
    return len(whole) >= _LONG_NUMBER and not fraction.strip("0")


def _step(key: str, kind: Kind | None) -> str:
    """A key in a path: its name, or `*` when it is data or stands for data."""
    return "*" if kind or NUMBERED.fullmatch(key) or FORM.fullmatch(key) else spelled(key)
