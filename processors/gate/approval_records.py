"""What is told about a request on `approvals`, and what an entry says of it. Pure shapes: nothing is decided here."""

from sluicegate.processors import quorum
from sluicegate.processors.events import Reason
from sluicegate.processors.policy import Verdict
from sluicegate.processors.ruling import Cause, Send
from sluicegate.schemas.approval import (
    ApprovalRequest,
    Reminder,
    Resolution,
    ResolutionKind,
    View,
)
from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.decision import Choice, Decision
from sluicegate.schemas.state import CountedDecision, Pending, Phase, Waiting

from .grants import action_facts


def request_record(pending: Pending, verdict: Verdict, view: View, cause: Cause) -> ApprovalRequest:
    """The request as reviewers see it."""
    waiting = waiting_of(pending)
    return ApprovalRequest(
        request_id=waiting.request_id,
        revision=waiting.revision,
        action_id=pending.action_id,
        action_digest=pending.action_digest,
        lane=pending.lane,
        agent=pending.agent,
        type=pending.type,
        requirement=waiting.requirement,
        excluded=waiting.excluded,
        rules=pending.rules,
        whys=verdict.whys,
        policies=tuple(bytes.fromhex(digest) for digest in verdict.policies),
        view=view,
        requested_at_ms=cause.now_ms,
    )


def reminder_record(pending: Pending, cause: Cause) -> Reminder:
    """What is still missing before the deadline."""
    waiting = waiting_of(pending)
    people = approvers(waiting.decisions)
    return Reminder(
        request_id=waiting.request_id,
        action_id=pending.action_id,
        lane=pending.lane,
        agent=pending.agent,
        type=pending.type,
        revision=waiting.revision,
        deadline_ms=waiting.requirement.deadline_ms,
        people=len(people),
        needed=waiting.requirement.quorum,
        open_groups=quorum.open_groups(waiting.requirement.groups, people),
        reminded_at_ms=cause.now_ms,
    )


def send_resolution(pending: Pending, kind: ResolutionKind, reason: Reason | None, cause: Cause) -> Send:
    """How the request ended, for `approvals`."""
    waiting = waiting_of(pending)
    resolution = Resolution(
        request_id=waiting.request_id,
        action_id=pending.action_id,
        lane=pending.lane,
        agent=pending.agent,
        resolution=kind,
        people=tuple(sorted(decision.person for decision in waiting.decisions)),
        reason=reason,
        resolved_at_ms=cause.now_ms,
    )
    return Send("approvals", resolution, cause.id("rs", waiting.request_id))


def request_facts(pending: Pending) -> dict[str, object]:
    """What an entry says of an open request."""
    waiting = waiting_of(pending)
    return action_facts(pending) | {
        "rules": pending.rules,
        "request_id": waiting.request_id,
        "requirement": waiting.requirement.groups,
        "quorum": waiting.requirement.quorum,
        "deadline_ms": waiting.requirement.deadline_ms,
        "excluded": waiting.excluded,
        "view_digest": waiting.view_digests[-1],
    }


def decision_facts(decision: Decision, person: str | None) -> dict[str, object]:
    """What an entry says of a decision; of its text only length and digest."""
    text = decision.reason
    return {
        "action_id": decision.action_id,
        "agent": decision.agent,
        "request_id": decision.request_id,
        "decision_id": decision.decision_id,
        "person": person,
        "choice": decision.choice.value,
        "text_length": None if text is None else len(text),
        # Salted with the decision's own nonce: a short reason must not be guessed from its digest.
        "text_digest": None if text is None else sha256(decision.nonce, text.encode()),
    }


def approvers(decisions: tuple[CountedDecision, ...]) -> dict[str, frozenset[str]]:
    """Who approves, and the groups they speak for."""
    return {d.person: frozenset(d.groups) for d in decisions if d.choice is Choice.APPROVE}


def waiting_of(pending: Pending) -> Waiting:
    """The open request of an action that waits."""
    assert pending.waiting is not None and pending.phase is Phase.WAITING  # noqa: S101, PT018  # callers hold a request
    return pending.waiting
