"""The golden cases of `tests/cases/gate`: steps in, outcomes, tallies and audit events out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from sluicegate.processors.policy.durations import milliseconds
from sluicegate.schemas import document
from sluicegate.schemas.action import Action
from sluicegate.schemas.audit import EntryKind
from sluicegate.schemas.decision import Choice, Decision, Settled
from sluicegate.schemas.document import DocumentKind
from sluicegate.schemas.outcome import Outcome
from sluicegate.schemas.receipt import Claim, Happened
from sluicegate.streams.testing import GateDriver

FOLDER = Path(__file__).parents[1] / "cases" / "gate"


def cases() -> list[Any]:
    """Every case of every file, named by both."""
    found = []
    for path in sorted(FOLDER.glob("*.yaml")):
        file = yaml.safe_load(path.read_text(encoding="utf-8"))
        found.extend(
            pytest.param(file["given"], case, id=f"{path.stem}: {case['name']}") for case in file["cases"]
        )
    return found


class Told:
    """One case as it is told: each step is a method, and the gate works after each."""

    def __init__(self, gate: GateDriver, given: dict[str, Any]) -> None:
        self.gate = gate
        self._text: str = given["policy"]
        self.actions: dict[str, Action] = {}
        self.decisions: list[tuple[str, Decision]] = []
        self._claims: dict[str, Claim] = {}
        for person, groups in given["people"].items():
            gate.person(person, groups=groups)
        for agent, owners in given["agents"].items():
            gate.agent(agent, owners=owners)
        for executor, types in given["executors"].items():
            gate.executor(executor, types=types, reconcilers=tuple(given.get("reconcilers", ())))
        self._agent = next(iter(given["agents"]))
        gate.run()

    def play(self, steps: list[dict[str, Any]]) -> None:
        """All steps; the first word of each says what happens."""
        for step in steps:
            (what, subject), *details = step.items()
            getattr(self, f"_{what}")(subject, **{name.replace("-", "_"): value for name, value in details})
            self.gate.run()

    def _submit(self, action_type: str, **details: Any) -> None:
        fields: dict[str, Any] = {"arguments": details.get("arguments")}
        if "instead_of" in details:
            fields["supersedes"] = self.actions[details["instead_of"]].action_id
        if "id_of" in details:
            fields["action_id"] = self.actions[details["id_of"]].action_id
        self.actions[details["as"]] = self.gate.submit(self._agent, action_type, **fields)

    def _copy(self, name: str) -> None:
        self.gate.send(self.actions[name])

    def _withdraw(self, name: str) -> None:
        self.gate.withdraw(self.actions[name])

    def _approve(self, name: str, by: str, reason: str = "checked") -> None:
        self._decide(name, by, Choice.APPROVE, reason)

    def _reject(self, name: str, by: str, reason: str = "checked") -> None:
        self._decide(name, by, Choice.REJECT, reason)

    def _decide(self, name: str, by: str, choice: Choice, reason: str) -> None:
        decision = self.gate.decide(by, self.gate.request(self.actions[name]), choice, reason or None)
        self.decisions.append((by, decision))

    def _claim(self, name: str, by: str | None = None) -> None:
        claim = self.gate.claim(self.gate.grant(self.actions[name]), executor=by)
        self._claims.setdefault(name, claim) if by is None else None

    def _executed(self, name: str) -> None:
        self.gate.receipt(self.gate.grant(self.actions[name]), self._claims[name])

    def _failed(self, name: str) -> None:
        grant = self.gate.grant(self.actions[name])
        self.gate.receipt(grant, self._claims[name], Happened.FAILED, failure="Broken")

    def _refused(self, name: str, check: str) -> None:
        self.gate.receipt(self.gate.grant(self.actions[name]), None, Happened.REFUSED, check=check)

    def _reconcile(self, name: str, by: str) -> None:
        self.gate.reconcile(by, self.gate.grant(self.actions[name]), Settled.EXECUTED)

    def _policy(self, changes: dict[str, str]) -> None:
        text = self._text
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        self.gate.policy("policy", text)

    def _join(self, groups: dict[str, list[str]]) -> None:
        for group, members in groups.items():
            self.gate.publish(DocumentKind.GROUP, group, document.Group(members=tuple(members)))

    def _pause(self, what: dict[str, Any]) -> None:
        self.gate.publish(DocumentKind.PAUSE, "pause", document.Pause(**what))

    def _resume(self, what: dict[str, Any]) -> None:
        self.gate.publish(DocumentKind.PAUSE, "pause", document.Pause(**what, active=False))

    def _wait(self, how_long: str) -> None:
        passed_ms = milliseconds(how_long)
        assert passed_ms is not None
        self.gate.advance(passed_ms)

    def _restart(self, _: bool) -> None:  # noqa: FBT001  # a step of a case has a subject
        self.gate.driver.restart()

    def _garbage(self, topic: str) -> None:
        self.gate.driver.produce(topic, b"nobody", b"\x00garbage\xff", ())


def said(outcome: Outcome) -> str:
    """An outcome as cases write it."""
    if outcome.repeated:
        return f"{outcome.outcome} again"
    return outcome.outcome.value + (f": {outcome.reason}" if outcome.reason else "")


@pytest.mark.parametrize(("given", "case"), cases())
def test_golden_case(
    new_gate: Callable[..., GateDriver], given: dict[str, Any], case: dict[str, Any]
) -> None:
    """The steps of the case lead to exactly the outcomes, tallies and audit events it names."""
    gate = new_gate(given["policy"], partitions=1)
    told = Told(gate, given)
    told.play(case["steps"])
    outcomes = {name: [said(one) for one in gate.outcomes(told.actions[name])] for name in case["outcomes"]}
    assert outcomes == case["outcomes"]
    tallies = []
    for who, decision in told.decisions:
        tally = gate.tally(decision)
        answer = f"counted {tally.people} of {tally.needed}" if tally.counted else str(tally.reason)
        tallies.append(f"{who}: {answer}")
    assert tallies == case["tallies"]
    entries = [one for one in gate.entries() if one.entry in {EntryKind.RECORD, EntryKind.PUNCTUATION}]
    assert [one.event + (f": {one.reason}" if one.reason else "") for one in entries] == case["audit"]


def test_every_case_has_a_name_of_its_own() -> None:
    """No two cases are called the same, and there are cases at all."""
    names = [param.id for param in cases()]
    assert names
    assert len(names) == len(set(names))
