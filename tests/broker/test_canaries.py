"""Canaries: values that identify somebody, planted wherever an agent, an executor or a reviewer may write them, on a real Kafka.

Afterwards every record of every topic, every line of log, every metric and every error is searched. Raw values are where the
design says that raw bytes live, and nowhere else.
"""

import json
import re
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest
from confluent_kafka import Producer
from kafka_world import RunningExecutor, deployment_on

from sluicegate.schemas.errors import SluicegateError
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.clients.agent import AgentClient
from sluicegate.streams.clients.audit_reader import AuditReader
from sluicegate.streams.clients.executor import Executor
from sluicegate.streams.clients.reviewer import ReviewerClient
from sluicegate.streams.clients.topic_reader import From, TopicReader
from sluicegate.streams.health.metrics import Metrics
from sluicegate.streams.health.watched import Watched
from sluicegate.streams.kafka.topics import Layout, table
from sluicegate.streams.local import LocalDeployment
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker

ISSUER: Final = "https://login.test"
EXECUTION: Final = "execution.desk"
GRANTS: Final = frozenset({EXECUTION, "exports.raw", "gate.pending.changelog"})
"""A grant holds an action's bytes and the decisions it rests on; before it is given they are pending, and a result carries it."""
LIVES: Final = {
    "argument": GRANTS | {"actions"},
    "key": GRANTS | {"actions"},
    "nested": GRANTS | {"actions"},
    "summary": GRANTS | {"actions"},
    # One person is enough, so no decision has to be kept while others are missing.
    "reason": frozenset({"decisions", EXECUTION, "exports.raw"}),
    "result": frozenset({"exports.raw"}),
    "resultkey": frozenset({"exports.raw"}),
    "withheld": frozenset({"exports.raw"}),
    "denied": frozenset({"actions"}),
    "broken": frozenset({"actions", "dlq.actions"}),
    "failure": frozenset(),
}
"""Canary -> every topic on which it is found."""
CANARY: Final = re.compile(rb"canary\.([a-z]+)@example\.com")
POLICY: Final = """
version: 1
name: canaries
default: deny
reviews:
  one: {groups: {security: 1}, within: 30m, reason: required}
rules:
  - {id: asks, on: [desk.ask, desk.fail, desk.nonsense], effect: review, review: one}
"""


def canary(place: str) -> str:
    """An address that belongs to one place."""
    assert place in LIVES
    return f"canary.{place}@example.com"


def ask(action: Any, grant: Any) -> Any:
    """Returns canaries as values, in text and as keys."""
    del action, grant
    return {"mail": canary("result"), "note": f"write to {canary('result')}", canary("resultkey"): [1]}


def fail(action: Any, grant: Any) -> Any:
    """Raises with a canary in its message."""
    del action, grant
    raise ValueError(canary("failure"))


def nonsense(action: Any, grant: Any) -> Any:
    """Returns what hides an address in a way that masking does not accept."""
    del action, grant
    return {"deep": nested(canary("withheld"), 60)}


def nested(value: Any, levels: int) -> Any:
    """Lists within lists."""
    return value if levels == 0 else [nested(value, levels - 1)]


@pytest.fixture
def deployment(cluster: Cluster) -> Iterator[LocalDeployment]:
    """Gate and masking at work, with one executor, one agent and one reviewer."""
    with deployment_on(cluster) as local:
        local.make_masking_keys()
        local.add_executor("desk", ["desk.ask", "desk.fail", "desk.nonsense"])
        operator = local.operator
        owner, reviewer = operator.enrol_person(), operator.enrol_person()
        operator.enrol_account(ISSUER, "rhea", reviewer, key=local.key("rhea").public)
        operator.enrol_group("security", [reviewer])
        operator.enrol_agent("scout", local.key("scout").public, [owner])
        operator.publish_policy("canaries", POLICY)
        local.start_masking()
        local.start_gate(1)
        yield local


