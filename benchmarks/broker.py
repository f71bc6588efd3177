"""On a real, temporary Kafka: the gate with a backlog and its latency; the runtime alone against a bare loop."""

import threading
import time
from collections.abc import Iterator
from statistics import median, quantiles
from typing import Final

from confluent_kafka import Producer

from sluicegate.schemas.ids import partition_of
from sluicegate.schemas.outcome import Outcome, OutcomeKind
from sluicegate.streams.clients.agent import AgentClient, Draft
from sluicegate.streams.clients.reading import read_record
from sluicegate.streams.clients.signed_record import SignedRecord
from sluicegate.streams.clients.topic_reader import From, TopicReader
from sluicegate.streams.kafka.embedded import running_broker
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.local import LocalDeployment

from . import passing
from .material import ACTION_TYPE, AGENT, EXECUTOR, actions, arguments, policy
from .measuring import Effort, Measure
from .working import Work

RULES: Final = 50
ROUNDS: Final = 3
PER_SECOND: Final = 200
LATENCY_S: Final = 10
"""Of submissions, with scale 1."""
SETTLED_S: Final = 1.0
"""After the last submission: an outcome that takes longer is missing."""


def measure(effort: Effort) -> Iterator[Measure]:
    """Every row, as it is ready."""
    with LocalDeployment.temporary(partitions=2, workers=1) as deployment:
        _enrol(deployment)
        yield from _backlog(deployment, effort.of(4_000))
        yield from _latency(deployment, effort.of(PER_SECOND * LATENCY_S))
        gate, broker = deployment.gate, running_broker(deployment.state)
        if gate is None or broker is None:
            raise AssertionError("the deployment has started both")
        gate.stop()
        yield from passing.measure(broker, ROUNDS, effort.of(20_000))


def _enrol(deployment: LocalDeployment) -> None:
    operator = deployment.operator
    owner, reviewer = operator.enrol_person(), operator.enrol_person()
    operator.enrol_group("security", [reviewer])
    deployment.add_executor(EXECUTOR, [ACTION_TYPE])
    operator.enrol_agent(AGENT, deployment.key(AGENT).public, [owner])
    operator.publish_policy("measured", policy(RULES))
    deployment.await_adoption()


def _backlog(deployment: LocalDeployment, count: int) -> Iterator[Measure]:
    if deployment.gate is None:
        raise AssertionError("the deployment has started a gate")
    work = Work(deployment.gate)
    connection = deployment.connection(Role.AGENT)
    writer = Producer({**connection.producer_config(), "linger.ms": 5})
    partition = partition_of(AGENT, deployment.settings.partitions)
    for number in range(ROUNDS + 1):
        signed = _signed(deployment, count, first=number * count)
        with work.on(count):
            _write(writer, connection.topic("actions"), partition, signed)
    _check_all_granted(deployment, (ROUNDS + 1) * count)
    yield from work.measures(f"gate on Kafka, backlog, {RULES} rules", count)


def _signed(deployment: LocalDeployment, count: int, first: int) -> list[SignedRecord]:
    now_ms = time.time_ns() // 1_000_000
    name, key = deployment.settings.deployment, deployment.key(AGENT)
    return list(actions(count, deployment=name, key=key, now_ms=now_ms, first=first))


def _write(writer: Producer, topic: str, partition: int, signed: list[SignedRecord]) -> None:
    for record in signed:
        writer.produce(topic, record.value, record.key, partition, headers=list(record.headers))
        writer.poll(0)
    if writer.flush(30):
        raise AssertionError("the actions were not written in time")


def _check_all_granted(deployment: LocalDeployment, wanted: int) -> None:
    with TopicReader(deployment.connection(Role.AGENT), "outcomes", From.BEGINNING) as reader:
        told = [read_record(record, Outcome).outcome for record in reader.to_end()]
    if told != [OutcomeKind.GRANTED] * wanted:
        raise AssertionError(f"{wanted} grants were wanted, {len(told)} outcomes told, or some are others")


def _latency(deployment: LocalDeployment, count: int) -> Iterator[Measure]:
    """From before an action is signed until its outcome has been read and parsed, at a steady rate."""
    sent: dict[str, float] = {}
    told: dict[str, float] = {}
    with AgentClient.connect(AGENT, settings=deployment.settings) as client:
        outcomes = client.outcomes()

        def read() -> None:
            for outcome in outcomes:
                told[outcome.action_id] = time.monotonic()

        reader = threading.Thread(target=read)
        reader.start()
        began = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, began + number / PER_SECOND - time.monotonic()))
            action_id = f"ac-late-{number}"
            sent[action_id] = time.monotonic()
            client.submit_nowait(Draft(ACTION_TYPE, arguments(number), action_id))
        time.sleep(SETTLED_S)
    reader.join()
    took = [told[action_id] - at for action_id, at in sent.items() if action_id in told]
    if len(took) != count:
        raise AssertionError(f"{count} outcomes were wanted, {len(took)} were told")
    cuts = quantiles(took, n=100)
    for name, at_s in (("median", median(took)), ("p99", cuts[98])):
        yield Measure(
            f"submit to outcome at {PER_SECOND}/s, {name}",
            at_s * 1e6,
            min(took) * 1e6,
            max(took) * 1e6,
            1,
            count,
        )
