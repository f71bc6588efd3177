"""Every record comes back as it was sent, and no bytes whatever get past the codec as something else."""

import json
import types
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from io import BytesIO
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from fastavro import schemaless_writer
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from sluicegate.schemas import codec
from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.avro_from_model import avro_schema
from sluicegate.schemas.canonical import canonical_json, parse_json
from sluicegate.schemas.errors import RecordError
from sluicegate.schemas.fields import JsonObject, Wire, unchecked
from sluicegate.schemas.kinds import MODELS
from sluicegate.schemas.released import released_schemas

RELEASED = released_schemas()
PAYLOAD_TYPES = sorted(codec._READ)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@cache
def records(model: type[Wire]) -> st.SearchStrategy[Wire]:
    """Any valid record of a model, derived from its fields and their bounds."""
    fields = {name: _values(field.annotation, field.metadata) for name, field in model.model_fields.items()}
    return st.fixed_dictionaries(fields).map(lambda values: model.model_validate(values, strict=False))


def _values(annotation: Any, metadata: Any = ()) -> st.SearchStrategy[Any]:
    bounds = _bounds(metadata)
    if annotation == JsonObject:
        return st.dictionaries(TEXT, JSON, max_size=5)
    if annotation in _SCALARS:
        return _SCALARS[annotation](bounds)
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return st.sampled_from(list(annotation))
    if isinstance(annotation, type) and issubclass(annotation, Wire):
        return records(annotation)
    return _composed(get_origin(annotation), get_args(annotation), metadata)


def _composed(origin: Any, arguments: Any, metadata: Any) -> st.SearchStrategy[Any]:
    if origin is Annotated:
        return _values(arguments[0], (*metadata, *arguments[1:]))
    if origin is Literal:
        return st.just(arguments[0])
    if origin in {Union, types.UnionType}:
        return st.none() | _values(arguments[0], metadata)
    if origin is tuple:
        return st.lists(_values(arguments[0]), max_size=3).map(tuple)
    assert origin is dict
    return st.dictionaries(_values(arguments[0]), _values(arguments[1]), max_size=3)


