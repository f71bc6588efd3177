"""The action `export.release` at the gate: who may ask for it, who may not decide on it, what people see, and who is told of its end."""

import json
from typing import Any

import pytest

from sluicegate.processors.events import Event, Reason
from sluicegate.processors.export_release import EXPORT_RELEASE, RELEASER
from sluicegate.processors.release import Check, Post, Refusal, Released, examine
from sluicegate.schemas import document
from sluicegate.schemas.action import Action
from sluicegate.schemas.decision import Choice
from sluicegate.schemas.document import DocumentKind
from sluicegate.schemas.envelope import PATH_HEADER, header
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.schemas.receipt import Happened
from sluicegate.streams.testing import GateDriver
from sluicegate.streams.testing.gate_driver import DEPLOYMENT, seeded_key

WITHIN_MS = 1_800_000
POLICY = """
version: 1
name: privacy
default: deny
reviews:
  privacy: {groups: {privacy-office: 1}, within: 30m, reason: required}
rules:
  - {id: people-release, on: [export.release], effect: review, review: privacy}
"""
OFFICE = ("p-own", "p-mask", "p-del", "p-pipe", "p-pri")


@pytest.fixture
def clinic() -> GateDriver:
    """Masking, an agent, a pipeline and their people, all of whom are in the privacy office, and one who is behind nothing."""
    gate = GateDriver(POLICY)
    for person in OFFICE:
        gate.person(person, groups=["privacy-office"])
    gate.agent("ops-agent", owners=["p-own"], delegators=["p-del"])
    gate.agent("masking", owners=["p-mask"], releases=True)
    gate.executor(RELEASER, types=[EXPORT_RELEASE], key=seeded_key("masking-executor").public)
    pipeline = document.Pipeline(key=seeded_key("nightly").public.text, owners=("p-pipe",))
    gate.publish(DocumentKind.PIPELINE, "nightly", pipeline)
    gate.run()
    return gate


def report(**of: Any) -> dict[str, Any]:
    """Arguments as masking writes them."""
    return {
        "profile": "pii-basic",
        "reasons": ["digits"],
        "masked": {"name": 3},
        "rows": 2,
        "held_digest": "ab" * 32,
        "of": {"agent": "ops-agent", "action_id": "action-0", "persons": ["p-own"], **of},
        "sample": ["[name] was seen on Monday"],
    }


def asked(gate: GateDriver, by: str = "masking", lane: str = "ops-agent", **of: Any) -> Action:
    """A release that somebody asks for."""
    action = gate.submit(by, EXPORT_RELEASE, report(**of), lane=lane)
    gate.run()
    return action


def verdict(gate: GateDriver, action: Action, login: str, choice: Choice = Choice.APPROVE) -> str:
    """What the gate answers to one decision: `counted` or the reason why not."""
    decision = gate.decide(login, gate.request(action), choice)
    gate.run()
    tally = gate.tally(decision)
    return "counted" if tally.counted else str(tally.reason)


@pytest.mark.parametrize("behind", ["p-own", "p-del", "p-mask"])
def test_nobody_behind_the_original_action_may_release_it(clinic: GateDriver, behind: str) -> None:
    """Owner and delegator of the agent whose result is held, and who answers for masking: all of them are refused."""
    action = asked(clinic)
    assert behind in clinic.request(action).excluded
    assert verdict(clinic, action, behind) == Reason.OWN_ACTION
    assert verdict(clinic, action, "p-pri") == "counted"
    assert clinic.outcome(action).outcome is OutcomeKind.GRANTED


def test_who_was_behind_it_when_it_began_may_not_release_it_either(clinic: GateDriver) -> None:
    """Operators have given the agent another owner since: masking names who it was."""
    action = asked(clinic, persons=["p-own", "p-pri"])
    assert verdict(clinic, action, "p-pri") == Reason.OWN_ACTION
    assert verdict(clinic, action, "p-pipe") == "counted"


def test_who_is_put_behind_it_while_people_decide_may_not_release_it(clinic: GateDriver) -> None:
    """What is known at the decision counts beside what was frozen into the request."""
    action = asked(clinic)
    clinic.agent("ops-agent", owners=["p-pri"])
    clinic.run()
    assert verdict(clinic, action, "p-pri") == Reason.OWN_ACTION


def test_owners_of_a_pipeline_may_not_release_its_stream(clinic: GateDriver) -> None:
    """Of a standing stream nobody acts: its pipeline's owners are behind it."""
    action = asked(clinic, lane="nightly", agent=None, pipeline="nightly", persons=[])
    assert verdict(clinic, action, "p-pipe") == Reason.OWN_ACTION
    assert verdict(clinic, action, "p-own") == "counted"


