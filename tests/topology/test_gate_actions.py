"""What becomes of an action and of its copies: idempotency, staleness, withdrawals, edits, the policy's answer."""

from collections.abc import Callable
from typing import Any

import pytest

from sluicegate.processors.gate.submissions import Window
from sluicegate.schemas import document
from sluicegate.schemas.action import Action
from sluicegate.schemas.approval import ResolutionKind
from sluicegate.schemas.document import DocumentKind
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.testing import GateDriver
from sluicegate.streams.testing.gate_driver import seeded_key

WINDOW = Window()
HOUR_MS = WINDOW.closing_ms


def told(gate: GateDriver, action: Action) -> list[tuple[str, str | None, bool]]:
    """Everything the agent heard: outcome, reason, whether it was repeated."""
    return [(o.outcome.value, o.reason, o.repeated) for o in gate.outcomes(action)]


def executed(gate: GateDriver, action: Action) -> None:
    """Claim and execute a granted action."""
    claim = gate.claim(gate.grant(action))
    gate.run()
    gate.receipt(gate.grant(action), claim)
    gate.run()


def test_q4_an_unknown_type_is_denied(clinic: GateDriver) -> None:
    """No rule matches: the default denies, and says so."""
    action = clinic.submit("ops-agent", "crm.unheard-of")
    clinic.run()
    assert told(clinic, action) == [("denied", "policy-default", False)]


def test_no_policy_means_no(new_gate: Callable[..., GateDriver]) -> None:
    """Without any policy everything is denied."""
    gate = new_gate("")
    gate.person("p-owner")
    gate.agent("ops-agent", owners=["p-owner"])
    gate.executor("crm", types=["crm.read"])
    action = gate.submit("ops-agent", "crm.read")
    gate.run()
    assert told(gate, action) == [("denied", "no-policy", False)]


@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize("apart", [False, True])
def test_the_same_bytes_are_one_action(clinic: GateDriver, copies: int, *, apart: bool) -> None:
    """Copies in one transaction or later: one grant, and the present outcome told again."""
    action = clinic.submit("ops-agent", "crm.read")
    for _ in range(copies):
        if apart:
            clinic.advance(60_000)
        clinic.send(action)
    clinic.run()
    assert told(clinic, action) == [("granted", None, False), *[("granted", None, True)] * copies]
    assert len(clinic.grants(action)) == 1


def test_a_resigned_copy_with_a_new_nonce_and_time_is_the_same_action(clinic: GateDriver) -> None:
    """The content decides: an agent that lost its answer may build the record anew."""
    action = clinic.submit("ops-agent", "crm.read", {"id": 1})
    clinic.run()
    clinic.driver.advance(1_000)
    again = clinic.submit("ops-agent", "crm.read", {"id": 1}, action_id=action.action_id)
    clinic.run()
    assert again.nonce != action.nonce
    assert told(clinic, action)[-1] == ("granted", None, True)
    assert len(clinic.grants(action)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"arguments": {"id": 2}},
        {"type": "crm.write"},
        {"summary": "x"},
        {"supersedes": "other"},
    ],
)
def test_other_content_under_a_used_id_is_a_conflict(clinic: GateDriver, change: dict[str, Any]) -> None:
    """The second content is denied; the first action goes on as if nothing had been sent."""
    action = clinic.submit("ops-agent", "crm.write", {"id": 1})
    clinic.run()
    state = clinic.driver.state()
    fields = {"action_type": "crm.write", "arguments": {"id": 1}, **change}
    fields["action_type"] = fields.pop("type", fields["action_type"])
    if fields["action_type"] == "crm.write" and change.get("type"):
        fields["action_type"] = "crm.read"
    copy = clinic.submit("ops-agent", action_id=action.action_id, **fields)
    clinic.run()
    assert clinic.driver.state() == state
    (_, refused) = clinic.outcomes(action)
    assert (refused.outcome, refused.reason) == (OutcomeKind.DENIED, "conflict")
    assert refused.action_digest != clinic.request(action).action_digest
    clinic.decide("p-ann", clinic.request(action))
    clinic.run()
    assert len(clinic.grants(copy)) == 1
    assert clinic.grant(action).action_digest == clinic.request(action).action_digest


