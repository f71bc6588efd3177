"""Permit one executor to execute one action, once, soon; note when nobody took the permission.

Source: actions (verdict allow), decisions (quorum met), punctuation `lapse`.  Store: pending.
Sinks: execution.<executor>, outcomes, audit.
"""

from dataclasses import dataclass

from sluicegate.processors.events import Event, Reason
from sluicegate.processors.export_release import exported_by
from sluicegate.processors.policy import Verdict
from sluicegate.processors.ruling import Cause, Ruling, Send
from sluicegate.processors.separation import origin_set
from sluicegate.processors.tables import Tables
from sluicegate.schemas.action import Action
from sluicegate.schemas.fields import unchecked
from sluicegate.schemas.grant import Grant, Signed
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.schemas.state import Granted, Pending, Phase, Waiting

from .outcomes import Subject, close, send_outcome, tell
from .pending import put_pending

MAX_LIFE_MS = 3_600_000
"""The longest life of any grant: one hour."""
MAX_GRANT_BYTES = 6 * 1024 * 1024
"""Action and decisions inside a grant; a record of `execution.*` may have 8 MiB."""


@dataclass(frozen=True, slots=True)
class Approved:
    """What a grant rests on when people were asked."""

    waiting: Waiting
    excluded: tuple[str, ...]


def route(tables: Tables, action: Action) -> str | Reason:
    """The one executor an action of this type goes to, or why there is none. Never taken from the action."""
    executors = tables.directory.executors_for(action.type)
    if len(executors) != 1:
        return Reason.AMBIGUOUS_ROUTE if executors else Reason.NO_EXECUTOR
    name = executors[0]
    if tables.controls.paused(action_type=action.type, executor=name, agent=action.agent):
        return Reason.PAUSED
    return name if name in tables.reachable else Reason.NO_EXECUTION_TOPIC


def too_large(action: Signed, decisions: tuple[Signed, ...] = ()) -> bool:
    """Whether a grant of these parts would not fit into a record; sized before anything is written."""
    return sum(len(part.value) for part in (action, *decisions)) > MAX_GRANT_BYTES


def issue(
    pending: Pending,
    action: Action,
    signed: Signed,
    executor: str,
    verdict: Verdict,
    tables: Tables,
    cause: Cause,
    approved: Approved | None = None,
) -> tuple[Grant, Ruling]:
    """Write a grant: the pending state after it, the record for the executor, the outcome for the agent."""
    document = tables.directory.executors[executor]
    life_ms = min(verdict.grant_life_ms, document.grant_life_ms, MAX_LIFE_MS)
    grant = _grant(
        pending, action, signed, executor, cause.now_ms + life_ms, verdict, tables, cause, approved
    )
    granted = unchecked(
        Granted,
        grant_id=grant.grant_id,
        executor=executor,
        expires_at_ms=grant.expires_at_ms,
        excluded=approved.excluded if approved else _behind(action, tables),
        lease_ms=document.lease_ms,
        request_id=grant.request_id,
    )
    after = pending.model_copy(update={"phase": Phase.GRANTED, "waiting": None, "granted": granted})
    outcome = tell(
        Subject.of(pending), OutcomeKind.GRANTED, cause, request_id=grant.request_id, grant_id=grant.grant_id
    )
    sends = (Send(f"execution.{executor}", grant, grant.grant_id, signed=True), send_outcome(outcome))
    facts = _facts(grant, pending, approved)
    return grant, Ruling(Event.ACTION_GRANTED, facts, (put_pending(after),), sends, (outcome,), pending.lane)


def _behind(action: Action, tables: Tables) -> tuple[str, ...]:
    # Nobody was asked, but somebody may have to settle how it ended: not who is behind it, whatever is enrolled by then.
    behind = origin_set(tables.directory, action.agent, action.on_behalf_of, exported_by(action))
    return tuple(sorted(behind))


