"""Attacks that reach a running gate and its executors on a real Kafka: each is refused, and the refusal is written down."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from gate_world import account_of
from kafka_world import KafkaWorld, deployment_on

from sluicegate.processors.contract import Position, Record
from sluicegate.processors.events import Event, Reason
from sluicegate.processors.release import SENTENCES, Check
from sluicegate.processors.verification import Invariant, Report
from sluicegate.schemas.action import Action
from sluicegate.schemas.decision import Choice, Decision
from sluicegate.schemas.ids import partition_of
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.clients.audit_reader import AuditReader
from sluicegate.streams.clients.signed_record import SignedRecord, nonce, random_id, sign_record
from sluicegate.streams.clients.topic_reader import From, TopicReader
from sluicegate.streams.gate_workers import gate_spec
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.kafka.embedded import EmbeddedBroker
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.runtime.supervisor import Supervisor
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def shared(broker: EmbeddedBroker) -> Iterator[KafkaWorld]:
    """One gate for all attacks."""
    with KafkaWorld(Cluster.fresh(broker), workers=1) as world:
        yield world


@pytest.fixture
def world(shared: KafkaWorld) -> Iterator[KafkaWorld]:
    """A world whose audit log verifies after each attack."""
    yield shared
    assert_clean(shared.verify())


def test_d8_grants_read_again_after_a_rewind_are_refused_and_change_nothing(world: KafkaWorld) -> None:
    """The executor's offsets are set back to 0: nothing runs again, outcomes stay, `show` says why in words."""
    agent = world.agent()
    asked = [world.submit(agent, "ward.read", {"ward": number}) for number in range(5)]
    reviewed = world.submit(agent, "role.grant", {"role": "viewer"})
    world.decide("mara", world.request(reviewed))
    for one in (*asked, reviewed):
        world.outcome(one, OutcomeKind.EXECUTED)
    before = world.done.copy()
    world.leave("ward")
    rewind(world.local.executor_connection("ward"), "execution.ward", 2)
    world.arrive("ward")
    for one in (*asked, reviewed):
        steps = await_steps(world, one, Event.RECEIPT_IGNORED)
        assert steps[-1].codes == (Event.RECEIPT_IGNORED, Check.USED_BEFORE)
        assert SENTENCES[Check.USED_BEFORE] in steps[-1].sentence
        assert world.told(one)[-1] is OutcomeKind.EXECUTED
    world.outcome(world.submit(agent, "ward.read"), OutcomeKind.EXECUTED)
    assert {one: world.done[one] for one in before} == before
    assert set(before.values()) == {1}


def test_k13_a_key_hashed_by_another_partitioner_is_a_dead_letter(world: KafkaWorld) -> None:
    """The client library's default puts keys elsewhere than Java's: such a record touches nothing, ours is accepted."""
    # CRC-32 and murmur2 agree about half of all keys when there are two partitions.
    agents = [world.agent() for _ in range(6)]
    foreign, ours = writer(world, "consistent"), writer(world)
    places = {agent: produce(foreign, world, action_of(world, agent)) for agent in agents}
    astray = {a: p for a, p in places.items() if p.partition != partition_of(a, 2)}
    assert astray
    for place in astray.values():
        entry = world.entry_of(place)
        assert (entry.event, entry.reason) == (Event.DEAD_LETTER, Reason.WRONG_PARTITION)
    for agent in agents:
        place = produce(ours, world, action_of(world, agent))
        assert place.partition == partition_of(agent, 2)
        assert world.entry_of(place).event == Event.ACTION_GRANTED


def test_k14_a_decision_with_a_forged_time_is_as_late_as_it_is(world: KafkaWorld) -> None:
    """Times of the signer and of its producer lie before the deadline; the broker's own counts."""
    asked = world.submit(world.agent(), "device.reboot")
    request = world.request(asked)
    deadline_ms = request.requirement.deadline_ms
    decision = Decision(
        deployment=world.deployment,
        decision_id=random_id("de"),
        request_id=request.request_id,
        action_id=request.action_id,
        lane=request.lane,
        agent=request.agent,
        action_digest=request.action_digest,
        view_digest=request.view.digest,
        account=account_of("mara"),
        choice=Choice.APPROVE,
        decided_at_ms=deadline_ms - 900,
        nonce=nonce(),
    )
    world.pass_until(deadline_ms + 20)
    record = sign_record(world.key("mara"), decision)
    place = produce(writer(world), world, record, topic="decisions", timestamp=deadline_ms - 900)
    entry = world.entry_of(place)
    assert (entry.event, entry.reason) == (Event.DECISION_NOT_COUNTED, Reason.LATE)
    assert entry.leaf is not None
    assert entry.leaf.append_ms > deadline_ms
    world.outcome(asked, OutcomeKind.EXPIRED)


def test_k14_an_old_action_is_not_made_young_by_its_producer(world: KafkaWorld) -> None:
    """Created two hours ago and stamped two hours ago: the broker says when it came, and it is denied as too old."""
    two_hours_ago = world.now_ms() - 7_200_000
    agent = world.agent()
    old = action_of(world, agent, created_at_ms=two_hours_ago)
    entry = world.entry_of(produce(writer(world), world, old, timestamp=two_hours_ago))
    assert (entry.event, entry.reason) == (Event.ACTION_STALE, Reason.TOO_OLD)
    assert entry.leaf is not None
    assert abs(entry.leaf.append_ms - world.now_ms()) < 60_000


