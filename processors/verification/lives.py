"""I4: an action, named by (agent, action id, digest of its first record), reaches at most one final outcome.

`unknown` is no end: it may be reconciled. Repeated outcomes and the refusals of copies (conflict, stale) say nothing new.
"""

from collections import Counter
from dataclasses import dataclass

from sluicegate.processors.events import Event
from sluicegate.schemas.approval import ResolutionKind
from sluicegate.schemas.audit import ActionOutcome, AuditEntry
from sluicegate.schemas.outcome import OutcomeKind

from .findings import Invariant, Ledger
from .placed import Placed

_BEGINS = frozenset({Event.ACTION_GRANTED, Event.ACTION_WAITING, Event.ACTION_DENIED})
_REFUSED_COPIES = frozenset({Event.ACTION_CONFLICT, Event.ACTION_STALE})
_FINAL = frozenset(kind for kind in OutcomeKind if kind.final)

_LEADS_TO: dict[Event, frozenset[OutcomeKind]] = {
    Event.ACTION_GRANTED: frozenset({OutcomeKind.GRANTED}),
    Event.ACTION_WAITING: frozenset({OutcomeKind.PENDING}),
    Event.ACTION_DENIED: frozenset({OutcomeKind.DENIED}),
    Event.ACTION_CONFLICT: frozenset({OutcomeKind.DENIED}),
    Event.ACTION_STALE: frozenset({OutcomeKind.DENIED}),
    Event.WITHDRAWAL_COUNTED: frozenset({OutcomeKind.WITHDRAWN}),
    Event.CLAIM_LATE: frozenset({OutcomeKind.REFUSED}),
    Event.RECEIPT_COUNTED: frozenset(
        {OutcomeKind.EXECUTED, OutcomeKind.FAILED, OutcomeKind.REFUSED, OutcomeKind.RECONCILED}
    ),
    Event.RECONCILIATION_COUNTED: frozenset({OutcomeKind.RECONCILED}),
    Event.REQUEST_EXPIRED: frozenset({OutcomeKind.EXPIRED}),
    Event.GRANT_LAPSED: frozenset({OutcomeKind.LAPSED}),
    Event.CLAIM_UNKNOWN: frozenset({OutcomeKind.UNKNOWN}),
}
"""What each event must tell its action; an event that is not here must tell nothing new."""

_RESOLUTIONS: dict[str, OutcomeKind] = {
    ResolutionKind.APPROVED: OutcomeKind.GRANTED,
    ResolutionKind.REJECTED: OutcomeKind.REJECTED,
    ResolutionKind.EXPIRED: OutcomeKind.EXPIRED,
    ResolutionKind.DENIED: OutcomeKind.DENIED,
}
_DECISIONS = frozenset({Event.DECISION_COUNTED, Event.DECISION_NOT_COUNTED})

Key = tuple[str | None, str | None]


@dataclass(slots=True)
class _Life:
    digest: bytes | None
    phase: str


class Lives:
    """The actions of one partition: open ones with their phase, ended ones with the digest of their first record."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._open: dict[Key, _Life] = {}
        self._ended: dict[Key, bytes | None] = {}
        self._is_whole = True

    @property
    def open(self) -> Counter[str]:
        """How many actions have no final outcome, by how far they have come."""
        return Counter(life.phase for life in self._open.values())

    def take(self, placed: Placed, event: Event, *, is_whole: bool) -> None:
        """One entry in its order. `is_whole`: an action that is not known was never taken up."""
        self._is_whole = is_whole
        entry = placed.entry
        if event in _BEGINS:
            self._begin(placed)
        elif event is Event.CLAIM_COUNTED:
            self._claimed(entry)
        wanted = _wanted(entry, event)
        new = [told for told in entry.outcomes if not told.repeated]
        if not wanted and not new:
            return
        own = [told.outcome for told in new if told.action_id == entry.action_id]
        if wanted and (len(own) != 1 or own[0] not in wanted):
            self._find(placed, f"`{event}` does not tell its action the outcome it leads to")
        if event in _REFUSED_COPIES:
            self._ledger.count(Invariant.I4, "copies refused")
            new = []
        for told in new:
            if _fits(told, entry, wanted):
                self._tell(placed, told)
            else:
                self._find(placed, f"`{event}` tells `{told.outcome}`, which does not follow from it")

    def _begin(self, placed: Placed) -> None:
        entry = placed.entry
        key = (entry.agent, entry.action_id)
        self._ledger.count(Invariant.I4, "actions")
        if entry.agent is None or entry.action_id is None or entry.action_digest is None:
            self._find(placed, "the entry does not name its action")
        elif key in self._open:
            self._find(placed, "an action was taken up again while it was open")
        elif self._ended.get(key) == entry.action_digest:
            self._find(placed, "the same record was taken up again after its action had ended")
        self._open.setdefault(key, _Life(entry.action_digest, "waiting"))

    def _claimed(self, entry: AuditEntry) -> None:
        life = self._open.get((entry.agent, entry.action_id))
        if life is not None:
            life.phase = "claimed"

    def _tell(self, placed: Placed, told: ActionOutcome) -> None:
        key = (placed.entry.agent, told.action_id)
        life = self._open.get(key) or self._missing(placed, key)
        if life is None:
            return
        kind = OutcomeKind(told.outcome)
        if kind not in _FINAL:
            life.phase = _PHASES[kind]
            return
        if (life.phase == "unknown") is not (kind is OutcomeKind.RECONCILED):
            self._find(placed, f"`{kind}` follows `{life.phase}`, which cannot be")
        self._ledger.count(Invariant.I4, kind.value)
        self._open.pop(key, None)
        self._ended[key] = life.digest

    def _missing(self, placed: Placed, key: Key) -> _Life | None:
        if key in self._ended:
            self._find(placed, "a second final outcome, or a new one after the final one")
            return None
        if self._is_whole:
            self._find(placed, "an outcome of an action that was never taken up")
            return None
        self._ledger.count(Invariant.I4, "before history")
        reconciled = any(told.outcome == OutcomeKind.RECONCILED for told in placed.entry.outcomes)
        life = _Life(placed.entry.action_digest, "unknown" if reconciled else "waiting")
        self._open[key] = life
        return life

    def _find(self, placed: Placed, sentence: str) -> None:
        self._ledger.find(Invariant.I4, placed, sentence)


_PHASES = {OutcomeKind.PENDING: "waiting", OutcomeKind.GRANTED: "granted", OutcomeKind.UNKNOWN: "unknown"}


def _wanted(entry: AuditEntry, event: Event) -> frozenset[OutcomeKind]:
    if event not in _DECISIONS:
        return _LEADS_TO.get(event, frozenset())
    if entry.grant_id is not None:
        return frozenset({OutcomeKind.GRANTED})
    ended = _RESOLUTIONS.get(entry.resolution or "")
    return frozenset() if ended is None else frozenset({ended})


def _fits(told: ActionOutcome, entry: AuditEntry, wanted: frozenset[OutcomeKind]) -> bool:
    if told.action_id == entry.action_id:
        return told.outcome in wanted
    return told.outcome == OutcomeKind.SUPERSEDED and told.action_id == entry.supersedes
