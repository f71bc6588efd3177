"""The world on a real Kafka: worker processes of the gate, the clients that people and agents use, executors at work."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Final, Literal, Self, TypeVar

from confluent_kafka import Producer
from gate_world import (
    AGENTS,
    AT_WORK,
    CRASHES_ONCE,
    EXECUTORS,
    Asked,
    Raw,
    account_of,
    bodies,
    everybody,
)

from sluicegate.processors.contract import Position, Record
from sluicegate.processors.story import Story
from sluicegate.processors.tables import Trust
from sluicegate.processors.verification import Report
from sluicegate.schemas.action import Action
from sluicegate.schemas.approval import ApprovalRequest, Reminder, Tally
from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.decision import Choice, Settled
from sluicegate.schemas.envelope import header
from sluicegate.schemas.errors import SluicegateError
from sluicegate.schemas.grant import Grant
from sluicegate.schemas.ids import partition_of
from sluicegate.schemas.keys import PrivateKey
from sluicegate.schemas.outcome import Outcome, OutcomeKind
from sluicegate.streams.clients.agent import AgentClient
from sluicegate.streams.clients.agent_link import AgentLink
from sluicegate.streams.clients.audit_reader import AuditReader
from sluicegate.streams.clients.executor import Executor
from sluicegate.streams.clients.executor_steps import ExecutorStep, FaultHook, no_fault
from sluicegate.streams.clients.operator import Statement
from sluicegate.streams.clients.reading import read_record
from sluicegate.streams.clients.reviewer import ReviewerClient
from sluicegate.streams.clients.stored_key import key_or_new
from sluicegate.streams.clients.topic_reader import From, TopicReader
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.local import LocalDeployment
from sluicegate.streams.local.deployment import OPERATOR
from sluicegate.streams.settings import GateSettings, Settings, TrustSettings
from sluicegate.streams.testing.cluster import Cluster

PATIENCE_S: Final = 30.0
LOOK_S: Final = 0.02
SKEW_MS: Final = 1_500
"""Everything is on one machine, but a late decision must arrive before the gate has expired its request."""

JsonTopics = tuple[Literal["approvals", "outcomes", "audit"], ...]

T = TypeVar("T")


def deployment_on(
    cluster: Cluster, *, skew_ms: int = SKEW_MS, json_topics: JsonTopics = ()
) -> LocalDeployment:
    """A deployment on topics that are there, with the operator's and the gate's key of the state folder; nothing runs yet."""
    operator = key_or_new(cluster.state, OPERATOR)[0]
    settings = cluster.settings.model_copy(
        update={
            "trust": TrustSettings(operators={operator.key_id: operator.public.text}),
            "gate": GateSettings(skew_ms=skew_ms, json_topics=json_topics),
        }
    )
    deployment = LocalDeployment(settings)
    deployment.operator.enrol_gate("gate", deployment.key("gate").public)
    return deployment


class KafkaWorld:
    """See `gate_world.World`. `with` it: everything that was started ends with the block."""

    def __init__(self, cluster: Cluster, *, workers: int = 2, json_topics: JsonTopics = ()) -> None:
        self.cluster = cluster
        self.local = deployment_on(cluster, json_topics=json_topics)
        self.deployment = self.local.settings.deployment
        self.done: Counter[tuple[str, str]] = Counter()
        self._workers = workers
        self._stack = ExitStack()
        self._agents = iter(AGENTS)
        self._clients: dict[str, AgentClient] = {}
        self._reviewers: dict[str, ReviewerClient] = {}
        self._executors: dict[str, RunningExecutor] = {}
        self._writer = Producer(cluster.super_user().connection.producer_config())

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(self.local.close)
            for name in EXECUTORS:
                self.cluster.add_executor(name)
            keys = {name: self.local.key(name).public.text for name in everybody()}
            self.local.operator.ensure_many(Statement(*one) for one in bodies(keys))
            self.local.start_gate(self._workers)
            self._link = stack.enter_context(AgentLink(self.local.connection(Role.AGENT)))
            self._audit = stack.enter_context(Followed(self.local.connection(Role.ANALYST), "audit"))
            self._stack = stack.pop_all()
            for name in AT_WORK:
                self._start(name, _dies_before_the_act() if name == CRASHES_ONCE else no_fault)
        return self

    def __exit__(self, *_: object) -> None:
        for executor in self._executors.values():
            executor.stop()
        for reviewer in self._reviewers.values():
            reviewer.close()
        self._stack.close()

    @property
    def settings(self) -> Settings:
        """Of every client of this world."""
        return self.local.settings

    def agent(self) -> str:
        """An agent nobody has used yet."""
        return next(self._agents)

    def key(self, name: str) -> PrivateKey:
        """From the state folder."""
        return self.local.key(name)

    def now_ms(self) -> int:
        """The real one."""
        return time.time_ns() // 1_000_000

    def submit(
        self,
        agent: str,
        action_type: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        action_id: str | None = None,
        supersedes: Asked | None = None,
    ) -> Asked:
        """Through the agent's client."""
        submission = self.client(agent).submit(
            action_type,
            dict(arguments or {}),
            action_id=action_id,
            supersedes=supersedes.action_id if supersedes else None,
        )
        return Asked(agent, submission.action_id, submission.digest, submission.awaited)

    def withdraw(self, asked: Asked) -> None:
        """Through the agent's client."""
        self.client(asked.agent).withdraw(asked.action_id)

    def request(self, asked: Asked) -> ApprovalRequest:
        """As a reviewer's inbox has it."""
        return self._until(lambda: self._request(asked), "no request appeared")

    def reminder(self, asked: Asked) -> Reminder:
        """As a reviewer's client tells of it."""
        with Followed(self.local.connection(Role.REVIEWER), "approvals") as approvals:
            record = approvals.find(
                lambda one: (
                    header(one.headers, "ce_type") == b"sluicegate.reminder.v1"
                    and header(one.headers, "ce_subject") == asked.action_id.encode()
                )
            )
        return read_record(record, Reminder)

    def decide(
        self, login: str, request: ApprovalRequest, choice: Choice = Choice.APPROVE, reason: str = "looked"
    ) -> Tally:
        """Through the reviewer's client."""
        return self.reviewer(login).decide(request, choice, reason)

    def reconcile(self, login: str, asked: Asked, settled: Settled) -> AuditEntry:
        """Through the reviewer's client."""
        latest = asked.awaited.latest()
        assert latest is not None
        place = self.reviewer(login).reconcile(
            asked.agent, asked.action_id, latest.grant_id or "", settled, "looked at the target"
        )
        return self.entry_of(place)

    def outcome(self, asked: Asked, *wanted: OutcomeKind) -> Outcome:
        """Wait until it is told."""

        def look() -> Outcome | None:
            self._link.feed.check()
            latest = asked.awaited.latest()
            return latest if latest is not None and latest.outcome in wanted else None

        return self._until(look, lambda: f"told {asked.awaited.latest()}, not {wanted}")

    def told(self, asked: Asked) -> list[OutcomeKind]:
        """Everything told since the submission."""
        return [outcome.outcome for outcome in asked.awaited.told()]

    def effects(self, asked: Asked) -> int:
        """Counted by the handlers of every executor."""
        return self.done[asked.agent, asked.action_id]

    def arrive(self, executor: str) -> None:
        """A new process of it would do the same."""
        if executor in self._executors:
            self._executors.pop(executor).stop()
        self._start(executor, no_fault)

    def leave(self, executor: str) -> None:
        """It finishes what it has claimed and ends."""
        self._executors.pop(executor).stop()

    def grant_of(self, asked: Asked, executor: str) -> Record:
        """As the gate wrote it."""

        def look() -> Record | None:
            with TopicReader(
                self.cluster.super_user().connection, f"execution.{executor}", From.BEGINNING
            ) as reader:
                for record in reader.to_end():
                    if header(record.headers, "ce_subject") == asked.action_id.encode():
                        return record
            return None

        return self._until(look, "no grant was written")

    def write(self, raw: Raw) -> Position:
        """With the broker's own user, which no right binds."""
        placed: list[Position] = []

        def delivered(error: Any, message: Any) -> None:
            assert error is None, error
            placed.append(Position(raw.topic, message.partition(), message.offset()))

        partition = raw.partition
        if partition is None:
            partition = partition_of((raw.key or b"").decode(), self.settings.partitions)
        self._writer.produce(
            self.cluster.super_user().connection.topic(raw.topic),
            raw.value,
            raw.key,
            partition,
            headers=list(raw.headers),
            on_delivery=delivered,
        )
        assert self._writer.flush(PATIENCE_S) == 0
        return placed[0]

    def pass_until(self, at_ms: int) -> None:
        """Sleep."""
        time.sleep(max(0, at_ms - self.now_ms()) / 1_000)

    def entry_of(self, position: Position) -> AuditEntry:
        """By its leaf."""
        record = self._audit.find(lambda entry: _leaf_of(entry) == position)
        return read_record(record, AuditEntry)

    def dead_letter(self, position: Position) -> Record:
        """By the origin that the gate put first."""
        origin = ("dlq-origin", str(position).encode())
        with Followed(self.local.connection(Role.PRIVACY), f"dlq.{position.topic}") as letters:
            return letters.find(lambda record: origin in record.headers)

    def stories(self, asked: Asked) -> Sequence[Story]:
        """What `show` tells."""
        return AuditReader(self.local.connection(Role.ANALYST)).stories(asked.action_id)

    def verify(self) -> Report:
        """With an analyst's rights."""
        return AuditReader(self.local.connection(Role.ANALYST)).verify()

    def client(self, agent: str) -> AgentClient:
        """The client of an agent."""
        if agent not in self._clients:
            self._clients[agent] = AgentClient(
                self._link.connection, agent, self.key(agent), deployment=self.deployment, link=self._link
            )
        return self._clients[agent]

    def reviewer(self, login: str) -> ReviewerClient:
        """The client of a login."""
        if login not in self._reviewers:
            self._reviewers[login] = ReviewerClient(
                self.local.connection(Role.REVIEWER),
                self.key(login),
                deployment=self.deployment,
                account=account_of(login),
            )
        return self._reviewers[login]

    def _request(self, asked: Asked) -> ApprovalRequest | None:
        pending = self.reviewer("mara").pending()
        found = (one for one in pending if (one.agent, one.action_id) == (asked.agent, asked.action_id))
        return next(found, None)

    def _start(self, name: str, fault: FaultHook) -> None:
        operator = self.key(OPERATOR)
        executor = Executor(
            self.local.executor_connection(name),
            self.key(name),
            dict.fromkeys(EXECUTORS[name]["types"], self._do),
            trust=Trust(self.deployment, {operator.key_id: operator.public}),
            fault=fault,
        )
        self._executors[name] = RunningExecutor(executor)

    def _do(self, action: Action, grant: Grant) -> dict[str, str]:
        self.done[action.agent, action.action_id] += 1
        return {"idempotency_key": grant.grant_id}

    def _until(self, look: Callable[[], T | None], otherwise: str | Callable[[], str]) -> T:
        deadline = time.monotonic() + PATIENCE_S
        while (found := look()) is None:
            assert time.monotonic() < deadline, otherwise if isinstance(otherwise, str) else otherwise()
            time.sleep(LOOK_S)
        return found


