"""Twins, lock file and golden bytes: what is on the wire changes only on purpose."""

import json
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.schema import fingerprint, to_parsing_canonical_form

from sluicegate.schemas import codec
from sluicegate.schemas.avro_from_model import avro_schema
from sluicegate.schemas.kinds import MODELS
from sluicegate.schemas.released import LOCK_FILE, ReleasedSchema, released_schemas

RELEASED = released_schemas()
VERSIONS = [version for versions in RELEASED.values() for version in versions]
PAIRS = [(one, other) for versions in RELEASED.values() for one in versions for other in versions]
GOLDEN = json.loads((Path(__file__).parents[1] / "cases" / "schemas" / "golden.json").read_text("utf-8"))
CASES = [
    pytest.param(kind, case, id=f"{kind}, {case['name']}") for kind, cases in GOLDEN.items() for case in cases
]


def _schema(file: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(files("sluicegate.schemas").joinpath(file).read_text("utf-8"))
    return schema


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_golden_record_is_written_to_the_same_bytes(kind: str, case: dict[str, Any]) -> None:
    """Every kind is encoded to exactly the recorded bytes, under exactly the recorded payload type."""
    model = MODELS[kind].model_validate_json(json.dumps(case["record"]))
    encoded = codec.encode(model)
    assert (encoded.payload_type, encoded.value.hex()) == (case["payload_type"], case["avro"])


@pytest.mark.parametrize(("kind", "case"), CASES)
def test_golden_bytes_are_read_to_the_same_record(kind: str, case: dict[str, Any]) -> None:
    """The recorded bytes are read as the recorded JSON, field by field."""
    model = codec.decode(case["payload_type"], bytes.fromhex(case["avro"]), {kind})
    assert json.loads(model.model_dump_json()) == case["record"]


def test_golden_bytes_cover_every_kind() -> None:
    """No kind of record is without golden bytes, a released schema, and a model."""
    assert set(GOLDEN) == set(MODELS) == set(RELEASED)


@pytest.mark.parametrize("kind", MODELS)
def test_twin_has_the_fields_types_and_defaults_of_its_model(kind: str) -> None:
    """The newest `.avsc` of a kind is what its model says; `regenerate.py` brings it up."""
    newest = RELEASED[kind][-1]
    assert newest.file == f"{kind}.avsc"
    assert _schema(newest.file) == avro_schema(MODELS[kind])


@pytest.mark.parametrize("kind", MODELS)
def test_routing_fields_come_first(kind: str) -> None:
    """Only names stand before `lane` and `agent`, so a router can stop reading there."""
    names = [field["name"] for field in _schema(f"{kind}.avsc")["fields"]]
    routing = [names.index(name) for name in ("lane", "agent") if name in names and "lane" in names]
    for name in names[: max(routing, default=-1) + 1]:
        assert name.endswith("_id") or name in {"deployment", "revision", "lane", "agent"}


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.file)
def test_lock_file_names_the_fingerprint_of_each_file(version: ReleasedSchema) -> None:
    """A twin cannot be edited without the lock file noticing."""
    little_endian = fingerprint(to_parsing_canonical_form(_schema(version.file)), "CRC-64-AVRO")
    assert bytes.fromhex(little_endian)[::-1].hex() == version.fingerprint


def test_fingerprint_is_the_number_of_the_avro_specification() -> None:
    """Our 16 hex digits are those the Avro project publishes for `"int"` and `"null"`."""
    published = {'"int"': "7275d51a3f395c8f", '"null"': "63dd24e7cc258f8a"}
    for schema, number in published.items():
        assert bytes.fromhex(fingerprint(schema, "CRC-64-AVRO"))[::-1].hex() == number


def test_ids_and_fingerprints_are_unique() -> None:
    """No two schemas share an id or a fingerprint, and ids grow within a kind."""
    assert len({version.id for version in VERSIONS}) == len(VERSIONS)
    assert len({version.fingerprint for version in VERSIONS}) == len(VERSIONS)
    for versions in RELEASED.values():
        assert [version.id for version in versions] == sorted(version.id for version in versions)


def test_every_schema_file_is_in_the_lock_file() -> None:
    """No `.avsc` lies about that the codec does not know."""
    folder = files("sluicegate.schemas")
    found = {entry.name for entry in folder.iterdir() if entry.name.endswith(".avsc")}
    assert found == {version.file for version in VERSIONS}
    assert folder.joinpath(LOCK_FILE).is_file()


@pytest.mark.parametrize(("written", "wanted"), PAIRS, ids=lambda version: version.file)
def test_every_released_version_reads_every_other(written: ReleasedSchema, wanted: ReleasedSchema) -> None:
    """Compatibility holds in both directions with all released versions of a kind."""
    assert _reads(written, wanted)


def test_new_field_with_a_default_is_compatible_both_ways() -> None:
    """The check above lets an optional field pass, whichever side has it."""
    now = RELEASED["outcome"][-1]
    later = _later(now, {"name": "hint", "type": ["null", "string"], "default": None})
    assert _reads(now, later)
    assert _reads(later, now)


def test_new_field_without_a_default_is_not_compatible() -> None:
    """The check above notices a field that older records do not have."""
    now = RELEASED["outcome"][-1]
    assert not _reads(now, _later(now, {"name": "hint", "type": "string"}))


def test_record_of_an_older_schema_is_read_with_defaults() -> None:
    """The codec fills what an older schema did not have from the defaults of the newest."""
    newest = RELEASED["outcome"][-1]
    schema = _schema(newest.file)
    schema["fields"] = [field for field in schema["fields"] if field["name"] != "repeated"]
    older = ReleasedSchema("outcome", 99, "0" * 16, "outcome.99.avsc", parse_schema(schema))
    whole = json.loads(json.dumps(GOLDEN["outcome"][1]["record"])) | {"action_digest": bytes(32)}
    body = BytesIO()
    schemaless_writer(body, older.parsed, whole)
    outcome = codec._reader("outcome", older, newest)(older.frame + body.getvalue())
    assert not outcome.model_dump()["repeated"]


def _later(now: ReleasedSchema, field: dict[str, Any]) -> ReleasedSchema:
    schema = _schema(now.file)
    schema["fields"].append(field)
    return ReleasedSchema(now.kind, now.id + 1000, "0" * 16, "later.avsc", parse_schema(schema))


def _reads(written: ReleasedSchema, wanted: ReleasedSchema) -> bool:
    """Whether records of one schema are read by the other, for the golden records with all and with the fewest fields."""
    for case in GOLDEN[written.kind]:
        newest = RELEASED[written.kind][-1]
        fields: Any = schemaless_reader(BytesIO(bytes.fromhex(case["avro"])[5:]), newest.parsed, None)
        body = BytesIO()
        schemaless_writer(body, written.parsed, {"hint": "look", **fields})
        try:
            schemaless_reader(BytesIO(body.getvalue()), written.parsed, wanted.parsed)
        except Exception:  # noqa: BLE001  # whatever the library raises, it is not compatible
            return False
    return True
