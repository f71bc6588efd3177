"""Every scenario of the gate, on a real Kafka: real worker processes, the clients that people and agents use."""

from collections.abc import Iterator

import pytest
from gate_scenarios import GateScenarios
from kafka_world import KafkaWorld

from sluicegate.streams.kafka.embedded import EmbeddedBroker
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def shared(broker: EmbeddedBroker) -> Iterator[KafkaWorld]:
    """One gate and one set of identities for all scenarios."""
    with KafkaWorld(Cluster.fresh(broker)) as world:
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


class TestOnKafka(GateScenarios):
    """The scenarios, with everything real but what the executors do."""
