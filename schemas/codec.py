"""Records to bytes and back: Avro in the Confluent frame, or JSON for those who have no Avro.

`encode` writes the newest schema; `decode` reads every released one. Whatever the bytes are, `decode` returns a valid model
or raises RecordError, and the error never repeats what the bytes said.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final, TypeVar, cast

from fastavro import schemaless_reader
from pydantic import ValidationError

from .avro_writer import body_writer, fields_writer
from .canonical import canonical_json, parse_json
from .envelope import JSON_CONTENT_TYPE, PayloadType
from .errors import RecordError
from .fields import JsonObject, Wire
from .kinds import MODELS
from .released import FRAME_BYTES, ReleasedSchema, released_schemas

KIB: Final = 1024
ACTION_BYTES: Final = 256 * KIB
"""The longest action that is parsed; a longer one is a dead letter."""

_LIMITS: Final[Mapping[str, int]] = {
    "action": ACTION_BYTES,
    "withdrawal": ACTION_BYTES,
    "decision": KIB * KIB,
    "reconciliation": KIB * KIB,
    "claim": KIB * KIB,
    "receipt": KIB * KIB,
    "document": KIB * KIB,
}
_LARGEST: Final = 8 * KIB * KIB
"""Of every other kind: the largest message that any topic accepts."""

JSON_KINDS: Final = frozenset({
    "action", "withdrawal", "decision", "reconciliation", "document",
    "approval-request", "tally", "reminder", "resolution", "outcome", "audit-entry",
})  # fmt: skip
"""Kinds that may travel as JSON: what others write by hand, and what a bot without Avro reads."""


Model = TypeVar("Model", bound=Wire)


@dataclass(frozen=True, slots=True)
class Encoded:
    """Exact bytes and what they claim to be: together what a signature covers."""

    payload_type: str
    value: bytes


def encode(model: Wire) -> Encoded:
    """Write a record as Avro; RecordError when its JSON or its size would be refused by a reader."""
    written = _WRITTEN[type(model)]
    return _encode(written, written.body, model)


def _encode(written: "_Written", body: Callable[[Any], bytes], record: object) -> Encoded:
    try:
        value = written.frame + body(record)
    except (AttributeError, UnicodeError, ValueError, OverflowError, TypeError, RecursionError):
        raise RecordError(f"this `{written.kind}` cannot be written; check its strings and numbers") from None
    _check_size(value, written.kind)
    return Encoded(written.payload_type, value)


def encode_fields(model: type[Wire], fields: Mapping[str, Any]) -> Encoded:
    """Write the record of this model in which these fields hold, as Avro; parts that are records are mappings too.

    The values must be valid, as for `fields.unchecked`. RecordError for what cannot be written, a field that is unknown or
    one that is missing.
    """
    return _encode(_WRITTEN[model], _WRITTEN[model].fields, fields)


def encode_json(model: Wire) -> Encoded:
    """Write a record as JSON, without Avro; RecordError for a kind that only travels as Avro."""
    written = _WRITTEN[type(model)]
    kind = written.kind
    if kind not in JSON_KINDS:
        raise RecordError(f"a record of kind `{kind}` does not travel as JSON; send it as Avro")
    try:
        for name in written.recorded:
            canonical_json(
                getattr(model, name)
            )  # pydantic writes a key with a lone surrogate as something else
        value = model.model_dump_json().encode()
    except (ValueError, TypeError, RecursionError):
        raise RecordError(f"this `{kind}` cannot be written; check its strings") from None
    _check_size(value, kind)
    parse_json(value)  # what no reader accepts must not be signed and sent
    return Encoded(str(PayloadType(kind)), value)


def encode_as(model: Wire, *, as_json: bool) -> Encoded:
    """Write a record that nobody signs, as Avro or as JSON; `payload_type` is what its header `content-type` says."""
    if not as_json:
        return encode(model)
    return Encoded(JSON_CONTENT_TYPE, encode_json(model).value)


def decode(payload_type: str, value: bytes, kinds: Collection[str]) -> Wire:
    """Read a record of one of these kinds.

    RecordError when the payload type is unknown or names another kind, when the frame names another schema, when bytes are
    missing or left over, when the value is too long, and when a field is missing, unknown, or not what the model wants.
    """
    read = _READ.get(payload_type) or _unknown(payload_type)
    if read.kind not in kinds:
        raise RecordError(f"a record of kind `{read.kind}` has no place here; see the table of topics")
    _check_size(value, read.kind)
    try:
        return read.model(value)
    except ValidationError as error:
        raise RecordError(_explain(read.kind, error)) from None


def decode_own(value: bytes, model: type[Model]) -> Model:
    """Read a record of this process's own stores, where no header says the payload type: the frame names the schema.

    RecordError as for `decode`.
    """
    read = _OWN.get(value[:FRAME_BYTES])
    if read is None or read.kind != _WRITTEN[model].kind:
        raise RecordError(
            "a state record does not begin with the frame of its schema; was the store mixed up?"
        )
    try:
        record = read.model(value)
    except ValidationError as error:
        raise RecordError(_explain(read.kind, error)) from None
    return cast("Model", record)


def _unknown(payload_type: str) -> "_Read":
    parsed = PayloadType.parse(payload_type)
    if parsed.kind not in MODELS:
        raise RecordError("the payload type names no kind of record that sluicegate knows")
    if parsed.fingerprint is None:
        raise RecordError(f"a record of kind `{parsed.kind}` does not travel as JSON; send it as Avro")
    raise RecordError(f"the schema of this `{parsed.kind}` is not known here; update this installation")


def _check_size(value: bytes, kind: str) -> None:
    limit = _LIMITS.get(kind, _LARGEST)
    if len(value) > limit:
        raise RecordError(f"a record of kind `{kind}` has at most {limit} bytes; send less")


def _explain(kind: str, error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "extra_forbidden":
        return f"the `{kind}` has a field that its schema does not have; leave it out"
    # INVARIANT: a key of a map is a value of the record; only names of our own fields are repeated.
    path = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or part in _FIELD_NAMES)
    return f"the field `{path}` of the `{kind}` is wrong: {first['msg'][:1].lower()}{first['msg'][1:]}"


# --- tables, built once -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Written:
    """How one model is written."""

    kind: str
    payload_type: str
    frame: bytes
    body: Callable[[Wire], bytes]
    fields: Callable[[Mapping[str, Any]], bytes]
    recorded: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Read:
    """How one payload type is read."""

    kind: str
    model: Callable[[bytes], Wire]


def _recorded(model: type[Wire]) -> frozenset[str]:
    """The fields that hold JSON: in Avro they are its text."""
    return frozenset(name for name, field in model.model_fields.items() if field.annotation == JsonObject)


def _reader(kind: str, version: ReleasedSchema, newest: ReleasedSchema) -> Callable[[bytes], Wire]:
    model, frame, written = MODELS[kind], version.frame, version.parsed
    wanted = None if version is newest else newest.parsed
    recorded = tuple(_recorded(model))
    validate = model.__pydantic_validator__.validate_python

    def read(value: bytes) -> Wire:
        if not value.startswith(frame):
            raise RecordError(
                f"the value does not begin with the frame of the schema that this `{kind}` names"
            )
        body = BytesIO(value)
        body.seek(len(frame))
        try:
            fields: Any = schemaless_reader(body, written, wanted)
        except Exception:  # noqa: BLE001  # foreign code on hostile bytes: whatever it raises, the bytes are no record
            raise RecordError(f"the value is no Avro of the schema that this `{kind}` names") from None
        if body.tell() != len(value):
            raise RecordError(f"bytes are left over behind the `{kind}`; send exactly one record")
        parsed = {name: _json_object(name, fields) for name in recorded}
        # Avro has fixed the types; lax mode only lets lists become tuples and strings become enums.
        record: Any = validate(fields, strict=False)
        # What was just parsed is JSON: to have the model prove it costs a call of Python per value.
        record.__dict__.update(parsed)
        return cast("Wire", record)

    return read


def _json_object(name: str, fields: dict[str, Any]) -> JsonObject:
    """The object that this field's text holds; in the fields stands an empty one for it."""
    value: JsonObject = parse_json(fields[name].encode())
    if type(value) is dict:
        fields[name] = {}
    return value


