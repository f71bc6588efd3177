"""The values of one batch by what is to be done with them: identifier columns by their operator, all free text through the engine at once.

A value is added under what the profile says of its place and gets a ticket; when all are there, `masked` gives every ticket its
result. Identifier columns are known values for the free text of the same batch.
"""

import operator
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress, repeat
from typing import Final

import numpy as np

from sluicegate.processors.masking.columns import Columns, Path
from sluicegate.processors.masking.identifiers import Kind, Operator, Reading
from sluicegate.processors.masking.profile import Column, Profile

from .batch import TextBatch
from .doubt import doubt
from .encoded import Encoded
from .engine import Engine, Finder, Masked, replaced
from .folding import fold_word
from .kinds import CODES, KINDS, SpanKind, profile_kind
from .known_values import KnownValues
from .span_table import SpanTable, Stage
from .subjects import Subjects
from .surrogates import FORM, Surrogates
from .treatments import Replacing, Treatment, Treatments

UNKNOWN: Final = Column(Reading.TEXT)
"""What a place is that the profile does not know."""

MOST_PLACES: Final = 10_000
"""Places that are reported."""

_GREATEST_AGE: Final = 89
_LONG_NUMBER: Final = 9
"""Digits from which a bare whole number in an unknown column is taken for an identifier, not for an amount."""
_SHORT_NUMBER: Final = re.compile(r"-?[0-9]{1,8}(?:\.[0-9]*)?")


@dataclass(slots=True, eq=False)
class Group:
    """Values that are treated alike, and afterwards what became of them (None: dropped)."""

    column: Column
    is_number: bool = False
    values: list[str] = field(default_factory=list, repr=False)
    owners: list[int] = field(default_factory=list, repr=False)
    """Of each value the object or row that it belongs to, or one of them."""
    weights: list[int] = field(default_factory=list, repr=False)
    """How often each value stands in the batch."""
    results: Sequence[str | None] = field(default=(), repr=False)