def test_a_conflict_with_a_closed_action_leaves_its_end(clinic: GateDriver) -> None:
    """After the end, too, another content is refused and the end is told to whoever sends the first content again."""
    action = clinic.submit("ops-agent", "crm.read", {"id": 1})
    clinic.run()
    executed(clinic, action)
    clinic.submit("ops-agent", "crm.read", {"id": 2}, action_id=action.action_id)
    clinic.run()
    clinic.send(action)
    clinic.run()
    assert told(clinic, action)[-2:] == [("denied", "conflict", False), ("executed", None, True)]


@pytest.mark.parametrize(
    ("offset_ms", "wanted"),
    [
        (-HOUR_MS - 1, ("denied", "too-old")),
        (-HOUR_MS, ("granted", None)),
        (0, ("granted", None)),
        (WINDOW.skew_ms, ("granted", None)),
        (WINDOW.skew_ms + 1, ("denied", "from-the-future")),
        (86_400_000, ("denied", "from-the-future")),
    ],
)
def test_z6_an_action_is_judged_by_the_brokers_clock(
    clinic: GateDriver, offset_ms: int, wanted: tuple[str, str | None]
) -> None:
    """Created before the closing window or beyond the skew: denied; exactly at the edge: not."""
    action = clinic.submit("ops-agent", "crm.read", created_at_ms=clinic.driver.now_ms + offset_ms)
    clinic.run()
    assert [one[:2] for one in told(clinic, action)] == [wanted]


def test_an_action_of_another_century_is_a_dead_letter(clinic: GateDriver) -> None:
    """More than a day ahead: no marker could outlive it, so nothing is told that could be contradicted later."""
    action = clinic.submit("ops-agent", "crm.read", created_at_ms=clinic.driver.now_ms + 86_400_001)
    clinic.run()
    assert told(clinic, action) == []
    assert [reason for reason, _ in clinic.dead_letters("actions")] == ["from-the-future"]


def test_z6_an_action_from_the_future_stays_denied_when_its_time_has_come(clinic: GateDriver) -> None:
    """Told denied once, the same bytes never run, whenever they are sent again."""
    ahead_ms = 3 * HOUR_MS
    action = clinic.submit("ops-agent", "crm.read", created_at_ms=clinic.driver.now_ms + ahead_ms)
    clinic.run()
    for wait_ms in (ahead_ms, HOUR_MS, 1_999, 2, HOUR_MS, 10 * HOUR_MS):
        clinic.driver.advance(wait_ms)
        clinic.send(action)
        clinic.run()
    assert {outcome for outcome, _, _ in told(clinic, action)} == {"denied"}
    assert clinic.grants(action) == []


@pytest.mark.parametrize("restarts", [False, True])
def test_the_same_signed_bytes_never_run_twice(clinic: GateDriver, *, restarts: bool) -> None:
    """Over the whole window and past it, with restarts between: repeated while remembered, then too old."""
    action = clinic.submit("ops-agent", "crm.read", created_at_ms=clinic.driver.now_ms + WINDOW.skew_ms)
    clinic.run()
    executed(clinic, action)
    for wait_ms in (1, HOUR_MS - 1, 1_999, 1, 1, 1, 2_000, 1, HOUR_MS, 30 * HOUR_MS):
        clinic.driver.advance(wait_ms)
        if restarts:
            clinic.driver.restart()
        clinic.send(action)
        clinic.run()
    assert len(clinic.grants(action)) == 1
    outcomes = [outcome[:2] for outcome in told(clinic, action)[2:]]
    assert set(outcomes) == {("executed", None), ("denied", "too-old")}
    assert outcomes == sorted(outcomes, key=lambda one: one[0], reverse=True)


