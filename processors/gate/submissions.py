"""Take an authentic action to its verdict: a copy, stale, denied, granted, or waiting for people.

Source: actions.  Stores: pending, closed.  Sinks: approvals, execution.<executor>, outcomes, audit.

The agent's id is its idempotency key: pending and closed are looked up first, so the same content twice gets the present
outcome again and other content under the same id is a conflict.
"""

from dataclasses import dataclass
from typing import NamedTuple

from sluicegate.processors.contract import Put, Record, StoreReader
from sluicegate.processors.events import Event, Reason
from sluicegate.processors.intake import Authentic
from sluicegate.processors.policy import Effect, Verdict
from sluicegate.processors.ruling import Cause, DeadLetter, Ruling
from sluicegate.processors.standing import may_act_for
from sluicegate.processors.tables import Tables
from sluicegate.schemas.action import Action, Withdrawal
from sluicegate.schemas.canonical import canonical_json, sha256
from sluicegate.schemas.fields import unchecked
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.schemas.state import Pending, Phase

from . import approvals, grants
from .closed import read_marker
from .outcomes import Subject, close, repeat, repeat_pending, send_outcome, tell
from .pending import read_pending
from .verdicts import evaluate, matched_rules, why_denied

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Window:
    """How old an action may be, and how far its clock may be ahead, in milliseconds of the broker's time."""

    closing_ms: int = 3_600_000
    skew_ms: int = 2_000


class Submission(NamedTuple):
    """An authentic action, and all that can be said about it before any state is looked at."""

    trusted: Authentic
    action: Action
    subject: Subject
    verdict: Verdict


def content_digest(action: Action) -> bytes:
    """What makes two records the same action: everything but nonce and creation time."""
    on_behalf_of = action.on_behalf_of
    content = {
        **action.__dict__,
        "on_behalf_of": None if on_behalf_of is None else on_behalf_of.__dict__,
    }
    del content["nonce"], content["created_at_ms"]
    return sha256(canonical_json(content))


def judge(tables: Tables, trusted: Authentic, action: Action) -> Submission:
    """Ask the policies in force."""
    subject = Subject(action.action_id, trusted.digest, content_digest(action), action.lane, action.agent)
    return Submission(trusted, action, subject, evaluate(tables, action))


def submit(
    stores: StoreReader, tables: Tables, record: Record, submission: Submission, window: Window, cause: Cause
) -> Ruling | DeadLetter:
    """One authentic action, judged by these tables."""
    action, subject = submission.action, submission.subject
    known = _known(stores, subject, action, cause)
    if known is not None:
        return known
    if action.created_at_ms > record.append_ms + DAY_MS:
        # No marker can outlive it, so no outcome may be told that a later copy would contradict.
        return DeadLetter(Reason.FROM_THE_FUTURE)
    stale = _stale(action.created_at_ms, record.append_ms, window)
    if stale is not None:
        return _refuse_stale(subject, action, stale, cause)
    ruling = _follow(tables, record, submission, cause)
    if action.supersedes is None:
        return ruling
    return _superseding(stores, action, ruling, cause)


def withdraw(
    stores: StoreReader, withdrawal: Withdrawal, digest: bytes, window: Window, cause: Cause
) -> Ruling:
    """The agent no longer intends an action. Where it does not wait any more, its outcome is repeated.

    `digest` is that of the withdrawal's envelope.
    """
    facts: dict[str, object] = {"action_id": withdrawal.action_id, "agent": withdrawal.agent}
    stale = _stale(withdrawal.created_at_ms, cause.at_ms, window)
    if stale is not None:
        # Old bytes sent again must not take back a later action of the same id.
        return Ruling(Event.WITHDRAWAL_IGNORED, facts | {"reason": stale}, lane=withdrawal.lane)
    pending = read_pending(stores, withdrawal.agent, withdrawal.action_id)
    if pending is not None and pending.phase is Phase.WAITING:
        return approvals.withdraw(pending, cause)
    marker = read_marker(stores, withdrawal.agent, withdrawal.action_id)
    if pending is None and marker is None:
        facts["reason"] = Reason.UNKNOWN_ACTION
        return Ruling(Event.WITHDRAWAL_IGNORED, facts, lane=withdrawal.lane)
    if pending is not None:
        outcome = repeat_pending(Subject.of(pending), pending, cause)
    else:
        assert marker is not None  # noqa: S101  # one of the two is there
        content = marker.content_digest
        subject = Subject(withdrawal.action_id, digest, content, withdrawal.lane, withdrawal.agent)
        outcome = repeat(subject, marker, cause)
    facts["reason"] = Reason.NOT_WAITING
    return Ruling(Event.WITHDRAWAL_IGNORED, facts, (), (send_outcome(outcome),), (outcome,), withdrawal.lane)


