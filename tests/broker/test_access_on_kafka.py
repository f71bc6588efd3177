"""The table of rights against a real cluster: what must be refused is refused by the broker, and written down."""

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions

from sluicegate.schemas.errors import AccessError
from sluicegate.streams.kafka.access import apply_access, plan_access, remove_unexpected
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.kafka.embedded import EmbeddedBroker
from sluicegate.streams.kafka.principals import LOCAL_PRINCIPALS, Principal, Role
from sluicegate.streams.kafka.provision import provision_principal
from sluicegate.streams.kafka.rights import Right, rights_of
from sluicegate.streams.kafka.topics import table
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker
DENIED = KafkaError.TOPIC_AUTHORIZATION_FAILED
SAFE_TO_ASK = {"read", "write", "describe", "describe_configs", "create", "delete", "alter", "alter_configs"}


def written(connection: Connection, topic: str) -> int:
    """Try to write one record; 0 when it was appended, else Kafka's error number."""
    codes: list[int] = []
    # With a callback an idempotent producer that may write nothing at all reports, instead of raising, that.
    producer = Producer(
        {**connection.producer_config(), "error_cb": lambda error: codes.append(error.code())}
    )
    try:
        producer.produce(
            connection.topic(topic),
            b"-",
            partition=0,
            on_delivery=lambda error, _record: codes.append(0 if error is None else error.code()),
        )
        producer.flush(10)
    except KafkaException as error:
        codes.append(error.args[0].code())
    return codes[0]


def values_read(connection: Connection, topic: str) -> list[bytes | None]:
    """The values that come within a second from the beginning of a topic."""
    consumer = Consumer(connection.reader_config())
    consumer.assign([TopicPartition(connection.topic(topic), 0, 0)])
    records = consumer.consume(1, 1.0)
    consumer.close()
    return [record.value() for record in records if record.error() is None]


@pytest.mark.parametrize(
    "topic", ["decisions", "execution.crm", "audit", "receipts", "approvals", "identities"]
)
def test_a4_k1_an_agent_may_not_write(cluster: Cluster, broker: EmbeddedBroker, topic: str) -> None:
    """An agent that writes anywhere but to `actions` gets error 29, and the broker's log names it."""
    cluster.add_executor("crm")
    assert written(cluster.connection("agent-local"), topic) == DENIED
    denials = [line for line in broker.log.read_text().splitlines() if "User:agent-local is Denied" in line]
    assert any(cluster.settings.prefix + topic in line for line in denials)


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("agent-local", "actions"),
        ("reviewer-local", "decisions"),
        ("operator", "identities"),
        ("executor-crm", "receipts"),
        ("executor-crm", "dlq.execution.crm"),
        ("gate", "execution.crm"),
        ("gate", "dlq.actions"),
        ("pipeline-local", "exports.raw"),
    ],
)
def test_who_must_write_may(cluster: Cluster, user: str, topic: str) -> None:
    """What the table allows works, with nothing but the rights of the table."""
    cluster.add_executor("crm")
    assert written(cluster.connection(user), topic) == 0


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("reviewer-local", "audit"),
        ("executor-crm", "actions"),
        ("executor-crm", "decisions"),
        ("executor-crm", "execution.erp"),
        ("analyst-local", "audit"),
        ("operator", "decisions"),
        ("operator", "audit"),
        ("gate", "checkpoints"),
        ("gate", "decisions"),
        ("masking", "execution.crm"),
        ("admin", "decisions"),
        ("privacy-local", "decisions"),
    ],
)
def test_k1_who_must_not_write_may_not(cluster: Cluster, user: str, topic: str) -> None:
    """Error 29 for the forbidden pairs that matter most; who may write nowhere is no idempotent writer at all (31)."""
    cluster.add_executor("crm")
    cluster.add_executor("erp")
    code = written(cluster.connection(user), topic)
    # After 31 the client gives up for good and throws its queue away.
    assert code in {DENIED, KafkaError.CLUSTER_AUTHORIZATION_FAILED, KafkaError._PURGE_QUEUE}


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("agent-local", "actions"),
        ("agent-local", "approvals"),
        ("reviewer-local", "actions"),
        ("reviewer-local", "execution.crm"),
        ("analyst-local", "approvals"),
        ("analyst-local", "dlq.actions"),
        ("executor-erp", "execution.crm"),
    ],
)
def test_b13_raw_topics_are_closed_to_who_needs_none(cluster: Cluster, user: str, topic: str) -> None:
    """A record that is there never comes, whether Kafka says so (error 29) or, without Describe, says nothing."""
    cluster.add_executor("crm")
    cluster.add_executor("erp")
    assert written(cluster.super_user().connection, topic) == 0
    assert values_read(cluster.super_user().connection, topic) == [b"-"]
    assert values_read(cluster.connection(user), topic) == []


