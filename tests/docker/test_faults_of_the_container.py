"""Kafka's container killed or frozen while a gate and an executor work: nothing is lost, nothing is done twice."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from gate_world import Asked
from kafka_container import ContainerBroker
from kafka_world import KafkaWorld

from sluicegate.schemas.outcome import OutcomeKind as Told
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.docker
ACTIONS = 60
FROZEN_S = 6.0


@pytest.fixture(scope="module")
def world(kafka_container: ContainerBroker) -> Iterator[KafkaWorld]:
    """One gate for all faults."""
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


@pytest.mark.parametrize("fault", [killed, frozen])
def test_every_action_is_done_once_and_told(
    world: KafkaWorld, kafka_container: ContainerBroker, fault: Callable[[ContainerBroker], None]
) -> None:
    """Actions submitted before, during and after the fault all end; their effects are counted; the log verifies."""
    agents = [world.agent() for _ in range(4)]
    asked: list[Asked] = []

    def submit() -> None:
        for number in range(ACTIONS):
            asked.append(world.submit(agents[number % 4], "ward.read", {"ward": number}))  # noqa: PERF401  # as it goes

    thread = threading.Thread(target=submit)
    thread.start()
    while len(asked) < ACTIONS // 4:
        time.sleep(0.01)
    fault(kafka_container)
    kafka_container.await_ready()
    thread.join(60)
    assert len(asked) == ACTIONS
    for one in asked:
        world.outcome(one, Told.EXECUTED)
        assert world.effects(one) == 1
    report = world.verify()
    assert [str(finding) for finding in report.findings] == []
    assert report.ok
