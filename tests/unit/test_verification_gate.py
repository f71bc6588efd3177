"""The verifier against the real gate: what the gate writes verifies, whatever people, agents and executors do to it."""

import pytest

from sluicegate.processors.events import Event
from sluicegate.processors.verification import Invariant, Report, Verifier
from sluicegate.processors.verification.chains import BATCHES
from sluicegate.processors.verification.held import RELEASES
from sluicegate.schemas import codec
from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.decision import Choice, Settled
from sluicegate.schemas.envelope import header
from sluicegate.schemas.receipt import Happened
from sluicegate.streams.runtime.transaction import CommitStep
from sluicegate.streams.testing import Crashed, GateDriver

POLICY = """
version: 1
name: clinic
default: deny
reviews:
  one: {groups: {security: 1}, within: 30m}
  both: {groups: {security: 1, privacy: 1}, within: 30m, reason: required}
rules:
  - {id: reads-pass, on: [crm.read], effect: allow}
  - {id: writes-wait, on: [crm.write], effect: review, review: one}
  - {id: exports-wait, on: [crm.export], effect: review, review: both}
"""


def clinic() -> GateDriver:
    """A gate with people, an agent and an executor."""
    gate = GateDriver(POLICY)
    gate.person("p-sec", groups=["security"], accounts=2)
    gate.person("p-both", groups=["security", "privacy"])
    gate.person("p-priv", groups=["privacy"])
    gate.person("p-owner", groups=["security", "privacy"])
    gate.agent("ops-agent", owners=["p-owner"])
    gate.executor("crm", types=["crm.read", "crm.write", "crm.export"], reconcilers=("privacy",))
    return gate


def report_of(gate: GateDriver) -> Report:
    """The report on everything the gate wrote to `audit`."""
    verifier = Verifier()
    for record in gate.driver.read("audit"):
        payload_type = (header(record.headers, "content-type") or b"").decode()
        entry = codec.decode(payload_type, record.value or b"", {"audit-entry"})
        assert isinstance(entry, AuditEntry)
        verifier.take(record.position.partition, record.position.offset, record.append_ms, entry)
    return verifier.report()


def busy_clinic() -> GateDriver:  # noqa: PLR0915  # one story, told from start to end
    """Every way through the gate, and every way to be refused that needs no broker."""
    gate = clinic()
    read = gate.submit("ops-agent", "crm.read", {"id": 1})
    write = gate.submit("ops-agent", "crm.write", {"id": 1})
    export = gate.submit("ops-agent", "crm.export", {"id": 1})
    gate.submit("ops-agent", "crm.drop", {"id": 1})
    taken_back = gate.submit("ops-agent", "crm.write", {"id": 2})
    edited = gate.submit("ops-agent", "crm.write", {"id": 3})
    forgotten = gate.submit("ops-agent", "crm.write", {"id": 4})
    unclaimed = gate.submit("ops-agent", "crm.read", {"id": 5})
    lost = gate.submit("ops-agent", "crm.read", {"id": 6})
    gate.driver.produce("actions", b"ops-agent", b"\xff\x00", ())
    gate.driver.produce("decisions", None, None, ())
    gate.run()
    gate.send(read)
    gate.submit("ops-agent", "crm.read", {"id": 9}, action_id=read.action_id)
    gate.submit("ops-agent", "crm.write", {"id": 7}, created_at_ms=gate.driver.now_ms - 10_000_000)
    gate.decide("p-owner", gate.request(write))
    gate.decide("p-priv", gate.request(write))
    gate.decide("p-sec-2", gate.request(write))
    gate.decide("p-sec", gate.request(write))
    gate.decide("p-both", gate.request(export), reason=None)
    gate.decide("p-both", gate.request(export))
    gate.decide("p-both", gate.request(export))
    gate.decide("p-priv", gate.request(export))
    gate.withdraw(taken_back)
    gate.withdraw(read)
    newer = gate.submit("ops-agent", "crm.write", {"id": 33}, supersedes=edited.action_id)
    gate.submit("ops-agent", "crm.read", {"id": 34}, supersedes=read.action_id)
    gate.run()
    edit = gate.submit("ops-agent", "crm.read", {"id": 35}, supersedes=newer.action_id)
    claim = gate.claim(gate.grant(write))
    gate.claim(gate.grant(write))
    gate.claim(gate.grant(lost))
    gate.receipt(gate.grant(export), None, Happened.REFUSED, check="floor")
    gate.run()
    gate.receipt(gate.grant(write), claim, Happened.FAILED, failure="Timeout")
    gate.receipt(gate.grant(write), claim)
    gate.claim(gate.grant(edit))
    gate.run()
    rejected = gate.submit("ops-agent", "crm.export", {"id": 8})
    gate.run()
    gate.decide("p-both", gate.request(rejected))
    gate.decide("p-both", gate.request(rejected), Choice.REJECT)
    gate.decide("p-priv", gate.request(rejected))
    gate.run()
    late = gate.submit("ops-agent", "crm.read", {"id": 10})
    gate.run()
    gate.driver.advance(3_000_000)
    gate.claim(gate.grant(late))
    gate.run()
    gate.advance(3_000_000)
    gate.decide("p-sec", gate.request(forgotten))
    gate.claim(gate.grant(unclaimed))
    gate.reconcile("p-owner", gate.grant(lost), Settled.EXECUTED)
    gate.reconcile("p-priv", gate.grant(lost), Settled.EXECUTED)
    gate.reconcile("p-priv", gate.grant(lost), Settled.EXECUTED)
    gate.run()
    return gate


def test_a_busy_gate_verifies() -> None:
    """Everything at once: no violation, a complete history."""
    report = report_of(busy_clinic())
    assert [str(finding) for finding in report.findings] == []
    assert report.ok
    assert report.is_complete


def test_the_busy_gate_is_busy() -> None:
    """The history above holds every event of a gate, so that the test before means something."""
    seen = {entry.event for entry in busy_clinic().entries()}
    assert {event.value for event in Event if event not in BATCHES | RELEASES} - seen == set()


def test_a_requirement_raised_while_a_request_waits_verifies() -> None:
    """When the policy asks for more people before the quorum, the raised requirement is what is checked."""
    gate = clinic()
    write = gate.submit("ops-agent", "crm.write")
    gate.run()
    gate.policy("policy", POLICY.replace("review: one", "review: both"))
    gate.decide("p-sec", gate.request(write))
    gate.run()
    gate.decide("p-priv", gate.request(write))
    gate.run()
    report = report_of(gate)
    assert [str(finding) for finding in report.findings] == []
    assert report.check(Invariant.I3).checked["grants by people"] == 1


@pytest.mark.parametrize("step", CommitStep)
def test_a_crash_at_any_step_of_a_commit_verifies(step: CommitStep) -> None:
    """After a crash and a restart every input has one entry and the tiles still meet."""
    gate = clinic()
    gate.submit("ops-agent", "crm.read")
    gate.run()
    gate.submit("ops-agent", "crm.write")
    gate.driver.crash_at(step)
    with pytest.raises(Crashed):
        gate.run()
    gate.driver.restart()
    gate.run()
    report = report_of(gate)
    assert [str(finding) for finding in report.findings] == []
    assert report.check(Invariant.I4).checked["actions"] == 2
