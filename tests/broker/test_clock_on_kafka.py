"""A real gate on a machine whose wall clock is an hour off: nobody is told anything too soon, or never."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from kafka_world import KafkaWorld
from wrong_clocks import Ahead

from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.gate_workers import gate_spec
from sluicegate.streams.kafka.embedded import EmbeddedBroker
from sluicegate.streams.local.gate_process import GateProcess
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def world(broker: EmbeddedBroker) -> Iterator[KafkaWorld]:
    """Without a gate of its own."""
    with KafkaWorld(Cluster.fresh(broker), workers=1) as world:
        assert world.local.gate is not None
        world.local.gate.stop()
        yield world


@contextmanager
def gate_with(world: KafkaWorld, clock: Ahead) -> Iterator[GateProcess]:
    """A gate whose machine has this wall clock."""
    gate = GateProcess(replace(gate_spec(world.settings), clock=clock), workers=1)
    gate.start()
    try:
        yield gate
    finally:
        gate.stop()


@pytest.mark.parametrize("by_ms", [HOUR_MS, -HOUR_MS], ids=["ahead", "behind"])
def test_deadlines_and_grants_keep_their_time(world: KafkaWorld, by_ms: int) -> None:
    """A request of two minutes and a grant wait, although one of a second, asked for later, has expired beside them."""
    agent = world.agent()
    with gate_with(world, Ahead(by_ms)) as gate:
        reviewed, granted = world.submit(agent, "role.grant"), world.submit(agent, "door.open")
        request = world.request(reviewed)
        world.outcome(granted, OutcomeKind.GRANTED)
        # The same agent, so the same partition: what was due there when this expires has been told.
        world.outcome(world.submit(agent, "device.reboot"), OutcomeKind.EXPIRED)
        assert world.told(reviewed) == [OutcomeKind.PENDING]
        assert world.told(granted) == [OutcomeKind.GRANTED]
        world.arrive("door")
        assert world.decide("mara", request).counted
        world.outcome(granted, OutcomeKind.EXECUTED)
        world.outcome(reviewed, OutcomeKind.EXECUTED)
        assert (world.effects(granted), world.effects(reviewed)) == (1, 1)
        worker = gate.status[0].worker
        assert worker is not None
        assert worker.clock_offset_ms is not None
        assert abs(worker.clock_offset_ms - by_ms) <= world.settings.gate.skew_ms
        assert gate.status[0].restarts == 0
    world.leave("door")
    assert world.verify().ok


def test_a_gate_to_which_nothing_arrives_knows_the_time_too(world: KafkaWorld) -> None:
    """It begins, an hour behind, with a request that waits a second (if the gate before it was stopped that soon)."""
    with gate_with(world, Ahead(0)):
        asked = world.submit(world.agent(), "device.reboot")
        world.request(asked)
    with gate_with(world, Ahead(-HOUR_MS)):
        world.outcome(asked, OutcomeKind.EXPIRED)
    assert world.verify().ok
