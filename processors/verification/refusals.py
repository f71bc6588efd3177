"""I12: what was not acted on is written down: a reason for every refusal, the bytes of every unreadable record kept."""

from sluicegate.processors.events import Event

from .findings import Invariant, Ledger
from .placed import Placed

_REFUSALS = frozenset(
    {
        Event.DEAD_LETTER,
        Event.ACTION_DENIED,
        Event.ACTION_CONFLICT,
        Event.ACTION_STALE,
        Event.WITHDRAWAL_IGNORED,
        Event.DECISION_NOT_COUNTED,
        Event.CLAIM_LATE,
        Event.CLAIM_IGNORED,
        Event.RECEIPT_IGNORED,
        Event.RECONCILIATION_IGNORED,
        Event.REQUEST_EXPIRED,
        Event.GRANT_LAPSED,
        Event.CLAIM_UNKNOWN,
        Event.BATCH_REFUSED,
        Event.EXPORT_DESTROYED,
        Event.EXPORT_FORGOTTEN,
        Event.RELEASE_REFUSED,
        Event.RELEASE_IGNORED,
    }
)


class Refusals:
    """Stateless: every refusal stands for itself."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def take(self, placed: Placed, event: Event) -> None:
        """One entry."""
        if event not in _REFUSALS:
            return
        self._ledger.count(Invariant.I12, "refusals")
        if placed.entry.reason is None:
            self._ledger.find(Invariant.I12, placed, f"`{event}` gives no reason")
        if event in {Event.DEAD_LETTER, Event.BATCH_REFUSED}:
            self._kept(placed, event)

    def _kept(self, placed: Placed, event: Event) -> None:
        entry = placed.entry
        self._ledger.count(Invariant.I12, "dead letters" if event is Event.DEAD_LETTER else "batches refused")
        kept = [record.topic for record in entry.written]
        if entry.leaf is None or kept != [f"dlq.{entry.leaf.topic}"]:
            self._ledger.find(
                Invariant.I12, placed, "the refused record was not kept, or more was written than that"
            )
        if entry.outcomes or (event is Event.DEAD_LETTER and entry.grant_id is not None):
            self._ledger.find(Invariant.I12, placed, "an unreadable record had an effect")
