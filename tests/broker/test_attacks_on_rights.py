"""Attacks that the broker alone must refuse; what the table of rights says pair by pair is tested with the table."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions

from sluicegate.schemas.errors import AccessError
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.kafka.embedded import EmbeddedBroker
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker

EVERYBODY = (
    "agent-local",
    "reviewer-local",
    "gate",
    "masking",
    "operator",
    "analyst-local",
    "privacy-local",
    "executor-crm",
    "admin",
)
AT_RUN_TIME = tuple(user for user in EVERYBODY if user != "admin")
DENIED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    # Who may not even describe a topic is told that it knows none of this name.
    KafkaError._NOENT,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}


@pytest.fixture(scope="module")
def cluster(broker: EmbeddedBroker) -> Cluster:
    """One deployment with an executor; no test changes it."""
    cluster = Cluster.fresh(broker)
    cluster.add_executor("crm")
    cluster.add_executor("erp")
    return cluster


def code_of(futures: "Mapping[Any, Future[Any]]") -> int:
    """The number of the error that an administrative request ends with; 0 when it was done."""
    try:
        next(iter(futures.values())).result(10)
    except KafkaException as error:
        return int(error.args[0].code())
    return 0


def change(kind: ConfigResource.Type, name: str, setting: str, value: str) -> ConfigResource:
    """A request to set one thing."""
    entry = ConfigEntry(setting, value, incremental_operation=AlterConfigOpType.SET)
    return ConfigResource(kind, name, incremental_configs=[entry])


@pytest.mark.parametrize("user", EVERYBODY)
@pytest.mark.parametrize("topic", ["audit", "decisions", "execution.crm"])
def test_k4_a_topic_is_deleted_by_nobody(cluster: Cluster, user: str, topic: str) -> None:
    """Whoever asks is refused, and the topic is there as before."""
    admin = cluster.admin(user)
    name = admin.naming.topic(topic)
    refusals = DENIED | {KafkaError.TOPIC_DELETION_DISABLED}
    assert code_of(admin.client.delete_topics([name])) in refusals
    assert topic in cluster.super_user().partitions()


def test_k4_not_even_the_broker_s_own_user_deletes_a_topic(cluster: Cluster) -> None:
    """`delete.topic.enable=false` binds the super user too, so no topic is ever deleted and made again under its name."""
    admin = cluster.super_user()
    name = admin.naming.topic("audit")
    assert code_of(admin.client.delete_topics([name])) == KafkaError.TOPIC_DELETION_DISABLED


@pytest.mark.parametrize("user", AT_RUN_TIME)
@pytest.mark.parametrize("topic", ["actions", "decisions", "execution.crm", "receipts", "checkpoints"])
def test_k2_k3_k5_inputs_cannot_be_cut_changed_or_split_at_run_time(
    cluster: Cluster, user: str, topic: str
) -> None:
    """Deleting records, changing retention and adding partitions are refused on every topic, not on `audit` alone."""
    admin = cluster.admin(user)
    client, name = admin.client, admin.naming.topic(topic)
    retention = change(ConfigResource.Type.TOPIC, name, "retention.ms", "1000")
    assert code_of(client.delete_records([TopicPartition(name, 0, 0)])) in DENIED
    assert code_of(client.incremental_alter_configs([retention])) in DENIED
    assert code_of(client.create_partitions([NewPartitions(name, 5)])) in DENIED


@pytest.mark.parametrize("user", EVERYBODY)
def test_k3_the_broker_s_own_retention_is_changed_by_nobody(cluster: Cluster, user: str) -> None:
    """A default for all topics would reach those that set none."""
    retention = change(ConfigResource.Type.BROKER, "1", "log.retention.ms", "1000")
    assert code_of(cluster.admin(user).client.incremental_alter_configs([retention])) in DENIED


@pytest.mark.parametrize("user", AT_RUN_TIME)
def test_k11_a_denial_is_removed_by_nobody_at_run_time(cluster: Cluster, user: str) -> None:
    """The rights that protect `audit` from everybody stay."""
    denials = [right for right in cluster.super_user().rights() if right.permission == "deny"]
    assert denials
    with pytest.raises(AccessError, match=f"`{user}` may not"):
        cluster.admin(user).remove_rights(denials)
    assert set(denials) <= cluster.super_user().rights()


@pytest.mark.parametrize(
    ("thief", "victim", "topic"),
    [
        ("executor-erp", "executor-crm", "execution.erp"),
        ("agent-local", "executor-crm", "outcomes"),
        ("executor-crm", "gate", "receipts"),
        ("analyst-local", "gate", "audit"),
    ],
)
def test_k7_a_stranger_joins_nobody_s_group(cluster: Cluster, thief: str, victim: str, topic: str) -> None:
    """It would take partitions away from who works there."""
    stranger = cluster.connection(thief)
    consumer = Consumer({**stranger.member_config(), "group.id": cluster.connection(victim).group})
    consumer.subscribe([stranger.topic(topic)])
    try:
        assert first_error(lambda: consumer.poll(0.2)) == KafkaError.GROUP_AUTHORIZATION_FAILED
    finally:
        consumer.close()


@pytest.mark.parametrize(
    ("thief", "victim", "topic"),
    [
        ("executor-erp", "executor-crm", "receipts"),
        ("executor-crm", "gate", "receipts"),
        ("analyst-local", "gate", "audit"),
    ],
)
def test_k6_a_stranger_moves_nobody_s_offsets(cluster: Cluster, thief: str, victim: str, topic: str) -> None:
    """To rewind or to skip needs the right to the group."""
    stranger, group = cluster.admin(thief), cluster.connection(victim).group
    places = [TopicPartition(stranger.naming.topic(topic), 0, 0)]
    wanted = ConsumerGroupTopicPartitions(group, places)
    assert code_of(stranger.client.alter_consumer_group_offsets([wanted])) in DENIED


@pytest.mark.parametrize(
    ("thief", "victim"),
    [("agent-local", "gate"), ("executor-crm", "gate"), ("gate", "executor-crm"), ("masking", "gate")],
)
def test_k8_nobody_fences_another(cluster: Cluster, thief: str, victim: str) -> None:
    """The transactional id of another principal is refused before it can end the other's transaction."""
    config = cluster.connection(thief).transactional_config(0)
    stolen = {**config, "transactional.id": cluster.connection(victim).transactional_id(0)}
    with pytest.raises(KafkaException) as caught:
        Producer(stolen).init_transactions(10)
    assert caught.value.args[0].code() == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED


def test_p6_a_record_beyond_the_limit_is_refused_by_the_broker(cluster: Cluster) -> None:
    """5 MiB on `actions` never reaches the gate; 3 MiB does, and becomes a dead letter there."""
    agent = cluster.connection("agent-local")
    assert written(agent, bytes(5 * 1024 * 1024)) == KafkaError.MSG_SIZE_TOO_LARGE
    assert written(agent, bytes(3 * 1024 * 1024)) == 0


def written(connection: Connection, value: bytes) -> int:
    """Write one record to `actions`; 0 when it was appended, else the number of the error."""
    codes: list[int] = []
    producer = Producer(connection.producer_config())
    producer.produce(
        connection.topic("actions"),
        value,
        partition=0,
        on_delivery=lambda error, _: codes.append(0 if error is None else error.code()),
    )
    assert producer.flush(20) == 0
    return codes[0]


def first_error(poll: Callable[[], Any]) -> int:
    """The number of the first error that a consumer is told within ten seconds."""
    for _ in range(50):
        record = poll()
        if record is not None and record.error() is not None:
            return int(record.error().code())
    raise AssertionError("the consumer was told no error")
