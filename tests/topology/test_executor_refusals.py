"""What the gate makes of an executor's refusals, with the very receipts that executors write."""

import pytest

from sluicegate.processors.contract import Record
from sluicegate.processors.release import STRAY, Check
from sluicegate.schemas.action import Action
from sluicegate.schemas.envelope import envelope_digest, payload_type_of
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.clients.execution_records import OwnRecord, ReadGrant, Scribe
from sluicegate.streams.testing.gate_driver import DEPLOYMENT, GateDriver, seeded_key

POLICY = """
version: 1
name: crm
default: deny
rules:
  - {id: reads-pass, on: [crm.read], effect: allow}
"""
SCRIBE = Scribe(DEPLOYMENT, "crm", seeded_key("crm"))


class World:
    """One granted action, and its executor's pen."""

    def __init__(self) -> None:
        self.gate = GateDriver(POLICY)
        self.gate.person("olga")
        self.gate.agent("helper", owners=["olga"])
        self.gate.executor("crm", types=["crm.read"])
        self.action: Action = self.gate.submit("helper", "crm.read", {})
        self.gate.run()
        (self.record,) = self.gate.driver.read("execution.crm")
        self.read = ReadGrant(self.record, self.gate.grant(self.action), _digest(self.record))

    def send(self, own: OwnRecord) -> None:
        """Write it to `receipts` and let the gate work."""
        self.gate.driver.produce("receipts", own.key, own.value, own.headers)
        self.gate.run()

    @property
    def outcome(self) -> OutcomeKind:
        """What the agent was told last."""
        return self.gate.outcome(self.action).outcome

    def ignored(self) -> list[str | None]:
        """Why receipts were written down and changed nothing."""
        return [entry.reason for entry in self.gate.entries("receipt.ignored")]


def _digest(record: Record) -> bytes:
    return envelope_digest(payload_type_of(record.headers), record.value or b"")


@pytest.mark.parametrize("check", sorted(STRAY))
def test_a_stray_record_that_is_refused_leaves_the_grant_alone(check: Check) -> None:
    """Nobody ends an action by copying or forging its grant: the attempt is in audit, the grant is executed."""
    world = World()
    world.send(SCRIBE.refusal(world.read, check, world.gate.driver.now_ms))
    assert world.outcome is OutcomeKind.GRANTED
    assert world.ignored() == [check]
    claim = SCRIBE.claim(world.read, world.gate.driver.now_ms)
    world.send(claim)
    world.send(SCRIBE.refusal(world.read, check, world.gate.driver.now_ms))
    assert world.outcome is OutcomeKind.GRANTED
    world.send(SCRIBE.executed(world.read, claim.model.claim_id or "", world.gate.driver.now_ms))
    assert world.outcome is OutcomeKind.EXECUTED


def test_d8_a_grant_used_twice_is_in_audit_and_changes_no_outcome() -> None:
    """Refused as used before, while its claim is open and after its end: written down with that reason."""
    world = World()
    claim = SCRIBE.claim(world.read, world.gate.driver.now_ms)
    world.send(claim)
    world.send(SCRIBE.refusal(world.read, Check.USED_BEFORE, world.gate.driver.now_ms))
    assert world.outcome is OutcomeKind.GRANTED
    world.send(SCRIBE.executed(world.read, claim.model.claim_id or "", world.gate.driver.now_ms))
    world.send(SCRIBE.refusal(world.read, Check.USED_BEFORE, world.gate.driver.now_ms + 1))
    assert world.outcome is OutcomeKind.EXECUTED
    assert world.ignored() == [Check.USED_BEFORE, Check.USED_BEFORE]


def test_a_grant_refused_before_its_claim_ends_the_action_with_the_check() -> None:
    """The agent learns which check failed."""
    world = World()
    world.send(SCRIBE.refusal(world.read, Check.PAUSED, world.gate.driver.now_ms))
    assert world.outcome is OutcomeKind.REFUSED
    assert world.gate.outcome(world.action).reason == Check.PAUSED


def test_a_grant_refused_after_its_claim_ends_the_action_with_the_check() -> None:
    """Stopped between claim and act: the refusal names the claim and counts."""
    world = World()
    claim = SCRIBE.claim(world.read, world.gate.driver.now_ms)
    world.send(claim)
    refusal = SCRIBE.refusal(world.read, Check.PAUSED, world.gate.driver.now_ms, claimed=claim.model.claim_id)
    world.send(refusal)
    assert world.outcome is OutcomeKind.REFUSED
