"""What operators change while an action waits: the stricter of frozen and current holds, and a current no wins."""

import pytest

from sluicegate.processors.events import Reason
from sluicegate.processors.release import Post, Released, examine
from sluicegate.schemas import document
from sluicegate.schemas.action import AccountName, Action
from sluicegate.schemas.decision import Choice, Decision
from sluicegate.schemas.document import DocumentKind
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.testing import GateDriver
from sluicegate.streams.testing.gate_driver import DEPLOYMENT, ISSUER, seeded_key

RULES = """
version: 1
name: clinic
default: deny
reviews:
  one: {groups: {security: 1}, within: 30m}
  soon: {groups: {security: 1}, within: 10m}
  two: {groups: {security: 2}, within: 30m}
  both: {groups: {security: 1, privacy: 1}, within: 30m}
  because: {groups: {security: 2}, within: 30m, reason: required}
  nobody: {groups: {ghosts: 1}, within: 30m}
rules:
"""


def policy(gate: GateDriver, rule: str) -> None:
    """Put a policy in force with one rule for `crm.write`."""
    gate.policy("policy", f"{RULES}  - {{id: writes, on: [crm.write], {rule}}}\n")
    gate.run()


def waiting(gate: GateDriver, rule: str = "effect: review, review: one", **fields: object) -> Action:
    """An action that waits under this rule."""
    policy(gate, rule)
    action = gate.submit("ops-agent", "crm.write", **fields)  # type: ignore[arg-type]  # as the driver takes them
    gate.run()
    assert gate.outcome(action).outcome is OutcomeKind.PENDING
    return action


def approve(gate: GateDriver, action: Action, login: str, reason: str | None = "checked") -> Decision:
    """One approval of the latest revision."""
    decision = gate.decide(login, gate.request(action), reason=reason)
    gate.run()
    return decision


def is_released(gate: GateDriver, action: Action) -> bool:
    """Whether the executor's own checks let the grant through."""
    grant = gate.grant(action)
    record = gate.driver.read("execution.crm")[-1]
    post = Post(DEPLOYMENT, "crm", gate.driver.partitions)
    examined = examine(record, gate.driver.tables.current, post, gate.driver.now_ms)
    return isinstance(examined, Released) and examined.grant == grant


def ended(gate: GateDriver, action: Action) -> tuple[str, str | None]:
    """Outcome and reason."""
    outcome = gate.outcome(action)
    return outcome.outcome.value, outcome.reason


def test_q2_a_weaker_policy_weakens_no_request(clinic: GateDriver) -> None:
    """Two people were asked: a policy that asks one, or nobody, changes nothing for this request."""
    action = waiting(clinic, "effect: review, review: two")
    for rule in ("effect: review, review: one", "effect: allow"):
        policy(clinic, rule)
    first = approve(clinic, action, "p-ann")
    assert (clinic.tally(first).people, clinic.tally(first).needed) == (1, 2)
    assert clinic.grants(action) == []
    approve(clinic, action, "p-bob")
    grant = clinic.grant(action)
    assert grant.requirement is not None
    assert grant.requirement.quorum == 2
    assert is_released(clinic, action)


@pytest.mark.parametrize(
    ("rule", "then"), [("two", "p-bob"), ("both", "p-cat"), ("both", "p-dan"), ("because", "p-bob")]
)
def test_q2_a_request_is_raised_when_more_people_are_needed_now(
    clinic: GateDriver, rule: str, then: str
) -> None:
    """Same request, next revision; the earlier decision stands, and a grant rests on both."""
    action = waiting(clinic)
    policy(clinic, f"effect: review, review: {rule}")
    first = approve(clinic, action, "p-ann", reason=None)
    tally = clinic.tally(first)
    assert tally.counted
    assert (tally.people, tally.needed) == (1, 2)
    assert tally.open_groups
    one, two = clinic.requests(action)
    assert (one.request_id, one.revision, two.revision) == (two.request_id, 1, 2)
    assert clinic.grants(action) == []
    approve(clinic, action, then)
    assert len(clinic.grant(action).decisions) == 2
    assert is_released(clinic, action)


def test_q2_who_decided_before_fills_the_place_of_a_group_asked_since(clinic: GateDriver) -> None:
    """The only privacy officer approved as security: raised, that person's approval counts for privacy too."""
    clinic.publish(DocumentKind.GROUP, "privacy", document.Group(members=("p-dan",)))
    action = waiting(clinic)
    policy(clinic, "effect: review, review: both")
    approve(clinic, action, "p-dan")
    assert clinic.outcome(action).outcome is OutcomeKind.PENDING
    approve(clinic, action, "p-ann")
    assert is_released(clinic, action)


