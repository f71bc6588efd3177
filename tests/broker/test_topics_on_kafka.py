"""The table of topics against a real cluster: planned, applied, compared, defended."""

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from sluicegate.schemas.errors import AccessError, ConfigurationError
from sluicegate.streams.kafka.topics import (
    Change,
    Layout,
    TopicRow,
    apply_topics,
    plan_topics,
    table,
)
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker


def test_a_provisioned_cluster_is_as_the_table_says(cluster: Cluster) -> None:
    """After provisioning the plan is clean and holds every topic of the table."""
    plan = plan_topics(cluster.admin(), cluster.layout)
    assert plan.is_clean
    assert {row.topic for row in plan.rows} == {spec.name for spec in table(cluster.layout)}


def test_planning_changes_nothing(cluster: Cluster) -> None:
    """A plan for an executor that is not there names its two topics, twice: nothing was created by asking."""
    for _ in range(2):
        plan = plan_topics(cluster.admin(), cluster.layout, ["crm"])
        assert [row.topic for row in plan.of(Change.CREATE)] == ["execution.crm", "dlq.execution.crm"]


def test_executors_on_the_cluster_are_part_of_the_plan(cluster: Cluster) -> None:
    """Topics of an executor that exists are checked though nobody names it."""
    cluster.add_executor("crm")
    plan = plan_topics(cluster.admin(), cluster.layout)
    assert plan.is_clean
    assert "execution.crm" in {row.topic for row in plan.rows}


def test_a_changed_retention_is_planned_and_put_right(cluster: Cluster) -> None:
    """A value that differs is shown as found and wanted, and applying restores it."""
    cluster.super_user().configure_topics({"actions": {"retention.ms": "1000"}})

    rows = plan_topics(cluster.admin(), cluster.layout).of(Change.CONFIGURE)
    assert rows == (TopicRow("actions", Change.CONFIGURE, ("retention.ms: 1000, wanted 2592000000",)),)

    apply_topics(cluster.admin(), cluster.layout)
    assert plan_topics(cluster.admin(), cluster.layout).is_clean


def test_k3_changed_retention_of_audit_is_found_and_nobody_may_touch_it(cluster: Cluster) -> None:
    """Tampering with `audit` shows in the plan; even the administrator may not configure that topic."""
    cluster.super_user().configure_topics({"audit": {"retention.ms": "1000"}})
    plan = plan_topics(cluster.admin(), cluster.layout)
    assert [row.topic for row in plan.of(Change.CONFIGURE)] == ["audit"]
    with pytest.raises(AccessError, match="find out who"):
        apply_topics(cluster.admin(), cluster.layout)


def test_k5_another_number_of_partitions_is_a_conflict_and_changes_nothing(cluster: Cluster) -> None:
    """Settings that ask for more partitions are refused as a whole."""
    wanted = Layout(partitions=3)
    with pytest.raises(ConfigurationError, match=r"partitions: 2, wanted 3.*nothing was changed"):
        apply_topics(cluster.admin(), wanted, ["new"])
    assert "execution.new" not in cluster.admin().partitions()


def test_the_broker_says_when_a_record_was_appended(cluster: Cluster) -> None:
    """The time of a record is the broker's, whatever its writer claims."""
    connection = cluster.connection("operator")
    producer = Producer(connection.producer_config())
    producer.produce(connection.topic("controls"), b"-", partition=0, timestamp=1_000)
    assert producer.flush(10) == 0
    consumer = Consumer(connection.reader_config())
    consumer.assign([TopicPartition(connection.topic("controls"), 0, 0)])
    record = consumer.poll(10)
    consumer.close()
    assert record is not None
    kind, append_ms = record.timestamp()
    assert kind == 2
    assert append_ms > 1_000_000_000_000
