"""What programs in other languages are given: AsyncAPI 3 and JSON Schemas, current, valid, and true to the models and rights."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
from typer.testing import CliRunner

from sluicegate.schemas.codec import JSON_KINDS
from sluicegate.schemas.json_schema import json_schemas
from sluicegate.schemas.kinds import MODELS
from sluicegate.schemas.released import released_schemas
from sluicegate.streams.asyncapi import CARRIED, asyncapi
from sluicegate.streams.cli.application import app
from sluicegate.streams.cli.schemas import as_text
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.kafka.rights import TABLE

CASES: Final = Path(__file__).parents[1] / "cases"
GOLDEN: Final = json.loads((CASES / "schemas" / "golden.json").read_text("utf-8"))
PUBLISHED: Final = files("sluicegate.schemas").joinpath("published")
DOCUMENT: Final = asyncapi()
INTERNAL: Final = frozenset({"pending", "export-progress", "held-export"})


def test_published_files_are_current() -> None:
    """`sluicegate schema asyncapi|json --out schemas/published` would change nothing."""
    wanted = {"asyncapi.json": DOCUMENT, **json_schemas()}
    found = {
        entry.name: entry.read_text("utf-8") for entry in PUBLISHED.iterdir() if entry.name.endswith(".json")
    }
    assert found == {name: as_text(document) for name, document in wanted.items()}


def test_the_document_is_asyncapi() -> None:
    """It is valid under the schema that the AsyncAPI initiative publishes for version 3.0.0."""
    schema = json.loads((CASES / "asyncapi" / "asyncapi-3.0.0.json").read_text("utf-8"))
    errors = jsonschema.Draft7Validator(schema).iter_errors(DOCUMENT)
    assert [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in errors] == []


def test_the_schema_of_asyncapi_would_notice() -> None:
    """A misspelt field and a channel that is none are found: the check above is no formality."""
    schema = json.loads((CASES / "asyncapi" / "asyncapi-3.0.0.json").read_text("utf-8"))
    validator = jsonschema.Draft7Validator(schema)
    for change in ({"chanels": {}}, {"channels": {"a": {"adress": "x"}}}, {"asyncapi": "2.0.0"}):
        assert not validator.is_valid({**DOCUMENT, **change})


def test_every_reference_leads_somewhere() -> None:
    """References stay inside the document, and what they name is there."""
    for reference in _references(DOCUMENT):
        found: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def test_every_kind_travels_somewhere() -> None:
    """No kind is left out but the state of processors, and every JSON kind has both encodings."""
    assert {kind for kinds in CARRIED.values() for kind in kinds} == set(MODELS) - INTERNAL
    messages = set(DOCUMENT["components"]["messages"]) - {"dead-letter"}
    assert messages == {f"{kind}.avro" for kind in set(MODELS) - INTERNAL} | {
        f"{kind}.json" for kind in JSON_KINDS
    }
    for kind, versions in released_schemas().items():
        if kind not in INTERNAL:
            said = DOCUMENT["components"]["messages"][f"{kind}.avro"]["contentType"]
            assert versions[-1].fingerprint in said


def test_operations_are_the_table_of_rights() -> None:
    """A role has an operation for exactly the channels that it may read and write."""
    for role in Role:
        for word, right in (("reads", TABLE[role].read), ("writes", TABLE[role].write)):
            prefix = f"{role}-{word}-"
            named = {name.removeprefix(prefix) for name in DOCUMENT["operations"] if name.startswith(prefix)}
            topics = {"execution" if topic.startswith("execution.") else topic for topic in right}
            assert named - {"dead-letters"} == topics & set(CARRIED)
            assert ("dead-letters" in named) is any(topic.startswith("dlq.") for topic in right)


@pytest.mark.parametrize("name", sorted(json_schemas()))
def test_json_schemas_are_valid_and_hold_for_golden_records(name: str) -> None:
    """Each is a schema of its dialect, accepts every golden record of its kind, and refuses an unknown field."""
    schema, kind = json_schemas()[name], name.removesuffix(".schema.json")
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for case in GOLDEN[kind]:
        validator.validate(case["record"])
        assert not validator.is_valid({**case["record"], "surprise": 1})


@pytest.mark.parametrize("kind", sorted(JSON_KINDS))
def test_the_schemas_inside_the_document_hold_for_golden_records(kind: str) -> None:
    """What AsyncAPI says about a JSON record is what its own JSON Schema says."""
    reference = DOCUMENT["components"]["messages"][f"{kind}.json"]["payload"]
    validator = jsonschema.Draft7Validator({**reference, "components": DOCUMENT["components"]})
    for case in GOLDEN[kind]:
        validator.validate(case["record"])
        assert not validator.is_valid({**case["record"], "surprise": 1})


def test_schemas_are_printed_and_written(tmp_path: Path) -> None:
    """Each command writes its files into a folder, or prints them."""
    for what, count in (("asyncapi", 1), ("json", len(JSON_KINDS)), ("avro", len(MODELS))):
        result = CliRunner().invoke(app, ["schema", what, "--out", str(tmp_path / what)])
        assert result.exit_code == 0
        assert len(list((tmp_path / what).iterdir())) >= count
        printed = CliRunner().invoke(app, ["schema", what])
        assert json.loads(printed.stdout)


def _references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(_references(one) for one in value.values()))
    if isinstance(value, list):
        return set().union(*(_references(one) for one in value))
    return set()
