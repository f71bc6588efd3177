"""Releases on a real Kafka: worker processes, the rights of each role, the clients that people and agents use."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from kafka_world import deployment_on
from typer.testing import CliRunner

from sluicegate.processors.events import Event
from sluicegate.processors.export_release import EXPORT_RELEASE, RELEASER
from sluicegate.schemas.approval import ApprovalRequest
from sluicegate.schemas.decision import Choice
from sluicegate.schemas.export import MaskedBatch, WithheldBatch
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.cli import app
from sluicegate.streams.clients.agent import AgentClient, Submission
from sluicegate.streams.clients.audit_reader import AuditReader
from sluicegate.streams.clients.executor import Executor
from sluicegate.streams.clients.quarantine import QuarantineReader
from sluicegate.streams.clients.reading import read_record
from sluicegate.streams.clients.results_answer import Answer
from sluicegate.streams.clients.reviewer import ReviewerClient
from sluicegate.streams.clients.topic_reader import From, TopicReader
from sluicegate.streams.kafka.embedded import EmbeddedBroker
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.local import LocalDeployment
from sluicegate.streams.releasing import releasing_keys
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker

ISSUER = "local"
POLICY = """
version: 1
name: clinic
default: deny
reviews:
  privacy: {groups: {privacy-office: 1}, within: 10m, reason: required}
rules:
  - {id: reads-pass, on: [ward.list], effect: allow, mask: ward-notes}
  - {id: people-release, on: [export.release], effect: review, review: privacy}
"""
PROFILE = "version: 1\nname: ward-notes\nextends: pii-basic\ncolumns: {room: keep}\nrelease: withheld\n"
ROWS = [
    {"mail": "mara.zwicker@clinic.example", "room": "W3"},
    {"mail": None, "room": "mara.zwicker@clinic.example"},
]
PATIENCE_S = 60.0
T = TypeVar("T")


@dataclass
class Clinic:
    """A gate, masking, an executor at work, an agent of `own`, and `pri` of the privacy office."""

    deployment: LocalDeployment
    persons: dict[str, str]

    def agent(self) -> AgentClient:
        """A client of the agent."""
        settings = self.deployment.settings
        key = self.deployment.key("ops")
        return AgentClient(self.deployment.connection(Role.AGENT), "ops", key, deployment=settings.deployment)

    def reviewer(self, login: str) -> ReviewerClient:
        """A client of one of the privacy office."""
        return ReviewerClient.connect(ISSUER, login, settings=self.deployment.settings)


def enrolled(deployment: LocalDeployment) -> Clinic:
    """Everybody, and what is said about them."""
    operator = deployment.operator
    persons = {name: operator.enrol_person() for name in ("own", "mask", "pri")}
    for name, person in persons.items():
        operator.enrol_account(ISSUER, name, person, key=deployment.key(name).public)
    operator.enrol_group("privacy-office", tuple(persons.values()))
    operator.enrol_agent("ops", deployment.key("ops").public, [persons["own"]])
    deployment.make_masking_keys()
    deployment.enrol_masking([persons["mask"]])
    operator.publish_profile("ward-notes", PROFILE)
    operator.publish_policy("clinic", POLICY)
    return Clinic(deployment, persons)


@pytest.fixture(scope="module")
def clinic(broker: EmbeddedBroker) -> Iterator[Clinic]:
    """One deployment for all tests."""
    cluster = Cluster.fresh(broker)
    with deployment_on(cluster) as deployment:
        cluster.add_executor("wards")
        deployment.operator.enrol_executor("wards", deployment.key("wards").public, ["ward.list"])
        world = enrolled(deployment)
        deployment.start_masking()
        deployment.start_gate(1)
        with at_work(deployment):
            yield world


@contextmanager
def at_work(deployment: LocalDeployment) -> Iterator[None]:
    """The executor in a thread."""
    executor = Executor.connect("wards", {"ward.list": lambda *_: list(ROWS)}, settings=deployment.settings)
    thread = threading.Thread(target=executor.run)
    thread.start()
    try:
        assert executor.ready.wait(PATIENCE_S)
        yield
    finally:
        executor.stop()
        thread.join(30)


def until(look: Callable[[], T | None]) -> T:
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)
    return found


def held(agent: AgentClient) -> tuple[Submission, str]:
    """A result that masking holds, and the release that people are asked for."""
    sent = agent.submit("ward.list", {})
    answer = until(lambda: agent.answer(sent.awaited))
    assert (answer.outcome, answer.result) == (OutcomeKind.EXECUTED, None)
    (release,) = answer.release
    return sent, release


def request_of(reviewer: ReviewerClient, release: str) -> ApprovalRequest:
    """What people are asked about it."""
    return until(lambda: next((one for one in reviewer.pending() if one.action_id == release), None))


def places(clinic: Clinic, action_id: str) -> list[MaskedBatch | WithheldBatch]:
    """Everything that stands on `exports.masked` about an action."""
    with TopicReader(clinic.deployment.connection(Role.AGENT), "exports.masked", From.BEGINNING) as reader:
        found: list[Any] = [read_record(record, MaskedBatch, WithheldBatch) for record in reader.to_end()]
    return [batch for batch in found if batch.action_id == action_id]


def verified(clinic: Clinic) -> None:
    """`audit` verifies, and holds nothing that identifies."""
    report = until(lambda: report_of(clinic))
    assert [str(finding) for finding in report.findings] == []


def report_of(clinic: Clinic) -> Any:
    """The verifier's report, once every entry has its tile."""
    return AuditReader(clinic.deployment.connection(Role.ANALYST)).verify()


