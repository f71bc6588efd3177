"""Follow a grant to its end: claimed, reported, or lost; and let people settle what was lost.

Source: receipts, decisions (reconciliations), punctuation `lease`.  Store: pending.  Sinks: outcomes, audit.

Only the audience's own receipt closes, and after a claim only the receipt that names that claim. Anything else is an entry and
changes nothing. Of what a receipt says beside its ids only known codes, the class of an error, and the result's digest and place
go on: an executor cannot write into `outcomes` or `audit` what it likes.
"""

from sluicegate.processors.events import Event, Reason
from sluicegate.processors.release import Check
from sluicegate.processors.ruling import Cause, Ruling
from sluicegate.schemas.decision import Reconciliation
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.schemas.receipt import Claim, Happened, NoResult, Receipt
from sluicegate.schemas.state import Granted, Pending, Phase

from .grants import claimed, grant_facts
from .outcomes import Subject, close, send_outcome, tell
from .pending import put_pending

_ENDS = {
    Happened.EXECUTED: OutcomeKind.EXECUTED,
    Happened.FAILED: OutcomeKind.FAILED,
    Happened.REFUSED: OutcomeKind.REFUSED,
}
_LATE = {
    Happened.EXECUTED: Reason.LATE_RECEIPT,
    Happened.FAILED: Reason.LATE_FAILURE,
    Happened.REFUSED: Reason.LATE_REFUSAL,
}
"""What settles an unknown end: an agent must not take for executed what was refused for its lease."""
_CHECKS = frozenset(Check)
_NO_RESULTS = frozenset(NoResult)


def take_claim(pending: Pending | None, claim: Claim, cause: Cause) -> Ruling:
    """The executor takes the grant."""
    reason = _foreign(pending, claim)
    if reason is None and pending is not None and pending.phase is not Phase.GRANTED:
        reason = Reason.SECOND_CLAIM
    if reason is not None or pending is None:
        return Ruling(Event.CLAIM_IGNORED, {**_facts_of(claim), "reason": reason}, lane=claim.lane)
    granted = _granted(pending)
    if cause.at_ms >= granted.expires_at_ms:
        # I8: a claim at or after the expiry has no effect; the executor sees its own append time and does not act.
        late = _end(pending, OutcomeKind.REFUSED, Event.CLAIM_LATE, Reason.GRANT_EXPIRED, cause)
        return Ruling(
            late.event,
            {**late.facts, "claim_id": claim.claim_id},
            late.puts,
            late.sends,
            late.outcomes,
            late.lane,
        )
    after = claimed(pending, claim.claim_id, cause.at_ms)
    return Ruling(Event.CLAIM_COUNTED, grant_facts(after), (put_pending(after),), lane=pending.lane)


def take_receipt(pending: Pending | None, receipt: Receipt, cause: Cause) -> Ruling:
    """The executor says what happened."""
    reason = _foreign(pending, receipt) or (_unfit(pending, receipt) if pending is not None else None)
    if reason is not None or pending is None:
        # An executor that refused a used, forged or copied grant says why; nobody else's word about it counts.
        refused = receipt.happened is Happened.REFUSED and reason is not Reason.NOT_THE_AUDIENCE
        stated = _check(receipt) if refused else None
        facts = {**_facts_of(receipt), "reason": stated or reason}
        return Ruling(Event.RECEIPT_IGNORED, facts, lane=receipt.lane)
    if pending.phase is Phase.UNKNOWN:
        kind, why = OutcomeKind.RECONCILED, _LATE[receipt.happened]
        return _end(pending, kind, Event.RECEIPT_COUNTED, why, cause, receipt)
    return _end(pending, _ENDS[receipt.happened], Event.RECEIPT_COUNTED, _why(receipt), cause, receipt)


def lose(pending: Pending, cause: Cause) -> Ruling:
    """Claimed, and no receipt within the lease: nobody knows. Never retried; people or the late receipt settle it."""
    after = pending.model_copy(update={"phase": Phase.UNKNOWN})
    outcome = tell(
        Subject.of(pending),
        OutcomeKind.UNKNOWN,
        cause,
        reason=Reason.NO_RECEIPT_IN_TIME,
        request_id=_granted(pending).request_id,
        grant_id=_granted(pending).grant_id,
    )
    facts = {**grant_facts(pending), "reason": Reason.NO_RECEIPT_IN_TIME}
    return Ruling(
        Event.CLAIM_UNKNOWN, facts, (put_pending(after),), (send_outcome(outcome),), (outcome,), pending.lane
    )


def settle(pending: Pending, reconciliation: Reconciliation, cause: Cause) -> Ruling:
    """A person who may says what really happened."""
    return _end(
        pending, OutcomeKind.RECONCILED, Event.RECONCILIATION_COUNTED, reconciliation.settled.value, cause
    )


def _foreign(pending: Pending | None, record: Claim | Receipt) -> Reason | None:
    """Why a claim or receipt is not about this action's grant, or not by its audience."""
    if pending is None:
        return Reason.ALREADY_CLOSED
    if pending.granted is None or pending.granted.grant_id != record.grant_id:
        return Reason.UNKNOWN_GRANT
    if pending.granted.executor != record.executor:
        return Reason.NOT_THE_AUDIENCE
    return None


def _unfit(pending: Pending, receipt: Receipt) -> Reason | None:
    """Before a claim only `refused` closes; after one only the receipt that names it."""
    claim_id = _granted(pending).claim_id
    if claim_id is None:
        allowed = receipt.claim_id is None and receipt.happened is Happened.REFUSED
        return None if allowed else Reason.NOT_CLAIMED
    return None if receipt.claim_id == claim_id else Reason.OTHER_CLAIM


def _why(receipt: Receipt) -> str | None:
    """The reason of the outcome: the check that refused, the class of the error, or why no result comes back."""
    match receipt.happened:
        case Happened.REFUSED:
            return _check(receipt)
        case Happened.FAILED:
            return receipt.failure
        case Happened.EXECUTED:
            return receipt.failure if receipt.failure in _NO_RESULTS else None


def _check(receipt: Receipt) -> str | None:
    if receipt.check is None or receipt.check in _CHECKS:
        return receipt.check
    return Reason.UNKNOWN_CHECK


def _end(
    pending: Pending,
    outcome_kind: OutcomeKind,
    event: Event,
    reason: str | None,
    cause: Cause,
    receipt: Receipt | None = None,
) -> Ruling:
    subject, granted = Subject.of(pending), _granted(pending)
    executed = receipt is not None and receipt.happened is Happened.EXECUTED
    digest, place = (receipt.result_digest, receipt.result) if receipt and executed else (None, None)
    outcome = tell(
        subject,
        outcome_kind,
        cause,
        reason=reason,
        request_id=granted.request_id,
        grant_id=granted.grant_id,
        result_digest=digest,
        result=place if digest is not None else None,
    )
    facts = {
        **grant_facts(pending),
        "reason": reason,
        "result_digest": digest,
        "result_batches": outcome.result.batches if outcome.result else None,
    }
    puts = close(subject, outcome, cause)
    return Ruling(event, facts, puts, (send_outcome(outcome),), (outcome,), pending.lane)


def _granted(pending: Pending) -> Granted:
    assert pending.granted is not None  # noqa: S101  # callers are past the grant
    return pending.granted


def _facts_of(record: Claim | Receipt) -> dict[str, object]:
    return {
        "action_id": record.action_id,
        "agent": record.agent,
        "grant_id": record.grant_id,
        "claim_id": record.claim_id,
        "executor": record.executor,
    }
