"""Who may decide, what counts, and when: the rows of the attacks on identity, decision and grant that the gate answers."""

import sys
from collections.abc import Callable, Sequence
from itertools import permutations
from types import FrameType

import pytest

from sluicegate.processors.directory import Directory
from sluicegate.processors.gate import grants
from sluicegate.processors.release import Post, Released, examine
from sluicegate.schemas import document
from sluicegate.schemas.action import AccountName, Action
from sluicegate.schemas.approval import ResolutionKind
from sluicegate.schemas.decision import Choice
from sluicegate.schemas.document import DocumentKind
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.testing import GateDriver
from sluicegate.streams.testing.gate_driver import DEPLOYMENT, ISSUER, seeded_key

WITHIN_MS = 1_800_000


def waiting(gate: GateDriver, action_type: str = "crm.write", **fields: object) -> Action:
    """An action of `ops-agent` that waits for people."""
    action = gate.submit("ops-agent", action_type, **fields)  # type: ignore[arg-type]  # as the driver takes them
    gate.run()
    assert gate.outcome(action).outcome is OutcomeKind.PENDING
    return action


def verdict(gate: GateDriver, action: Action, login: str, choice: Choice = Choice.APPROVE) -> str:
    """What the gate answers to one decision: `counted` or the reason why not."""
    decision = gate.decide(login, gate.request(action), choice)
    gate.run()
    tally = gate.tally(decision)
    return "counted" if tally.counted else str(tally.reason)


def account(login: str) -> AccountName:
    """A login as `GateDriver.person` makes them."""
    return AccountName(issuer=ISSUER, subject=login)


def move_account(gate: GateDriver, login: str, person: str) -> None:
    """Operators say that this login belongs to another person."""
    body = document.Account(account=account(login), person=person, key=seeded_key(login).public.text)
    gate.publish(DocumentKind.ACCOUNT, login, body)


def is_released(gate: GateDriver, action: Action) -> bool:
    """Whether the executor's own checks let the one grant of an action through."""
    grant = gate.grant(action)
    records = gate.driver.read(f"execution.{grant.executor}")
    (record,) = [one for one in records if dict(one.headers)["ce_id"] == grant.grant_id.encode()]
    post = Post(DEPLOYMENT, grant.executor, gate.driver.partitions)
    return isinstance(examine(record, gate.driver.tables.current, post, gate.driver.now_ms), Released)


def test_an_approval_by_one_who_may_grants(clinic: GateDriver) -> None:
    """One person of the group approves: the grant rests on that decision, and the executor's checks let it through."""
    action = waiting(clinic)
    assert verdict(clinic, action, "p-ann") == "counted"
    assert clinic.grant(action).request_id == clinic.request(action).request_id
    assert [r.resolution for r in clinic.resolutions(action)] == [ResolutionKind.APPROVED]
    assert is_released(clinic, action)


def test_a1_a_second_account_of_one_person_counts_once(clinic: GateDriver) -> None:
    """Two logins, one person: the second approval is not counted."""
    action = waiting(clinic, "crm.role")
    assert [verdict(clinic, action, login) for login in ("p-ann", "p-ann-2")] == [
        "counted",
        "already-decided",
    ]
    assert clinic.grants(action) == []
    assert verdict(clinic, action, "p-bob") == "counted"
    assert is_released(clinic, action)


def test_a2_the_owner_does_not_approve(clinic: GateDriver) -> None:
    """An owner is in every group that is asked, and still behind the action; a rejection counts no more."""
    action = waiting(clinic)
    assert verdict(clinic, action, "p-owner") == "own-action"
    assert verdict(clinic, action, "p-owner", Choice.REJECT) == "own-action"
    assert clinic.outcome(action).outcome is OutcomeKind.PENDING


def test_a3_the_person_acted_for_does_not_approve(clinic: GateDriver) -> None:
    """Neither the person named nor any other delegator of the agent: delegation is not proven."""
    clinic.agent("ops-agent", owners=["p-owner"], delegators=["p-ann", "p-bob"])
    clinic.run()
    action = waiting(clinic, on_behalf_of=account("p-ann"))
    answers = [verdict(clinic, action, login) for login in ("p-ann", "p-ann-2", "p-bob", "p-dan")]
    assert answers == ["own-action", "own-action", "own-action", "counted"]
    assert {"p-ann", "p-bob", "p-owner"} == set(clinic.request(action).excluded)


