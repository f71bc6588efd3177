"""Hold a request until its quorum, a rejection, or its deadline.

Source: actions (verdict review), decisions, punctuations `reminder` and `deadline`.  Store: pending.
Sinks: approvals, execution.<executor>, outcomes, audit.

The requirement is frozen into the request. When it is met, the stricter of frozen and current policy holds: a current `deny`
wins, and if more people are needed now the request is raised and earlier decisions stand.
"""

from collections.abc import Mapping

from sluicegate.processors import quorum
from sluicegate.processors.events import Event, Reason
from sluicegate.processors.export_release import EXPORT_RELEASE, SHOWN, exported_by
from sluicegate.processors.intake import Authentic
from sluicegate.processors.masking.views import render
from sluicegate.processors.policy import Effect, Verdict
from sluicegate.processors.policy.profiles import strictest
from sluicegate.processors.ruling import Cause, Ruling, Send
from sluicegate.processors.separation import is_origin_known, origin_set
from sluicegate.processors.standing import why_fallen
from sluicegate.processors.tables import Tables
from sluicegate.schemas.action import Action
from sluicegate.schemas.approval import (
    FrozenRequirement,
    ResolutionKind,
    Tally,
    View,
)
from sluicegate.schemas.decision import Choice, Decision
from sluicegate.schemas.grant import Signed
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.schemas.state import CountedDecision, Pending, Waiting

from . import grants
from .approval_records import (
    approvers,
    decision_facts,
    reminder_record,
    request_facts,
    request_record,
    send_resolution,
    waiting_of,
)
from .decision_checks import action_of, groups_spoken_for, why_not_counted
from .grants import Approved, action_facts
from .outcomes import Subject, close, send_outcome, tell
from .pending import put_pending
from .requirements import freeze, next_reminder_ms, reminder_ms, stricter
from .verdicts import evaluate, profile_that_counts

MAX_EXCLUDED = 24
"""People an entry can name; an origin set larger than this cannot be recorded, so such an action is denied."""


def open_request(
    pending: Pending, action: Action, signed: Signed, verdict: Verdict, tables: Tables, cause: Cause
) -> Ruling | Reason:
    """Ask the reviewers, or say why nobody can be asked."""
    assert verdict.requirement is not None  # noqa: S101  # set for every review
    requirement = freeze(verdict.requirement, pending.append_ms)
    behind = action.agent, action.on_behalf_of, exported_by(action)
    if not is_origin_known(tables.directory, *behind):
        return Reason.UNKNOWN_ORIGIN
    excluded = tuple(sorted(origin_set(tables.directory, *behind)))
    if len(excluded) > MAX_EXCLUDED or not _reachable(requirement, excluded, tables):
        return Reason.UNREACHABLE_QUORUM
    if grants.too_large(signed):
        return Reason.TOO_LARGE
    view = _render(action, verdict, requirement, tables)
    waiting = Waiting(
        request_id=cause.id("rq", pending.agent, pending.action_id),
        revision=1,
        requirement=requirement,
        excluded=excluded,
        view_digests=(view.digest,),
        view_complete=view.complete,
        remind_at_ms=reminder_ms(verdict.requirement, pending.append_ms),
        action=signed,
    )
    held = pending.model_copy(update={"waiting": waiting})
    request = request_record(held, verdict, view, cause)
    outcome = tell(Subject.of(held), OutcomeKind.PENDING, cause, request_id=waiting.request_id)
    sends = (Send("approvals", request, cause.id("ar")), send_outcome(outcome))
    facts = request_facts(held) | {"policies": request.policies}
    return Ruling(Event.ACTION_WAITING, facts, (put_pending(held),), sends, (outcome,), held.lane)