@dataclass(slots=True, eq=False)
class Masking:
    """One profile at work in one export; batches come and go, what was done is counted."""

    engine: Engine
    profile: Profile
    surrogates: Surrogates | None
    this_year: int | None = None
    """The year in which it is masked: from which a year of birth may tell an age over 89."""
    columns: Columns = field(init=False)
    subjects: Subjects = field(init=False)
    """Which fields say whose record it is; none where no date is shifted."""
    replacing: Replacing = field(init=False)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many of each kind were replaced, by `column` or the stage that found them."""
    unknown: set[Path] = field(default_factory=set)
    """Places that the profile does not know; they were read as free text."""
    seen: dict[Path, Column] = field(default_factory=dict)
    """Places with what the profile says of them; the first `MOST_PLACES`."""
    _typed: dict[Column, Replacing] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.columns = Columns(self.profile)
        self.subjects = Subjects(self.profile.subject if self.profile.uses(Operator.SHIFT) else ())
        self.replacing = self._replacing({})

    def batch(self) -> "FieldBatch":
        """The values of the next batch."""
        return FieldBatch(self)

    def at(self, path: Path, inherited: Column | None = None) -> Column:
        """What the profile says of a place, or `UNKNOWN`, which is remembered."""
        known = self.seen.get(path)
        if known is not None and inherited is None:
            return known
        column = (self.columns.column(path) if path else None) or inherited
        if len(self.seen) < MOST_PLACES:
            if column is None:
                self.unknown.add(path)
            self.seen[path] = column or UNKNOWN
        return column or UNKNOWN

    def forget_name(self, name: str) -> None:
        """A name in reported places is data after all."""
        for path in [path for path in self.seen if name in path]:
            hidden = tuple("*" if step == name else step for step in path)
            self.seen[hidden] = self.seen.pop(path)
            if path in self.unknown:
                self.unknown.remove(path)
                self.unknown.add(hidden)

    def operator(self, column: Column) -> Operator | None:
        """What happens to what stands in this column."""
        if column.operator is None and isinstance(column.holds, Kind):
            return self.profile.operator(column.holds)
        return column.operator

    def drops(self, column: Column) -> bool:
        """Whether nothing of the column leaves."""
        return self.operator(column) is Operator.DROP

    def keeps(self, column: Column) -> bool:
        """Whether the column leaves as it is."""
        return column.holds is Reading.KEEP or self.operator(column) is Operator.KEEP

    def treatment(self, column: Column) -> Treatment:
        """What happens to the values of an identifier column."""
        treatments = Treatments.of(self.profile, _overruled(column))
        return treatments[column.holds] if isinstance(column.holds, Kind) else Treatment.KEEP

    def typed(self, column: Column) -> Replacing:
        """What replaces the values of an identifier column."""
        overruled = _overruled(column)
        if not overruled:
            return self.replacing
        if column not in self._typed:
            self._typed[column] = self._replacing(overruled)
        return self._typed[column]

    def _replacing(self, overruled: Mapping[SpanKind, Treatment]) -> Replacing:
        return Replacing(Treatments.of(self.profile, overruled), self.surrogates, this_year=self.this_year)

    def is_own(self, text: str) -> bool:
        """Whether a whole value is a form that this export made."""
        if not text.startswith("<"):
            return False
        form = FORM.fullmatch(text.encode(errors="replace"))
        if form is None:
            return False
        if self.surrogates is None:
            return form["token"] is None and form["day"] is None
        return self.surrogates.is_own(form)


class FieldBatch:
    """The values of one batch."""

    def __init__(self, masking: Masking) -> None:
        self._masking = masking
        self._groups: dict[tuple[Column, bool], Group] = {}
        self._known = KnownValues(masking.engine.lexicon)
        self._subjects: dict[int, bytes] = {}
        self._names: list[str] = []
        self._people: list[int] = []

    def group(self, column: Column, *, is_number: bool = False) -> Group:
        """The values that are treated like those of this column, which is neither kept nor dropped."""
        column = column if column.holds is not Reading.TEXT else UNKNOWN
        key = (column, is_number)
        if key not in self._groups:
            self._groups[key] = Group(column, is_number)
        return self._groups[key]

    def put(self, group: Group, value: str, owner: int) -> int:
        """Add one value; the number of its result comes back."""
        group.values.append(value)
        group.owners.append(owner)
        group.weights.append(1)
        if group.column.holds is Kind.NAME:
            self._names.append(value)
            self._people.append(owner)
        return len(group.values) - 1

    def add_column(
        self,
        column: Column,
        values: Sequence[str],
        owners: Sequence[int],
        *,
        weights: Sequence[int] | None = None,
        is_number: bool = False,
    ) -> tuple[Group, int]:
        """Add values of one column; their results begin at the number that comes back.

        Equal values of one owner may be added once, with their number as weight; names of one person are told by `add_people` besides.
        """
        group = self.group(column, is_number=is_number)
        first = len(group.values)
        group.values.extend(values)
        group.owners.extend(owners)
        group.weights.extend([1] * len(values) if weights is None else weights)
        return group, first

    def add_people(self, names: Sequence[str], owners: Sequence[int]) -> None:
        """Say to whom names of columns belong, wherever they stand: names of one owner are one person's."""
        self._names.extend(names)
        self._people.extend(owners)

    def belongs_to(self, owner: int, subject: bytes | None) -> None:
        """Say whose object or row it is; its dates are shifted by that subject's days."""
        if subject is not None:
            self._subjects[owner] = subject

    def subject_of(self, owner: int) -> bytes | None:
        """Whose object or row it is, where that was said."""
        return self._subjects.get(owner)

    def _subjects_in(self, group: Group) -> "list[bytes | None]":
        return [self._subjects.get(owner) for owner in group.owners]

    def add_known(self, kind: Kind, value: str) -> None:
        """Know an identifier that stands in no column: a key."""
        self._known.add(kind, value)

    def known_in(self, texts: Sequence[str]) -> "list[Kind | None]":
        """For each text the kind of a known value that stands in it, if one does."""
        batch = TextBatch.of([text.encode(errors="replace") for text in texts])
        spans = self._known(batch, SpanTable.empty())
        kinds: list[Kind | None] = [None] * len(texts)
        rows = batch.rows_of(spans.start).tolist()
        for row, kind in zip(rows, spans.kind.tolist(), strict=True):
            kinds[row] = profile_kind(KINDS[kind])
        keeps = self._masking.profile.operator
        return [kind if kind is not None and keeps(kind) is not Operator.KEEP else None for kind in kinds]

    def masked(self) -> None:
        """Give every value its result."""
        groups = list(self._groups.values())
        self._learn([group for group in groups if isinstance(group.column.holds, Kind)])
        for group in groups:
            if isinstance(group.column.holds, Kind):
                self._mask_typed(group, group.column.holds)
            elif group.is_number:
                self._mask_numbers(group)
            else:
                self._mask_text(group)

    def _learn(self, typed: Iterable[Group]) -> None:
        """Know the identifiers of the columns: not the forms of this export, and no age that may be told."""
        for group in typed:
            kind = group.column.holds
            if isinstance(kind, Kind):
                stays = self._staying(kind)
                self._known.add_column(
                    kind, [value for value in dict.fromkeys(group.values) if not stays(value)]
                )
        self._known.add_people(self._names, np.array(self._people, np.int64))

    def _staying(self, kind: Kind) -> Callable[[str], bool]:
        is_own = self._masking.is_own
        if kind is Kind.AGE:
            return lambda value: is_own(value) or _is_shown_age(kind, value)
        return is_own

    def _mask_typed(self, group: Group, kind: Kind) -> None:
        values, stays = group.values, self._staying(kind)
        replacing, code = self._masking.typed(group.column), CODES[kind]
        if self._masking.treatment(group.column) is Treatment.TAG:
            tag = replacing.replacement(code, b"").decode()
            results = [value if value[0] == "<" and stays(value) else tag for value in values]
        else:
            make = replacing.replacement
            whose = self._subjects_in(group) if self._subjects else repeat(None)
            cells = list(zip(values, whose, strict=False))
            made = {
                (value, subject): value
                if stays(value)
                else make(code, fold_word(value).encode(errors="replace"), subject).decode()
                for value, subject in set(cells)
            }
            results = [made[cell] for cell in cells]
        group.results = results
        changed = map(operator.ne, results, values)
        self._masking.counts["column", kind.value] += sum(compress(group.weights, changed))

    def _mask_text(self, group: Group) -> None:
        encoded = [value.encode(errors="replace") for value in group.values]
        batch = TextBatch.of(encoded)
        subjects = self._subjects_in(group) if self._subjects else None
        masked = self.through_engine(batch, free=group.column.holds is Reading.TEXT, subjects=subjects)
        group.results = [
            old if new == row else new.decode()
            for old, row, new in zip(group.values, encoded, masked.rows, strict=True)
        ]
        self._count(batch, masked.spans, group)

    def through_engine(
        self, batch: TextBatch, *, free: bool, subjects: "Sequence[bytes | None] | None" = None
    ) -> Masked:
        """Texts through all stages, with this batch's known values; what is not `free` is searched for no words."""
        masking = self._masking
        lexicon = masking.engine.lexicon if free else None
        finders: tuple[Finder, ...] = (
            self._known if free else self._known.sure,
            *(masking.engine.finders if free else ()),
            doubt,
        )
        within = replace(masking.engine, lexicon=lexicon, finders=finders)
        engine = replace(within, finders=(*finders, Encoded(lambda inner: self._masked_in(inner, within))))
        return engine.masked(batch, masking.replacing, masking.surrogates, subjects)

    def _masked_in(self, batch: TextBatch, engine: Engine) -> SpanTable:
        spans = engine.spans(batch, self._masking.surrogates)
        keeps = self._masking.replacing.keeps
        return spans.take(np.array([not keeps(code) for code in spans.kind.tolist()], bool))

    def _mask_numbers(self, group: Group) -> None:
        """Bare numbers: the batch's own identifiers, and long whole ones in a column that nobody knows."""
        if group.column.holds is not Reading.TEXT:
            group.results = group.values
            return
        batch = TextBatch.of([value.encode() for value in group.values])
        spans = self._known(batch, SpanTable.empty()).within(batch)
        # 531974.50 is an amount, though somebody was born on 5/3/1974.
        has_point = np.array(["." in value for value in group.values], bool)
        is_amount = has_point[batch.rows_of(spans.start)] & (spans.kind == CODES[Kind.BIRTH_DATE])
        spans = spans.take(~is_amount)
        long = [number for number, value in enumerate(group.values) if is_long_number(value)]
        whole = SpanTable.of(batch.offsets[:-1][long], batch.offsets[1:][long] - 1, Kind.NUMBER, Stage.RULES)
        found = SpanTable.joined([spans, whole]).merged()
        masked = replaced(batch, found, self._masking.replacing)
        group.results = [row.decode() for row in masked.rows]
        self._count(batch, masked.spans, group)

    def _count(self, batch: TextBatch, spans: SpanTable, group: Group) -> None:
        weights = np.array(group.weights, np.int64)[batch.rows_of(spans.start)]
        sorts = spans.stage.astype(np.int64) * len(KINDS) + spans.kind
        counts = np.bincount(sorts, weights, minlength=1).astype(np.int64).tolist()
        for sort, count in enumerate(counts):
            if count:
                stage, kind = divmod(sort, len(KINDS))
                name = Stage(stage).name.lower().replace("_", "-")
                self._masking.counts[name, KINDS[kind].value] += count


def _overruled(column: Column) -> dict[SpanKind, Treatment]:
    if column.operator is None or not isinstance(column.holds, Kind):
        return {}
    return {column.holds: Treatment(column.operator.value)}


def is_long_number(number: str) -> bool:
    """Whether a number may be an identifier: many digits and no fraction, however it is written."""
    if _SHORT_NUMBER.fullmatch(number):
        return False
    mantissa, _, exponent = number.lower().lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    if exponent:
        return len(whole + fraction) >= _LONG_NUMBER and not exponent.startswith("-")
    return len(whole) >= _LONG_NUMBER and not fraction.strip("0")


def _is_shown_age(kind: Kind, value: str) -> bool:
    return kind is Kind.AGE and value.isdigit() and int(value[:4]) <= _GREATEST_AGE