@pytest.mark.parametrize(
    "of",
    [
        {"agent": "nobody"},
        {"persons": ["p-stranger"]},
        {"persons": "p-own"},
        {"agent": None},
        {"pipeline": "nightly"},
        {"agent": None, "pipeline": "nobody"},
    ],
)
def test_of_an_unknown_origin_nobody_is_asked(clinic: GateDriver, of: dict[str, Any]) -> None:
    """A report that names nobody, somebody unknown, or both an agent and a pipeline is denied: anybody might be behind it."""
    outcome = clinic.outcome(asked(clinic, **of))
    assert (outcome.outcome, outcome.reason) == (OutcomeKind.DENIED, Reason.UNKNOWN_ORIGIN)


def test_another_agent_cannot_ask_to_release(clinic: GateDriver) -> None:
    """An agent that names somebody else's export, to shake off its own owner, is denied; so is one that names its own."""
    for of in ({"agent": "masking"}, {}):
        action = asked(clinic, by="ops-agent", **of)
        assert clinic.outcome(action).reason == Reason.UNKNOWN_ORIGIN
        assert clinic.requests(action) == []


def test_only_masking_acts_on_the_lanes_of_others(clinic: GateDriver) -> None:
    """A release stands on the lane of what it holds; an ordinary agent there is a dead letter, as ever."""
    assert clinic.outcome(asked(clinic, lane="anybody")).outcome is OutcomeKind.PENDING
    clinic.submit("ops-agent", "crm.read", lane="anybody")
    clinic.run()
    assert [reason for reason, _ in clinic.dead_letters("actions")] == [Reason.WRONG_LANE]


def test_an_executor_excludes_the_same_people(clinic: GateDriver) -> None:
    """A stolen gate key that forgets who is behind an export releases nothing: the executor's own directory says it."""
    action = asked(clinic)
    assert verdict(clinic, action, "p-pri") == "counted"
    record = clinic.driver.read(f"execution.{RELEASER}")[-1]
    post = Post(DEPLOYMENT, RELEASER, clinic.driver.partitions)
    assert isinstance(examine(record, clinic.driver.tables.current, post, clinic.driver.now_ms), Released)
    clinic.agent("ops-agent", owners=["p-pri"])
    clinic.run()
    refused = examine(record, clinic.driver.tables.current, post, clinic.driver.now_ms)
    assert isinstance(refused, Refusal)
    assert refused.check is Check.OWN_ACTION


def test_people_see_the_report_and_a_sample_that_is_masked_once_more(clinic: GateDriver) -> None:
    """Codes, counts and digests show as they are; whatever masking left in the sample does not."""
    action = clinic.submit(
        "masking",
        EXPORT_RELEASE,
        report() | {"sample": ["call mara.zwicker@clinic.example"]},
        lane="ops-agent",
    )
    clinic.run()
    view = clinic.request(action).view
    assert view.complete
    shown = json.loads(view.text)["arguments"]
    assert shown["reasons"] == [{"quoted": "digits"}]
    assert shown["held_digest"] == {"quoted": "ab" * 32}
    assert shown["of"]["agent"] == {"quoted": "ops-agent"}
    assert "mara.zwicker" not in view.text


def ended(clinic: GateDriver, how: str) -> Action:
    """A release that ended this way."""
    action = asked(clinic, **({"agent": "nobody"} if how == "denied" else {}))
    match how:
        case "rejected":
            verdict(clinic, action, "p-pri", Choice.REJECT)
        case "expired":
            clinic.advance(WITHIN_MS + 3_000)
        case "withdrawn":
            clinic.withdraw(action, lane=action.lane)
        case "lapsed":
            verdict(clinic, action, "p-pri")
            clinic.advance(303_000)
        case "refused":
            verdict(clinic, action, "p-pri")
            grant = clinic.grant(action)
            clinic.append(
                "receipts",
                clinic.receipt(grant, None, Happened.REFUSED, check="paused"),
                seeded_key("masking-executor"),
                lane=grant.lane,
                subject=grant.action_id,
            )
    clinic.run()
    return action


@pytest.mark.parametrize("how", ["denied", "rejected", "expired", "withdrawn", "lapsed", "refused"])
def test_masking_is_told_every_end_but_the_execution(clinic: GateDriver, how: str) -> None:
    """What it holds need not outlive the answer; the record is signed, on the partition of the grant, and verifies in `audit`."""
    action = ended(clinic, how)
    told = clinic.outcome(action)
    assert told.outcome == how
    record = clinic.driver.read(f"execution.{RELEASER}")[-1]
    assert record.value == clinic.driver.read("outcomes", record.position.partition)[-1].value
    assert header(record.headers, "sig") is not None
    assert header(record.headers, PATH_HEADER) is not None
    assert clinic.report().ok


def test_the_ends_of_other_actions_are_told_to_nobody_else(clinic: GateDriver) -> None:
    """An ordinary agent's rejected action leaves no record on any `execution` topic."""
    action = asked(clinic, by="ops-agent")
    assert clinic.outcome(action).outcome is OutcomeKind.DENIED
    assert clinic.driver.read(f"execution.{RELEASER}") == []
    assert [entry.event for entry in clinic.entries() if entry.action_id] == [Event.ACTION_DENIED]
