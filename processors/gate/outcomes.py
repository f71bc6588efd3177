"""Tell the agent what became of its action, and close what has ended.

Stores: pending, closed.  Sinks: outcomes.
"""

from typing import NamedTuple

from sluicegate.processors.contract import Put
from sluicegate.processors.ruling import Cause, Send
from sluicegate.schemas.fields import unchecked
from sluicegate.schemas.outcome import Outcome, OutcomeKind
from sluicegate.schemas.receipt import ResultPlace
from sluicegate.schemas.state import Pending, Phase

from .closed import Marker, put_marker
from .pending import delete_pending

PHASE_OUTCOMES: dict[Phase, OutcomeKind] = {
    Phase.WAITING: OutcomeKind.PENDING,
    Phase.GRANTED: OutcomeKind.GRANTED,
    Phase.CLAIMED: OutcomeKind.GRANTED,
    Phase.UNKNOWN: OutcomeKind.UNKNOWN,
}
"""What an agent is told while an action is not closed."""


class Subject(NamedTuple):
    """The action an outcome is about. `action_digest` is that of the record it answers."""

    action_id: str
    action_digest: bytes
    content_digest: bytes
    lane: str
    agent: str
    rules: tuple[str, ...] = ()

    @classmethod
    def of(cls, pending: Pending) -> "Subject":
        """The subject of a pending action."""
        return cls(
            pending.action_id,
            pending.action_digest,
            pending.content_digest,
            pending.lane,
            pending.agent,
            pending.rules,
        )


def tell(
    subject: Subject,
    outcome: OutcomeKind,
    cause: Cause,
    *,
    reason: str | None = None,
    request_id: str | None = None,
    grant_id: str | None = None,
    result_digest: bytes | None = None,
    result: ResultPlace | None = None,
    repeated: bool = False,
) -> Outcome:
    """An outcome of this subject, with an id that derives from the input."""
    return unchecked(
        Outcome,
        outcome_id=cause.id("oc", subject.agent, subject.action_id),
        action_id=subject.action_id,
        action_digest=subject.action_digest,
        lane=subject.lane,
        agent=subject.agent,
        outcome=outcome,
        reason=reason,
        rules=subject.rules,
        request_id=request_id,
        grant_id=grant_id,
        result_digest=result_digest,
        result=result,
        repeated=repeated,
        at_ms=cause.now_ms,
    )


def send_outcome(outcome: Outcome) -> Send:
    """The record for `outcomes`."""
    return Send("outcomes", outcome, outcome.outcome_id)


def close(subject: Subject, outcome: Outcome, cause: Cause, until_ms: int = 0) -> tuple[Put, ...]:
    """End an action with this outcome: forget its state, leave the marker (counted from `until_ms` when that is later)."""
    marker = Marker.of(outcome, subject.content_digest, max(cause.at_ms, cause.now_ms, until_ms))
    return (
        delete_pending(subject.agent, subject.action_id),
        put_marker(subject.agent, subject.action_id, marker),
    )


def repeat(subject: Subject, marker: Marker, cause: Cause) -> Outcome:
    """Tell again how an action ended: with the digest of its result, without the place, which a marker does not keep."""
    return tell(
        subject,
        marker.outcome,
        cause,
        reason=marker.reason,
        request_id=marker.request_id,
        grant_id=marker.grant_id,
        result_digest=marker.result_digest,
        repeated=True,
    )


def repeat_pending(subject: Subject, pending: Pending, cause: Cause) -> Outcome:
    """Tell again where an action stands."""
    granted = pending.granted
    asked = pending.waiting or granted
    return tell(
        subject,
        PHASE_OUTCOMES[pending.phase],
        cause,
        request_id=asked.request_id if asked else None,
        grant_id=granted.grant_id if granted else None,
        repeated=True,
    )