class Died(SluicegateError):  # noqa: N818  # what a test asked for, no error
    """What a test makes of an executor."""


class RunningExecutor:
    """An executor in a thread, kept running through outages of the broker as `play` and `gated` do."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert executor.ready.wait(PATIENCE_S), "the executor was not ready in time"

    def stop(self) -> None:
        """Drain; whatever ended it earlier, but for a wanted death, is raised."""
        self.executor.stop()
        self._thread.join(PATIENCE_S)
        assert self.failure is None or isinstance(self.failure, Died), self.failure

    def _run(self) -> None:
        try:
            self.executor.keep_running()
        except BaseException as error:  # noqa: BLE001  # raised by `stop`, in the test's own thread
            self.failure = error


class Followed:
    """A topic from its beginning, read as far as somebody looks."""

    def __init__(self, connection: Connection, topic: str) -> None:
        self._reader = TopicReader(connection, topic, From.BEGINNING)
        self._records: list[Record] = []

    def find(self, holds: Callable[[Record], bool]) -> Record:
        """The first record of which it holds, waiting for it."""
        if (found := _first(self._records, holds)) is not None:
            return found
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            records = self._reader.poll(0.1)
            self._records += records
            if (found := _first(records, holds)) is not None:
                return found
        raise AssertionError(f"the record did not come on {self._reader.topic}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()


def _first(records: Iterable[Record], holds: Callable[[Record], bool]) -> Record | None:
    return next((record for record in records if holds(record)), None)


def _leaf_of(record: Record) -> Position | None:
    leaf = read_record(record, AuditEntry).leaf
    return None if leaf is None else Position(leaf.topic, leaf.partition, leaf.offset)


def _dies_before_the_act() -> FaultHook:
    def fault(step: ExecutorStep) -> None:
        if step is ExecutorStep.ACT:
            raise Died("between claim and act")

    return fault