def _known(stores: StoreReader, subject: Subject, action: Action, cause: Cause) -> Ruling | None:
    pending = read_pending(stores, subject.agent, subject.action_id)
    marker = read_marker(stores, subject.agent, subject.action_id) if pending is None else None
    present = marker if pending is None else pending
    if present is None:
        return None
    facts = _facts(subject, action)
    if present.content_digest != subject.content_digest:
        facts["reason"] = Reason.CONFLICT
        outcome = tell(subject, OutcomeKind.DENIED, cause, reason=Reason.CONFLICT)
        event = Event.ACTION_CONFLICT
    else:
        outcome = (
            repeat_pending(subject, present, cause)
            if isinstance(present, Pending)
            else repeat(subject, present, cause)
        )
        event = Event.ACTION_REPEATED
    return Ruling(event, facts, (), (send_outcome(outcome),), (outcome,), subject.lane)


def _stale(created_at_ms: int, append_ms: int, window: Window) -> Reason | None:
    if created_at_ms < append_ms - window.closing_ms:
        return Reason.TOO_OLD
    if created_at_ms > append_ms + window.skew_ms:
        return Reason.FROM_THE_FUTURE
    return None


def _refuse_stale(subject: Subject, action: Action, reason: Reason, cause: Cause) -> Ruling:
    outcome = tell(subject, OutcomeKind.DENIED, cause, reason=reason)
    puts: tuple[Put, ...] = ()
    if reason is Reason.FROM_THE_FUTURE:
        # INVARIANT: told denied, it stays denied: the marker lives until the same bytes would be too old.
        puts = close(subject, outcome, cause, until_ms=action.created_at_ms)
    facts = _facts(subject, action) | {"reason": reason}
    return Ruling(Event.ACTION_STALE, facts, puts, (send_outcome(outcome),), (outcome,), subject.lane)


def _follow(tables: Tables, record: Record, submission: Submission, cause: Cause) -> Ruling:
    """What the verdict leads to, unless the action may not get so far or has nowhere to go."""
    trusted, action, subject, verdict = submission
    if tables.controls.paused(action_type=action.type, executor=None, agent=action.agent):
        return _deny(subject, action, Reason.PAUSED, cause)
    if not may_act_for(tables.directory, action):
        return _deny(subject, action, Reason.NOT_A_DELEGATOR, cause)
    if verdict.effect is Effect.DENY:
        return _deny(subject, action, why_denied(verdict), cause, verdict)
    executor = grants.route(tables, action)
    if isinstance(executor, Reason):
        return _deny(subject, action, executor, cause, verdict)
    pending = _new_pending(record, action, subject, verdict)
    if verdict.effect is Effect.REVIEW:
        opened = approvals.open_request(pending, action, trusted.signed, verdict, tables, cause)
        return _deny(subject, action, opened, cause, verdict) if isinstance(opened, Reason) else opened
    _, ruling = grants.issue(pending, action, trusted.signed, executor, verdict, tables, cause)
    return ruling


def _deny(
    subject: Subject, action: Action, reason: Reason, cause: Cause, verdict: Verdict | None = None
) -> Ruling:
    rules = matched_rules(verdict) if verdict else ()
    told = Subject(
        subject.action_id, subject.action_digest, subject.content_digest, subject.lane, subject.agent, rules
    )
    outcome = tell(told, OutcomeKind.DENIED, cause, reason=reason)
    facts = _facts(subject, action) | {"reason": reason, "rules": rules}
    if verdict is not None:
        facts["policies"] = tuple(bytes.fromhex(digest) for digest in verdict.policies)
    puts = close(subject, outcome, cause)
    return Ruling(Event.ACTION_DENIED, facts, puts, (send_outcome(outcome),), (outcome,), subject.lane)


def _new_pending(record: Record, action: Action, subject: Subject, verdict: Verdict) -> Pending:
    return unchecked(
        Pending,
        action_id=action.action_id,
        action_digest=subject.action_digest,
        content_digest=subject.content_digest,
        lane=action.lane,
        agent=action.agent,
        type=action.type,
        rules=matched_rules(verdict),
        partition=record.position.partition,
        offset=record.position.offset,
        append_ms=record.append_ms,
        phase=Phase.WAITING,
    )


def _superseding(stores: StoreReader, action: Action, ruling: Ruling, cause: Cause) -> Ruling:
    """Close the request this edit replaces, if it still waits; the edit has started from the beginning either way."""
    earlier = read_pending(stores, action.agent, action.supersedes or "")
    marked = Ruling(
        ruling.event,
        {**ruling.facts, "supersedes": action.supersedes},
        ruling.puts,
        ruling.sends,
        ruling.outcomes,
        ruling.lane,
    )
    if earlier is None or earlier.phase is not Phase.WAITING:
        return marked
    return marked.joined(approvals.supersede(earlier, cause))


def _facts(subject: Subject, action: Action) -> dict[str, object]:
    return {
        "action_id": subject.action_id,
        "action_type": action.type,
        "agent": subject.agent,
        "action_digest": subject.action_digest,
    }