def test_a3_the_person_acted_for_by_now_is_asked_at_the_decision(clinic: GateDriver) -> None:
    """The login acted for moves to another person after the request: that person, too, is behind the action."""
    clinic.agent("ops-agent", owners=["p-owner"], delegators=["p-ann-2"])
    clinic.run()
    action = waiting(clinic, on_behalf_of=account("p-ann-2"))
    move_account(clinic, "p-ann-2", "p-bob")
    clinic.agent("ops-agent", owners=["p-owner"])
    clinic.run()
    assert [verdict(clinic, action, login) for login in ("p-ann", "p-bob")] == ["own-action", "own-action"]


def test_a2_an_owner_enrolled_after_the_request_does_not_approve(clinic: GateDriver) -> None:
    """The origin set grows with the documents, and never shrinks below what was frozen."""
    action = waiting(clinic, "crm.role")
    assert verdict(clinic, action, "p-ann") == "counted"
    clinic.agent("ops-agent", owners=["p-ann"])
    clinic.run()
    assert verdict(clinic, action, "p-owner") == "own-action"
    assert verdict(clinic, action, "p-bob") == "counted"
    assert clinic.grants(action) == []
    assert verdict(clinic, action, "p-dan") == "counted"
    grant = clinic.grant(action)
    assert {"p-ann", "p-owner"} == set(grant.excluded)
    assert len(grant.decisions) == 2
    assert is_released(clinic, action)


def test_an_unknown_origin_means_nobody_may_decide(clinic: GateDriver) -> None:
    """Somebody unknown is behind the action: denied when it is asked, not counted when it turns out later; healed by enrolling."""
    action = waiting(clinic)
    clinic.agent("ops-agent", owners=["p-owner", "p-nobody"])
    clinic.run()
    assert verdict(clinic, action, "p-ann") == "unknown-origin"
    denied = clinic.submit("ops-agent", "crm.write")
    clinic.run()
    assert clinic.outcome(denied).reason == "unknown-origin"
    clinic.person("p-nobody")
    clinic.run()
    assert verdict(clinic, action, "p-ann") == "counted"
    assert is_released(clinic, action)


def test_a6_one_person_fills_one_place(clinic: GateDriver) -> None:
    """A person of both groups is one person: the other group's place stays open."""
    action = waiting(clinic, "crm.export")
    decision = clinic.decide("p-dan", clinic.request(action))
    clinic.run()
    tally = clinic.tally(decision)
    assert (tally.people, tally.needed, tally.open_groups) == (1, 2, ("privacy", "security"))
    assert verdict(clinic, action, "p-dan") == "already-decided"
    assert verdict(clinic, action, "p-cat") == "counted"
    assert is_released(clinic, action)


def test_a7_one_approval_too_many_releases_once(clinic: GateDriver) -> None:
    """Decisions that arrive together: the first enough grants, the rest find nothing that waits."""
    action = waiting(clinic, "crm.role")
    request = clinic.request(action)
    decisions = [clinic.decide(login, request) for login in ("p-ann", "p-bob", "p-dan")]
    clinic.run()
    assert [clinic.tally(one).reason for one in decisions] == [None, None, "not-waiting"]
    assert len(clinic.grants(action)) == 1


def test_a7_a_group_that_overshoots_does_not_block_the_other(clinic: GateDriver) -> None:
    """More people of one group than asked: the other group is still needed, and then it is enough."""
    action = waiting(clinic, "crm.export")
    assert [verdict(clinic, action, login) for login in ("p-ann", "p-bob")] == ["counted", "counted"]
    assert clinic.grants(action) == []
    assert verdict(clinic, action, "p-cat") == "counted"
    assert is_released(clinic, action)


def test_a8_membership_counts_when_the_decision_is_taken(clinic: GateDriver) -> None:
    """Who joined after the request may decide; who left before may not, and comes back to count."""
    action = waiting(clinic, "crm.role")
    assert verdict(clinic, action, "p-cat") == "not-in-group"
    clinic.publish(DocumentKind.GROUP, "security", document.Group(members=("p-cat", "p-bob")))
    clinic.run()
    assert verdict(clinic, action, "p-ann") == "not-in-group"
    assert verdict(clinic, action, "p-cat") == "counted"
    assert verdict(clinic, action, "p-bob") == "counted"
    assert is_released(clinic, action)


def test_a8_a_decision_stands_when_its_person_leaves_the_group(clinic: GateDriver) -> None:
    """The gate pins the role at decision time."""
    action = waiting(clinic, "crm.role")
    assert verdict(clinic, action, "p-ann") == "counted"
    clinic.publish(DocumentKind.GROUP, "security", document.Group(members=("p-bob", "p-dan")))
    clinic.run()
    assert verdict(clinic, action, "p-bob") == "counted"
    assert len(clinic.grant(action).decisions) == 2


