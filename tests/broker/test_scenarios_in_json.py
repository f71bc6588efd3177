"""Scenarios of the gate on a real Kafka that writes `approvals`, `outcomes` and `audit` as JSON."""

from collections.abc import Iterator

import pytest
from gate_scenarios import GateScenarios
from kafka_world import KafkaWorld

from sluicegate.schemas.envelope import header
from sluicegate.streams.clients.topic_reader import From, TopicReader
from sluicegate.streams.kafka.embedded import EmbeddedBroker
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def shared(broker: EmbeddedBroker) -> Iterator[KafkaWorld]:
    """One gate and one set of identities for all scenarios; in the end nothing on these topics was Avro."""
    with KafkaWorld(Cluster.fresh(broker), json_topics=("approvals", "outcomes", "audit")) as world:
        yield world
        for topic, role in (
            ("approvals", Role.REVIEWER),
            ("outcomes", Role.AGENT),
            ("audit", Role.ANALYST),
        ):
            with TopicReader(world.local.connection(role), topic, From.BEGINNING) as reader:
                types = {header(record.headers, "content-type") for record in reader.to_end()}
            assert types == {b"application/json"}


@pytest.fixture
def world(shared: KafkaWorld) -> Iterator[KafkaWorld]:
    """A world whose audit log verifies after each scenario."""
    yield shared
    report = shared.verify()
    assert [str(finding) for finding in report.findings] == []
    assert report.ok


class TestInJsonOnKafka:
    """Those scenarios that see every kind of record, with the clients that people and agents use."""

    test_an_allowed_action_is_executed_once = GateScenarios.test_an_allowed_action_is_executed_once
    test_two_groups_approve = GateScenarios.test_two_groups_approve_and_it_is_executed_once
    test_a_request_nobody_answers_expires = GateScenarios.test_a_request_nobody_answers_expires
    test_a_late_decision_does_not_count = GateScenarios.test_a_late_decision_does_not_count
    test_the_same_action_again = GateScenarios.test_the_same_action_again_is_told_again_and_not_done_again