def lapse(pending: Pending, cause: Cause) -> Ruling:
    """Nobody claimed in time, and every receipt up to the expiry was read."""
    granted = pending.granted
    assert granted is not None  # noqa: S101  # the punctuation exists in this phase only
    subject = Subject.of(pending)
    outcome = tell(
        subject,
        OutcomeKind.LAPSED,
        cause,
        reason=Reason.NO_CLAIM_IN_TIME,
        request_id=granted.request_id,
        grant_id=granted.grant_id,
    )
    facts = {
        **grant_facts(pending),
        "expires_at_ms": granted.expires_at_ms,
        "reason": Reason.NO_CLAIM_IN_TIME,
    }
    # INVARIANT: the expiry comes from this gate's clock, which may be behind; the marker outlives every copy all the same.
    puts = close(subject, outcome, cause, until_ms=pending.append_ms)
    return Ruling(Event.GRANT_LAPSED, facts, puts, (send_outcome(outcome),), (outcome,), pending.lane)


def grant_facts(pending: Pending) -> dict[str, object]:
    """What an entry about a granted action says of it."""
    granted = pending.granted
    assert granted is not None  # noqa: S101  # callers are past the grant
    return {
        **action_facts(pending),
        "grant_id": granted.grant_id,
        "claim_id": granted.claim_id,
        "executor": granted.executor,
    }


def action_facts(pending: Pending) -> dict[str, object]:
    """What every entry about an action says of it."""
    return {
        "action_id": pending.action_id,
        "action_type": pending.type,
        "agent": pending.agent,
        "action_digest": pending.action_digest,
    }


def _grant(
    pending: Pending,
    action: Action,
    signed: Signed,
    executor: str,
    expires_at_ms: int,
    verdict: Verdict,
    tables: Tables,
    cause: Cause,
    approved: Approved | None,
) -> Grant:
    grant = unchecked(
        Grant,
        deployment=action.deployment,
        grant_id=cause.id("gr", pending.agent, pending.action_id),
        action_id=pending.action_id,
        action_digest=pending.action_digest,
        lane=pending.lane,
        agent=pending.agent,
        executor=executor,
        type=pending.type,
        issued_at_ms=cause.now_ms,
        expires_at_ms=expires_at_ms,
        action=signed,
        mask=verdict.mask,
        policies=tuple(bytes.fromhex(digest) for digest in verdict.policies),
        tables=dict(tables.positions),
    )
    if approved is None:
        return grant
    waiting = approved.waiting
    return grant.model_copy(
        update={
            "request_id": waiting.request_id,
            "requirement": waiting.requirement,
            "view_digests": waiting.view_digests,
            "decisions": tuple(decision.signed for decision in waiting.decisions),
            "excluded": approved.excluded,
            "mask": waiting.requirement.mask,
        }
    )


def _facts(grant: Grant, pending: Pending, approved: Approved | None) -> dict[str, object]:
    facts = {
        **action_facts(pending),
        "rules": pending.rules,
        "policies": grant.policies,
        "grant_id": grant.grant_id,
        "executor": grant.executor,
        "expires_at_ms": grant.expires_at_ms,
    }
    if approved is None:
        return facts
    waiting = approved.waiting
    return facts | {
        "request_id": waiting.request_id,
        "requirement": waiting.requirement.groups,
        "quorum": waiting.requirement.quorum,
        "deadline_ms": waiting.requirement.deadline_ms,
        "people": tuple(sorted(decision.person for decision in waiting.decisions)),
        "excluded": approved.excluded,
    }


def claimed(pending: Pending, claim_id: str, claimed_at_ms: int) -> Pending:
    """The state once its executor took the grant."""
    assert pending.granted is not None  # noqa: S101  # callers checked the grant
    granted = pending.granted.model_copy(update={"claim_id": claim_id, "claimed_at_ms": claimed_at_ms})
    return pending.model_copy(update={"phase": Phase.CLAIMED, "granted": granted})
