"""State that an earlier version wrote: restored with defaults, and what waits goes on where it stood.

The archived schemas are made here as a release would have left them: today's, without the fields that came later.
"""

import json
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pytest
from fastavro import parse_schema, schemaless_reader, schemaless_writer

from sluicegate.processors.gate import pending
from sluicegate.schemas import codec
from sluicegate.schemas.errors import RecordError
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.schemas.released import FRAME_BYTES, ReleasedSchema, released_schemas
from sluicegate.schemas.state import ExportProgress, Pending
from sluicegate.streams.testing import GateDriver

GOLDEN: Final = json.loads(
    (Path(__file__).parents[1] / "cases" / "schemas" / "golden.json").read_text("utf-8")
)
LATER: Final = {
    "pending": {"remind_at_ms"},
    "export-progress": {"withheld", "closed", "stream", "sealed_secret"},
}
"""Fields that the archived version does not have."""
HEAD_BYTES: Final = 10
MINUTE_MS: Final = 60_000


def archived(kind: str, number: int) -> ReleasedSchema:
    """An earlier version of a schema, under an id of its own."""
    newest = released_schemas()[kind][-1]
    schema = json.loads(files("sluicegate.schemas").joinpath(newest.file).read_text("utf-8"))
    _drop(schema, LATER[kind])
    return ReleasedSchema(kind, number, f"{number:016x}", f"{kind}.{number}.avsc", parse_schema(schema))


@pytest.fixture(autouse=True)
def older(monkeypatch: pytest.MonkeyPatch) -> dict[str, ReleasedSchema]:
    """The codec of this version with one more released schema per kind of state, as its lock file would have them."""
    found = {}
    for number, kind in enumerate(LATER, start=901):
        version, newest = archived(kind, number), released_schemas()[kind][-1]
        read = codec._Read(kind, codec._reader(kind, version, newest))
        monkeypatch.setitem(codec._OWN, version.frame, read)  # type: ignore[arg-type]  # a dict behind a Mapping
        found[kind] = version
    return found


def as_written_by(version: ReleasedSchema, value: bytes) -> bytes:
    """The same record as the earlier version wrote it: its frame, its fields."""
    newest = released_schemas()[version.kind][-1]
    fields: Any = schemaless_reader(BytesIO(value[FRAME_BYTES:]), newest.parsed, None)
    body = BytesIO()
    schemaless_writer(body, version.parsed, fields)
    return version.frame + body.getvalue()


@pytest.mark.parametrize(("kind", "model"), [("pending", Pending), ("export-progress", ExportProgress)])
def test_state_of_an_earlier_version_is_read_with_defaults(
    older: dict[str, ReleasedSchema], kind: str, model: type[Pending | ExportProgress]
) -> None:
    """Every field both versions have is kept; what came later has its default."""
    for case in GOLDEN[kind]:
        now = model.model_validate_json(json.dumps(case["record"]))
        before = codec.decode_own(as_written_by(older[kind], codec.encode(now).value), model)
        assert _without(before.model_dump(mode="json"), LATER[kind]) == _without(
            now.model_dump(mode="json"), LATER[kind]
        )
        again = codec.encode(before).value
        assert codec.decode_own(again, model) == before


@pytest.mark.parametrize("answered", [True, False])
def test_a_request_that_an_earlier_version_opened_is_ended_by_this_one(
    clinic: GateDriver, older: dict[str, ReleasedSchema], *, answered: bool
) -> None:
    """The changelog is restored, the decision counts or the deadline passes, and nobody is reminded: nothing said when."""
    action = clinic.submit("ops-agent", "crm.write")
    granted = clinic.submit("ops-agent", "crm.read")
    clinic.run()
    written_before(clinic, older["pending"])
    clinic.driver.restart()
    clinic.run()
    assert clinic.outcome(granted).outcome is OutcomeKind.GRANTED
    if answered:
        clinic.decide("p-ann", clinic.request(action))
        clinic.run()
        assert clinic.outcome(action).outcome is OutcomeKind.GRANTED
        for one in (action, granted):
            clinic.receipt(clinic.grant(one), clinic.claim(clinic.grant(one)))
        clinic.run()
        assert clinic.outcome(action).outcome is OutcomeKind.EXECUTED
        assert clinic.outcome(granted).outcome is OutcomeKind.EXECUTED
    else:
        clinic.advance(29 * MINUTE_MS)
        assert clinic.reminders(action) == []
        clinic.advance(2 * MINUTE_MS)
        assert clinic.outcome(action).outcome is OutcomeKind.EXPIRED


def test_a_schema_that_this_version_does_not_know_stops_the_restore(clinic: GateDriver) -> None:
    """State of a later version is not guessed at."""
    clinic.submit("ops-agent", "crm.write")
    clinic.run()
    ((_, _, value),) = states(clinic)
    unknown = value[:HEAD_BYTES] + b"\x00\x00\x00\xff\xff" + value[HEAD_BYTES + FRAME_BYTES :]
    with pytest.raises(RecordError, match="does not begin with the frame"):
        pending.unpack_pending(unknown)


def states(gate: GateDriver) -> list[tuple[int, bytes, bytes]]:
    """What the changelog says last, by partition and key."""
    last = {(r.position.partition, r.key or b""): r.value for r in gate.driver.read(pending.CHANGELOG)}
    return [(partition, key, value) for (partition, key), value in last.items() if value is not None]


def written_before(gate: GateDriver, version: ReleasedSchema) -> None:
    """Every entry once more as the earlier version wrote it: its head knew phases and no reminder."""
    for partition, key, value in states(gate):
        held = pending.unpack_pending(value)
        due_ms = (
            held.waiting.requirement.deadline_ms
            if held.waiting
            else int.from_bytes(value[2:HEAD_BYTES], "big")
        )
        head = bytes([1, 0 if held.waiting else value[1]]) + due_ms.to_bytes(8, "big")
        old = head + as_written_by(version, value[HEAD_BYTES:])
        gate.driver.produce(pending.CHANGELOG, key, old, (), partition=partition)


def _drop(schema: Any, names: set[str]) -> None:
    if isinstance(schema, dict):
        if "fields" in schema:
            schema["fields"] = [field for field in schema["fields"] if field["name"] not in names]
        for value in schema.values():
            _drop(value, names)
    elif isinstance(schema, list):
        for value in schema:
            _drop(value, names)


def _without(fields: Any, names: set[str]) -> Any:
    if isinstance(fields, dict):
        return {name: _without(value, names) for name, value in fields.items() if name not in names}
    return [_without(one, names) for one in fields] if isinstance(fields, list) else fields