def test_k1_the_whole_product_of_principals_and_topics_is_as_the_table_says(cluster: Cluster) -> None:
    """Asked by each principal for each topic, the broker lists exactly the operations of the table."""
    cluster.add_executor("crm")
    implied = {"read": {"describe"}, "write": {"describe"}, "delete": {"describe"}}
    implied |= {"alter": {"describe"}, "alter_configs": {"describe_configs"}}
    naming = cluster.admin().naming
    for principal in (*LOCAL_PRINCIPALS, Principal(Role.EXECUTOR, "crm")):
        rights = [right for right in rights_of(principal, naming) if right.resource == "topic"]
        for spec in table(cluster.layout, ["crm"]):
            name = naming.topic(spec.name)
            wanted = {
                right.operation
                for right in rights
                if name == right.name or (right.pattern == "prefixed" and name.startswith(right.name))
            }
            wanted |= set().union(*(implied.get(operation, set()) for operation in wanted))
            if spec.name in {"audit", "checkpoints"}:
                wanted -= {"alter", "alter_configs", "delete"}
            allowed = cluster.admin(principal.user).may(spec.name)
            if allowed or "describe" in wanted:
                assert allowed & SAFE_TO_ASK == wanted, f"{principal.user} on {spec.name}"


def test_k7_a_stranger_may_not_join_the_gates_group(cluster: Cluster) -> None:
    """A reviewer that subscribes under the gate's group gets an authorization error, never a partition."""
    reviewer, gate = cluster.connection("reviewer-local"), cluster.connection("gate")
    consumer = Consumer({**reviewer.member_config(), "group.id": gate.group})
    consumer.subscribe([reviewer.topic("approvals")])
    try:
        record = consumer.poll(10)
        assert record is not None
        error = record.error()
        assert error is not None
        assert error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED
    finally:
        consumer.close()


@pytest.mark.parametrize("thief", ["reviewer-local", "executor-crm-2"])
def test_k8_a_stranger_may_not_use_anothers_transactional_id(cluster: Cluster, thief: str) -> None:
    """Neither a reviewer nor an executor whose name starts with the victim's can fence it."""
    cluster.add_executor("crm")
    cluster.add_executor("crm-2")
    victim = cluster.connection("executor-crm")
    stolen = {
        **cluster.connection(thief).transactional_config(0),
        "transactional.id": victim.transactional_id(0),
    }
    with pytest.raises(KafkaException) as caught:
        Producer(stolen).init_transactions(10)
    assert caught.value.args[0].code() == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED


@pytest.mark.parametrize("user", ["gate", "operator", "admin", "executor-crm"])
def test_k2_k3_k5_evidence_cannot_be_cut_or_changed(cluster: Cluster, user: str) -> None:
    """DeleteRecords, AlterConfigs and CreatePartitions on `audit` are denied to everybody."""
    cluster.add_executor("crm")
    admin, audit = cluster.admin(user).client, cluster.admin(user).naming.topic("audit")
    change = ConfigEntry("retention.ms", "1000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, audit, incremental_configs=[change])
    attempts = [
        admin.delete_records([TopicPartition(audit, 0, 0)]),
        admin.incremental_alter_configs([resource]),
        admin.create_partitions([NewPartitions(audit, 5)]),
    ]
    for attempt in attempts:
        with pytest.raises(KafkaException) as caught:
            next(iter(attempt.values())).result(10)
        # Who may not even describe the topic cannot find its leader, and is told so instead.
        assert caught.value.args[0].code() in {DENIED, KafkaError._NOENT}


@pytest.mark.parametrize("user", ["gate", "operator", "agent-local"])
def test_k11_rights_are_changed_by_nobody_at_run_time(cluster: Cluster, user: str) -> None:
    """A run-time principal that adds a right for itself is refused."""
    greedy = Right(user, "topic", cluster.admin().naming.topic("decisions"), "write")
    with pytest.raises(AccessError, match=f"`{user}` may not add rights"):
        cluster.admin(user).add_rights([greedy])


def test_planning_finds_missing_and_unexpected_rights_and_changes_nothing(cluster: Cluster) -> None:
    """A lost right and a stray one both show; applying restores the first, removing is a step of its own."""
    admin = cluster.admin()
    assert plan_access(admin).is_clean
    lost = next(iter(rights_of(Principal.parse("reviewer-local"), admin.naming)))
    stray = Right("agent-local", "topic", admin.naming.topic("decisions"), "write")
    admin.remove_rights([lost])
    admin.add_rights([stray])

    for _ in range(2):
        plan = plan_access(admin)
        assert (plan.missing, plan.unexpected) == ((lost,), (stray,))

    apply_access(admin)
    plan = plan_access(admin)
    assert (plan.missing, plan.unexpected) == ((), (stray,))
    assert remove_unexpected(admin, plan) == (stray,)
    assert plan_access(admin).is_clean


def test_provisioning_again_changes_nothing(cluster: Cluster) -> None:
    """Adding the same executor twice creates nothing the second time, and its password stays."""
    cluster.add_executor("crm")
    password = cluster.state.secret("executor-crm")
    again = cluster.add_executor("crm")
    assert (again.users, again.topics.is_clean, again.rights.missing) == ((), True, ())
    assert cluster.state.secret("executor-crm") == password


def test_a_lost_password_is_healed_by_provisioning(cluster: Cluster) -> None:
    """When the file of a password is gone, provisioning makes a new one that the cluster accepts."""
    provision_principal(cluster.admin(), cluster.state, Role.AGENT, "second")
    cluster.state.secret_path("agent-second").unlink()
    provision_principal(cluster.admin(), cluster.state, Role.AGENT, "second")
    assert written(cluster.connection("agent-second"), "actions") == 0
