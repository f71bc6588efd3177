"""What holds up a partition of a real gate, a policy that takes for ever and huge records: the other partition goes on."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import Producer
from gate_world import Raw
from kafka_world import KafkaWorld

from sluicegate.processors.events import Event, Reason
from sluicegate.schemas.ids import partition_of
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.gate_workers import gate_spec
from sluicegate.streams.health import readiness
from sluicegate.streams.health.readiness import Readiness, Why
from sluicegate.streams.kafka.embedded import EmbeddedBroker
from sluicegate.streams.local.gate_process import GateProcess
from sluicegate.streams.runtime.aside import Cause
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker

STUCK, WELL = 0, 1
WATCHDOG_MS = 5_000
HEAVY: dict[str, Any] = {
    "rows": list(range(950)),
    "fields": {f"field-{number}": "x" * 40 for number in range(900)},
}
"""Below every cap, and compared with itself once per row and term."""


@pytest.fixture(scope="module")
def world(broker: EmbeddedBroker) -> Iterator[KafkaWorld]:
    """A gate whose hanging workers are ended early."""
    with KafkaWorld(Cluster.fresh(broker), workers=1) as world:
        assert world.local.gate is not None
        world.local.gate.stop()
        yield world


@pytest.fixture
def gate(world: KafkaWorld) -> Iterator[GateProcess]:
    """Its workers."""
    gate = GateProcess(replace(gate_spec(world.settings), watchdog_ms=WATCHDOG_MS), workers=1)
    gate.start()
    yield gate
    gate.stop()


def agent_of(world: KafkaWorld, partition: int) -> str:
    """An agent nobody has used yet, of this partition."""
    return next(agent for agent in iter(world.agent, None) if partition_of(agent, 2) == partition)


def policy_for(agent: str, condition: str, rules: int) -> str:
    """It allows reading, and has rules that never match."""
    others = "".join(
        f'  - {{id: r{number}, on: [ward.read], effect: deny, when: "{condition}"}}\n'
        for number in range(rules)
    )
    return (
        f"version: 1\nname: one-agent\ndefault: deny\nagents: [{agent}]\nrules:\n"
        f"  - {{id: reads, on: [ward.read], effect: allow}}\n{others}"
    )


def found(gate: GateProcess) -> Readiness:
    """What `/readyz` would say."""
    return readiness(gate.status, time.time_ns() // 1_000_000, partitions=2)


def until(is_done: Callable[[], bool], gate: GateProcess, limit_s: float = 240.0) -> None:
    """Wait for the gate."""
    deadline = time.monotonic() + limit_s
    while not is_done():
        assert time.monotonic() < deadline, gate.status
        time.sleep(0.05)


def documents(gate: GateProcess) -> int:
    """How many records of policies its worker has read."""
    worker = gate.status[0].worker
    return 0 if worker is None else worker.tables.get("policies", 0)


@pytest.mark.slow
def test_a_policy_that_takes_for_ever_stops_only_the_partition_of_its_agent(
    world: KafkaWorld, gate: GateProcess
) -> None:
    """Workers that it hangs are ended; after the third its partition rests, and a corrected policy lets it go on."""
    victim, other = agent_of(world, STUCK), agent_of(world, WELL)
    until(lambda: documents(gate) > 0, gate)
    before = documents(gate)
    terms = " && ".join(
        f"action.arguments.rows.all(r, action.arguments.fields == action.arguments.fields || r > {number})"
        for number in range(9)
    )
    world.local.operator.publish_policy("one-agent", policy_for(victim, f"!({terms})", 60))
    until(lambda: documents(gate) > before, gate)
    asked = world.submit(victim, "ward.read", HEAVY)
    until(
        lambda: (
            (Why.STUCK, STUCK, Cause.ENDED) in [(r.why, r.partition, r.code) for r in found(gate).reasons]
        ),
        gate,
    )
    well = world.submit(other, "ward.read")
    world.outcome(well, OutcomeKind.EXECUTED)
    assert asked.awaited.latest() is None
    world.local.operator.publish_policy(
        "one-agent", policy_for(victim, "size(action.arguments.rows) > 2000", 1)
    )
    until(lambda: asked.awaited.latest() is not None, gate)
    world.outcome(asked, OutcomeKind.EXECUTED)
    until(lambda: found(gate).ready, gate)
    assert world.verify().ok


def test_a_huge_record_is_a_dead_letter_and_holds_up_nobody(world: KafkaWorld, gate: GateProcess) -> None:
    """As large as its topic takes, and deeper than anybody nests: both are set aside by the gate itself."""
    victim = agent_of(world, STUCK)
    deep = world.write(
        Raw("actions", victim.encode(), b"[" * 200_000, (("content-type", b"application/json"),))
    )
    huge = world.write(Raw("actions", victim.encode(), b"x" * 4_000_000))
    for place, reason in ((deep, Reason.UNREADABLE), (huge, Reason.OVERSIZE)):
        entry = world.entry_of(place)
        assert (entry.event, entry.reason) == (Event.DEAD_LETTER, reason)
    world.outcome(world.submit(victim, "ward.read"), OutcomeKind.EXECUTED)
    until(lambda: found(gate).ready, gate)
    assert gate.status[0].restarts == 0


def test_a_record_that_only_compressed_fits_its_topic_holds_up_nobody(
    world: KafkaWorld, gate: GateProcess
) -> None:
    """A broker measures what is compressed: what is ten times as large as any topic takes gets there."""
    victim = agent_of(world, STUCK)
    connection = world.cluster.super_user().connection
    writer = Producer(
        {**connection.producer_config(), "compression.type": "zstd", "message.max.bytes": 100_000_000}
    )
    placed: list[Any] = []
    writer.produce(
        connection.topic("actions"),
        bytes(40_000_000),
        victim.encode(),
        STUCK,
        on_delivery=lambda error, message: placed.append(error or message.offset()),
    )
    assert writer.flush(30) == 0
    well = world.submit(agent_of(world, WELL), "ward.read")
    world.outcome(well, OutcomeKind.EXECUTED)
    behind = world.submit(victim, "ward.read")
    world.outcome(behind, OutcomeKind.EXECUTED)
    until(lambda: found(gate).ready, gate)
    assert gate.status[0].restarts == 0
