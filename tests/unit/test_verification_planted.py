"""Bugs planted into the real gate: the verifier, which shares no decision with it, finds each in what it writes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from sluicegate.processors import audit, quorum
from sluicegate.processors.gate import approvals, decision_checks, receipts, submissions
from sluicegate.processors.ruling import Ruling
from sluicegate.processors.verification import Invariant, Report, Verifier
from sluicegate.schemas.audit import AuditEntry
from sluicegate.streams.clients.reading import read_record
from sluicegate.streams.testing import GateDriver

POLICY = """
version: 1
name: clinic
default: deny
reviews:
  two: {groups: {security: 2}, within: 10m}
rules:
  - {id: reads-pass, on: [crm.read], effect: allow}
  - {id: writes-wait, on: [crm.write], effect: review, review: two}
"""

Plant = Callable[[pytest.MonkeyPatch], None]


def day_at_the_clinic() -> Report:
    """Approvals by the owner and by one person with two accounts, copies, second, late and repeated claims."""
    gate = GateDriver(POLICY)
    gate.person("p-ann", groups=["security"], accounts=2)
    gate.person("p-ben", groups=["security"])
    gate.person("p-owner", groups=["security"])
    gate.agent("ops-agent", owners=["p-owner"])
    gate.executor("crm", types=["crm.read", "crm.write"])
    read, denied = gate.submit("ops-agent", "crm.read"), gate.submit("ops-agent", "crm.drop")
    write, late = gate.submit("ops-agent", "crm.write"), gate.submit("ops-agent", "crm.read")
    own, missed = gate.submit("ops-agent", "crm.write"), gate.submit("ops-agent", "crm.write")
    gate.driver.produce("actions", b"ops-agent", b"\xff", ())
    gate.run()
    gate.send(denied)
    gate.decide("p-ann", gate.request(write))
    gate.decide("p-ann-2", gate.request(write))
    gate.decide("p-owner", gate.request(own))
    gate.decide("p-ben", gate.request(own))
    gate.decide("p-ann", gate.request(missed))
    first = gate.claim(gate.grant(read))
    gate.claim(gate.grant(read))
    gate.receipt(gate.grant(read), first)
    gate.run()
    gate.driver.advance(900_000)
    gate.claim(gate.grant(late))
    gate.decide("p-ben", gate.request(missed))
    gate.run()
    verifier = Verifier()
    for record in gate.driver.read("audit"):
        place = record.position
        verifier.take(place.partition, place.offset, record.append_ms, read_record(record, AuditEntry))
    return verifier.report()


def enough_is_anybody(patch: pytest.MonkeyPatch) -> None:
    """One approval satisfies every requirement."""
    patch.setattr(quorum, "satisfied", lambda _groups, _quorum, people: len(people) > 0)


def owners_may_decide(patch: pytest.MonkeyPatch) -> None:
    """The separation check is skipped: nobody is ever behind an action when they decide."""
    refusal = decision_checks.why_not_counted

    def skipped(*parts: Any) -> Any:
        found = refusal(*parts)
        return None if found == "own-action" else found

    patch.setattr(approvals, "why_not_counted", skipped)


def one_person_counts_twice(patch: pytest.MonkeyPatch) -> None:
    """The second account of a person is heard as if it were somebody else's."""
    patch.setattr(decision_checks, "_unfit", lambda *_: None)


def deadlines_do_not_end(patch: pytest.MonkeyPatch) -> None:
    """A decision after the deadline counts."""
    count = approvals.count

    def in_time(held: Any, decision: Any, trusted: Any, person: Any, tables: Any, cause: Any) -> Any:
        return count(held, decision, trusted, person, tables, replace(cause, at_ms=0))

    patch.setattr(approvals, "count", in_time)


def claims_are_never_late(patch: pytest.MonkeyPatch) -> None:
    """The expiry check is skipped."""
    take = receipts.take_claim
    patch.setattr(
        receipts, "take_claim", lambda held, claim, cause: take(held, claim, replace(cause, at_ms=0))
    )


def claims_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """The state does not remember that a grant was claimed."""
    patch.setattr(receipts, "claimed", lambda held, *_: held)


def markers_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A closed action leaves nothing behind, so its copy runs again."""
    patch.setattr(submissions, "read_marker", lambda *_: None)


def outputs_are_not_all_named(patch: pytest.MonkeyPatch) -> None:
    """The entry does not name the first record that was written."""
    written = audit.written
    patch.setattr(audit, "written", lambda outputs, partition: written(outputs, partition)[1:])


def refusals_give_no_reason(patch: pytest.MonkeyPatch) -> None:
    """A denial does not say why."""
    deny = submissions._deny

    def silent(*parts: Any) -> Ruling:
        ruling = deny(*parts)
        return replace(
            ruling, facts={name: value for name, value in ruling.facts.items() if name != "reason"}
        )

    patch.setattr(submissions, "_deny", silent)


def tiles_do_not_count(patch: pytest.MonkeyPatch) -> None:
    """The tile counts one entry too few."""
    tile = audit.tile
    patch.setattr(
        audit,
        "tile",
        lambda tables, done, version: tile(tables, replace(done, entries=max(0, done.entries - 1)), version),
    )


PLANTED: dict[Plant, Invariant] = {
    enough_is_anybody: Invariant.I3,
    owners_may_decide: Invariant.I3,
    one_person_counts_twice: Invariant.I3,
    deadlines_do_not_end: Invariant.I3,
    claims_are_never_late: Invariant.I8,
    claims_are_forgotten: Invariant.I2,
    markers_are_forgotten: Invariant.I4,
    outputs_are_not_all_named: Invariant.I5,
    refusals_give_no_reason: Invariant.I12,
    tiles_do_not_count: Invariant.I5,
}


def test_without_a_bug_the_day_is_clean() -> None:
    """What the planted bugs are measured against."""
    report = day_at_the_clinic()
    assert [str(finding) for finding in report.findings] == []


@pytest.mark.parametrize(("plant", "invariant"), PLANTED.items())
def test_a_planted_bug_is_found(plant: Plant, invariant: Invariant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate with this bug writes a history that breaks this promise."""
    plant(monkeypatch)
    assert day_at_the_clinic().check(invariant).findings
