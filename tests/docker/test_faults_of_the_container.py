"""Kafka's container killed or frozen while a gate and an executor work: nothing is lost, nothing is done twice."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from gate_world import Asked
from kafka_container import ContainerBroker
from kafka_world import KafkaWorld

from sluicegate.schemas.errors import SluicegateError
from sluicegate.schemas.outcome import OutcomeKind as Told
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.docker
ACTIONS = 60
FROZEN_S = 6.0
PATIENT_S = 120.0


@pytest.fixture
def world(kafka_container: ContainerBroker) -> Iterator[KafkaWorld]:
    """A gate for each fault."""
    with KafkaWorld(Cluster.fresh(kafka_container)) as world:
        yield world


def killed(broker: ContainerBroker) -> None:
    """SIGKILL, then the same container again."""
    broker.kill()
    broker.start_again()


def frozen(broker: ContainerBroker) -> None:
    """Connections stay open and nothing answers for longer than a gate waits for an answer to look."""
    broker.pause()
    time.sleep(FROZEN_S)
    broker.unpause()


def submitted(world: KafkaWorld, agent: str, action_id: str, number: int) -> Asked:
    """Sent until it is acknowledged: the same content under the same id is the same action."""
    deadline = time.monotonic() + PATIENT_S
    while True:
        try:
            return world.submit(agent, "ward.read", {"ward": number}, action_id=action_id)
        except SluicegateError:
            assert time.monotonic() < deadline, "the broker did not come back"


@pytest.mark.parametrize("fault", [killed, frozen])
def test_nothing_is_lost_and_nothing_is_done_twice(
    world: KafkaWorld, kafka_container: ContainerBroker, fault: Callable[[ContainerBroker], None]
) -> None:
    """Actions submitted before, during and after the fault are all granted once and told; the log verifies."""
    agents = [world.agent() for _ in range(4)]
    asked: list[Asked] = []

    def submit() -> None:
        for number in range(ACTIONS):
            name = f"{fault.__name__}-{number}"
            asked.append(submitted(world, agents[number % 4], name, number))  # as it goes

    thread = threading.Thread(target=submit)
    thread.start()
    while len(asked) < ACTIONS // 4:
        assert thread.is_alive()
        time.sleep(0.01)
    fault(kafka_container)
    kafka_container.await_ready()
    thread.join(PATIENT_S)
    assert len(asked) == ACTIONS
    deadline = time.monotonic() + PATIENT_S
    while not all(one.awaited.latest() for one in asked):
        assert time.monotonic() < deadline, "the gate did not go on"
        time.sleep(0.1)
    for one in asked:
        world.outcome(one, Told.GRANTED, Told.EXECUTED, Told.UNKNOWN, Told.LAPSED)
        assert world.told(one).count(Told.GRANTED) == 1
        assert world.effects(one) <= 1
    report = world.verify()
    assert [str(finding) for finding in report.findings] == []
    assert report.ok