@pytest.mark.parametrize("what", ["person", "account"])
def test_a_retired_person_or_account_does_not_decide(clinic: GateDriver, what: str) -> None:
    """Retired from now on: the key of a retired account is nobody's, a retired person is unknown."""
    action = waiting(clinic)
    if what == "person":
        clinic.publish(DocumentKind.PERSON, "p-ann", document.Person(retired=True))
        clinic.run()
        assert verdict(clinic, action, "p-ann") == "unknown-person"
    else:
        gone = document.Account(account=account("p-ann"), person="p-ann", retired=True)
        clinic.publish(DocumentKind.ACCOUNT, "p-ann", gone)
        clinic.run()
        clinic.decide("p-ann", clinic.request(action))
        clinic.run()
        assert [reason for reason, _ in clinic.dead_letters("decisions")] == ["unknown-key"]
    assert clinic.outcome(action).outcome is OutcomeKind.PENDING


def test_an_account_that_moved_speaks_for_its_new_person(clinic: GateDriver) -> None:
    """Moved to the owner it is the owner's: what counted before for another person says nothing about it."""
    action = waiting(clinic, "crm.role")
    move_account(clinic, "p-ann-2", "p-owner")
    clinic.run()
    assert verdict(clinic, action, "p-ann-2") == "own-action"
    assert verdict(clinic, action, "p-ann") == "counted"


def test_a12_being_in_every_group_exempts_nobody(clinic: GateDriver) -> None:
    """There is no administrator: an owner of everything decides nothing of their own."""
    for group in ("security", "privacy", "admins", "operators"):
        clinic.join(group, "p-boss")
    clinic.run()
    action = clinic.submit("other-agent", "crm.export")
    clinic.run()
    assert verdict(clinic, action, "p-boss") == "own-action"


def test_a5_the_owner_of_one_agent_may_decide_for_another(clinic: GateDriver) -> None:
    """Two agents cannot approve each other; their owners are people outside the other's origin."""
    action = waiting(clinic)
    assert verdict(clinic, action, "p-boss") == "counted"


@pytest.mark.parametrize(("after_ms", "wanted"), [(-1, "counted"), (0, "counted"), (1, "late")])
def test_d4_the_deadline_is_judged_by_the_brokers_clock(
    clinic: GateDriver, after_ms: int, wanted: str
) -> None:
    """At the deadline still in time, one millisecond later not, read before or after."""
    action = waiting(clinic)
    deadline_ms = clinic.request(action).requirement.deadline_ms
    clinic.driver.now_ms = deadline_ms + after_ms
    assert verdict(clinic, action, "p-ann") == wanted


@pytest.mark.parametrize("restarts", [False, True])
def test_d5_a_decision_in_time_counts_however_late_it_is_read(clinic: GateDriver, *, restarts: bool) -> None:
    """A gate that lags never expires what a person decided in time."""
    action = waiting(clinic)
    request = clinic.request(action)
    clinic.driver.stalled = {"decisions"}
    clinic.driver.now_ms = request.requirement.deadline_ms
    decision = clinic.decide("p-ann", request)
    clinic.advance(WITHIN_MS)
    assert clinic.outcome(action).outcome is OutcomeKind.PENDING
    clinic.driver.stalled = set()
    if restarts:
        clinic.driver.restart()
    clinic.run()
    assert clinic.tally(decision).counted
    assert clinic.outcome(action).outcome is OutcomeKind.GRANTED


def test_d5_a_decision_in_an_open_transaction_holds_the_expiry_back(clinic: GateDriver) -> None:
    """A decision appended in time whose transaction commits later still counts."""
    action = waiting(clinic)
    request = clinic.request(action)
    clinic.driver.now_ms = request.requirement.deadline_ms - 1
    decision = clinic.decide("p-ann", request)
    record = clinic.driver.read("decisions")[-1]
    other = waiting(clinic)
    del other
    with clinic.driver.foreign_transaction() as transaction:
        transaction.produce("decisions", record.key, b"whatever", ())
        clinic.advance(10_000)
    clinic.run()
    assert clinic.tally(decision).counted


def test_d5_decided_at_is_not_believed(clinic: GateDriver) -> None:
    """A decision that says it was taken in time, appended late, is late."""
    action = waiting(clinic)
    request = clinic.request(action)
    clinic.driver.now_ms = request.requirement.deadline_ms + 1
    decision = clinic.decide("p-ann", request, decided_at_ms=request.requirement.deadline_ms - 60_000)
    clinic.run()
    assert clinic.tally(decision).reason == "late"


