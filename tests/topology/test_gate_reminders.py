"""Reminders before a deadline: once per request and revision, fair to decisions, derived from state, replayable."""

from typing import Final

import pytest

from sluicegate.processors.gate import pending
from sluicegate.processors.policy import load
from sluicegate.schemas.action import Action
from sluicegate.schemas.errors import PolicyError
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.testing import GateDriver

SKEW_MS: Final = 2_000
MINUTE_MS: Final = 60_000
POLICY: Final = """
version: 1
name: reminding
default: deny
reviews:
  one: {groups: {privacy: 1}, within: 30m, remind: 10m}
  quiet: {groups: {privacy: 1}, within: 30m, remind: never}
  usual: {groups: {privacy: 1}, within: 40m}
  long: {groups: {security: 1}, within: 2h, remind: 110m}
rules:
  - {id: writes, on: [crm.write], effect: review, review: one}
  - {id: exports, on: [crm.export], effect: review, review: quiet}
  - {id: roles, on: [crm.role], effect: review, review: usual}
  - {id: roles-too, on: [crm.role], effect: review, review: long}
"""


@pytest.fixture
def gate(clinic: GateDriver) -> GateDriver:
    """The clinic under the policy above."""
    clinic.policy("policy", POLICY.replace("name: reminding", "name: clinic"))
    clinic.run()
    return clinic


def waits(gate: GateDriver, action_type: str = "crm.write") -> Action:
    """An action that waits for people."""
    action = gate.submit("ops-agent", action_type)
    gate.run()
    assert gate.outcome(action).outcome is OutcomeKind.PENDING
    return action


def events(gate: GateDriver) -> list[str]:
    """The events of requests in audit."""
    return [entry.event for entry in gate.entries() if entry.event.startswith("request.")]


def test_people_are_reminded_once_as_long_before_the_deadline_as_the_review_says(gate: GateDriver) -> None:
    """Not before, once, with what is still missing; the request then expires at its deadline as ever."""
    action = waits(gate)
    gate.advance(20 * MINUTE_MS + SKEW_MS - 2)
    assert gate.reminders(action) == []
    gate.advance(3)
    (reminder,) = gate.reminders(action)
    request = gate.request(action)
    assert (reminder.request_id, reminder.revision) == (request.request_id, 1)
    assert reminder.deadline_ms == request.requirement.deadline_ms
    assert (reminder.people, reminder.needed, reminder.open_groups) == (0, 1, ("privacy",))
    gate.advance(30 * MINUTE_MS)
    assert len(gate.reminders(action)) == 1
    assert gate.outcome(action).outcome is OutcomeKind.EXPIRED
    assert events(gate) == ["request.reminded", "request.expired"]


def test_a_review_that_never_reminds_expires_unannounced(gate: GateDriver) -> None:
    """`remind: never` writes nothing before the end."""
    action = waits(gate, "crm.export")
    gate.advance(40 * MINUTE_MS)
    assert gate.reminders(action) == []
    assert events(gate) == ["request.expired"]


def test_of_several_reviews_the_earliest_reminder_and_the_earliest_deadline_hold(gate: GateDriver) -> None:
    """One review reminds 30 minutes into its 40, the other 10 minutes into its two hours."""
    action = waits(gate, "crm.role")
    gate.advance(10 * MINUTE_MS + SKEW_MS + 1)
    (reminder,) = gate.reminders(action)
    assert reminder.open_groups == ("privacy", "security")
    gate.advance(30 * MINUTE_MS)
    assert gate.outcome(action).outcome is OutcomeKind.EXPIRED
    assert len(gate.reminders(action)) == 1


def test_nobody_is_reminded_of_what_was_decided_in_time(gate: GateDriver) -> None:
    """A gate that lags reads every decision up to the reminder first."""
    action = waits(gate)
    gate.driver.stalled = {"decisions"}
    gate.driver.now_ms += 19 * MINUTE_MS
    gate.decide("p-cat", gate.request(action))
    gate.advance(5 * MINUTE_MS)
    assert gate.reminders(action) == []
    gate.driver.stalled = set()
    gate.run()
    assert gate.outcome(action).outcome is OutcomeKind.GRANTED
    assert gate.reminders(action) == []


def test_a_gate_that_was_away_past_the_deadline_reminds_nobody(gate: GateDriver) -> None:
    """It writes down why, and the request expires."""
    action = waits(gate)
    gate.advance(31 * MINUTE_MS)
    assert gate.reminders(action) == []
    assert gate.outcome(action).outcome is OutcomeKind.EXPIRED
    reasons = [entry.reason for entry in gate.entries() if entry.event == "request.reminded"]
    assert reasons == ["late"]


def test_a_restart_neither_forgets_nor_repeats_a_reminder(gate: GateDriver) -> None:
    """The punctuation is derived from restored state, before and after it fired."""
    action = waits(gate)
    gate.driver.restart()
    gate.advance(21 * MINUTE_MS)
    gate.driver.restart()
    gate.advance(MINUTE_MS)
    assert len(gate.reminders(action)) == 1
    gate.decide("p-cat", gate.request(action))
    gate.run()
    assert gate.outcome(action).outcome is OutcomeKind.GRANTED


def test_a_request_that_is_raised_may_be_reminded_of_again(gate: GateDriver) -> None:
    """Once per revision: a policy that asks more people reminds at its own time, if that is still to come."""
    action = waits(gate)
    gate.advance(21 * MINUTE_MS)
    gate.policy("policy", POLICY.replace("name: reminding", "name: clinic").replace("one: {groups: {privacy: 1}, within: 30m, remind: 10m}",
                                         "one: {groups: {privacy: 1, security: 1}, within: 30m, remind: 5m}"))  # fmt: skip
    gate.decide("p-cat", gate.request(action))
    gate.run()
    assert gate.request(action).revision == 2
    gate.advance(6 * MINUTE_MS)
    assert [(one.revision, one.people, one.open_groups) for one in gate.reminders(action)] == [
        (1, 0, ("privacy",)),
        (2, 1, ("security",)),
    ]


def test_state_from_before_there_were_reminders_waits_for_its_deadline() -> None:
    """The byte of a value that says what comes next has kept its numbers: 0 is a deadline, whatever the model knows now."""
    value = bytes([1, 0]) + (77).to_bytes(8, "big") + b"whatever"
    due = pending.pending_due(b"key", value)
    assert due is not None
    assert (due.kind, due.at_ms, due.source) == ("deadline", 77, "decisions")


@pytest.mark.parametrize("remind", ["30m", "0s", "31m", "soon", "[1]"])
def test_a_reminder_that_could_not_come_before_its_deadline_is_a_finding(remind: str) -> None:
    """A policy that names one does not load."""
    with pytest.raises(PolicyError, match="remind"):
        load(POLICY.replace("remind: 10m", f"remind: {remind}"), source="policy.yaml")
