"""Does a decision count? Every reason why not, in the order in which a reviewer would want to know."""

from sluicegate.processors.events import Reason
from sluicegate.processors.export_release import exported_by
from sluicegate.processors.separation import is_origin_known, may_decide, origin_set, speaking_groups
from sluicegate.processors.tables import Tables
from sluicegate.schemas import codec
from sluicegate.schemas.action import Action
from sluicegate.schemas.approval import FrozenRequirement
from sluicegate.schemas.decision import Choice, Decision
from sluicegate.schemas.grant import Signed
from sluicegate.schemas.state import Pending, Waiting

from . import grants

MAX_OTHER_GROUPS = 8
"""Groups of a person that are recorded with a decision although the request does not ask them."""


def why_not_counted(
    pending: Pending | None,
    decision: Decision,
    signed: Signed,
    person: str,
    tables: Tables,
    append_ms: int,
) -> Reason | None:
    """Why a decision does not count, in the order in which a reviewer would want to know."""
    if pending is None or pending.waiting is None:
        return Reason.NOT_WAITING
    waiting = pending.waiting
    if decision.lane != pending.lane:
        # The executor would refuse a grant that rests on it: one such decision would spoil what others approved.
        return Reason.WRONG_LANE
    if decision.request_id != waiting.request_id:
        return Reason.UNKNOWN_REQUEST
    if decision.action_digest != pending.action_digest:
        return Reason.WRONG_ACTION_DIGEST
    if decision.view_digest not in waiting.view_digests:
        return Reason.WRONG_VIEW_DIGEST
    if append_ms > waiting.requirement.deadline_ms:
        return Reason.LATE
    action = action_of(waiting)
    behind = pending.agent, action.on_behalf_of, exported_by(action)
    if not is_origin_known(tables.directory, *behind):
        return Reason.UNKNOWN_ORIGIN
    # INVARIANT: nobody behind an action decides on it, by what was frozen and by what is known now.
    origin = {*waiting.excluded, *origin_set(tables.directory, *behind)}
    refusal = may_decide(tables.directory, person, origin, waiting.requirement.groups)
    return refusal or _unfit(waiting, decision, signed, person)


def _unfit(waiting: Waiting, decision: Decision, signed: Signed, person: str) -> Reason | None:
    already = any(d.person == person or d.decision_id == decision.decision_id for d in waiting.decisions)
    # A person who approved may still reject before the quorum is met: that only makes the answer stricter.
    if already and decision.choice is not Choice.REJECT:
        return Reason.ALREADY_DECIDED
    if waiting.requirement.reason_required and not (decision.reason or "").strip():
        return Reason.REASON_MISSING
    if decision.choice is Choice.REJECT:
        return None
    if not waiting.view_complete:
        return Reason.INCOMPLETE_VIEW
    # Sized before it is written: state that no record can hold would stop the gate.
    kept = (*(counted.signed for counted in waiting.decisions), signed)
    return Reason.TOO_LARGE if grants.too_large(waiting.action, kept) else None


def groups_spoken_for(requirement: FrozenRequirement, person: str, tables: Tables) -> tuple[str, ...]:
    """The groups a person speaks for: those asked, and others, which a request that is raised later may ask."""
    directory = tables.directory
    asked = speaking_groups(directory, person, requirement.groups)
    others = speaking_groups(directory, person, directory.groups_of(person)) - asked
    return tuple(sorted({*asked, *sorted(others)[:MAX_OTHER_GROUPS]}))


def action_of(waiting: Waiting) -> Action:
    """The action a request is about, from the exact bytes that came in."""
    action = codec.decode(waiting.action.payload_type, waiting.action.value, {"action"})
    assert isinstance(action, Action)  # noqa: S101  # it was read as one when it came in
    return action
