"""Every scenario of the gate, with Apache Kafka in a container as people deploy it."""

from collections.abc import Iterator

import pytest
from gate_scenarios import GateScenarios
from kafka_container import ContainerBroker
from kafka_world import KafkaWorld

from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def shared(kafka_container: ContainerBroker) -> Iterator[KafkaWorld]:
    """One gate and one set of identities for all scenarios."""
    with KafkaWorld(Cluster.fresh(kafka_container)) as world:
        yield world


@pytest.fixture
def world(shared: KafkaWorld) -> Iterator[KafkaWorld]:
    """A world whose audit log verifies after each scenario, and whose workers have never had to start again."""
    yield shared
    report = shared.verify()
    assert [str(finding) for finding in report.findings] == []
    assert report.ok
    assert shared.local.gate is not None
    assert [slot.restarts for slot in shared.local.gate.status] == [0, 0]


class TestInAContainer(GateScenarios):
    """The scenarios, with everything real but what the executors do."""
