"""The columns of an exported entry, derived from its model: where it stood, every field under its own name, what was unreadable.

Digests are 32 raw bytes, moments (`..._ms`) timestamps in UTC, sequences lists, parts structs, mappings maps.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.avro_from_model import avro_schema

from .arrow import arrow

PLACE: Final = ("audit_partition", "audit_offset", "audit_append_ms", "content_type")
"""Where the record stood on `audit`, when the broker appended it, and what it said it was."""
UNREADABLE: Final = "unreadable"
"""Set where the record is no entry: why, and its parts as they are. All fields of the entry are absent then."""
FIELDS: Final = tuple(name for name in AuditEntry.model_fields if name != "kind")

_DIGEST_BYTES: Final = 32
_REPEATING: Final = frozenset({
    "content_type", "entry", "event", "processor", "action_type", "agent", "executor", "person", "choice", "reason", "rules",
    "groups", "excluded", "people", "stream", "profile", "resolution", "outcome", "policies", "topic", "code_version",
})  # fmt: skip
"""Fields with few different values, which a file keeps once; ids and digests would only fill its dictionaries."""


@cache
def schema() -> Any:
    """The Arrow schema of a row."""
    pa = arrow()
    header = pa.struct([("name", pa.string()), ("value", pa.binary())])
    unreadable = pa.struct(
        [
            ("reason", pa.string()),
            ("key", pa.binary()),
            ("headers", pa.list_(header)),
            ("value", pa.binary()),
        ]
    )
    place = zip(PLACE, (pa.int32(), pa.int64(), _moment(), pa.string()), strict=True)
    entry = avro_schema(AuditEntry)["fields"]
    fields = [(field["name"], _type(field["name"], field["type"])) for field in entry]
    return pa.schema([*place, *fields, (UNREADABLE, unreadable)])


@cache
def row_type() -> Any:
    """The schema as the type of one struct, from which whole batches are made."""
    return arrow().struct(list(schema()))


@cache
def maps() -> Mapping[str, tuple[str, ...]]:
    """Columns that are maps or hold maps: Arrow gives those back as pairs. The names of their parts, none for a map itself."""
    types = arrow().types
    found: dict[str, tuple[str, ...]] = {}
    for field in schema():
        if types.is_map(field.type):
            found[field.name] = ()
        elif types.is_struct(field.type) and (
            parts := [part.name for part in field.type if types.is_map(part.type)]
        ):
            found[field.name] = tuple(parts)
    return found


@cache
def repeating() -> tuple[str, ...]:
    """The paths, in Parquet's words, of all columns that a file keeps as a dictionary."""
    return tuple(path for name, path in _leaves(schema()) if name in _REPEATING)


def _leaves(fields: Any, before: str = "") -> Iterator[tuple[str, str]]:
    types = arrow().types
    for field in fields:
        kind, path, name = field.type, before + field.name, field.name
        if types.is_list(kind):
            kind, path = kind.value_type, f"{path}.list.element"
        if types.is_struct(kind):
            yield from _leaves(kind, f"{path}.")
        elif not types.is_map(kind):
            yield name, path


def _moment() -> Any:
    return arrow().timestamp("ms", tz="UTC")


def _type(name: str, avro: Any) -> Any:
    pa = arrow()
    match avro:
        case ["null", inner]:
            return _type(name, inner)
        case {"type": "array", "items": items}:
            return pa.list_(_type(name, items))
        case {"type": "map", "values": values}:
            return pa.map_(pa.string(), _type(name, values))
        case {"type": "record", "fields": fields}:
            return pa.struct([(field["name"], _type(field["name"], field["type"])) for field in fields])
        case "long" if name.endswith("_ms"):
            return _moment()
        case "bytes":
            return pa.binary(_DIGEST_BYTES)
        case _:
            return {"string": pa.string(), "long": pa.int64(), "boolean": pa.bool_()}[avro]