def test_a_copy_that_waited_while_other_inputs_ran_ahead_does_not_run_again(clinic: GateDriver) -> None:
    """After a standstill decisions are read hours ahead of actions: that must not age the marker an unread copy needs."""
    action = clinic.submit("ops-agent", "crm.read")
    clinic.run()
    executed(clinic, action)
    asked = clinic.submit("ops-agent", "crm.write")
    clinic.run()
    clinic.driver.stalled = {"actions"}
    clinic.driver.advance(600_000)
    clinic.send(action)
    clinic.driver.advance(2 * HOUR_MS)
    clinic.decide("p-ann", clinic.request(asked))
    clinic.run()
    clinic.driver.restart()
    clinic.driver.stalled = set()
    clinic.run()
    assert told(clinic, action)[-1] == ("executed", None, True)
    assert len(clinic.grants(action)) == 1


def test_an_end_that_came_late_is_remembered_for_the_whole_window(clinic: GateDriver) -> None:
    """A request that expires hours after its deadline, because decisions were not read, closes then and not before."""
    action = clinic.submit("ops-agent", "crm.write", {"id": 1})
    clinic.run()
    clinic.driver.stalled = {"decisions"}
    clinic.advance(5 * HOUR_MS)
    clinic.driver.stalled = set()
    clinic.run()
    assert told(clinic, action)[-1] == ("expired", "deadline", False)
    clinic.driver.advance(HOUR_MS)
    clinic.submit("ops-agent", "crm.write", {"id": 1}, action_id=action.action_id)
    clinic.run()
    assert told(clinic, action)[-1] == ("expired", "deadline", True)


def test_a_gate_that_was_away_denies_nothing_for_it(clinic: GateDriver) -> None:
    """An action is judged by when it was appended, not by when it is read."""
    clinic.driver.stalled = {"actions"}
    action = clinic.submit("ops-agent", "crm.read")
    clinic.driver.advance(20 * HOUR_MS)
    clinic.driver.stalled = set()
    clinic.run()
    assert told(clinic, action) == [("granted", None, False)]


def test_an_id_may_be_used_anew_after_the_window(clinic: GateDriver) -> None:
    """Markers are for copies; an id of long ago is free, with a new record."""
    action = clinic.submit("ops-agent", "crm.read", {"id": 1})
    clinic.run()
    executed(clinic, action)
    clinic.driver.advance(2 * HOUR_MS)
    again = clinic.submit("ops-agent", "crm.read", {"id": 2}, action_id=action.action_id)
    clinic.run()
    assert told(clinic, again)[-1] == ("granted", None, False)


def test_a_waiting_action_is_withdrawn(clinic: GateDriver) -> None:
    """The request ends withdrawn, the agent is told, and an approval that comes afterwards counts for nothing."""
    action = clinic.submit("ops-agent", "crm.write")
    clinic.run()
    clinic.withdraw(action)
    late = clinic.decide("p-ann", clinic.request(action))
    clinic.run()
    assert told(clinic, action)[-1] == ("withdrawn", None, False)
    assert [r.resolution for r in clinic.resolutions(action)] == [ResolutionKind.WITHDRAWN]
    assert clinic.tally(late).reason == "not-waiting"
    assert clinic.grants(action) == []


def test_withdrawing_what_does_not_wait_changes_nothing(clinic: GateDriver) -> None:
    """Granted, closed or unknown: the present outcome again, or only an entry."""
    granted, closed = clinic.submit("ops-agent", "crm.read"), clinic.submit("ops-agent", "crm.drop")
    unknown = clinic.action("ops-agent", "crm.read")
    clinic.run()
    state = clinic.driver.state()
    for action in (granted, closed, unknown):
        clinic.withdraw(action)
    clinic.run()
    assert clinic.driver.state() == state
    assert told(clinic, granted)[-1] == ("granted", None, True)
    assert told(clinic, closed)[-1] == ("denied", "policy", True)
    assert told(clinic, unknown) == []
    reasons = [entry.reason for entry in clinic.entries("withdrawal.ignored")]
    assert reasons == ["not-waiting", "not-waiting", "unknown-action"]


def test_old_bytes_of_a_withdrawal_take_back_nothing(clinic: GateDriver) -> None:
    """Anybody may copy a signed withdrawal: past the window it cannot end a new action of the same id."""
    first = clinic.submit("ops-agent", "crm.write", {"id": 1})
    clinic.run()
    withdrawal = clinic.withdraw(first)
    clinic.run()
    clinic.driver.advance(2 * HOUR_MS)
    second = clinic.submit("ops-agent", "crm.write", {"id": 2}, action_id=first.action_id)
    clinic.run()
    clinic.driver.produce_again(withdrawal)
    clinic.run()
    assert clinic.entries("withdrawal.ignored")[-1].reason == "too-old"
    assert told(clinic, second)[-1] == ("pending", None, False)


