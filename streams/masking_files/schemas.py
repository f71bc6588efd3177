"""Which fields a file has, or a schema says it has: CSV, JSON lines, Parquet, Avro, JSON Schema, or a list of paths."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path as File
from typing import Any, BinaryIO, Final

from sluicegate.processors.masking.columns import Path, spelled
from sluicegate.schemas.errors import ConfigurationError, RefusedError

from .batches import Lines
from .delimited import header_names

_SAMPLED: Final = 200
"""Records of JSON lines that are looked at."""
_DEEPEST: Final = 16

Fields = dict[Path, str]
"""Each field's path and the type it has there."""


def read_fields(file: File) -> Fields:
    """The fields; `ConfigurationError` when the file says none."""
    try:
        with file.open("rb") as source:
            found = _fields(file, source)
    except (OSError, ValueError, RefusedError) as error:
        raise ConfigurationError(
            f"`{file}` cannot be read as a schema or a file of records: {_said(error)}"
        ) from None
    if not found:
        raise ConfigurationError(f"`{file}` names no field")
    return found


def _said(error: Exception) -> str:
    # Errors of readers may quote what they read.
    return str(error) if isinstance(error, RefusedError) else type(error).__name__


def _fields(file: File, source: BinaryIO) -> Fields:
    match file.suffix.lower():
        case ".csv" | ".tsv":
            return {(spelled(name),): "text" for name in header_names(source)}
        case ".jsonl" | ".ndjson":
            return _of_records(source)
        case ".parquet":
            return _of_parquet(source)
        case ".avsc":
            return dict(_avro(json.load(source), (), 0))
        case ".json":
            return dict(_json_schema(json.load(source), (), 0))
        case _:
            lines = (line.strip() for line in source.read().decode().splitlines())
            return {
                tuple(spelled(name) for name in line.split(".")): ""
                for line in lines
                if line and line[0] != "#"
            }


def _of_records(source: BinaryIO) -> Fields:
    lines = Lines(source)
    found: Fields = {}
    for line in islice(iter(lines.next, ""), _SAMPLED):
        if line.strip():
            found.update(_of_value(json.loads(line), (), 0))
    return found


def _of_value(value: Any, path: Path, depth: int) -> Iterator[tuple[Path, str]]:
    if isinstance(value, dict) and depth < _DEEPEST:
        for key, inner in value.items():
            yield from _of_value(inner, (*path, spelled(key)), depth + 1)
    elif isinstance(value, list) and depth < _DEEPEST:
        for element in value:
            yield from _of_value(element, path, depth + 1)
    elif path and value is not None:
        yield path, {str: "text", bool: "boolean"}.get(type(value), "number")


def _of_parquet(source: BinaryIO) -> Fields:
    import pyarrow.parquet as pq  # noqa: PLC0415 - the extra `lake`

    return dict(
        found for field in pq.read_schema(source) for found in _arrow(field.type, (spelled(field.name),))
    )


def _arrow(kind: Any, path: Path) -> Iterator[tuple[Path, str]]:
    import pyarrow as pa  # noqa: PLC0415 - the extra `lake`

    if pa.types.is_struct(kind):
        for number in range(kind.num_fields):
            yield from _arrow(kind.field(number).type, (*path, spelled(kind.field(number).name)))
    elif pa.types.is_map(kind):
        yield from _arrow(kind.item_type, (*path, "*"))
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        yield from _arrow(kind.value_type, path)
    else:
        yield path, str(kind)


def _avro(schema: Any, path: Path, depth: int) -> Iterator[tuple[Path, str]]:
    if depth > _DEEPEST:
        return
    if isinstance(schema, list):
        for branch in schema:
            yield from _avro(branch, path, depth + 1)
    elif isinstance(schema, dict):
        match schema.get("type"):
            case "record":
                for field in schema.get("fields", ()):
                    yield from _avro(field["type"], (*path, spelled(str(field["name"]))), depth + 1)
            case "array":
                yield from _avro(schema.get("items"), path, depth + 1)
            case "map":
                yield from _avro(schema.get("values"), (*path, "*"), depth + 1)
            case inner:
                yield from _avro(inner, path, depth + 1)
    elif path and schema != "null":
        yield path, str(schema)


def _json_schema(schema: Any, path: Path, depth: int) -> Iterator[tuple[Path, str]]:
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return
    properties = schema.get("properties")
    inner = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
    if isinstance(properties, dict):
        for name, said in properties.items():
            yield from _json_schema(said, (*path, spelled(name)), depth + 1)
    elif "items" in schema:
        yield from _json_schema(schema["items"], path, depth + 1)
    elif not inner and path:
        yield path, str(schema.get("type", ""))
    for branch in inner:
        yield from _json_schema(branch, path, depth + 1)