def _json_reader(kind: str) -> Callable[[bytes], Wire]:
    model = MODELS[kind]

    def read(value: bytes) -> Wire:
        parse_json(value)  # refuses what pydantic's parser lets pass: a key named twice, NaN, lone surrogates
        return model.model_validate_json(value)

    return read


_RELEASED: Final = released_schemas()

_WRITTEN: Final[Mapping[type[Wire], _Written]] = {
    MODELS[kind]: _Written(
        kind=kind,
        payload_type=str(PayloadType(kind, versions[-1].fingerprint)),
        frame=versions[-1].frame,
        body=body_writer(versions[-1].parsed, _recorded(MODELS[kind])),
        fields=fields_writer(versions[-1].parsed),
        recorded=_recorded(MODELS[kind]),
    )
    for kind, versions in _RELEASED.items()
}

_READ: Final[Mapping[str, _Read]] = {
    str(PayloadType(kind, version.fingerprint)): _Read(kind, _reader(kind, version, versions[-1]))
    for kind, versions in _RELEASED.items()
    for version in versions
} | {str(PayloadType(kind)): _Read(kind, _json_reader(kind)) for kind in JSON_KINDS}

_OWN: Final[Mapping[bytes, _Read]] = {
    version.frame: _READ[str(PayloadType(kind, version.fingerprint))]
    for kind, versions in _RELEASED.items()
    for version in versions
}

_FIELD_NAMES: Final = frozenset(name for model in Wire.__subclasses__() for name in model.model_fields)
