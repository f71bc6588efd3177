"""Masking on a real Kafka: results through worker processes, with the rights of each role, and the privacy office's commands."""

import json
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from gate_world import Raw
from kafka_world import KafkaWorld
from masked_results import handed_on, places, quarantined, sent
from typer.testing import CliRunner

from sluicegate.processors.events import Event, Reason
from sluicegate.processors.verification import Invariant
from sluicegate.schemas import codec
from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.envelope import PATH_HEADER, header, record_headers, sign
from sluicegate.schemas.export import CarriedGrant, ExportBatch, WithheldBatch
from sluicegate.schemas.grant import Grant
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.cli import app
from sluicegate.streams.clients.audit_reader import AuditReader, Selection
from sluicegate.streams.clients.reading import read_record
from sluicegate.streams.clients.signed_record import nonce, random_id
from sluicegate.streams.kafka.embedded import EmbeddedBroker
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker

PATIENCE_S = 30.0
SECRET = "mara.zwicker@clinic.example"  # a canary, no password
T = TypeVar("T")


@pytest.fixture(scope="module")
def shared(broker: EmbeddedBroker) -> Iterator[KafkaWorld]:
    """One gate and one masking for all tests."""
    with KafkaWorld(Cluster.fresh(broker), workers=1) as world:
        world.local.make_masking_keys()
        world.local.start_masking()
        world.local.await_adoption()
        yield world


@pytest.fixture
def world(shared: KafkaWorld) -> Iterator[KafkaWorld]:
    """A world whose audit log verifies after each test."""
    yield shared
    report = shared.verify()
    assert [str(finding) for finding in report.findings] == []
    assert report.ok


def test_what_executors_return_is_handed_on_once(world: KafkaWorld) -> None:
    """Every batch of every result, masked, in its place; receipts and masking name the same ends."""
    agent = world.agent()
    asked = [world.submit(agent, "ward.read", {"ward": number}) for number in range(12)]
    for one in asked:
        world.outcome(one, OutcomeKind.EXECUTED)
    raw = sent(world)
    found = until(lambda: all_of(world, len(raw)))
    assert places(found) == raw
    report = world.verify()
    assert report.check(Invariant.I13).checked["results compared"] >= len(asked)


def test_a_batch_that_does_not_pass_reaches_the_privacy_office_alone(
    world: KafkaWorld, tmp_path: Path
) -> None:
    """Sealed on `exports.quarantine`, a notice for the reader; list, show and open tell what each may tell."""
    batch = result_of(world, b"{not json " + SECRET.encode())
    until(lambda: [one for one in handed_on(world) if one.batch_id == batch.batch_id])
    (notice,) = (one for one in handed_on(world) if one.batch_id == batch.batch_id)
    assert isinstance(notice, WithheldBatch)
    assert all(SECRET.encode() not in one.sealed for one in quarantined(world))
    settings = settings_file(world, tmp_path)
    listed = json.loads(run(settings, "quarantine", "list", "--json"))
    assert batch.batch_id in {one["batch_id"] for one in listed}
    assert SECRET not in json.dumps(listed)
    shown = json.loads(run(settings, "quarantine", "show", batch.batch_id, "--json"))
    assert shown["reasons"] == list(notice.reasons)
    assert batch.batch_id in run(settings, "quarantine", "show", shown["source_digest"][:16])
    out = tmp_path / "opened"
    run(settings, "quarantine", "open", batch.batch_id, "--out", str(out))
    assert out.read_bytes() == batch.body
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    run(settings, "quarantine", "open", batch.batch_id, "--out", str(out), status=2)
    nowhere = tmp_path / "no" / "folder"
    run(settings, "quarantine", "open", batch.batch_id, "--out", str(nowhere), status=2)
    other, new = tmp_path / "other.x25519", tmp_path / "new"
    other.write_text("A" * 43)
    other.chmod(0o600)
    run(settings, "quarantine", "open", batch.batch_id, "--out", str(new), "--key", str(other), status=2)
    assert not new.exists()


def test_a_batch_without_a_genuine_grant_is_refused_and_kept(world: KafkaWorld) -> None:
    """Signed by an enrolled executor, and still nobody granted it."""
    batch = result_of(world, b"{}", grant=None)
    entry = until(lambda: refusal_of(world, batch))
    assert entry.reason == Reason.NO_GRANT
    assert [one for one in handed_on(world) if one.batch_id == batch.batch_id] == []


def result_of(world: KafkaWorld, body: bytes, **fields: Any) -> ExportBatch:
    """A batch for a grant whose executor is away, signed with that executor's key and written by hand."""
    asked = world.submit(world.agent(), "door.open", {"door": 1})
    world.outcome(asked, OutcomeKind.GRANTED)
    record = world.grant_of(asked, "door")
    grant = read_record(record, Grant)
    carried = CarriedGrant(
        payload_type=(header(record.headers, "content-type") or b"").decode(),
        value=record.value or b"",
        sig=(header(record.headers, "sig") or b"").decode(),
        sig_path=header(record.headers, PATH_HEADER),
    )
    values: dict[str, Any] = {
        "deployment": grant.deployment,
        "batch_id": random_id("ba"),
        "action_id": grant.action_id,
        "lane": grant.lane,
        "agent": grant.agent,
        "source": grant.executor,
        "grant_id": grant.grant_id,
        "grant": carried,
        "sequence": 0,
        "count": 1,
        "media_type": "application/json",
        "nonce": nonce(),
        "body": body,
        "created_at_ms": world.now_ms(),
    }
    batch = ExportBatch(**{**values, **fields})
    encoded = codec.encode(batch)
    headers = record_headers(
        kind=batch.kind,
        payload_type=encoded.payload_type,
        id=batch.batch_id,
        subject=grant.action_id,
        source="/test",
        sig=sign(world.key(grant.executor), encoded.payload_type, encoded.value),
    )
    world.write(Raw("exports.raw", grant.lane.encode(), encoded.value, headers))
    return batch


def all_of(world: KafkaWorld, count: int) -> Any:
    """What was handed on, once there is so much of it."""
    found = handed_on(world)
    return found if len(found) >= count else None


def refusal_of(world: KafkaWorld, batch: ExportBatch) -> AuditEntry | None:
    """The entry of a batch that was refused."""
    reader = AuditReader(world.local.connection(Role.ANALYST))
    found = reader.entries(Selection(events=frozenset({Event.BATCH_REFUSED})))
    return next((placed.entry for placed in found if placed.entry.batch_id == batch.batch_id), None)


def until(look: Callable[[], T | None]) -> T:
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)
    return found


def settings_file(world: KafkaWorld, folder: Path) -> Path:
    """The settings of the world as a file."""
    settings = world.settings
    path = folder / "sluicegate.toml"
    path.write_text(
        f'bootstrap = "{settings.bootstrap}"\nprefix = "{settings.prefix}"\n'
        f'partitions = {settings.partitions}\nstate_dir = "{settings.state_dir}"\n'
    )
    return path


def run(settings: Path, *words: str, status: int = 0) -> str:
    """One command; its standard output."""
    done = CliRunner().invoke(app, ["--config", str(settings), *words])
    assert done.exit_code == status, (done.output, done.exception)
    return done.stdout
