"""Bugs planted into the gate's decisions about people: who counts, and when they are enough."""

from typing import Any

import pytest

from sluicegate.processors import quorum
from sluicegate.processors.events import Event, Reason
from sluicegate.processors.gate import approvals, decision_checks
from sluicegate.processors.gate.approval_records import approvers
from sluicegate.processors.gate.pending import put_pending
from sluicegate.processors.ruling import Ruling


def quorum_by_equality(patch: pytest.MonkeyPatch) -> None:
    """Exactly as many as the quorum asks for, and not one more."""

    def met(requirement: Any, decisions: Any) -> bool:
        people = approvers(decisions)
        return len(people) == requirement.quorum and quorum.satisfied(
            requirement.groups, requirement.quorum, people
        )

    patch.setattr(approvals, "_met", met)


def quorum_without_groups(patch: pytest.MonkeyPatch) -> None:
    """Enough people are enough, whatever groups they speak for."""
    patch.setattr(approvals, "_met", lambda needed, decisions: len(approvers(decisions)) >= needed.quorum)


def one_person_counts_twice(patch: pytest.MonkeyPatch) -> None:
    """A person is heard as often as they speak."""
    patch.setattr(decision_checks, "_unfit", lambda *_: None)
    patch.setattr(approvals, "_with_decision", _beside_the_others)
    patch.setattr(approvals, "_met", lambda needed, decisions: len(decisions) >= needed.quorum)


def _beside_the_others(pending: Any, counted: Any) -> Any:
    waiting = pending.waiting
    return pending.model_copy(
        update={"waiting": waiting.model_copy(update={"decisions": (*waiting.decisions, counted)})}
    )


def owner_may_decide(patch: pytest.MonkeyPatch) -> None:
    """Who is behind an action may decide on it."""
    _forgiven(patch, Reason.OWN_ACTION)


def view_digest_not_compared(patch: pytest.MonkeyPatch) -> None:
    """A decision counts whatever view it was made on."""
    _forgiven(patch, Reason.WRONG_VIEW_DIGEST)


def action_digest_not_compared(patch: pytest.MonkeyPatch) -> None:
    """A decision counts for other bytes than it was made on."""
    _forgiven(patch, Reason.WRONG_ACTION_DIGEST)


def request_not_compared(patch: pytest.MonkeyPatch) -> None:
    """A decision counts for another request than it names."""
    _forgiven(patch, Reason.UNKNOWN_REQUEST)


def late_decision_counts(patch: pytest.MonkeyPatch) -> None:
    """A decision after the deadline counts when nobody has looked at the deadline yet."""
    _forgiven(patch, Reason.LATE)


def stranger_may_decide(patch: pytest.MonkeyPatch) -> None:
    """Who is in none of the groups that were asked may fill the quorum."""
    _forgiven(patch, Reason.NOT_IN_GROUP)


def _forgiven(patch: pytest.MonkeyPatch, reason: Reason) -> None:
    real = approvals.why_not_counted

    def why(*parts: Any) -> Reason | None:
        found = real(*parts)
        return None if found is reason else found

    patch.setattr(approvals, "why_not_counted", why)


def rejection_is_one_vote(patch: pytest.MonkeyPatch) -> None:
    """A rejection is noted, and the request stays open."""

    def reject(held: Any, cause: Any) -> Ruling:
        del cause
        return Ruling(Event.DECISION_COUNTED, {}, (put_pending(held),), lane=held.lane)

    patch.setattr(approvals, "_reject", reject)