def test_d11_an_edit_takes_the_place_of_a_waiting_action(clinic: GateDriver) -> None:
    """The earlier request ends superseded; its approvals say nothing about the edit."""
    first = clinic.submit("ops-agent", "crm.role", {"role": "nurse"})
    clinic.run()
    clinic.decide("p-ann", clinic.request(first))
    clinic.run()
    edit = clinic.submit("ops-agent", "crm.role", {"role": "admin"}, supersedes=first.action_id)
    clinic.run()
    assert told(clinic, first)[-1] == ("superseded", "superseded", False)
    assert told(clinic, edit) == [("pending", None, False)]
    late = clinic.decide("p-bob", clinic.request(first))
    one = clinic.decide("p-bob", clinic.request(edit))
    clinic.run()
    assert clinic.tally(late).reason == "not-waiting"
    assert (clinic.tally(one).people, clinic.outcome(edit).outcome) == (1, OutcomeKind.PENDING)


def test_d1_an_approval_of_the_original_does_not_approve_the_edit(clinic: GateDriver) -> None:
    """A decision names request, action digest and view digest: none of them fits another action."""
    first = clinic.submit("ops-agent", "crm.write", {"to": "a"})
    edit = clinic.submit("ops-agent", "crm.write", {"to": "b"})
    clinic.run()
    original, request = clinic.request(first), clinic.request(edit)
    wrong = [
        clinic.decide("p-ann", request, request_id=original.request_id),
        clinic.decide("p-ann", request, action_digest=original.action_digest),
        clinic.decide("p-ann", request, view_digest=original.view.digest),
    ]
    clinic.run()
    reasons = [clinic.tally(decision).reason for decision in wrong]
    assert reasons == ["unknown-request", "wrong-action-digest", "wrong-view-digest"]
    assert clinic.outcome(edit).outcome is OutcomeKind.PENDING


@pytest.mark.parametrize("earlier", ["granted", "closed", "unknown", "own", "other"])
def test_an_edit_of_what_does_not_wait_starts_from_the_beginning(clinic: GateDriver, earlier: str) -> None:
    """Granted, closed, unknown, its own id, another agent's id: nothing there changes."""
    others = clinic.submit("other-agent", "crm.write", action_id="other")
    granted, closed = clinic.submit("ops-agent", "crm.read"), clinic.submit("ops-agent", "crm.drop")
    clinic.run()
    ids = {
        "granted": granted.action_id,
        "closed": closed.action_id,
        "unknown": "never-seen",
        "own": "mine",
        "other": others.action_id,
    }
    before = {name: told(clinic, action) for name, action in (("g", granted), ("c", closed), ("o", others))}
    edit = clinic.submit("ops-agent", "crm.read", action_id="mine", supersedes=ids[earlier])
    clinic.run()
    after = {name: told(clinic, action) for name, action in (("g", granted), ("c", closed), ("o", others))}
    assert before == after
    assert told(clinic, edit) == [("granted", None, False)]


def test_a_denied_or_stale_copy_supersedes_nothing_it_may_not(clinic: GateDriver) -> None:
    """A stale edit changes nothing; a denied one is what the agent wants instead, so the original ends."""
    first = clinic.submit("ops-agent", "crm.write")
    clinic.run()
    old_ms = clinic.driver.now_ms - 2 * HOUR_MS
    clinic.submit("ops-agent", "crm.read", supersedes=first.action_id, created_at_ms=old_ms)
    clinic.run()
    assert told(clinic, first)[-1] == ("pending", None, False)
    clinic.submit("ops-agent", "crm.drop", supersedes=first.action_id)
    clinic.run()
    assert told(clinic, first)[-1] == ("superseded", "superseded", False)


