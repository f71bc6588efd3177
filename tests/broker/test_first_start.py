"""Gate and masking begin on an empty cluster in whatever order, and neither takes the other's entries for its own."""

import time

import pytest
from kafka_world import deployment_on

from sluicegate.streams.clients.topic_reader import From, TopicReader
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker


def test_a_gate_begins_where_masking_has_begun_before_it(cluster: Cluster) -> None:
    """Both write to `audit`: what masking wrote there is no sign that the gate has worked and lost its offsets."""
    with deployment_on(cluster) as deployment:
        deployment.make_masking_keys()
        deployment.start_masking()
        with TopicReader(deployment.connection(Role.ANALYST), "audit", From.BEGINNING) as audit:
            seen: set[int] = set()
            deadline = time.monotonic() + 30
            while len(seen) < deployment.settings.partitions:
                assert time.monotonic() < deadline, "masking wrote nothing to audit"
                seen |= {record.position.partition for record in audit.poll(0.1)}
        deployment.start_gate(1)
        assert deployment.gate is not None
        assert [slot.restarts for slot in deployment.gate.status] == [0]