def test_what_people_approve_comes_back_once(clinic: Clinic) -> None:
    """The agent waits for them: its result arrives with the release, nobody behind the action decides, and `audit` verifies."""
    with clinic.agent() as agent, clinic.reviewer("own") as owner, clinic.reviewer("pri") as office:
        sent, release = held(agent)
        request = request_of(office, release)
        assert request.type == EXPORT_RELEASE
        assert {clinic.persons["own"], clinic.persons["mask"]} <= set(request.excluded)
        refused = owner.decide(request, Choice.APPROVE, "my own")
        assert (refused.counted, refused.reason) == (False, "own-action")
        answers: list[Answer] = []
        waiting = threading.Thread(target=lambda: answers.append(agent.wait(sent, timeout_s=PATIENCE_S)))
        waiting.start()
        assert office.decide(request, Choice.APPROVE, "rooms only").counted
        waiting.join(PATIENCE_S)
        (answer,) = answers
        assert answer.released == (release,)
        assert [row["room"] for row in answer.result] == [row["room"] for row in ROWS]
        assert "mara" not in answer.result[0]["mail"]
        kinds = [type(batch) for batch in places(clinic, sent.action_id)]
        assert kinds == [WithheldBatch, MaskedBatch]
    verified(clinic)


def test_what_people_reject_is_destroyed(clinic: Clinic) -> None:
    """The agent's wait ends without a result; the sealed batch stays for the privacy office, and names the release."""
    with clinic.agent() as agent, clinic.reviewer("pri") as office:
        sent, release = held(agent)
        assert office.decide(request_of(office, release), Choice.REJECT, "a mail in a room").counted
        answer = agent.wait(sent, timeout_s=PATIENCE_S)
        assert (answer.result, answer.release, answer.released) == (None, (), ())
        assert answer.withheld
        assert [type(batch) for batch in places(clinic, sent.action_id)] == [WithheldBatch, WithheldBatch]
    quarantine = QuarantineReader.connect(settings=clinic.deployment.settings)
    assert release in {one.batch.release_id for one in quarantine.list()}
    story = until(lambda: told(clinic, sent.action_id))
    assert any("rejected" in sentence for sentence in story)
    verified(clinic)


def told(clinic: Clinic, action_id: str) -> list[str] | None:
    """What `show` says, once the end is told."""
    (story,) = AuditReader(clinic.deployment.connection(Role.ANALYST)).stories(action_id)
    codes = {code for step in story.steps for code in step.codes}
    return [step.sentence for step in story.steps] if Event.EXPORT_DESTROYED in codes else None


def test_operators_say_who_must_release(clinic: Clinic, tmp_path: Path) -> None:
    """`executor add masking` takes masking's own key and no user of its own, and enrolling masking again keeps the floor."""
    settings = clinic.deployment.settings
    config = tmp_path / "sluicegate.toml"
    operators = ", ".join(f'"{name}" = "{key}"' for name, key in settings.trust.operators.items())
    config.write_text(
        f'bootstrap = "{settings.bootstrap}"\nprefix = "{settings.prefix}"\npartitions = {settings.partitions}\n'
        f'state_dir = "{settings.state_dir}"\n[trust]\noperators = {{ {operators} }}\n'
    )
    words = [
        "executor",
        "add",
        RELEASER,
        "--types",
        EXPORT_RELEASE,
        "--floor",
        f"{EXPORT_RELEASE}=privacy-office:1",
    ]
    done = CliRunner().invoke(app, ["--config", str(config), *words, "--json"])
    assert done.exit_code == 0, (done.output, done.exception)
    assert json.loads(done.stdout)["added"] == []
    clinic.deployment.operator.refresh()
    clinic.deployment.enrol_masking([clinic.persons["mask"]])
    enrolled_as = clinic.deployment.operator.tables.directory.executors[RELEASER]
    assert enrolled_as.floor[EXPORT_RELEASE].groups == {"privacy-office": 1}
    assert enrolled_as.key == releasing_keys(clinic.deployment.state).executor.public.text
