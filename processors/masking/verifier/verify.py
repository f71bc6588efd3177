"""The verdict on a batch: tables side by side, then every column by what should have happened to it."""

import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa

from sluicegate.processors.masking.check import check
from sluicegate.processors.masking.identifiers import Kind

from .alignment import Alignment, aligned, torn
from .canaries import Canaries
from .claim import Claim
from .expected import Expected, Holds
from .forms import Forms, Proofs, number_of
from .known import Known
from .report import Reason, Report
from .residual import Residual
from .shapes import decoded, look_alikes, shapes, unknown_pairs
from .tables import Leaf, leaves
from .texts import Texts, pc

SlowLook = Callable[[bytes, bytes], int]
"""Leaked spans in a row, told before and after, forms as tags."""

_PAIRS_ALWAYS: Final = 10
_CODE: Final = re.compile(rb"(?i)\b(?:cpt|hcpcs|loinc|icd|snomed|ndc|rxnorm|drg)[ :#]{1,3}[0-9]{5,}")
"""Codes that identify a procedure or a diagnosis."""
_YEAR: Final = r"^(?:1[89]|20)[0-9]{2}$"
_AGE: Final = r"^[0-8]?[0-9]$"


@dataclass(slots=True)
class Verifier:
    """Looks at the batches of one export.

    Attributes:
        expected: what should have happened.
        secret: the export's, which proves surrogates.
        seed: chooses the rows that are looked at slowly; nobody outside may know it beforehand.
        sample: how many rows of free text a batch gives.
    """

    expected: Expected
    secret: bytes = field(repr=False)
    seed: bytes = field(default=b"", repr=False)
    sample: int = 2
    slow: SlowLook | None = field(default=None, repr=False)
    _proofs: Proofs = field(init=False, repr=False)
    _batches: int = 0

    def __post_init__(self) -> None:
        self._proofs = Proofs(self.secret)

    def verify(
        self,
        before: Any,
        after: Any,
        claims: Mapping[str, Claim] | None = None,
        canaries: tuple[Canaries, Sequence[str]] | None = None,
    ) -> Report:
        """The report on an Arrow record batch: as it came, and as it leaves (a batch, or the bytes of an Arrow IPC stream).

        `claims` says by column what was replaced; where it is missing, kept text must be there in its order and literals are guessed.
        """
        look = _Look(self)
        rows = 0
        try:
            rows = before.num_rows
            self._batches += 1
            look.table(before, _opened(after), claims or {})
            if canaries is not None and canaries[0].missed(canaries[1]):
                look.reasons.add(Reason.CANARY)
        except Exception:  # noqa: BLE001 - in doubt nothing leaves, and nothing is said about what was there
            look.reasons.add(Reason.FAILED)
        return look.report(rows)

    def drawn(self, rows: int) -> list[int]:
        """The rows of a batch that are looked at slowly."""
        number = hmac.digest(self.seed + self.secret, b"sample %d" % self._batches, "sha256")
        drawn = np.random.default_rng(int.from_bytes(number))
        return sorted(drawn.choice(rows, min(self.sample, rows), replace=False).tolist()) if rows else []

    def forms(self, texts: Texts) -> Forms:
        """Forms of a column."""
        return self._proofs.forms(texts)

    def leaked(self, before: bytes, after: bytes) -> int:
        """The slow look at one row."""
        if self.slow is not None:
            return self.slow(before, after)
        raw, masked = _CODE.sub(b"", before), _CODE.sub(b"", after)
        return len(check("text/plain", raw, masked, self.expected.profile, b""))


def _opened(after: Any) -> Any:
    if not isinstance(after, bytes):
        return after
    with pa.ipc.open_stream(after) as stream:
        batches = list(stream)
    return batches[0] if len(batches) == 1 else pa.Table.from_batches(batches, stream.schema).combine_chunks()