def test_a_request_nobody_answers_expires(clinic: GateDriver) -> None:
    """After deadline and skew, once; a late decision finds nothing that waits."""
    action = waiting(clinic)
    clinic.advance(WITHIN_MS)
    assert clinic.outcome(action).outcome is OutcomeKind.PENDING
    clinic.advance(2_000)
    assert clinic.outcome(action).outcome is OutcomeKind.EXPIRED
    assert verdict(clinic, action, "p-ann") == "not-waiting"
    clinic.advance(10 * WITHIN_MS)
    assert len(clinic.resolutions(action)) == 1


@pytest.mark.parametrize("order", list(permutations(["p-ann", "p-bob", "-p-dan"])))
def test_d6_the_first_end_wins(clinic: GateDriver, order: Sequence[str]) -> None:
    """Two approvals and a rejection in every order: the first that ends the request decides, the rest changes nothing."""
    action = waiting(clinic, "crm.role")
    request = clinic.request(action)
    for login in order:
        choice = Choice.REJECT if login.startswith("-") else Choice.APPROVE
        clinic.decide(login.removeprefix("-"), request, choice)
    clinic.run()
    ends = OutcomeKind.GRANTED if order[2] == "-p-dan" else OutcomeKind.REJECTED
    assert clinic.outcome(action).outcome is ends
    assert len(clinic.resolutions(action)) == 1
    assert len(clinic.grants(action)) == (ends is OutcomeKind.GRANTED)


def test_a_rejection_after_the_same_persons_approval_counts(clinic: GateDriver) -> None:
    """A change of mind towards no is final; towards yes it is not possible."""
    action = waiting(clinic, "crm.role")
    assert verdict(clinic, action, "p-ann") == "counted"
    assert verdict(clinic, action, "p-ann-2", Choice.REJECT) == "counted"
    assert clinic.outcome(action).outcome is OutcomeKind.REJECTED
    assert verdict(clinic, action, "p-ann") == "not-waiting"


def test_d7_a_decision_sent_twice_counts_once(clinic: GateDriver) -> None:
    """A double click, and another person's decision under a used id."""
    action = waiting(clinic, "crm.role")
    first = clinic.decide("p-ann", clinic.request(action))
    position = clinic.driver.read("decisions")[-1].position
    clinic.driver.produce_again(position)
    clinic.decide("p-bob", clinic.request(action), decision_id=first.decision_id)
    clinic.run()
    tallies = [entry.reason for entry in clinic.entries("decision.not-counted")]
    assert tallies == ["already-decided", "already-decided"]
    assert clinic.grants(action) == []


def test_d1_a_decision_for_another_agents_action_of_the_same_id_does_not_count(clinic: GateDriver) -> None:
    """Agent, action, request, digests: all must fit."""
    mine = clinic.submit("ops-agent", "crm.write", action_id="same")
    theirs = clinic.submit("other-agent", "crm.write", action_id="same")
    clinic.run()
    request = next(r for r in clinic.requests(mine) if r.agent == "ops-agent")
    decision = clinic.decide("p-ann", request, agent="other-agent", lane="other-agent")
    clinic.run()
    assert clinic.tally(decision).reason in {"unknown-request", "not-waiting"}
    assert {clinic.outcome(one).outcome for one in (mine, theirs)} == {OutcomeKind.PENDING}


def test_a_decision_that_names_another_lane_does_not_count(clinic: GateDriver) -> None:
    """On the same partition it would be read; the executor would refuse every grant that rests on it."""
    action = waiting(clinic)
    lanes = (f"lane-{number}" for number in range(100))
    same = clinic.driver.partition_of(b"ops-agent")
    lane = next(name for name in lanes if clinic.driver.partition_of(name.encode()) == same)
    decision = clinic.decide("p-ann", clinic.request(action), lane=lane)
    clinic.run()
    assert clinic.tally(decision).reason == "wrong-lane"
    assert verdict(clinic, action, "p-ann") == "counted"
    assert is_released(clinic, action)


def test_every_decision_whose_signature_holds_gets_a_tally(clinic: GateDriver) -> None:
    """Also one for an action that never was."""
    action = waiting(clinic)
    decision = clinic.decide("p-ann", clinic.request(action), action_id="never-seen")
    clinic.run()
    assert clinic.tally(decision).reason == "not-waiting"