def plant(local: LocalDeployment, cluster: Cluster) -> tuple[list[Any], list[str]]:
    """Write canaries everywhere; what the agent got back, and every error that was raised on the way."""
    arguments = {
        "to": canary("argument"),
        "note": f"ask {canary('argument')} again",
        canary("key"): 1,
        "deep": [{"json": json.dumps({"mail": canary("nested")})}],
    }
    answers: list[Any] = []
    errors: list[str] = []
    executor = RunningExecutor(
        Executor.connect(
            "desk", {"desk.ask": ask, "desk.fail": fail, "desk.nonsense": nonsense}, settings=local.settings
        )
    )
    with (
        AgentClient.connect("scout", settings=local.settings) as agent,
        ReviewerClient.connect(ISSUER, "rhea", settings=local.settings) as reviewer,
    ):
        sent = [
            agent.submit(kind, arguments, summary=f"for {canary('summary')}")
            for kind in ("desk.ask", "desk.fail", "desk.nonsense")
        ]
        denied = agent.submit("desk.unknown", {canary("denied"): canary("denied")}, summary=canary("denied"))
        write_what_cannot_be_read(cluster)
        for request in wanted(reviewer, len(sent)):
            assert request.view.complete
            reviewer.decide(request, "approve", f"{canary('reason')} said yes")
        for submission in (*sent, denied):
            try:
                answers.append(agent.wait(submission, timeout_s=60))
            except SluicegateError as error:
                errors.append(repr(error))
    executor.stop()
    return answers, errors


def write_what_cannot_be_read(cluster: Cluster) -> None:
    """A record on `actions` that is no action."""
    connection = cluster.super_user().connection
    producer = Producer(connection.producer_config())
    value = f'{{"a": "{canary("broken")}"'.encode()
    headers: list[Any] = [("ce_type", b"sluicegate.action.v1"), ("content-type", b"application/json")]
    producer.produce(connection.naming.topic("actions"), key=b"scout", value=value, headers=headers)
    producer.flush(30)


def wanted(reviewer: ReviewerClient, count: int) -> tuple[Any, ...]:
    """All requests, once they are there."""
    deadline = time.monotonic() + 60
    while len(found := reviewer.pending()) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def found_on(cluster: Cluster, topic: str) -> set[str]:
    """The canaries in any part of any record of a topic."""
    with TopicReader(cluster.super_user().connection, topic, From.BEGINNING) as reader:
        parts = [
            part
            for record in reader.to_end()
            for part in (record.key, record.value, *(each for pair in record.headers for each in pair))
            if part is not None
        ]
    return seen(b"\n".join(part.encode() if isinstance(part, str) else part for part in parts))


def seen(text: bytes) -> set[str]:
    """The canaries in bytes, also in text that is escaped."""
    return {place.decode() for place in CANARY.findall(text)}


def test_b13_canaries_are_where_raw_bytes_live_and_nowhere_else(
    cluster: Cluster, deployment: LocalDeployment, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every topic, what the agent gets back, logs of all processes, metrics, errors, and what audit tells people."""
    answers, errors = plant(deployment, cluster)
    outcomes = [answer.outcome for answer in answers]
    assert outcomes.count(OutcomeKind.EXECUTED) >= 1
    assert {OutcomeKind.FAILED, OutcomeKind.DENIED} <= set(outcomes)
    topics = [spec.name for spec in table(Layout.of(deployment.settings), ["desk"])]
    lives: dict[str, set[str]] = {place: set() for place in LIVES}
    for topic in topics:
        for place in found_on(cluster, topic):
            lives[place].add(topic)
    assert lives == {place: set(where) for place, where in LIVES.items()}
    assert seen(repr([(answer, json.dumps(answer.result)) for answer in answers]).encode()) == set()
    assert seen("\n".join(errors).encode()) == set()
    stories = [AuditReader.connect(settings=deployment.settings).stories(one.action_id) for one in answers]
    assert all(stories)
    assert seen(repr(stories).encode()) == set()
    assert deployment.gate is not None
    assert deployment.masking is not None
    watched = [Watched("gate", deployment.gate, 2), Watched("masking", deployment.masking, 2)]
    metrics = Metrics(watched, lambda: time.time_ns() // 1_000_000).text()
    assert metrics
    assert seen(metrics) == set()
    printed = capfd.readouterr()
    assert seen((printed.out + printed.err).encode()) == set()