def count(
    pending: Pending | None,
    decision: Decision,
    trusted: Authentic,
    person: str | Reason,
    tables: Tables,
    cause: Cause,
) -> Ruling:
    """One decision whose signature holds: it always gets a tally."""
    refusal = (
        person
        if isinstance(person, Reason)
        else why_not_counted(pending, decision, trusted.signed, person, tables, cause.at_ms)
    )
    if refusal is not None or pending is None or pending.waiting is None or isinstance(person, Reason):
        known = None if isinstance(person, Reason) else person
        return _not_counted(pending, decision, known, refusal or Reason.NOT_WAITING, cause)
    counted = CountedDecision(
        decision_id=decision.decision_id,
        person=person,
        groups=groups_spoken_for(pending.waiting.requirement, person, tables),
        choice=decision.choice,
        signed=trusted.signed,
    )
    held = _with_decision(pending, counted)
    ruling = _reject(held, cause) if decision.choice is Choice.REJECT else _approve(held, tables, cause)
    return _tallied(ruling, held, decision, counted, cause)


def remind(pending: Pending, cause: Cause) -> Ruling:
    """The deadline comes near and every decision up to now was read: whoever carries reviews to people is told, once.

    When the gate was away until the deadline had passed, nobody is reminded of what they cannot do any more.
    """
    waiting = waiting_of(pending)
    told = waiting.model_copy(update={"remind_at_ms": None})
    puts = (put_pending(pending.model_copy(update={"waiting": told})),)
    facts = action_facts(pending) | {
        "request_id": waiting.request_id,
        "deadline_ms": waiting.requirement.deadline_ms,
    }
    if cause.now_ms >= waiting.requirement.deadline_ms:
        return Ruling(Event.REQUEST_REMINDED, facts | {"reason": Reason.LATE}, puts, lane=pending.lane)
    send = Send("approvals", reminder_record(pending, cause), cause.id("rm", waiting.request_id))
    return Ruling(Event.REQUEST_REMINDED, facts, puts, (send,), lane=pending.lane)


def expire(pending: Pending, cause: Cause) -> Ruling:
    """The deadline passed and every decision up to it was read: they were not enough."""
    ended = _end(pending, ResolutionKind.EXPIRED, OutcomeKind.EXPIRED, Reason.DEADLINE, cause)
    return _renamed(ended, Event.REQUEST_EXPIRED)


def withdraw(pending: Pending, cause: Cause) -> Ruling:
    """The agent took the action back while it waited."""
    ended = _end(pending, ResolutionKind.WITHDRAWN, OutcomeKind.WITHDRAWN, None, cause)
    return _renamed(ended, Event.WITHDRAWAL_COUNTED)


def supersede(pending: Pending, cause: Cause) -> Ruling:
    """An edit took the place of the action while it waited."""
    return _end(pending, ResolutionKind.SUPERSEDED, OutcomeKind.SUPERSEDED, Reason.SUPERSEDED, cause)


def _approve(held: Pending, tables: Tables, cause: Cause) -> Ruling:
    waiting = waiting_of(held)
    if not _met(waiting.requirement, waiting.decisions):
        return Ruling(Event.DECISION_COUNTED, {}, (put_pending(held),), lane=held.lane)
    action = action_of(waiting)
    fallen = why_fallen(held, action, waiting.action, tables)
    if fallen is not None:
        return _end(held, ResolutionKind.DENIED, OutcomeKind.DENIED, fallen, cause)
    verdict = evaluate(tables, action)
    if verdict.effect is Effect.DENY:
        return _end(held, ResolutionKind.DENIED, OutcomeKind.DENIED, Reason.POLICY_CHANGED, cause)
    raised = _raised(held, action, verdict, tables)
    if raised is None:
        return _end(held, ResolutionKind.DENIED, OutcomeKind.DENIED, Reason.NO_PROFILE, cause)
    now = waiting_of(raised)
    if cause.at_ms > now.requirement.deadline_ms:
        return _end(held, ResolutionKind.EXPIRED, OutcomeKind.EXPIRED, Reason.DEADLINE, cause)
    if not _met(now.requirement, now.decisions):
        return _ask_again(raised, action, verdict, tables, cause)
    return _grant(raised, action, verdict, tables, cause)