def test_a_decision_on_the_old_view_counts_after_the_request_was_raised(clinic: GateDriver) -> None:
    """Both revisions show the same action; whoever decided on the first one need not look again."""
    action = waiting(clinic)
    old = clinic.request(action)
    policy(clinic, "effect: review, review: two")
    approve(clinic, action, "p-ann")
    decision = clinic.decide("p-bob", old)
    clinic.run()
    assert clinic.tally(decision).counted
    assert is_released(clinic, action)


@pytest.mark.parametrize(
    "rule",
    [
        "effect: deny",
        "effect: allow, when: action.arguments.absent == 1",
        "effect: review, review: one, when: 'false'",
    ],
)
def test_q2_a_current_no_wins(clinic: GateDriver, rule: str) -> None:
    """Denied by a rule, or by the default because no rule matches any more."""
    action = waiting(clinic)
    policy(clinic, rule)
    decision = approve(clinic, action, "p-ann")
    assert clinic.tally(decision).counted
    assert ended(clinic, action) == ("denied", "policy-changed")
    assert clinic.grants(action) == []


def test_a_request_whose_policy_is_retired_is_denied(clinic: GateDriver) -> None:
    """No policy, no grant."""
    action = waiting(clinic)
    clinic.publish(DocumentKind.POLICY, "policy", document.PolicyText(text="", retired=True))
    clinic.run()
    approve(clinic, action, "p-ann")
    assert ended(clinic, action) == ("denied", "policy-changed")


def test_a_raise_that_nobody_could_meet_is_denied(clinic: GateDriver) -> None:
    """The quorum that is needed now cannot be reached: no."""
    action = waiting(clinic)
    policy(clinic, "effect: review, review: nobody")
    approve(clinic, action, "p-ann")
    assert ended(clinic, action) == ("denied", "unreachable-quorum")


def test_an_earlier_deadline_that_has_passed_expires_the_request(clinic: GateDriver) -> None:
    """In time by what was frozen, late by what holds now."""
    action = waiting(clinic)
    policy(clinic, "effect: review, review: soon")
    clinic.advance(600_001)
    approve(clinic, action, "p-ann")
    assert ended(clinic, action) == ("expired", "deadline")


@pytest.mark.parametrize("effect", ["effect: review, review: one", "effect: allow"])
def test_the_strongest_masking_holds(clinic: GateDriver, effect: str) -> None:
    """A stricter profile of now counts, whatever its rule asks; a weaker one does not."""
    strict = f"{effect}, mask: hipaa-safe-harbor"
    first = waiting(clinic)
    policy(clinic, strict)
    approve(clinic, first, "p-ann")
    second = waiting(clinic, "effect: review, review: one, mask: hipaa-safe-harbor")
    policy(clinic, effect)
    approve(clinic, second, "p-ann")
    assert {clinic.grant(one).mask for one in (first, second)} == {"hipaa-safe-harbor"}


def test_a_broken_policy_keeps_the_one_before(clinic: GateDriver) -> None:
    """It is written down as ignored and changes nothing for anybody."""
    action = waiting(clinic)
    clinic.policy("policy", "rules: {")
    approve(clinic, action, "p-ann")
    assert is_released(clinic, action)
    assert {i.reason for e in clinic.entries("tables.adopted") for i in e.ignored} == {"policy-invalid"}


@pytest.mark.parametrize(
    ("pause", "reason"),
    [
        (document.Pause(), "paused"),
        (document.Pause(agent="ops-agent"), "paused"),
        (document.Pause(executor="crm"), "paused"),
        (document.Pause(action_type="crm.write"), "paused"),
        (document.Pause(agent="other-agent"), None),
    ],
)
def test_d13_a_pause_meanwhile_denies_at_the_quorum(
    clinic: GateDriver, pause: document.Pause, reason: str | None
) -> None:
    """What is stopped is not granted, whoever approved."""
    action = waiting(clinic)
    clinic.publish(DocumentKind.PAUSE, "stop", pause)
    approve(clinic, action, "p-ann")
    assert clinic.outcome(action).reason == reason


