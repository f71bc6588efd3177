"""Dead letters are replayed on a real Kafka: judged anew, with the rights of who may write there anyway."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from gate_world import OWNER, Raw
from kafka_world import Followed, KafkaWorld
from typer.testing import CliRunner, Result

from sluicegate.processors.contract import Position, Record
from sluicegate.processors.events import Event, Reason
from sluicegate.schemas import document
from sluicegate.schemas.action import Action
from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.document import DocumentKind
from sluicegate.schemas.envelope import header
from sluicegate.schemas.errors import AccessError, RefusedError
from sluicegate.schemas.ids import partition_of
from sluicegate.streams.cli.application import app
from sluicegate.streams.clients.dead_letter_replay import WRITERS, earlier_readings, prepare, send, writer_of
from sluicegate.streams.clients.dead_letters import DeadLetterReader
from sluicegate.streams.clients.operator import Statement
from sluicegate.streams.clients.sending import acknowledged
from sluicegate.streams.clients.signed_record import sign_record
from sluicegate.streams.kafka.connection import connect
from sluicegate.streams.kafka.embedded import EmbeddedBroker
from sluicegate.streams.kafka.principals import Principal, Role
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def world(broker: EmbeddedBroker) -> Iterator[KafkaWorld]:
    """A gate, people and executors; the log verifies in the end."""
    with KafkaWorld(Cluster.fresh(broker)) as world:
        yield world
        report = world.verify()
        assert [str(finding) for finding in report.findings] == []


def set_aside(world: KafkaWorld, raw: Raw) -> Record:
    """Write a record that cannot be trusted, and return its dead letter."""
    return world.dead_letter(world.write(raw))


def of_a_stranger(world: KafkaWorld, name: str) -> Raw:
    """A good action of an agent that nobody has enrolled yet."""
    action = Action(
        deployment=world.deployment,
        action_id=f"ac-{name}",
        agent=name,
        lane=name,
        type="ward.read",
        arguments={},
        created_at_ms=world.now_ms(),
        nonce=sha256(name.encode())[:16],
    )
    record = sign_record(world.local.key(name), action)
    return Raw("actions", record.key, record.value, record.headers)


def enrol(world: KafkaWorld, name: str) -> None:
    """Operators let the agent in."""
    body = document.Agent(key=world.local.key(name).public.text, owners=(OWNER,))
    world.local.operator.ensure_many([Statement(DocumentKind.AGENT, name, body)])


def run(world: KafkaWorld, folder: Path, *words: str) -> Result:
    """A command in a folder with settings."""
    settings = world.settings
    lines = {
        "deployment": settings.deployment,
        "bootstrap": settings.bootstrap,
        "prefix": settings.prefix,
        "partitions": settings.partitions,
        "state_dir": str(settings.state_dir),
    }
    file = folder / "sluicegate.toml"
    file.write_text(
        "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items() if value is not None)
    )
    return CliRunner().invoke(app, ["--config", str(file), "dlq", "replay", *words])


def test_an_agent_that_was_enrolled_too_late_is_served_by_a_replay(world: KafkaWorld, tmp_path: Path) -> None:
    """First nothing is written, then the same signed bytes are granted; a second replay is told apart and repeats the outcome."""
    letter = set_aside(world, of_a_stranger(world, "agent-late"))
    assert header(letter.headers, "dlq-reason") == Reason.UNKNOWN_KEY.encode()
    enrol(world, "agent-late")
    dry = run(world, tmp_path, str(letter.position))
    assert dry.exit_code == 0, dry.output
    assert f"{letter.position}  would be written to actions as agent" in dry.output
    done = run(world, tmp_path, str(letter.position), "--yes", "--json")
    assert done.exit_code == 0, done.output
    (said,) = json.loads(done.stdout)
    assert said["read_before"] == []
    topic, _, offset = said["written"].partition("@")
    place = Position("actions", int(topic.rpartition("-")[2]), int(offset))
    assert place.partition == partition_of("agent-late", world.settings.partitions)
    entry = world.entry_of(place)
    assert (entry.event, entry.action_id) == (Event.ACTION_GRANTED, "ac-agent-late")
    again = run(world, tmp_path, str(letter.position), "--yes", "--json")
    (said_again,) = json.loads(again.stdout)
    assert said_again["read_before"] == [{"position": str(place), "event": "action.granted"}]
    assert world.done["agent-late", "ac-agent-late"] <= 1


def test_what_is_still_bad_becomes_a_dead_letter_again(world: KafkaWorld) -> None:
    """With its reason, its original bytes, and where it came from."""
    letter = set_aside(world, Raw("decisions", b"agent-00", b"\x00garbage", (("x", b"y"),)))
    (place,) = send(world.local.connection(Role.REVIEWER), [prepare(letter)])
    second = world.dead_letter(acknowledged(place))
    assert second.value == letter.value
    assert header(second.headers, "replay-of") == str(letter.position).encode()
    assert header(second.headers, "x") == b"y"
    assert [name for name, _ in second.headers if name.startswith("dlq-")] == ["dlq-reason", "dlq-origin"]
    found = list(earlier_readings(world.local.connection(Role.ANALYST), prepare(letter)))
    assert [reading.event for reading in found] == [Event.DEAD_LETTER]


def test_a_replay_takes_the_rights_of_who_writes_there_anyway(world: KafkaWorld) -> None:
    """Reading dead letters gives nobody a right to write: a reviewer may not write receipts, whoever read the letter."""
    letter = set_aside(world, Raw("receipts", b"agent-00", b"garbage", ()))
    again = DeadLetterReader(world.local.connection(Role.PRIVACY)).record_unmasked(letter.position)
    with pytest.raises(AccessError, match=r"may not write to `receipts`"):
        acknowledged(send(world.local.connection(Role.REVIEWER), [prepare(again)])[0])


@pytest.mark.parametrize("topic", [*WRITERS, "execution.ward"])
def test_every_topic_with_dead_letters_has_somebody_who_may_replay(topic: str, world: KafkaWorld) -> None:
    """And the record goes back to where it stood, without the marks of the dead letter."""
    headers = (("dlq-reason", b"unreadable"), ("dlq-origin", f"{topic}-0@3".encode()), ("a", b"b"))
    with Followed(world.local.connection(Role.PRIVACY), f"dlq.{topic}") as letters:
        world.write(Raw(f"dlq.{topic}", b"nobody", b"garbage", headers, 0))
        letter = letters.find(lambda record: ("dlq-origin", f"{topic}-0@3".encode()) in record.headers)
    replay = prepare(letter)
    assert replay.record.headers == (("a", b"b"), ("replay-of", str(letter.position).encode()))
    role = writer_of(topic)
    user = Principal(role, "ward") if role is Role.EXECUTOR else Principal.local(role)
    (place,) = send(connect(world.settings, user), [replay])
    assert acknowledged(place).topic == topic


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("dlq-origin", b"audit-0@3"),),
        (("dlq-origin", b"decisions-0@3"),),
        (("dlq-origin", b"actions"),),
        (("dlq-origin", b"\xff-0@3"),),
    ],
)
def test_a_letter_that_does_not_say_where_it_stood_is_refused(headers: tuple[tuple[str, bytes], ...]) -> None:
    """Also when it names another topic: a forged letter must not be carried to where its sender could not write."""
    with pytest.raises(RefusedError, match="does not say where"):
        prepare(Record(Position("dlq.actions", 0, 1), 0, b"k", headers, b"v"))


@pytest.mark.parametrize(
    "topic", ["audit", "approvals", "outcomes", "exports.masked", "dlq.actions", "execution.A", "x"]
)
def test_nothing_is_replayed_to_what_has_no_dead_letters(topic: str) -> None:
    """`--to` names a topic that somebody reads and may refuse."""
    letter = Record(Position("dlq.actions", 0, 1), 0, b"k", (("dlq-origin", b"actions-0@1"),), b"v")
    with pytest.raises(RefusedError, match="is no topic that dead letters are replayed to"):
        prepare(letter, topic)


@pytest.mark.parametrize(
    ("kind", "topic", "is_taken"),
    [
        (b"sluicegate.action.v1", "actions", True),
        (b"sluicegate.export-batch.v1", "exports.raw", True),
        (b"sluicegate.document.v1", "policies", True),
        (b"sluicegate.grant.v1", "execution.ward", True),
        (b"sluicegate.export-batch.v1", "decisions", False),
        (b"sluicegate.action.v1", "policies", False),
        (b"anything", "receipts", False),
    ],
)
def test_a_replay_carries_raw_values_nowhere_new(kind: bytes, topic: str, *, is_taken: bool) -> None:
    """A result sent to `decisions` by a slip would lie there for a year, before eyes that may not see it."""
    headers = (("dlq-origin", b"identities-0@1"), ("ce_type", kind))
    letter = Record(Position("dlq.identities", 0, 1), 0, b"k", headers, b"v")
    if is_taken:
        assert prepare(letter, topic).topic == topic
    else:
        with pytest.raises(RefusedError, match="is no record for"):
            prepare(letter, topic)
