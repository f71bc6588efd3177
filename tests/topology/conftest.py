"""A gate with people around it, and the verifier at the end of every test that drives it."""

from collections.abc import Callable, Iterator

import pytest

from sluicegate.processors.contract import Record
from sluicegate.schemas.envelope import header
from sluicegate.streams.testing import GateDriver

POLICY = """
version: 1
name: clinic
default: deny
reviews:
  one: {groups: {security: 1}, within: 30m}
  pair: {groups: {security: 2}, within: 30m}
  both: {groups: {security: 1, privacy: 1}, within: 30m, reason: required}
rules:
  - {id: reads-pass, on: [crm.read], effect: allow}
  - {id: writes-wait, on: [crm.write], effect: review, review: one}
  - {id: roles-wait, on: [crm.role], effect: review, review: pair}
  - {id: exports-wait, on: [crm.export], effect: review, review: both}
  - {id: drops-never, on: [crm.drop], effect: deny}
show:
  crm.write: [note]
"""
TYPES = ("crm.read", "crm.write", "crm.role", "crm.export", "crm.drop")
MAX_ENTRY_BYTES = 2048
MAX_JSON_ENTRY_BYTES = 8192


def limit_of(record: Record) -> int:
    """How large this entry may be."""
    is_json = header(record.headers, "content-type") == b"application/json"
    return MAX_JSON_ENTRY_BYTES if is_json else MAX_ENTRY_BYTES


@pytest.fixture
def new_gate() -> Iterator[Callable[..., GateDriver]]:
    """Builds gates; every history a test made verifies at its end, and every entry is at most 2 KB."""
    gates: list[GateDriver] = []

    def build(policy: str = POLICY, **settings: object) -> GateDriver:
        gate = GateDriver(policy, **settings)  # type: ignore[arg-type]  # as the driver takes them
        gates.append(gate)
        return gate

    yield build
    for gate in gates:
        report = gate.report()
        assert [str(finding) for finding in report.findings] == []
        assert report.ok
        entries = gate.driver.read("audit")
        assert all(len(record.value or b"") <= limit_of(record) for record in entries)


@pytest.fixture
def clinic(new_gate: Callable[..., GateDriver]) -> GateDriver:
    """Two agents with one owner each, reviewers of two groups, two executors; everything is read."""
    gate = new_gate()
    gate.person("p-ann", groups=["security"], accounts=2)
    gate.person("p-bob", groups=["security"])
    gate.person("p-cat", groups=["privacy"])
    gate.person("p-dan", groups=["security", "privacy"])
    gate.person("p-owner", groups=["security", "privacy"])
    gate.person("p-boss", groups=["security", "privacy"])
    gate.agent("ops-agent", owners=["p-owner"])
    gate.agent("other-agent", owners=["p-boss"])
    gate.executor("crm", types=TYPES, reconcilers=("privacy",))
    gate.executor("mailer", types=("mail.send",))
    gate.run()
    return gate
