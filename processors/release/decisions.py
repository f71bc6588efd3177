"""The decisions inside a grant, checked again: each one alone, then whether they are enough for the request."""

from typing import Final

from sluicegate.processors.directory import Signer
from sluicegate.processors.events import Reason
from sluicegate.processors.export_release import exported_by
from sluicegate.processors.quorum import People, satisfied
from sluicegate.processors.separation import decider, is_origin_known, may_decide, origin_set
from sluicegate.processors.tables import Tables
from sluicegate.schemas import codec
from sluicegate.schemas.action import Action
from sluicegate.schemas.approval import FrozenRequirement
from sluicegate.schemas.decision import Choice, Decision
from sluicegate.schemas.errors import RecordError
from sluicegate.schemas.grant import Grant, Signed

from .check import Check
from .signer import signer_of

_CHECKS: Final = {
    Reason.WRONG_ACCOUNT: Check.DECISION_NOT_TRUSTED,
    Reason.UNKNOWN_ACCOUNT: Check.UNKNOWN_PERSON,
    Reason.UNKNOWN_PERSON: Check.UNKNOWN_PERSON,
    Reason.OWN_ACTION: Check.OWN_ACTION,
    Reason.NOT_IN_GROUP: Check.NOT_IN_GROUP,
}


def people_who_approved(grant: Grant, action: Action, tables: Tables, now_ms: int) -> People | Check:
    """The distinct people whose approvals a grant rests on, with their groups now; nobody when nobody was asked.

    One decision that does not hold refuses the whole grant: a gate puts none there.
    """
    requirement, directory = grant.requirement, tables.directory
    if requirement is None or grant.request_id is None:
        whole = requirement is None and grant.request_id is None and not grant.decisions
        return {} if whole else Check.WITHOUT_REQUEST
    behind = action.agent, action.on_behalf_of, exported_by(action)
    if not is_origin_known(directory, *behind):
        return Check.UNKNOWN_ORIGIN
    # INVARIANT: the executor's own directory says who is behind an action; what the gate names can only add to it.
    origin = origin_set(directory, *behind) | frozenset(grant.excluded)
    people: dict[str, frozenset[str]] = {}
    for signed in grant.decisions:
        person = _approver(signed, grant, requirement, origin, tables, now_ms)
        if isinstance(person, Check):
            return person
        if person in people:
            return Check.SAME_PERSON
        people[person] = directory.groups_of(person)
    return people if satisfied(requirement.groups, requirement.quorum, people) else Check.QUORUM_NOT_MET


def _approver(
    signed: Signed,
    grant: Grant,
    requirement: FrozenRequirement,
    origin: frozenset[str],
    tables: Tables,
    now_ms: int,
) -> str | Check:
    """The person behind one approval."""
    signer = signer_of(signed, tables, now_ms)
    if signer is None:
        return Check.DECISION_NOT_TRUSTED
    try:
        decision = codec.decode(signed.payload_type, signed.value, {"decision"})
    except RecordError:
        return Check.DECISION_UNREADABLE
    assert isinstance(decision, Decision)  # noqa: S101  # decode was told this kind
    return _unfit(decision, grant, requirement) or _person(decision, signer, requirement, origin, tables)


def _unfit(decision: Decision, grant: Grant, requirement: FrozenRequirement) -> Check | None:
    """Why these words do not approve this action, whoever says them."""
    if _about(decision) != _about(grant):
        return Check.OTHER_DECISION
    if decision.view_digest not in grant.view_digests:
        return Check.OTHER_VIEW
    if decision.choice is not Choice.APPROVE:
        return Check.NOT_APPROVED
    if requirement.reason_required and not (decision.reason or "").strip():
        return Check.REASON_MISSING
    return None


def _about(of: Decision | Grant) -> tuple[object, ...]:
    return of.deployment, of.request_id, of.action_id, of.action_digest, of.agent, of.lane


def _person(
    decision: Decision, signer: Signer, requirement: FrozenRequirement, origin: frozenset[str], tables: Tables
) -> str | Check:
    person = decider(tables.directory, decision.account, signer)
    if isinstance(person, Reason):
        return _CHECKS[person]
    refused = may_decide(tables.directory, person, origin, requirement.groups)
    return _CHECKS[refused] if refused else person