def test_an_executor_that_is_gone_meanwhile_gets_no_grant(clinic: GateDriver) -> None:
    """Retired, or its topic vanished, or a second one took the type."""
    key = seeded_key("crm").public.text
    one, two, three = (waiting(clinic) for _ in range(3))
    clinic.driver.missing_executors = {"crm"}
    approve(clinic, one, "p-ann")
    clinic.driver.missing_executors = set()
    clinic.executor("second", types=["crm.write"])
    approve(clinic, two, "p-ann")
    retired = document.Executor(key=seeded_key("second").public.text, types=("crm.write",), retired=True)
    clinic.publish(DocumentKind.EXECUTOR, "second", retired)
    clinic.publish(
        DocumentKind.EXECUTOR, "crm", document.Executor(key=key, types=("crm.write",), retired=True)
    )
    approve(clinic, three, "p-ann")
    reasons = [clinic.outcome(action).reason for action in (one, two, three)]
    assert reasons == ["no-execution-topic", "ambiguous-route", "no-executor"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"retired": True}, Reason.UNKNOWN_KEY),
        ({"key": seeded_key("ops-agent-2").public.text}, Reason.UNKNOWN_KEY),
        ({"lane": "elsewhere"}, Reason.WRONG_LANE),
        ({"delegators": ()}, Reason.NOT_A_DELEGATOR),
        ({}, None),
    ],
)
def test_an_action_whose_agent_no_longer_stands_is_not_granted(
    clinic: GateDriver, change: dict[str, object], reason: Reason | None
) -> None:
    """Retired, another key, another lane, no delegation any more: the executor would refuse, so the gate denies."""
    body = document.Agent(
        key=seeded_key("ops-agent").public.text,
        owners=("p-owner",),
        delegators=(AccountName(issuer=ISSUER, subject="p-bob"),),
    )
    clinic.publish(DocumentKind.AGENT, "ops-agent", body)
    action = waiting(clinic, on_behalf_of=body.delegators[0])
    clinic.publish(DocumentKind.AGENT, "ops-agent", body.model_copy(update=change))
    approve(clinic, action, "p-ann")
    if reason is None:
        assert is_released(clinic, action)
    else:
        assert ended(clinic, action) == ("denied", reason.value)
        assert clinic.grants(action) == []


@pytest.mark.parametrize(("from_ms", "granted"), [(-1, False), (0, False), (1, True)])
def test_a14_a_key_revoked_meanwhile_takes_its_actions_with_it(
    clinic: GateDriver, from_ms: int, *, granted: bool
) -> None:
    """Stolen before the action was appended: denied at the quorum. Revoked from later on: the action was the agent's."""
    action = waiting(clinic)
    begins = clinic.driver.now_ms + from_ms
    revocation = document.Revocation(key_id=seeded_key("ops-agent").key_id, from_ms=begins)
    clinic.publish(DocumentKind.REVOCATION, "stolen", revocation)
    approve(clinic, action, "p-ann")
    assert bool(clinic.grants(action)) is granted
    if not granted:
        assert ended(clinic, action) == ("denied", "revoked-key")


def test_a_rejection_needs_no_agent_and_no_policy(clinic: GateDriver) -> None:
    """Saying no always works while the request waits."""
    action = waiting(clinic)
    clinic.publish(DocumentKind.POLICY, "policy", document.PolicyText(text="", retired=True))
    clinic.publish(DocumentKind.PAUSE, "stop", document.Pause())
    clinic.decide("p-ann", clinic.request(action), Choice.REJECT)
    clinic.run()
    assert ended(clinic, action) == ("rejected", "rejected")


def test_documents_and_decisions_of_one_moment_are_taken_in_order(clinic: GateDriver) -> None:
    """Within a transaction tables come first: a denial and an approval that arrive together end in a denial."""
    action = waiting(clinic)
    clinic.decide("p-ann", clinic.request(action))
    clinic.policy("policy", RULES + "  - {id: writes, on: [crm.write], effect: deny}\n")
    clinic.run()
    assert ended(clinic, action) == ("denied", "policy-changed")


def test_why_an_action_is_denied_is_told_by_what_denies_it(clinic: GateDriver) -> None:
    """An allowing rule that matches is not why: the erring denying rule is, and it is named with what it missed."""
    clinic.policy(
        "policy",
        RULES
        + "  - {id: pass, on: [crm.write], effect: allow}\n"
        + "  - {id: big, on: [crm.write], when: action.arguments.rows > 10, effect: deny}\n",
    )
    clinic.run()
    erring = clinic.submit("ops-agent", "crm.write")
    denied = clinic.submit("ops-agent", "crm.write", {"rows": 11})
    clinic.run()
    assert ended(clinic, erring) == ("denied", "policy-error")
    assert any("big: action.arguments.rows" in rule for rule in clinic.outcome(erring).rules)
    assert ended(clinic, denied) == ("denied", "policy")


def test_the_default_of_a_second_policy_is_the_reason_when_it_denies(clinic: GateDriver) -> None:
    """Two policies name the agent: one allows, the other matches nothing and its default denies."""
    names = "agents: [ops-agent]\n"
    allow = RULES.replace("name: clinic\n", "name: clinic\n" + names)
    clinic.policy("policy", allow + "  - {id: pass, on: [crm.write], effect: allow}\n")
    other = RULES.replace("name: clinic\n", "name: other\n" + names)
    clinic.policy("other", other + "  - {id: reads, on: [crm.read], effect: allow}\n")
    clinic.run()
    action = clinic.submit("ops-agent", "crm.write")
    clinic.run()
    assert ended(clinic, action) == ("denied", "policy-default")