@pytest.mark.parametrize(
    "pause",
    [
        document.Pause(),
        document.Pause(action_type="crm.read"),
        document.Pause(executor="crm"),
        document.Pause(agent="ops-agent"),
        document.Pause(agent="ops-agent", action_type="crm.read", executor="crm"),
    ],
)
def test_d13_a_pause_denies_what_matches_and_its_end_lets_it_through(
    clinic: GateDriver, pause: document.Pause
) -> None:
    """Every field that a pause names must fit; an ended one stops nothing."""
    clinic.publish(DocumentKind.PAUSE, "stop", pause)
    denied = clinic.submit("ops-agent", "crm.read")
    clinic.run()
    clinic.publish(DocumentKind.PAUSE, "stop", pause.model_copy(update={"active": False}))
    granted = clinic.submit("ops-agent", "crm.read")
    clinic.run()
    assert told(clinic, denied) == [("denied", "paused", False)]
    assert told(clinic, granted) == [("granted", None, False)]


def test_a_pause_of_something_else_stops_nothing(clinic: GateDriver) -> None:
    """Another agent, type or executor goes on."""
    for number, pause in enumerate(
        (
            document.Pause(agent="other-agent"),
            document.Pause(action_type="crm.write"),
            document.Pause(executor="mailer"),
            document.Pause(executor="crm", agent="other-agent"),
        )
    ):
        clinic.publish(DocumentKind.PAUSE, f"stop-{number}", pause)
    action = clinic.submit("ops-agent", "crm.read")
    clinic.run()
    assert told(clinic, action) == [("granted", None, False)]


def test_no_route_no_topic_two_routes_mean_no(clinic: GateDriver) -> None:
    """The audience comes from identities: none, several, retired, or one without a topic: denied, and each says why."""
    key = seeded_key("crm").public.text
    clinic.driver.missing_executors = {"crm"}
    without_topic = clinic.submit("ops-agent", "crm.read")
    clinic.run()
    clinic.driver.missing_executors = set()
    clinic.executor("crm-two", types=["crm.read"])
    ambiguous = clinic.submit("ops-agent", "crm.read")
    clinic.run()
    retired = document.Executor(key=seeded_key("crm-two").public.text, types=("crm.read",), retired=True)
    clinic.publish(DocumentKind.EXECUTOR, "crm-two", retired)
    granted = clinic.submit("ops-agent", "crm.read")
    clinic.run()
    clinic.publish(DocumentKind.EXECUTOR, "crm", document.Executor(key=key, types=(), retired=True))
    unrouted = clinic.submit("ops-agent", "crm.read")
    clinic.run()
    assert [told(clinic, one)[0][1] for one in (without_topic, ambiguous, granted, unrouted)] == [
        "no-execution-topic",
        "ambiguous-route",
        None,
        "no-executor",
    ]


def test_an_agent_acts_only_for_its_delegators(clinic: GateDriver) -> None:
    """`on_behalf_of` is a claim: an account that operators did not list is refused."""
    clinic.agent("ops-agent", owners=["p-owner"], delegators=["p-ann"])
    accounts = clinic.driver.tables.current.directory.accounts
    clinic.run()
    accounts = clinic.driver.tables.current.directory.accounts
    allowed = clinic.submit("ops-agent", "crm.read", on_behalf_of=accounts["p-ann"].account)
    refused = clinic.submit("ops-agent", "crm.read", on_behalf_of=accounts["p-bob"].account)
    clinic.run()
    assert told(clinic, allowed) == [("granted", None, False)]
    assert told(clinic, refused) == [("denied", "not-a-delegator", False)]


def test_z5_a_restart_changes_nothing_that_is_remembered(clinic: GateDriver) -> None:
    """Pending and closed come back from their changelogs, byte for byte."""
    waiting = clinic.submit("ops-agent", "crm.write")
    closed = clinic.submit("ops-agent", "crm.drop")
    clinic.run()
    state = clinic.driver.state()
    clinic.driver.restart()
    assert clinic.driver.state() == state
    clinic.send(waiting)
    clinic.send(closed)
    clinic.decide("p-ann", clinic.request(waiting))
    clinic.run()
    assert told(clinic, waiting)[-2:] == [("pending", None, True), ("granted", None, False)]
    assert told(clinic, closed)[-1] == ("denied", "policy", True)