def test_k2_k3_an_audit_log_that_was_cut_says_so(world: KafkaWorld, broker: EmbeddedBroker) -> None:
    """Cut by retention or by DeleteRecords of somebody who may: the verifier names the place before which nothing is proven."""
    for number in range(3):
        world.outcome(world.submit(world.agent(), "ward.read", {"ward": number}), OutcomeKind.EXECUTED)
    copy = Cluster.fresh(broker)
    # Of a copy, because nobody may cut the log of the others.
    last = copied(world.local.connection(Role.ANALYST), copy.super_user().connection)[-1].position
    reader = AuditReader(copy.connection("analyst-local"))
    whole = reader.verify()
    assert_clean(whole)
    assert whole.is_complete
    admin = copy.super_user()
    cut = TopicPartition(admin.naming.topic("audit"), last.partition, last.offset // 2)
    assert admin.client.delete_records([cut])[cut].result(10)
    report = reader.verify()
    assert not report.is_complete
    assert "nothing before is proven" in report.verdict


def test_k5_a_gate_does_not_start_on_topics_with_other_partitions(broker: EmbeddedBroker) -> None:
    """More partitions than the settings say, or fewer, would move keys: every worker ends and says so."""
    deployment = deployment_on(Cluster.fresh(broker))
    with deployment:
        settings = deployment.settings.model_copy(update={"partitions": 3})
        supervisor = Supervisor(gate_spec(settings))
        supervisor.start()
        deadline = time.monotonic() + 30
        while supervisor.status[0].failure is None:
            assert time.monotonic() < deadline, "the worker did not end"
            supervisor.watch(0.1)
        assert "partitions" in supervisor.status[0].failure
        supervisor.stop()
        supervisor.join()


def test_k6_a_gate_whose_offsets_were_rewound_grants_nothing_again_and_the_verifier_sees_it(
    broker: EmbeddedBroker,
) -> None:
    """With the gate's own rights offsets are set back: no action runs twice, and the tiles of the log overlap."""
    with KafkaWorld(Cluster.fresh(broker), workers=1) as world:
        asked = [world.submit(world.agent(), "ward.read", {"ward": number}) for number in range(4)]
        for one in asked:
            world.outcome(one, OutcomeKind.EXECUTED)
        assert_clean(world.verify())
        assert world.local.gate is not None
        world.local.gate.stop()
        for topic in ("actions", "decisions", "receipts"):
            rewind(world.local.connection(Role.GATE), topic, 2)
        world.local.start_gate(1)
        later = [world.submit(one.agent, "ward.read") for one in asked]
        for one in later:
            # On the same partition it comes after everything that was read again.
            world.outcome(one, OutcomeKind.EXECUTED)
        report = world.verify()
        assert [world.effects(one) for one in (*asked, *later)] == [1] * 8
    assert [report.check(invariant).ok for invariant in (Invariant.I1, Invariant.I2, Invariant.I3)] == [
        True
    ] * 3
    assert not report.check(Invariant.I5).ok


def assert_clean(report: Report) -> None:
    """The verifier finds nothing."""
    assert [str(finding) for finding in report.findings] == []
    assert report.ok


def rewind(connection: Connection, topic: str, partitions: int) -> None:
    """Put a group's offsets back to the beginning, with the rights of its owner."""
    consumer = Consumer(connection.reader_config())
    places = [TopicPartition(connection.topic(topic), number, 0) for number in range(partitions)]
    consumer.commit(offsets=places, asynchronous=False)
    consumer.close()


def await_steps(world: KafkaWorld, asked: Any, event: Event) -> Any:
    """What `show` tells about an action, once this has happened."""
    deadline = time.monotonic() + 30
    while True:
        (story,) = world.stories(asked)
        if any(step.codes[0] == event for step in story.steps):
            return story.steps
        assert time.monotonic() < deadline, f"{event} was not written down"
        time.sleep(0.1)


def action_of(world: KafkaWorld, agent: str, **changed: Any) -> SignedRecord:
    """A signed read, as the agent's client would send it."""
    values: dict[str, Any] = {
        "deployment": world.deployment,
        "action_id": random_id("ac"),
        "agent": agent,
        "lane": agent,
        "type": "ward.read",
        "nonce": nonce(),
        "created_at_ms": world.now_ms(),
        "arguments": {},
    }
    return sign_record(world.key(agent), Action(**{**values, **changed}))


def writer(world: KafkaWorld, partitioner: str = "murmur2_random") -> Producer:
    """A client that chooses partitions by itself."""
    connection = world.cluster.super_user().connection
    return Producer({**connection.producer_config(), "partitioner": partitioner})


def produce(
    writing: Producer, world: KafkaWorld, record: SignedRecord, *, topic: str = "actions", timestamp: int = 0
) -> Position:
    """Write where the client likes, with a time if it names one."""
    placed: list[Any] = []
    writing.produce(
        world.cluster.super_user().connection.topic(topic),
        record.value,
        record.key,
        timestamp=timestamp,
        headers=list(record.headers),
        on_delivery=lambda error, message: placed.append(error or message),
    )
    assert writing.flush(20) == 0
    return Position(topic, placed[0].partition(), placed[0].offset())


def copied(source: Connection, target: Connection) -> list[Record]:
    """Copy every audit entry, partition by partition, in order."""
    writer = Producer(target.producer_config())
    with TopicReader(source, "audit", From.BEGINNING) as reader:
        records = list(reader.to_end())
    for record in records:
        writer.produce(
            target.topic("audit"),
            record.value,
            record.key,
            record.position.partition,
            headers=list(record.headers),
        )
    assert writer.flush(20) == 0
    return records