def _grant(held: Pending, action: Action, verdict: Verdict, tables: Tables, cause: Cause) -> Ruling:
    waiting = waiting_of(held)
    executor = grants.route(tables, action)
    if isinstance(executor, Reason):
        return _end(held, ResolutionKind.DENIED, OutcomeKind.DENIED, executor, cause)
    approved = Approved(waiting, waiting.excluded)
    _, ruling = grants.issue(held, action, waiting.action, executor, verdict, tables, cause, approved)
    resolution = send_resolution(held, ResolutionKind.APPROVED, None, cause)
    facts = {**ruling.facts, "resolution": ResolutionKind.APPROVED}
    return Ruling(
        Event.DECISION_COUNTED, facts, ruling.puts, (resolution, *ruling.sends), ruling.outcomes, held.lane
    )


def _reject(held: Pending, cause: Cause) -> Ruling:
    """Rejection is final, whoever has approved before."""
    return _end(held, ResolutionKind.REJECTED, OutcomeKind.REJECTED, Reason.REJECTED, cause)


def _raised(held: Pending, action: Action, verdict: Verdict, tables: Tables) -> Pending | None:
    """The request under the stricter of frozen and current; decisions of people now excluded fall out.

    None when of the profiles of then and now none is surely the stricter one, or the one that counts is no longer published.
    """
    waiting = waiting_of(held)
    requirement = waiting.requirement
    if verdict.requirement is not None:
        requirement = stricter(requirement, freeze(verdict.requirement, held.append_ms))
    # Also of a verdict that asks nobody any more.
    profile = profile_that_counts(strictest(requirement.mask, verdict.mask) or requirement.mask, tables)
    if profile is None:
        return None
    requirement = requirement.model_copy(update={"mask": profile.name})
    excluded = frozenset(waiting.excluded) | origin_set(
        tables.directory, action.agent, action.on_behalf_of, exported_by(action)
    )
    decisions = tuple(decision for decision in waiting.decisions if decision.person not in excluded)
    update = {"requirement": requirement, "excluded": tuple(sorted(excluded)), "decisions": decisions}
    return held.model_copy(update={"waiting": waiting.model_copy(update=update)})


def _ask_again(held: Pending, action: Action, verdict: Verdict, tables: Tables, cause: Cause) -> Ruling:
    waiting = waiting_of(held)
    if len(waiting.excluded) > MAX_EXCLUDED or not _reachable(waiting.requirement, waiting.excluded, tables):
        return _end(held, ResolutionKind.DENIED, OutcomeKind.DENIED, Reason.UNREACHABLE_QUORUM, cause)
    view = _render(action, verdict, waiting.requirement, tables)
    # Reviewers see the raised request now: a reminder whose time has passed says nothing more.
    remind_at_ms = next_reminder_ms(
        waiting.remind_at_ms,
        reminder_ms(verdict.requirement, held.append_ms) if verdict.requirement else None,
        after_ms=cause.at_ms,
        deadline_ms=waiting.requirement.deadline_ms,
    )
    update = {
        "remind_at_ms": remind_at_ms,
        "revision": waiting.revision + 1,
        "view_digests": tuple(dict.fromkeys((*waiting.view_digests, view.digest))),
        "view_complete": waiting.view_complete and view.complete,
    }
    asked = held.model_copy(update={"waiting": waiting.model_copy(update=update)})
    request = request_record(asked, verdict, view, cause)
    facts = request_facts(asked) | {"policies": request.policies}
    sends = (Send("approvals", request, cause.id("ar")),)
    return Ruling(Event.DECISION_COUNTED, facts, (put_pending(asked),), sends, lane=held.lane)


def _end(
    pending: Pending, kind: ResolutionKind, outcome_kind: OutcomeKind, reason: Reason | None, cause: Cause
) -> Ruling:
    waiting, subject = waiting_of(pending), Subject.of(pending)
    outcome = tell(subject, outcome_kind, cause, reason=reason, request_id=waiting.request_id)
    facts = action_facts(pending) | {
        "request_id": waiting.request_id,
        "resolution": kind,
        "reason": reason,
        "deadline_ms": waiting.requirement.deadline_ms,
    }
    puts = close(subject, outcome, cause)
    sends = (send_resolution(pending, kind, reason, cause), send_outcome(outcome))
    return Ruling(Event.DECISION_COUNTED, facts, puts, sends, (outcome,), pending.lane)


