"""What readiness rests on, and the client configurations, on a real broker."""

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from sluicegate.schemas.errors import AccessError
from sluicegate.streams.kafka.conformance import check_transactions
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker


def test_real_kafka_holds_every_checked_promise(cluster: Cluster) -> None:
    """Committed records are visible, aborted ones only to those who ask for uncommitted ones."""
    report = check_transactions(cluster.super_user().connection, "checkpoints")
    assert [check.held for check in report.checks] == [True, True, True]


def test_a_principal_without_the_right_is_told_so(cluster: Cluster) -> None:
    """Without a transactional-id right the check ends in an access error, not in a broken promise."""
    with pytest.raises(AccessError, match="`analyst-local` may not complete a transaction"):
        check_transactions(cluster.connection("analyst-local"), "audit")


def test_the_gate_commits_records_and_positions_in_one_transaction_with_its_own_rights(
    cluster: Cluster,
) -> None:
    """Subscribe under KIP-848, write an outcome, commit the position: the rights and settings suffice."""
    agent, gate = cluster.connection("agent-local"), cluster.connection("gate")
    writer = Producer(agent.producer_config())
    writer.produce(agent.topic("actions"), b"an action", key=b"lane")
    assert writer.flush(10) == 0

    def assign(consumer: Consumer, partitions: list[TopicPartition]) -> None:
        committed = consumer.committed(partitions, timeout=10)
        consumer.incremental_assign(
            [TopicPartition(each.topic, each.partition, max(each.offset, 0)) for each in committed]
        )

    consumer = Consumer(gate.member_config())
    consumer.subscribe(
        [gate.topic(topic) for topic in ("actions", "decisions", "receipts")], on_assign=assign
    )
    producer = Producer(gate.transactional_config(0))
    producer.init_transactions(10)
    record = None
    for _ in range(100):
        record = consumer.poll(0.2)
        if record is not None:
            break
    assert record is not None
    assert record.error() is None
    topic, partition, offset = record.topic(), record.partition(), record.offset()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    position = TopicPartition(topic, partition, offset + 1)
    producer.begin_transaction()
    producer.produce(gate.topic("outcomes"), b"an outcome", key=b"lane")
    producer.flush(10)
    producer.send_offsets_to_transaction([position], consumer.consumer_group_metadata(), 10)
    producer.commit_transaction(10)
    assert consumer.committed([position], timeout=10)[0].offset == position.offset
    consumer.close()
