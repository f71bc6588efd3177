"""One look at one batch: every column by what should have happened to it, then what was replaced looked for in what is left."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from sluicegate.processors.masking.identifiers import Kind

from .alignment import Alignment, Misfit, aligned, is_dated, torn
from .claim import Claim
from .expected import Expected, Holds
from .forms import Forms, number_of
from .known import Known
from .letters import Letters
from .places import Place
from .readings import decoded_readings, plain_readings
from .report import MOST_PLACES, Objection, Reason, Report
from .residual import Residual
from .shapes import look_alikes, shapes, unknown_pairs
from .tables import Leaf, leaves
from .texts import Flags, Texts
from .walk import Leaves

_PAIRS_ALWAYS: Final = 10
_YEAR: Final = re.compile(rb"(?:1[89]|20)[0-9]{2}")
_AGE: Final = re.compile(rb"[0-8]?[0-9]")
_DATES: Final = (Kind.DATE, Kind.BIRTH_DATE)
_PROSE: Final = 60
"""Bytes from which a value of a document is prose, of which some may be masked but not all."""


class Proving(Protocol):
    """What the look asks of the verifier."""

    expected: Expected

    def forms(self, texts: Texts) -> Forms:
        """Forms of a column, proved or not."""
        ...

    def drawn(self, rows: int) -> list[int]:
        """Rows to look at slowly, of so many."""
        ...

    def leaked(self, before: bytes, after: bytes) -> int:
        """Leaked spans in one row."""
        ...


class Source(NamedTuple):
    """Where the rows of a column come from: one path and records in order, or one of each for every row."""

    path: str
    leaves: Leaves | None = None
    is_table: bool = True

    def where(self, row: int) -> tuple[str, int]:
        """Path and record of a row; -1 when no record can be named."""
        if self.leaves is not None:
            return self.leaves.places[row].shown, self.leaves.records[row]
        return self.path, row if self.is_table else -1


class _Left(NamedTuple):
    """What is left of a column, and how it is searched."""

    letters: Letters
    source: Source
    reason: Reason
    singles: bool


@dataclass(slots=True)
class Look:
    """One batch."""

    verifier: Proving
    reasons: set[Reason] = field(default_factory=set)
    objections: dict[Objection, None] = field(default_factory=dict)
    known: Known = field(default_factory=Known, repr=False)
    left: list[_Left] = field(default_factory=list, repr=False)
    rows: int = 0
    forms: int = 0
    pairs: int = 0
    masked: int = 0
    signs: int = 0
    residual: Residual = field(default_factory=Residual)

    @property
    def expected(self) -> Expected:
        """What should have happened."""
        return self.verifier.expected

    def object_to(self, reason: Reason, path: str, record: int) -> None:
        """Object to one place."""
        self.reasons.add(reason)
        if len(self.objections) < MOST_PLACES:
            self.objections[Objection(reason, path, record)] = None

    def object_at(self, reason: Reason, source: Source, rows: Iterable[int]) -> None:
        """Object to rows of a column."""
        self.reasons.add(reason)
        for row in rows:
            if len(self.objections) >= MOST_PLACES:
                return
            self.object_to(reason, *source.where(row))

    def table(self, before: Any, after: Any, claims: Mapping[str, Claim]) -> None:
        """Look at a table."""
        for leaf in leaves(before, after, self.expected, self.reasons):
            source = Source(leaf.name, is_table=len(leaf.before) == before.num_rows)
            match leaf.holds:
                case Holds.UNTOUCHED:
                    if not leaf.before.equals(leaf.after) or leaf.before.type != leaf.after.type:
                        self.object_at(Reason.UNTOUCHED, source, _differing(leaf))
                case Holds.DROPPED:
                    if leaf.after.null_count != len(leaf.after):
                        left = np.flatnonzero(leaf.after.is_valid().to_numpy(zero_copy_only=False))
                        self.object_at(Reason.DROPPED, source, left[:MOST_PLACES].tolist())
                case Holds.IDENTIFIER:
                    before_after = Texts.of(leaf.before), Texts.of(leaf.after)
                    self.identifiers(*before_after, source, None)
                case Holds.TEXT:
                    self.text(Texts.of(leaf.before), Texts.of(leaf.after), source, claims.get(leaf.name))
        self.finish(is_table=True)

    def identifiers(
        self,
        before: Texts,
        after: Texts,
        source: Source,
        kind: Kind | None,
        reason: Reason = Reason.COLUMN,
    ) -> None:
        """Every value is one proved form, a year where one may stand, or an age that may be told."""
        forms = self.proved(after, source)
        rows = after.rows_of(forms.starts)
        whole = (forms.starts == after.starts[rows]) & (forms.ends == after.ends[rows])
        replaced = np.zeros(len(after), bool)
        replaced[rows[whole]] = True
        kinds = np.full(len(after), -1)
        kinds[rows] = forms.kinds
        empty = after.starts == after.ends
        wrong = empty & (before.starts < before.ends)
        shortened: list[int] = []
        for row in np.flatnonzero(~(replaced | empty)).tolist():
            old, new = before.row(row), after.row(row)
            if self._is_shortened(old, new, kind):
                shortened.append(row)
            elif not self._may_stay(old, new, kind):
                wrong[row] = True
        if wrong.any():
            self.object_at(reason, source, np.flatnonzero(wrong)[:MOST_PLACES].tolist())
        kinds[shortened] = number_of(Kind.BIRTH_DATE)
        which = np.flatnonzero(kinds >= 0)
        self.known.add(before.picked(before.starts[which], before.ends[which]), kinds[which], typed=True)

    def _is_shortened(self, old: bytes, new: bytes, kind: Kind | None) -> bool:
        """Whether a date became its year."""
        if _YEAR.fullmatch(new) is None:
            return False
        if kind is None:
            return self.expected.years and new != old and is_dated(old, new)
        return kind in _DATES and new in old

    @staticmethod
    def _may_stay(old: bytes, new: bytes, kind: Kind | None) -> bool:
        return kind in {None, Kind.AGE} and old == new and _AGE.fullmatch(new) is not None

    def proved(self, texts: Texts, source: Source) -> Forms:
        """The forms of a column; one that is not proved is objected to."""
        forms = self.verifier.forms(texts)
        if not forms.proved.all():
            rows = texts.rows_of(forms.starts[~forms.proved])
            self.object_at(Reason.SURROGATE, source, rows[:MOST_PLACES].tolist())
        return forms

    def text(
        self,
        before: Texts,
        after: Texts,
        source: Source,
        claim: Claim | None,
        *,
        prose: bool = True,
        singles: bool = True,
    ) -> None:
        """Look at text: `prose` may hold names and is drawn from for the slow look, in `singles` a name of one word counts."""
        if not _is_utf8(after):
            self.object_at(Reason.UTF_8, source, ())
            return
        forms = self.proved(after, source)
        self.forms += len(forms.starts)
        alignment = aligned(before, after, forms, claim, years=self.expected.years)
        if isinstance(alignment, Misfit):
            self.object_at(Reason.KEPT, source, alignment.rows)
            left = after.with_marks(forms.starts, forms.ends)
        else:
            self._replaced(before, alignment, source, weighs=_weighs(before, source, prose=prose))
            left = alignment.left
        column = left.to_arrow()
        self._shapes(column, left, before, source, singles=singles)
        letters = Letters(left)
        if prose and self.expected.masks(Kind.NAME):
            self.pairs += unknown_pairs(letters)
        self.left.append(_Left(letters, source, Reason.KNOWN, singles))
        if prose:
            self.rows += len(after)
            self._look_slowly(before, after, forms)

    def _shapes(self, column: Any, left: Texts, before: Texts, source: Source, *, singles: bool) -> None:
        for reason, rows in shapes(column, left, self.expected):
            self.object_at(reason, source, rows)
        if b"<" in left.data and (odd := look_alikes(column, before.to_arrow())):
            self.object_at(Reason.SURROGATE, source, odd)
        if (readings := plain_readings(left)) is not None:
            from_rows = of_rows(source, readings.rows)
            for reason, rows in shapes(readings.texts.to_arrow(), readings.texts, self.expected):
                self.object_at(reason, from_rows, rows)
            self.search_later(readings.texts, from_rows, Reason.KNOWN, singles=singles)
            self.search_later(readings.folded().texts, from_rows, Reason.KNOWN)
        if (readings := decoded_readings(column, left)) is not None:
            from_rows = of_rows(source, readings.rows)
            for _, rows in shapes(readings.texts.to_arrow(), readings.texts, self.expected):
                self.object_at(Reason.KNOWN_ENCODED, from_rows, rows)
            self.search_later(readings.texts, from_rows, Reason.KNOWN_ENCODED, singles=True)

    def search_later(self, texts: Texts, source: Source, reason: Reason, *, singles: bool = False) -> None:
        """Look for known values in what is left, once all are known."""
        if texts.data:
            self.left.append(_Left(Letters(texts), source, reason, singles))

    def _replaced(self, before: Texts, alignment: Alignment, source: Source, *, weighs: Flags | None) -> None:
        starts, ends = alignment.starts, alignment.ends
        wrong = torn(before, starts, ends)
        if len(wrong):
            self.object_at(Reason.TORN, source, wrong[:MOST_PLACES].tolist())
        literals = before.picked(starts, ends)
        if self.expected.masks(Kind.DATE):
            self.known.add(literals, alignment.kinds)
        else:
            # A birth date may be another event's day as well.
            others = alignment.kinds != _BIRTH_DATE
            self.known.add(before.picked(starts[others], ends[others]), alignment.kinds[others])
        if weighs is None:
            # What is neither replaced nor left is not there: the texts go together.
            masked = literals.signs
            self.masked += masked
            self.signs += masked + alignment.left.signs
        elif weighs.any():
            heavy = weighs[before.rows_of(starts)]
            self.masked += before.picked(starts[heavy], ends[heavy]).signs
            self.signs += before.picked(before.starts[weighs], before.ends[weighs]).signs

    def _look_slowly(self, before: Texts, after: Texts, forms: Forms) -> None:
        self.residual += Residual.none_of(len(after))
        for row in self.verifier.drawn(len(after)):
            base, end = int(after.offsets[row]), int(after.offsets[row + 1])
            first, last = np.searchsorted(forms.starts, (base, end)).tolist()
            text, at = after.row(row), 0
            pieces: list[bytes] = []
            for number in range(first, last):
                start, stop = int(forms.starts[number]) - base, int(forms.ends[number]) - base
                pieces += (text[at:start], b"<%b>" % _KINDS[int(forms.kinds[number])])
                at = stop
            pieces.append(text[at:])
            self.residual += Residual.of_row(self.verifier.leaked(before.row(row), b"".join(pieces)))

    def finish(self, *, is_table: bool = False) -> None:
        """Search for what was replaced, then judge the batch as a whole."""
        # In a document, what stands in several fields may say a date together.
        search = self.known.search([one.letters for one in self.left] if is_table else None)
        for letters, source, reason, singles in self.left:
            rows = search.rows(letters, singles=singles)
            if len(rows):
                self.object_at(reason, source, rows[:MOST_PLACES].tolist())
        band, limit = self.expected.band, self.expected.limit
        if self.signs >= band.enough and not band.low <= self.masked / self.signs <= band.high:
            self.reasons.add(Reason.SHARE)
        if self.pairs > self._tolerated(self.rows):
            self.reasons.add(Reason.NAMES)
        if limit is not None and (self.residual.per_thousand or 0) > limit:
            self.reasons.add(Reason.RESIDUAL)

    def _tolerated(self, rows: int) -> int:
        return _PAIRS_ALWAYS + int(self.expected.band.pairs * rows / 1000)

    def report(self, rows: int) -> Report:
        """The verdict."""
        return Report(
            reasons=tuple(sorted(self.reasons)),
            rows=rows,
            forms=self.forms,
            share=self.masked / self.signs if self.signs else None,
            residual=self.residual,
            objections=tuple(self.objections),
        )


_BIRTH_DATE: Final = number_of(Kind.BIRTH_DATE)
_KINDS: Final = {number_of(kind): kind.value.encode() for kind in Kind}


def texts_of(values: Sequence[str]) -> Texts:
    """Texts of strings."""
    return Texts.of(pa.array(values, pa.large_string()))


def of_rows(source: Source, rows: Sequence[int]) -> Source:
    """Where readings of these rows come from."""
    found = Leaves()
    for row in rows:
        path, record = source.where(row)
        found.records.append(record)
        found.places.append(Place.named(path))
    return Source("", found)


def _weighs(before: Texts, source: Source, *, prose: bool) -> Flags | None:
    """Which rows count for the share that is masked; None for all."""
    if source.leaves is None:
        return None
    return np.asarray(before.ends - before.starts >= _PROSE) if prose else np.zeros(len(before), bool)


def _differing(leaf: Leaf) -> list[int]:
    if leaf.before.type != leaf.after.type or len(leaf.before) != len(leaf.after):
        return []
    pairs = zip(leaf.before.to_pylist(), leaf.after.to_pylist(), strict=True)
    return [row for row, (one, other) in enumerate(pairs) if one != other][:MOST_PLACES]


def _is_utf8(texts: Texts) -> bool:
    try:
        texts.data.decode()
    except UnicodeDecodeError:
        return False
    return True