@dataclass(slots=True)
class _Look:
    """One batch."""

    verifier: Verifier
    reasons: set[Reason] = field(default_factory=set)
    known: Known = field(default_factory=Known, repr=False)
    left: list[Texts] = field(default_factory=list, repr=False)
    rows: int = 0
    forms: int = 0
    pairs: int = 0
    masked: int = 0
    signs: int = 0
    residual: Residual = field(default_factory=Residual)

    @property
    def expected(self) -> Expected:
        return self.verifier.expected

    def table(self, before: Any, after: Any, claims: Mapping[str, Claim]) -> None:
        for leaf in leaves(before, after, self.expected, self.reasons):
            match leaf.holds:
                case Holds.UNTOUCHED:
                    if not leaf.before.equals(leaf.after) or leaf.before.type != leaf.after.type:
                        self.reasons.add(Reason.UNTOUCHED)
                case Holds.DROPPED:
                    if leaf.after.null_count != len(leaf.after):
                        self.reasons.add(Reason.DROPPED)
                case Holds.IDENTIFIER:
                    self._identifiers(leaf)
                case Holds.TEXT:
                    self._text(leaf, claims.get(leaf.name))
        self._search()
        self._judge()

    def _identifiers(self, leaf: Leaf) -> None:
        """Every value is one proved form, a year where one may stand, or an age that may be told."""
        texts = Texts.of(leaf.after.cast(pa.large_string()))
        forms = self._proved(texts)
        rows = texts.rows_of(forms.starts)
        whole = (forms.starts == texts.offsets[rows]) & (forms.ends == texts.offsets[rows + 1])
        replaced = np.zeros(len(texts), bool)
        replaced[rows[whole]] = True
        kinds = np.zeros(len(texts), np.int64)
        kinds[rows] = forms.kinds
        empty = np.diff(texts.offsets) == 0
        others = leaf.after.filter(pa.array(~(replaced | empty)))
        if (
            len(others)
            and not (self.expected.years and self._all(others, _YEAR))
            and not self._all(others, _AGE)
        ):
            self.reasons.add(Reason.COLUMN)
        before = Texts.of(leaf.before.cast(pa.large_string()))
        if (np.diff(before.offsets)[empty] > 0).any():
            self.reasons.add(Reason.COLUMN)
        which = np.flatnonzero(replaced)
        starts, ends = before.offsets[which], before.offsets[which + 1]
        self.known.add(before.picked(starts, ends), kinds[which], typed=True)

    @staticmethod
    def _all(values: Any, pattern: str) -> bool:
        return bool(pc.all(pc.match_substring_regex(values.cast(pa.large_string()), pattern)).as_py())

    def _proved(self, texts: Texts) -> Forms:
        forms = self.verifier.forms(texts)
        if not forms.proved.all():
            self.reasons.add(Reason.SURROGATE)
        return forms

    def _text(self, leaf: Leaf, claim: Claim | None) -> None:
        before, after = Texts.of(leaf.before), Texts.of(leaf.after)
        if not _is_utf8(after):
            self.reasons.add(Reason.UTF_8)
            return
        forms = self._proved(after)
        self.forms += len(forms.starts)
        alignment = aligned(before, after, forms, claim, years=self.expected.years)
        if alignment is None:
            self.reasons.add(Reason.KEPT)
            left = after.with_marks(forms.starts, forms.ends)
        else:
            self._replaced(before, alignment)
            left = alignment.left
        column = left.to_arrow()
        self.reasons.update(shapes(column, self.expected))
        if b"<" in left.data and look_alikes(column, leaf.before):
            self.reasons.add(Reason.SURROGATE)
        if self.expected.masks(Kind.NAME):
            self.pairs += unknown_pairs(column, left, tolerated=self._tolerated(len(after)) // 2)
        self.left.append(left)
        self.rows += len(after)
        inner = decoded(column, left)
        if inner is not None:
            if any(True for _ in shapes(inner.to_arrow(), self.expected)):
                self.reasons.add(Reason.KNOWN_ENCODED)
            self.left.append(inner.with_marks(_NONE, _NONE))
        self._look_slowly(before, after, forms)

    def _replaced(self, before: Texts, alignment: Alignment) -> None:
        if torn(before, alignment.starts, alignment.ends):
            self.reasons.add(Reason.TORN)
        literals = before.picked(alignment.starts, alignment.ends)
        if self.expected.masks(Kind.DATE):
            self.known.add(literals, alignment.kinds)
        else:
            # A birth date may be another event's day as well.
            others = alignment.kinds != _BIRTH_DATE
            starts, ends = alignment.starts[others], alignment.ends[others]
            self.known.add(before.picked(starts, ends), alignment.kinds[others])
        self.masked += literals.signs
        self.signs += before.signs

    def _look_slowly(self, before: Texts, after: Texts, forms: Forms) -> None:
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
            self.residual += Residual(1, self.verifier.leaked(before.row(row), b"".join(pieces)))

    def _search(self) -> None:
        if self.known.found(self.left):
            self.reasons.add(Reason.KNOWN)

    def _judge(self) -> None:
        band = self.expected.band
        if self.signs >= band.enough and not band.low <= self.masked / self.signs <= band.high:
            self.reasons.add(Reason.SHARE)
        if self.pairs > self._tolerated(self.rows):
            self.reasons.add(Reason.NAMES)
        if band.leaked is not None and (self.residual.per_thousand or 0) > band.leaked:
            self.reasons.add(Reason.RESIDUAL)

    def _tolerated(self, rows: int) -> int:
        return _PAIRS_ALWAYS + int(self.expected.band.pairs * rows / 1000)

    def report(self, rows: int) -> Report:
        return Report(
            reasons=tuple(sorted(self.reasons)),
            rows=rows,
            forms=self.forms,
            share=self.masked / self.signs if self.signs else None,
            residual=self.residual,
        )


_NONE: Final = np.zeros(0, np.int64)
_BIRTH_DATE: Final = number_of(Kind.BIRTH_DATE)
_KINDS: Final = {number_of(kind): kind.value.encode() for kind in Kind}


def _is_utf8(texts: Texts) -> bool:
    try:
        texts.data.decode()
    except UnicodeDecodeError:
        return False
    return True