def _tallied(
    ruling: Ruling, held: Pending, decision: Decision, counted: CountedDecision, cause: Cause
) -> Ruling:
    """The ruling of a counted decision, with its tally first."""
    waiting = waiting_of(held)
    # What is needed once this decision is in: its ruling may have raised the request.
    groups = ruling.facts.get("requirement", waiting.requirement.groups)
    behind = ruling.facts.get("excluded", ())
    people = {who: spoken for who, spoken in approvers(waiting.decisions).items() if who not in behind}
    tally = Tally(
        decision_id=decision.decision_id,
        request_id=waiting.request_id,
        action_id=held.action_id,
        lane=held.lane,
        agent=held.agent,
        person=counted.person,
        counted=True,
        people=len(people),
        needed=ruling.facts.get("quorum", waiting.requirement.quorum),
        open_groups=quorum.open_groups(groups, people),
    )
    facts = {
        **action_facts(held),
        **decision_facts(decision, counted.person),
        **{name: value for name, value in ruling.facts.items() if value is not None},
        "groups": counted.groups,
        "counted": True,
    }
    sends = (Send("approvals", tally, cause.id("ta")), *ruling.sends)
    return Ruling(Event.DECISION_COUNTED, facts, ruling.puts, sends, ruling.outcomes, held.lane)


def _not_counted(
    pending: Pending | None, decision: Decision, person: str | None, reason: Reason, cause: Cause
) -> Ruling:
    waiting = pending.waiting if pending is not None else None
    people = approvers(waiting.decisions) if waiting else {}
    tally = Tally(
        decision_id=decision.decision_id,
        request_id=decision.request_id,
        action_id=decision.action_id,
        lane=decision.lane,
        agent=decision.agent,
        person=person,
        counted=False,
        reason=reason,
        people=len(people),
        needed=waiting.requirement.quorum if waiting else 0,
        open_groups=quorum.open_groups(waiting.requirement.groups, people) if waiting else (),
    )
    facts = decision_facts(decision, person) | {"reason": reason, "counted": False}
    sends = (Send("approvals", tally, cause.id("ta")),)
    return Ruling(Event.DECISION_NOT_COUNTED, facts, (), sends, lane=decision.lane)


def _render(action: Action, verdict: Verdict, requirement: FrozenRequirement, tables: Tables) -> View:
    profile = profile_that_counts(requirement.mask, tables)
    assert profile is not None  # noqa: S101  # a verdict or a raise with a profile that nobody can apply denies
    # Of an action that says so only masking's own report shows as it is.
    report = SHOWN if action.type == EXPORT_RELEASE and action.agent in tables.directory.releasing else ()
    return render(action, (*verdict.show, *report), profile)


def _with_decision(pending: Pending, counted: CountedDecision) -> Pending:
    """A person's later rejection takes the place of their approval."""
    waiting = waiting_of(pending)
    others = tuple(decision for decision in waiting.decisions if decision.person != counted.person)
    updated = waiting.model_copy(update={"decisions": (*others, counted)})
    return pending.model_copy(update={"waiting": updated})


def _met(requirement: FrozenRequirement, decisions: tuple[CountedDecision, ...]) -> bool:
    return quorum.satisfied(requirement.groups, requirement.quorum, approvers(decisions))


def _reachable(requirement: FrozenRequirement, excluded: tuple[str, ...], tables: Tables) -> bool:
    # Asked once per group: a group may have thousands of members.
    members = {group: tables.directory.members(group) for group in requirement.groups}
    candidates: Mapping[str, frozenset[str]] = {
        person: frozenset(group for group, people in members.items() if person in people)
        for person in frozenset().union(*members.values()).difference(excluded)
    }
    return quorum.reachable(requirement.groups, requirement.quorum, candidates)


def _renamed(ruling: Ruling, event: Event) -> Ruling:
    return Ruling(event, ruling.facts, ruling.puts, ruling.sends, ruling.outcomes, ruling.lane)
