"""An agent whose results masking holds, people who release them, and what a test looks at, on a real Kafka."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from sluicegate.schemas.approval import ApprovalRequest
from sluicegate.schemas.export import MaskedBatch, WithheldBatch
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.clients.agent import AgentClient, Submission
from sluicegate.streams.clients.executor import Executor
from sluicegate.streams.clients.reading import read_record
from sluicegate.streams.clients.reviewer import ReviewerClient
from sluicegate.streams.clients.topic_reader import From, TopicReader
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.local import LocalDeployment
from sluicegate.streams.testing.cluster import Cluster

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


def enrolled(cluster: Cluster, deployment: LocalDeployment) -> Clinic:
    """Everybody, and what is said about them."""
    cluster.add_executor("wards")
    operator = deployment.operator
    operator.enrol_executor("wards", deployment.key("wards").public, ["ward.list"])
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
