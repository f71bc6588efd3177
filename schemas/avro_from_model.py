"""Derive the Avro schema of a wire model, so that a twin can be proven equal to its model.

The released twins (`*.avsc`) are what runs; this derivation writes new ones and is what the tests compare them with.
"""

import types
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from .fields import JsonObject, Wire

NAMESPACE = "sluicegate.v1"
"""Of all named types; the fields of a record are resolved by name within it."""

_PRIMITIVES: Mapping[object, str] = {
    str: "string",
    int: "long",
    bool: "boolean",
    bytes: "bytes",
    float: "double",
}


def avro_schema(model: type[Wire]) -> dict[str, Any]:
    """The Avro schema (Avro 1.12 specification) of a model; TypeError for a field type that has no place on the wire.

    Strings, enums and recorded JSON are Avro strings, digests and blobs bytes, all integers longs. `kind` is left out: the
    name of the schema says it.
    """
    return {"type": "record", "namespace": NAMESPACE} | _record(model, set())


def _record(model: type[Wire], named: set[str]) -> dict[str, Any]:
    named.add(model.__name__)
    return {
        "type": "record",
        "name": model.__name__,
        "fields": [
            _field(name, field, named) for name, field in model.model_fields.items() if name != "kind"
        ],
    }


def _field(name: str, field: FieldInfo, named: set[str]) -> dict[str, Any]:
    described = {"name": name, "type": _type(field.annotation, named)}
    default = field.get_default(call_default_factory=True, validated_data={})
    if default is not PydanticUndefined:
        described["default"] = _default(default)
    return described


def _default(value: object) -> object:
    match value:
        case tuple():
            return list(value)
        case StrEnum():
            return value.value
        case _:
            return value


def _type(annotation: Any, named: set[str]) -> Any:
    if annotation == JsonObject:
        return "string"
    if annotation in _PRIMITIVES:
        return _PRIMITIVES[annotation]
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return "string"
    if isinstance(annotation, type) and issubclass(annotation, Wire):
        return annotation.__name__ if annotation.__name__ in named else _record(annotation, named)
    return _composed(annotation, named)


def _composed(annotation: Any, named: set[str]) -> Any:
    arguments = get_args(annotation)
    origin = get_origin(annotation)
    if origin is Annotated:
        return _type(arguments[0], named)
    if origin is Literal:
        return "string"
    if origin in {Union, types.UnionType} and len(arguments) == 2 and arguments[1] is types.NoneType:  # noqa: PLR2004  # X | None
        return ["null", _type(arguments[0], named)]
    if origin is tuple and arguments[1:] == (...,):
        return {"type": "array", "items": _type(arguments[0], named)}
    if origin is dict:
        return {"type": "map", "values": _type(arguments[1], named)}
    raise TypeError(f"`{annotation}` has no place on the wire; use the types of `schemas/fields.py`")