def _bounds(metadata: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in metadata:
        if isinstance(entry, FieldInfo):
            found |= _bounds(entry.metadata)
        for name in ("min_length", "max_length", "ge", "le", "lt", "pattern"):
            if getattr(entry, name, None) is not None:
                found[name] = getattr(entry, name)
    return found


def _texts(bounds: dict[str, Any]) -> st.SearchStrategy[str]:
    least, most = bounds.get("min_length", 0), bounds.get("max_length", 30)
    if "pattern" in bounds:
        # Both kinds of names: far quicker to draw than from the regular expression.
        rest = "az09-" + ("AZ._:/@" if "A-Z" in bounds["pattern"] else "")
        return st.builds(str.__add__, st.sampled_from("az09"), st.text(rest, max_size=min(most, 20) - 1))
    return st.text(st.characters(exclude_categories=["Cs"]), min_size=least, max_size=min(most, least + 30))


def _integers(bounds: dict[str, Any]) -> st.SearchStrategy[int]:
    most = bounds["le"] if "le" in bounds else bounds["lt"] - 1
    return st.integers(bounds["ge"], most)


_SCALARS: Mapping[Any, Callable[[dict[str, Any]], st.SearchStrategy[Any]]] = {
    str: _texts,
    int: _integers,
    bool: lambda _: st.booleans(),
    bytes: lambda bounds: st.binary(
        min_size=bounds.get("min_length", 0), max_size=bounds.get("max_length", 40)
    ),
}


UNRECORDED = [
    kind
    for kind, model in MODELS.items()
    if all(field.annotation != JsonObject for field in model.model_fields.values())
]


@pytest.mark.parametrize("kind", MODELS)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_record_comes_back_from_avro(kind: str, data: st.DataObject) -> None:
    """Encoding and decoding any valid record as Avro gives an equal record and, encoded again, the same bytes."""
    record = data.draw(records(MODELS[kind]))
    encoded = codec.encode(record)
    decoded = codec.decode(encoded.payload_type, encoded.value, {kind})
    assert decoded == record
    assert codec.encode(decoded) == encoded
    assert codec.decode_own(encoded.value, MODELS[kind]) == record


@pytest.mark.parametrize("kind", sorted(codec.JSON_KINDS))
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_record_comes_back_from_json(kind: str, data: st.DataObject) -> None:
    """Encoding and decoding any valid record as JSON gives an equal record, with the same Avro bytes."""
    record = data.draw(records(MODELS[kind]))
    encoded = codec.encode_json(record)
    decoded = codec.decode(encoded.payload_type, encoded.value, {kind})
    assert decoded == record
    assert codec.encode(decoded) == codec.encode(record)


@pytest.mark.parametrize("kind", MODELS)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_our_writer_agrees_with_fastavro(kind: str, data: st.DataObject) -> None:
    """The bodies we write are byte for byte what the reference library writes for the same schema."""
    record = data.draw(records(MODELS[kind]))
    body = BytesIO()
    schemaless_writer(body, RELEASED[kind][-1].parsed, _plain(record))
    assert codec.encode(record).value[5:] == body.getvalue()


@pytest.mark.parametrize("kind", UNRECORDED)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_the_fields_that_hold_are_written_as_the_record_is(kind: str, data: st.DataObject) -> None:
    """A record written from those of its fields that are not their defaults has the bytes of the record."""
    record = data.draw(records(MODELS[kind]))
    assert codec.encode_fields(MODELS[kind], _held(record)) == codec.encode(record)


def _held(record: Wire) -> dict[str, Any]:
    """The fields that are not their defaults, in an order of their own; parts that are records likewise."""
    plain = {
        name: value
        for name, value in reversed(list(record.__dict__.items()))
        if name != "kind"
        and value != type(record).model_fields[name].get_default(call_default_factory=True, validated_data={})
    }
    return {name: _held_value(value) for name, value in plain.items()}


def _held_value(value: Any) -> Any:
    match value:
        case Wire():
            return _held(value)
        case tuple():
            return tuple(_held_value(entry) for entry in value)
        case _:
            return value


@pytest.mark.parametrize(
    ("fields", "because"),
    [
        ({"entry_id": "en-1"}, "one is missing"),
        ({"entry_id": "en-1", "entry": "record", "event": "x", "partition": 0, "at_ms": 0, "colour": "red"}, "one is unknown"),
        ({"entry_id": "en-1", "entry": "record", "event": "x", "partition": 1 << 63, "at_ms": 0}, "a number is too large"),
        ({"entry_id": "en-1", "entry": "record", "event": "x", "partition": 0.5, "at_ms": 0}, "a number is none"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_fields_that_are_no_record_are_refused(fields: dict[str, Any], because: str) -> None:
    """What has not the fields of its schema is not written."""
    del because
    with pytest.raises(RecordError):
        codec.encode_fields(AuditEntry, fields)


@pytest.mark.parametrize("kind", MODELS)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_an_unchecked_record_is_the_checked_one(kind: str, data: st.DataObject) -> None:
    """Made without checks from the values of a valid record, a record is equal to it, copies like it and is written as it is."""
    record = data.draw(records(MODELS[kind]))
    made = unchecked(MODELS[kind], **record.__dict__)
    assert made == record
    assert made.model_copy(update={}) == record
    assert codec.encode(made) == codec.encode(record)
    if kind in codec.JSON_KINDS:
        assert codec.encode_json(made) == codec.encode_json(record)


def _plain(value: Any) -> Any:
    match value:
        case Wire():
            fields = type(value).model_fields
            return {
                name: canonical_json(entry).decode()
                if fields[name].annotation == JsonObject
                else _plain(entry)
                for name, entry in value.__dict__.items()
            }
        case tuple():
            return [_plain(entry) for entry in value]
        case dict():
            return dict(sorted(value.items()))
        case _:
            return value


@given(payload_type=st.sampled_from(PAYLOAD_TYPES), body=st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
@example(payload_type=PAYLOAD_TYPES[0], body=b"")
def test_any_bytes_are_a_record_or_a_record_error(payload_type: str, body: bytes) -> None:
    """Random bytes, bare and behind the right frame, end as a valid model or as RecordError, never as anything else."""
    kind = codec._READ[payload_type].kind
    for value in (body, RELEASED[kind][-1].frame + body):
        _read_or_refuse(payload_type, value, kind)


@pytest.mark.parametrize("kind", MODELS)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_damaged_record_is_a_record_or_a_record_error(kind: str, data: st.DataObject) -> None:
    """A valid record with bytes changed, cut or added ends as a valid model or as RecordError."""
    encoded = codec.encode(data.draw(records(MODELS[kind])))
    value = bytearray(encoded.value)
    at = data.draw(st.integers(0, len(value)))
    value[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    _read_or_refuse(encoded.payload_type, bytes(value), kind)


@given(payload_type=st.text(max_size=60), value=st.binary(max_size=20))
@settings(max_examples=200, deadline=None)
def test_any_payload_type_is_known_or_a_record_error(payload_type: str, value: bytes) -> None:
    """A payload type that is none of ours ends as RecordError."""
    with pytest.raises(RecordError):
        codec.decode(payload_type, value, set(MODELS))


def _read_or_refuse(payload_type: str, value: bytes, kind: str) -> None:
    try:
        record = codec.decode(payload_type, value, {kind})
    except RecordError:
        return
    assert isinstance(record, MODELS[kind])
    assert MODELS[kind].model_validate_json(record.model_dump_json()) == record


@given(value=JSON)
@settings(deadline=None)
def test_canonical_json_survives_strict_parsing(value: Any) -> None:
    """What we spell ourselves is strict JSON, means the same, and is spelled the same again."""
    text = canonical_json(value)
    assert parse_json(text) == value
    assert canonical_json(parse_json(text)) == text


@given(text=st.binary(max_size=200) | st.text('[]{}"\\,:0e-1u d', max_size=60).map(str.encode))
@settings(max_examples=300, deadline=None)
def test_strict_parsing_accepts_a_part_of_what_python_accepts(text: bytes) -> None:
    """Strict JSON reads any bytes to what the standard library reads, or raises RecordError."""
    try:
        value = parse_json(text)
    except RecordError:
        return
    assert value == json.loads(text)


def test_every_model_has_a_schema() -> None:
    """Deriving a schema works for every kind, so no field has a type without a place on the wire."""
    assert all(avro_schema(model)["fields"] for model in MODELS.values())
