"""What the gate writes stays small and says nothing it must not, whatever an agent puts into its records."""

from collections.abc import Callable

import pytest

from sluicegate.processors.gate.submissions import content_digest
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.schemas.receipt import Happened
from sluicegate.streams.testing import GateDriver

MARK = "kanari@example.com"
"""Identifies somebody, so masking takes it out; a word that identifies nobody is for reviewers to see."""


def written(gate: GateDriver, *topics: str) -> bytes:
    """Everything in these topics: keys, values, names and values of headers."""
    parts: list[bytes] = []
    for topic in topics:
        for record in gate.driver.read(topic):
            parts += [record.key or b"", record.value or b""]
            parts += [name.encode() + b"=" + (value or b"") for name, value in record.headers]
    return b"\n".join(parts)


def test_h1_only_what_operators_declared_comes_out(clinic: GateDriver) -> None:
    """Markers in arguments, keys, summary, reasons and headers: only the one under `show:` is in `approvals`."""
    shown = "shown@example.com"
    arguments = {"note": shown, "ssn": MARK, f"{MARK}-key": [1, {"deep": f"to {MARK}"}], "by": {MARK: MARK}}
    action = clinic.action("ops-agent", "crm.write", arguments, summary=MARK)
    clinic.send(action, alter_headers=lambda headers: (*headers, (MARK, MARK.encode())))
    denied = clinic.submit("ops-agent", "crm.drop", {MARK: MARK}, summary=MARK)
    clinic.run()
    clinic.decide("p-cat", clinic.request(action), reason=f"{MARK} refused")
    clinic.decide("p-ann", clinic.request(action), reason=f"{MARK} fine")
    clinic.run()
    clinic.receipt(
        clinic.grant(action), clinic.claim(clinic.grant(action)), Happened.FAILED, failure="KeyError"
    )
    clinic.run()
    assert clinic.outcome(denied).outcome is OutcomeKind.DENIED
    assert clinic.outcome(action).outcome is OutcomeKind.FAILED
    assert MARK.encode() not in written(clinic, "approvals", "outcomes", "audit")
    assert clinic.request(action).view.complete
    assert shown.encode() in written(clinic, "approvals")
    assert shown.encode() not in written(clinic, "outcomes", "audit")


def test_h2_the_digest_of_the_content_alone_comes_out_nowhere(clinic: GateDriver) -> None:
    """It has no nonce, so whoever saw it could guess what an action says; also not when a closed action is withdrawn."""
    waiting = clinic.submit("ops-agent", "crm.write", {"ssn": "123-45-6789"})
    closed = clinic.submit("ops-agent", "crm.drop", {"ssn": "123-45-6789"})
    clinic.run()
    for action in (waiting, closed):
        clinic.send(action)
        clinic.withdraw(action)
        clinic.run()
        clinic.withdraw(action)
        clinic.submit("ops-agent", "crm.read", action_id=action.action_id)
        clinic.run()
    everything = written(clinic, "approvals", "outcomes", "audit", "execution.crm")
    assert all(content_digest(action) not in everything for action in (waiting, closed))
    digests = {clinic.outcomes(closed)[0].action_digest, clinic.outcomes(waiting)[0].action_digest}
    assert len(digests) == 2


def test_h2_the_same_content_twice_has_two_digests(clinic: GateDriver) -> None:
    """The nonce hides what an action says from whoever reads its digest."""
    one, two = (clinic.submit("ops-agent", "crm.read", {"ssn": "1"}) for _ in range(2))
    clinic.run()
    assert clinic.outcome(one).action_digest != clinic.outcome(two).action_digest


def test_h6_a_dead_letters_bytes_are_in_its_topic_alone(clinic: GateDriver) -> None:
    """Raw bytes of what could not be read go where only the privacy office reads."""
    mark = MARK.encode()
    clinic.driver.produce("actions", mark, mark, ((MARK, mark),), partition=0)
    clinic.run()
    assert mark not in written(clinic, "approvals", "outcomes", "audit")
    assert mark in written(clinic, "dlq.actions")


def test_an_entry_stays_small_with_the_longest_names(new_gate: Callable[..., GateDriver]) -> None:
    """As many people behind an action as may be, erring rules with long names, ids of the largest size: 2 KB (checked at the end)."""
    owners = [f"p-{number:02}{'x' * 24}" for number in range(24)]
    rules = "".join(
        f"  - {{id: {'r' * 55}-{number}, on: [crm.write], when: action.arguments.{'q' * 40}{number} > 1, "
        "effect: review, review: one}\n"
        for number in range(14)
    )
    gate = new_gate(
        "version: 1\nname: long\ndefault: deny\nreviews:\n  one: {groups: {security: 1}, within: 30m}\n"
        f"rules:\n  - {{id: writes, on: [crm.write], effect: review, review: one}}\n{rules}"
    )
    agent = "a" * 128
    for owner in owners:
        gate.person(owner)
    gate.person("p-sec", groups=["security"])
    gate.agent(agent, owners=owners)
    gate.executor("crm", types=["crm.write"])
    action = gate.submit(agent, "crm.write", action_id="i" * 128)
    gate.run()
    gate.decide("p-sec", gate.request(action))
    gate.run()
    assert gate.outcome(action).outcome is OutcomeKind.GRANTED
    assert len(gate.request(action).rules) == 12
    assert set(gate.entries("action.waiting")[0].excluded) == set(owners)


@pytest.mark.parametrize("people", [24, 25])
def test_an_origin_too_large_to_record_is_denied(new_gate: Callable[..., GateDriver], people: int) -> None:
    """Whom an entry cannot name, nobody could check later: denied rather than left out."""
    gate = new_gate()
    owners = [f"p-{number}" for number in range(people)]
    for owner in owners:
        gate.person(owner)
    gate.person("p-sec", groups=["security"])
    gate.agent("ops-agent", owners=owners)
    gate.executor("crm", types=["crm.write"])
    action = gate.submit("ops-agent", "crm.write")
    gate.run()
    assert gate.outcome(action).reason == (None if people == 24 else "unreachable-quorum")


def test_an_action_of_the_largest_size_is_taken(clinic: GateDriver) -> None:
    """256 KiB of arguments pass where nobody is asked; whoever is asked cannot see them all, and cannot approve."""
    passes, waits = (
        clinic.submit("ops-agent", action_type, {"blob": "x" * 261_000})
        for action_type in ("crm.read", "crm.write")
    )
    clinic.run()
    assert clinic.outcome(passes).outcome is OutcomeKind.GRANTED
    decision = clinic.decide("p-ann", clinic.request(waits))
    clinic.run()
    assert clinic.tally(decision).reason == "incomplete-view"
