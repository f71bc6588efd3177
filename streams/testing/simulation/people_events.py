"""What people do: decide, agree, and be nearly late; and what operators change."""

from collections.abc import Mapping
from random import Random
from typing import Any, Final

from sluicegate.schemas import document
from sluicegate.schemas.approval import ApprovalRequest, Resolution
from sluicegate.schemas.decision import Choice
from sluicegate.schemas.document import DocumentKind

from .history import LOGINS, PEOPLE, Said, policy
from .stage import AGENTS, Happening, Stage


def decide(stage: Stage, chance: Random) -> None:
    """Somebody decides, not always about what was asked."""
    request = _request(stage, chance)
    if request is None:
        return
    wrong: dict[str, Any] = {}
    if chance.random() < 0.25:  # noqa: PLR2004  # a quarter is about something else
        wrong = chance.choice(
            ({"action_digest": bytes(32)}, {"view_digest": bytes(32)}, {"request_id": "rq-other"})
        )
    choice = Choice.REJECT if chance.random() < 0.12 else Choice.APPROVE  # noqa: PLR2004
    reason = None if chance.random() < 0.2 else "seen"  # noqa: PLR2004
    _say(stage, chance.choice(LOGINS), request, choice, reason, wrong)


def agree(stage: Stage, chance: Random) -> None:
    """Several people approve one request, in any order, the same person perhaps twice."""
    request = _request(stage, chance)
    if request is not None:
        people = chance.choices(LOGINS, k=chance.randrange(2, 7))
        for login in people:
            _say(stage, login, request, Choice.APPROVE, "seen", {})


def close_call(stage: Stage, chance: Random) -> None:
    """People approve about when the deadline of a request passes, and the gate looks later."""
    request = _request(stage, chance)
    if request is None:
        return
    left_ms = request.requirement.deadline_ms - stage.cluster.now_ms
    stage.pass_time(max(0, left_ms + chance.choice((-500, -1, -1, 1))))
    for login in chance.sample(PEOPLE, k=chance.randrange(3, 8)):
        _say(stage, login, request, Choice.APPROVE, "seen", {})
    stage.look_later(chance, "decisions")


def repeat_decision(stage: Stage, chance: Random) -> None:
    """The same decision once more."""
    records = stage.last("decisions")
    if records:
        stage.people.driver.produce_again(chance.choice(records).position)


def change_policy(stage: Stage, chance: Random) -> None:
    """Operators publish the other policy."""
    if not stage.policies_change:
        return
    stage.history.policy_changes += 1
    stage.people.policy("policy", policy(stricter=chance.random() < 0.6))  # noqa: PLR2004


def hold(stage: Stage, chance: Random) -> None:
    """Operators stop one agent, or let it go on."""
    if not stage.policies_change:
        return
    body = document.Pause(agent=chance.choice(AGENTS), active=chance.random() < 0.5)  # noqa: PLR2004
    stage.people.publish(DocumentKind.PAUSE, "stop", body)


def _say(
    stage: Stage,
    login: str,
    request: ApprovalRequest,
    choice: Choice,
    reason: str | None,
    wrong: dict[str, Any],
) -> None:
    decision = stage.people.decide(login, request, choice, reason, **wrong)
    stage.history.spoke[decision.decision_id] = Said(
        login,
        choice,
        decision.request_id,
        decision.action_digest,
        decision.view_digest,
        reason,
        stage.cluster.now_ms,
    )


def _request(stage: Stage, chance: Random) -> ApprovalRequest | None:
    requests = stage.seen.of(ApprovalRequest)
    ended = {resolution.request_id for resolution in stage.seen.of(Resolution)}
    waiting = [request for request in requests if request.request_id not in ended]
    chosen = waiting if waiting and chance.random() < 0.9 else requests  # noqa: PLR2004
    return chance.choice(chosen) if chosen else None


EVENTS: Final[Mapping[str, Happening]] = {
    "decide": decide,
    "agree": agree,
    "close_call": close_call,
    "repeat_decision": repeat_decision,
    "policy": change_policy,
    "hold": hold,
}