@pytest.mark.parametrize("reason", [None, " ", "\n\t\u3000"])
def test_a_missing_reason_does_not_count_where_one_is_demanded(
    clinic: GateDriver, reason: str | None
) -> None:
    """Empty and blank reasons are no reasons, for approvals and rejections; the person may decide again."""
    action = waiting(clinic, "crm.export")
    for choice in (Choice.APPROVE, Choice.REJECT):
        decision = clinic.decide("p-ann", clinic.request(action), choice, reason)
        clinic.run()
        assert clinic.tally(decision).reason == "reason-missing"
    assert verdict(clinic, action, "p-ann") == "counted"


@pytest.mark.parametrize("note", ["x " * 4_001, "<" * 8_001, "\u202e" * 8_001])
def test_d3_a_cut_view_cannot_be_approved_but_rejected(clinic: GateDriver, note: str) -> None:
    """What was not seen in full is not approved, by nobody."""
    action = waiting(clinic, arguments={"note": note})
    assert not clinic.request(action).view.complete
    assert verdict(clinic, action, "p-ann") == "incomplete-view"
    assert verdict(clinic, action, "p-ann", Choice.REJECT) == "counted"


@pytest.mark.parametrize("missing", ["nobody-defined", "only-the-owner", "too-few"])
def test_an_unreachable_quorum_is_denied_at_once(new_gate: Callable[..., GateDriver], missing: str) -> None:
    """Nobody could ever approve: denied, not left to expire."""
    gate = new_gate()
    gate.person("p-owner", groups=["security"])
    gate.person("p-ann", groups=["security"] if missing == "too-few" else ["gardeners"])
    gate.agent("ops-agent", owners=["p-owner"])
    gate.executor("crm", types=["crm.write", "crm.role", "crm.export"])
    types = {"nobody-defined": "crm.export", "only-the-owner": "crm.write", "too-few": "crm.role"}
    action = gate.submit("ops-agent", types[missing])
    gate.run()
    assert (gate.outcome(action).outcome, gate.outcome(action).reason) == (
        OutcomeKind.DENIED,
        "unreachable-quorum",
    )
    assert gate.requests(action) == []


def test_more_decisions_than_a_record_holds_are_not_counted(
    clinic: GateDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sized before it is written: too much for a grant is refused as a decision and never stops the gate."""
    action = waiting(clinic, "crm.export")
    sizes = (len(clinic.driver.read(topic)[-1].value or b"") for topic in ("actions", "decisions"))
    verdict(clinic, action, "p-owner")
    monkeypatch.setattr(grants, "MAX_GRANT_BYTES", next(sizes) + next(sizes) * 3 // 2)
    answers = [verdict(clinic, action, login) for login in ("p-ann", "p-bob", "p-dan")]
    assert answers == ["counted", "too-large", "too-large"]
    assert verdict(clinic, action, "p-cat", Choice.REJECT) == "counted"


def test_a_large_group_is_asked_quickly(clinic: GateDriver) -> None:
    """Members are looked up once per group, not once per member."""
    members = tuple(f"p-{number}" for number in range(500))
    for person in members:
        clinic.publish(DocumentKind.PERSON, person, document.Person())
    clinic.publish(DocumentKind.GROUP, "security", document.Group(members=members))
    clinic.run()
    looked_up = 0

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal looked_up
        looked_up += event == "call" and frame.f_code is Directory.members.__code__

    sys.setprofile(count)
    try:
        waiting(clinic, "crm.role")
    finally:
        sys.setprofile(None)
    assert 0 < looked_up < 10


@pytest.mark.parametrize("kind", ["late", "own-action", "not-in-group"])
def test_i12_a_refused_decision_is_written_down(clinic: GateDriver, kind: str) -> None:
    """Person, choice, reason code, and length and salted digest of what they wrote: never the text."""
    action = waiting(clinic)
    request = clinic.request(action)
    if kind == "late":
        clinic.driver.now_ms = request.requirement.deadline_ms + 1
    login = {"late": "p-ann", "own-action": "p-owner", "not-in-group": "p-cat"}[kind]
    clinic.decide(login, request, reason="because of John Smith")
    clinic.run()
    (entry,) = clinic.entries("decision.not-counted")
    assert (entry.reason, entry.person, entry.choice, entry.text_length) == (kind, login, "approve", 21)
    assert all(b"John Smith" not in (record.value or b"") for record in clinic.driver.read("audit"))
    assert all(b"John Smith" not in (record.value or b"") for record in clinic.driver.read("approvals"))
