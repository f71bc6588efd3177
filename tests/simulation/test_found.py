"""What the simulator has found, told shortly."""

from sluicegate.streams.testing import GateDriver

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
