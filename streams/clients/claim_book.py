"""What one executor has already done with grants of one partition. Pure.

Remembered for at least `REMEMBERED_MS` after it was noted: longer than a grant can live, so what is forgotten is expired.
Ids of claims and refusals derive from the exact bytes of the grant, so an id that was read back tells whether a grant seen
again is a copy of that one, or another grant under the same id.
"""

from enum import Enum
from typing import Final

from sluicegate.processors.gate.grants import MAX_LIFE_MS
from sluicegate.schemas.ids import derived_id
from sluicegate.schemas.receipt import Claim, Happened, Receipt

CLOCKS_MS: Final = 3_660_000
"""So far ahead may the clock of an executor be when it starts; set right later, it would take old grants for new ones."""
REMEMBERED_MS: Final = MAX_LIFE_MS + CLOCKS_MS
"""The longest life of a grant and what clocks may be off; `receipts` is read back this far at the start."""


class Use(Enum):
    """What a grant is to its executor."""

    NEW = "new"
    USED = "used"
    """These bytes were claimed before, whatever became of it."""
    REFUSED = "refused"
    """These bytes were refused before."""
    CONFLICT = "conflict"
    """Other bytes were seen under this id."""


def claim_id(grant_id: str, digest: bytes) -> str:
    """The id of the one claim that these bytes can have."""
    return derived_id("cl", grant_id, digest.hex())


def refusal_id(grant_id: str, digest: bytes) -> str:
    """The id of the refusal of these bytes before any claim."""
    return derived_id("rc", grant_id, digest.hex())


class ClaimBook:
    """Claims and refusals by grant id; `digest` is SHA-256 over the envelope of the grant."""

    def __init__(self) -> None:
        self._claims: list[dict[str, str]] = [{}, {}]
        self._refusals: list[dict[str, str]] = [{}, {}]
        self._turned_ms = 0

    def look(self, grant_id: str, digest: bytes) -> Use:
        """What to do with a grant that says it has this id."""
        claimed, refused = _find(self._claims, grant_id), _find(self._refusals, grant_id)
        if claimed is not None:
            return Use.USED if claimed == claim_id(grant_id, digest) else Use.CONFLICT
        if refused is not None:
            return Use.REFUSED if refused == refusal_id(grant_id, digest) else Use.CONFLICT
        return Use.NEW

    def note(self, record: Claim | Receipt, at_ms: int) -> None:
        """Remember a committed record of this executor's own, just written or read back."""
        self._turn(at_ms)
        if isinstance(record, Claim):
            self._claims[0].setdefault(record.grant_id, record.claim_id)
        elif record.claim_id is None and record.happened is Happened.REFUSED:
            self._refusals[0].setdefault(record.grant_id, record.receipt_id)

    def __len__(self) -> int:
        """How many claims and refusals are known."""
        return sum(len(ids) for ids in (*self._claims, *self._refusals))

    def _turn(self, at_ms: int) -> None:
        """Two generations, each as long as a grant can matter: the older one is dropped whole."""
        if at_ms - self._turned_ms > REMEMBERED_MS:
            self._claims = [{}, self._claims[0]]
            self._refusals = [{}, self._refusals[0]]
            self._turned_ms = at_ms


def _find(generations: list[dict[str, str]], grant_id: str) -> str | None:
    return next((ids[grant_id] for ids in generations if grant_id in ids), None)
