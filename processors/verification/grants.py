"""I1, I2, I8: claims and receipts rest on their grant, come once, and in time."""

from collections.abc import Callable
from dataclasses import dataclass

from sluicegate.processors.events import Event
from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.outcome import OutcomeKind

from .findings import Invariant, Ledger
from .placed import Placed


@dataclass(slots=True)
class _Grant:
    """A grant that is not used up. `expires_at_ms` is None when it was issued before the history begins."""

    agent: str | None
    action_id: str | None
    executor: str | None
    expires_at_ms: int | None
    excluded: tuple[str, ...]
    claim_id: str | None = None
    unknown: bool = False


class Grants:
    """The grants of one partition: open ones with their state, used ones by id alone."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._open: dict[str, _Grant] = {}
        self._used: set[str] = set()
        self._holders: set[tuple[str | None, str | None]] = set()
        self._is_whole = True
        self._steps: dict[Event, Callable[[Placed], None]] = {
            Event.ACTION_GRANTED: self._issue,
            Event.DECISION_COUNTED: self._issue,
            Event.CLAIM_COUNTED: self._claim,
            Event.CLAIM_LATE: self._late,
            Event.RECEIPT_COUNTED: self._receipt,
            Event.CLAIM_UNKNOWN: self._unknown,
            Event.RECONCILIATION_COUNTED: self._reconcile,
            Event.GRANT_LAPSED: self._lapse,
        }

    def take(self, placed: Placed, event: Event, *, is_whole: bool) -> None:
        """One entry in its order. `is_whole`: a grant that is not known was never issued."""
        self._is_whole = is_whole
        step = self._steps.get(event)
        if step is not None:
            step(placed)

    def _issue(self, placed: Placed) -> None:
        entry = placed.entry
        if entry.grant_id is None:
            return
        self._ledger.count(Invariant.I2, "grants")
        if entry.grant_id in self._open or entry.grant_id in self._used:
            self._find(Invariant.I2, placed, "a grant of this id was issued before")
            return
        holder = (entry.agent, entry.action_id)
        if holder in self._holders:
            self._find(Invariant.I2, placed, "the action has a grant that is not used up")
        self._holders.add(holder)
        if entry.executor is None or entry.expires_at_ms is None:
            self._find(Invariant.I8, placed, "the grant names no executor or no expiry")
        self._open[entry.grant_id] = _Grant(
            entry.agent, entry.action_id, entry.executor, entry.expires_at_ms, entry.excluded
        )

    def _claim(self, placed: Placed) -> None:
        entry = placed.entry
        self._count("claims", Invariant.I1, Invariant.I2, Invariant.I8)
        grant = self._grant(placed, "claim")
        if grant is None:
            return
        if entry.claim_id is None:
            self._find(Invariant.I1, placed, "the counted claim has no id")
        if grant.claim_id is not None:
            self._find(Invariant.I2, placed, "a second claim of this grant was counted")
        if _arrived(placed) >= _expiry(grant):
            self._find(Invariant.I8, placed, "the claim was counted although its grant had expired")
        grant.claim_id = grant.claim_id or entry.claim_id or ""

    def _late(self, placed: Placed) -> None:
        self._count("late claims", Invariant.I8)
        grant = self._grant(placed, "late claim")
        if not _tells(placed.entry, OutcomeKind.REFUSED):
            self._find(Invariant.I8, placed, "the late claim did not end refused")
        if grant is None:
            return
        if grant.expires_at_ms is not None and _arrived(placed) < grant.expires_at_ms:
            self._find(Invariant.I8, placed, "the claim was called late although it came before the expiry")
        if grant.claim_id is not None:
            self._find(Invariant.I8, placed, "a late claim ended a grant that was claimed in time")
        self._use(placed)

    def _receipt(self, placed: Placed) -> None:
        entry = placed.entry
        self._count("receipts", Invariant.I1, Invariant.I2)
        grant = self._grant(placed, "receipt")
        if grant is None:
            return
        if grant.claim_id is None and (entry.claim_id is not None or not _tells(entry, OutcomeKind.REFUSED)):
            self._find(Invariant.I1, placed, "something was done without a counted claim")
        elif grant.claim_id is not None and entry.claim_id != grant.claim_id:
            self._find(Invariant.I1, placed, "the receipt names another claim than the counted one")
        self._use(placed)

    def _unknown(self, placed: Placed) -> None:
        self._count("unknown ends", Invariant.I1)
        grant = self._grant(placed, "unknown end")
        if grant is None:
            return
        if grant.claim_id is None:
            self._find(Invariant.I1, placed, "a grant that nobody claimed cannot have an unknown end")
        grant.unknown = True

    def _reconcile(self, placed: Placed) -> None:
        self._count("reconciliations", Invariant.I1, Invariant.I3)
        grant = self._grant(placed, "reconciliation")
        if grant is None:
            return
        person = placed.entry.person
        if not grant.unknown:
            self._find(Invariant.I1, placed, "an end that was not unknown was reconciled")
        if person is None or person in grant.excluded:
            self._find(Invariant.I3, placed, "nobody, or somebody behind the action, reconciled it")
        self._use(placed)

    def _lapse(self, placed: Placed) -> None:
        self._count("lapsed grants", Invariant.I8)
        grant = self._grant(placed, "lapse")
        if grant is None:
            return
        if grant.claim_id is not None:
            self._find(Invariant.I1, placed, "a claimed grant lapsed")
        self._use(placed)

    def _grant(self, placed: Placed, what: str) -> _Grant | None:
        """The open grant this entry is about; a violation when there is none, or it was given to another."""
        entry = placed.entry
        grant = self._open.get(entry.grant_id or "")
        if grant is None:
            return self._missing(placed, what)
        if entry.executor is not None and entry.executor != grant.executor:
            self._find(Invariant.I1, placed, f"the {what} is of another executor than the grant's")
        if (entry.agent, entry.action_id) != (grant.agent, grant.action_id):
            self._find(Invariant.I1, placed, f"the {what} is of another action than the grant's")
        return grant

    def _missing(self, placed: Placed, what: str) -> _Grant | None:
        entry = placed.entry
        if entry.grant_id is None or (self._is_whole and entry.grant_id not in self._used):
            self._find(Invariant.I1, placed, f"there is no grant before this {what}")
            return None
        if entry.grant_id in self._used:
            self._find(Invariant.I2, placed, f"a {what} was counted for a grant that was used up")
            return None
        # Issued before the history begins: what this entry says of it is all there is.
        self._ledger.count(Invariant.I1, "before history")
        grant = _Grant(entry.agent, entry.action_id, entry.executor, None, ())
        if placed.entry.event != Event.CLAIM_COUNTED:
            grant.claim_id = entry.claim_id if placed.entry.event != Event.CLAIM_LATE else None
            grant.unknown = placed.entry.event == Event.RECONCILIATION_COUNTED
        self._open[entry.grant_id] = grant
        return grant

    def _use(self, placed: Placed) -> None:
        grant_id = placed.entry.grant_id
        if grant_id is not None:
            grant = self._open.pop(grant_id, None)
            if grant is not None:
                self._holders.discard((grant.agent, grant.action_id))
            self._used.add(grant_id)

    def _count(self, what: str, *invariants: Invariant) -> None:
        for invariant in invariants:
            self._ledger.count(invariant, what)

    def _find(self, invariant: Invariant, placed: Placed, sentence: str) -> None:
        self._ledger.find(invariant, placed, sentence)


def _arrived(placed: Placed) -> int:
    """The log-append time of the consumed record; its absence is reported with the entry's form."""
    leaf = placed.entry.leaf
    return 0 if leaf is None else leaf.append_ms


def _expiry(grant: _Grant) -> float:
    return float("inf") if grant.expires_at_ms is None else grant.expires_at_ms


def _tells(entry: AuditEntry, kind: OutcomeKind) -> bool:
    return any(
        told.outcome == kind and not told.repeated and told.action_id == entry.action_id
        for told in entry.outcomes
    )
