"""What the simulator has found, told shortly."""

from sluicegate.streams.testing import GateDriver
from sluicegate.streams.testing.simulation import Mode, simulate

POLICY = """
version: 1
name: found
default: deny
rules:
  - {id: reads, on: [crm.read], effect: allow}
"""
HOUR_MS = 3_600_000


def test_a_copy_finds_its_answer_after_a_gate_whose_clock_was_an_hour_behind_let_its_grant_lapse() -> None:
    """The marker counts from the action's own time at least, so the same bytes are never granted a second time."""
    gate = GateDriver(POLICY)
    gate.person("p-own")
    gate.agent("ops-agent", owners=["p-own"])
    gate.executor("crm", types=["crm.read"])
    gate.run()
    action = gate.submit("ops-agent", "crm.read")
    gate.driver.now_ms -= HOUR_MS
    gate.run()
    gate.advance(310_000)
    assert gate.outcome(action).outcome == "lapsed"
    gate.driver.now_ms += HOUR_MS + 60_000
    gate.submit("ops-agent", "crm.read")
    gate.send(action)
    gate.run()
    assert len(gate.grants(action)) == 1
    assert (gate.outcome(action).outcome, gate.outcome(action).repeated) == ("lapsed", True)


def test_a_gate_whose_clock_is_an_hour_ahead_lets_no_grant_lapse_that_can_still_be_claimed() -> None:
    """Seed 226: a worker's clock goes an hour ahead, its grants lapsed at once, and an executor claimed and acted in time."""
    assert [str(broken) for broken in simulate(226, Mode.SAFETY).broken] == []


def test_people_settle_what_is_unknown_whatever_copies_of_outcomes_appear() -> None:
    """Seed 75: a copy of `granted` appeared after `unknown`, and nobody asked those who settle it."""
    assert [str(broken) for broken in simulate(75, Mode.LIVENESS).broken] == []


def test_what_an_executor_refused_stays_refused_when_its_clock_is_set_right() -> None:
    """Seed 11296: an hour ahead at its start, it read back too little, and took a grant it had refused for a new one."""
    assert [str(broken) for broken in simulate(11_296, Mode.SAFETY).broken] == []


def test_nobody_approves_in_time_before_they_are_asked() -> None:
    """Seed 410152: people approved the ghost of a request, were told that nothing waits, and asked later they did not again."""
    assert [str(broken) for broken in simulate(410_152, Mode.LIVENESS).broken] == []
