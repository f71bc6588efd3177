"""Who is there: the agent, its owner, the reviewers, the executor; and the short way to let each of them act."""

import threading
import time
from contextlib import ExitStack
from importlib import resources
from typing import Any, Final, Self

from confluent_kafka import Consumer, TopicPartition

from sluicegate.schemas.action import AccountName
from sluicegate.schemas.approval import ApprovalRequest, Tally
from sluicegate.schemas.decision import Choice
from sluicegate.schemas.errors import TimedOutError
from sluicegate.streams.clients.agent import AgentClient, Submission
from sluicegate.streams.clients.executor import Executor
from sluicegate.streams.clients.results_answer import Answer
from sluicegate.streams.clients.reviewer import ReviewerClient
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.local import LocalDeployment

from .clinic import TYPES, Clinic

AGENT: Final = "clinic-ops"
EXECUTOR: Final = "clinic"
ISSUER: Final = "https://login.clinic.example"
WAIT_S: Final = 30.0
_LOOK_S: Final = 0.05

PEOPLE: Final = {
    "mara": ("Mara, security", ("security",)),
    "ines": ("Ines, privacy office", ("privacy-office",)),
    "dara": ("Dara, owner of the patient data", ("data-owner",)),
    "olu": ("Olu, who answers for the agent and is in security too", ("security", "data-owner")),
}
"""Login: name, groups. Olu owns the agent, so nothing of the agent's is Olu's to approve."""
OWNER: Final = "olu"


class Scene:
    """The cast of one demo, connected to one deployment."""

    def __init__(self, deployment: LocalDeployment) -> None:
        """Enrol everybody, then connect them."""
        self.deployment = deployment
        self.clinic = Clinic()
        self.agent: AgentClient
        self.reviewers: dict[str, ReviewerClient] = {}
        self._executor: Executor | None = None
        self._thread: threading.Thread | None = None
        self._stack = ExitStack()
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise

    def _open(self) -> None:
        deployment = self.deployment
        self._enrol()
        name = deployment.settings.deployment
        self.agent = self._stack.enter_context(
            AgentClient(deployment.connection(Role.AGENT), AGENT, deployment.key(AGENT), deployment=name)
        )
        self.reviewers = {login: self._stack.enter_context(self._reviewer(login)) for login in PEOPLE}
        self.start_executor()
        self._stack.callback(self.stop_executor)

    def close(self) -> None:
        """Everybody leaves."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(
        self, action_type: str, arguments: dict[str, Any], supersedes: str | None = None
    ) -> Submission:
        """The agent publishes what it intends."""
        return self.agent.submit(action_type, arguments, supersedes=supersedes)

    def ended(self, submission: Submission) -> Answer:
        """How an action ended, and what came back."""
        return self.agent.wait(submission, timeout_s=WAIT_S)

    def decided(self, submission: Submission) -> Answer:
        """What the gate or people answered."""
        return self.agent.wait(submission, until="decided", timeout_s=WAIT_S)

    def request(self, submission: Submission) -> ApprovalRequest:
        """The open request about an action, as a reviewer sees it."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            for request in self.reviewers["mara"].pending():
                if request.action_id == submission.action_id:
                    return request
            time.sleep(_LOOK_S)
        raise TimedOutError(
            f"nobody was asked about `{submission.action_id}` in {WAIT_S:g} s, though people have to decide on it"
        )

    def decide(self, login: str, request: ApprovalRequest, choice: Choice = Choice.APPROVE) -> Tally:
        """A person decides."""
        return self.reviewers[login].decide(request, choice, "looked at it")

    def start_executor(self) -> None:
        """The process that holds the clinic's credentials."""
        self._executor = Executor.connect(EXECUTOR, self.clinic.handlers(), settings=self.deployment.settings)
        self._thread = threading.Thread(target=self._executor.run, name="demo-executor", daemon=True)
        self._thread.start()
        if not self._executor.ready.wait(WAIT_S):
            raise TimedOutError("the executor was not ready in time")

    def stop_executor(self) -> None:
        """It finishes what it has claimed, then leaves."""
        if self._executor is not None and self._thread is not None:
            self._executor.stop()
            self._thread.join()

    def refused_by_executor(self, count: int) -> int:
        """How many grants the executor has refused since it started, once they are `count` or it has had its time."""
        deadline = time.monotonic() + WAIT_S
        executor = self._executor
        while executor is not None and executor.counts["refused"] < count and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
        return 0 if executor is None else executor.counts["refused"]

    def rewind_executor(self) -> None:
        """Set the executor's offsets back to the beginning of its grants."""
        connection = self.deployment.executor_connection(EXECUTOR)
        topic = connection.topic(f"execution.{EXECUTOR}")
        consumer = Consumer({**connection.reader_config(), "group.id": connection.group})
        try:
            numbers = consumer.list_topics(topic, timeout=WAIT_S).topics[topic].partitions
            places = [TopicPartition(topic, number, 0) for number in numbers]
            consumer.commit(offsets=places, asynchronous=False)
        finally:
            consumer.close()

    def _reviewer(self, login: str) -> ReviewerClient:
        deployment = self.deployment
        return ReviewerClient(
            deployment.connection(Role.REVIEWER),
            deployment.key(login),
            deployment=deployment.settings.deployment,
            account=AccountName(issuer=ISSUER, subject=login),
        )

    def _enrol(self) -> None:
        deployment, operator = self.deployment, self.deployment.operator
        groups: dict[str, list[str]] = {}
        for login, (name, memberships) in PEOPLE.items():
            person = operator.enrol_person(name)
            operator.enrol_account(ISSUER, login, person, key=deployment.key(login).public)
            for group in memberships:
                groups.setdefault(group, []).append(person)
            if login == OWNER:
                operator.enrol_agent(AGENT, deployment.key(AGENT).public, owners=[person])
        for group, members in groups.items():
            operator.enrol_group(group, members)
        deployment.add_executor(EXECUTOR, TYPES)
        operator.publish_policy("clinic", policy())
        deployment.await_adoption()


def policy() -> str:
    """The clinic's policy file."""
    return (
        resources.files("sluicegate.streams.demo").joinpath("clinic-policy.yaml").read_text(encoding="utf-8")
    )
