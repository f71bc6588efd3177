"""Hostile bytes: every one ends in RecordError, and the message repeats nothing of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sluicegate.schemas import codec
from sluicegate.schemas.action import Action, Withdrawal
from sluicegate.schemas.codec import ACTION_BYTES, JSON_KINDS
from sluicegate.schemas.errors import RecordError
from sluicegate.schemas.fields import unchecked
from sluicegate.schemas.kinds import MODELS
from sluicegate.schemas.outcome import Outcome, OutcomeKind

GOLDEN = json.loads((Path(__file__).parents[1] / "cases" / "schemas" / "golden.json").read_text("utf-8"))
ACTION: dict[str, Any] = GOLDEN["action"][0]["record"]
AVRO_TYPE: str = GOLDEN["action"][0]["payload_type"]
AVRO = bytes.fromhex(GOLDEN["action"][0]["avro"])
JSON_TYPE = "application/vnd.sluicegate.action.v1+json"
SECRET = "Jane-Roe-1970-01-01"


def _with(**changes: Any) -> bytes:
    return json.dumps({**ACTION, **changes}).encode()


def _without(name: str) -> bytes:
    return json.dumps({key: value for key, value in ACTION.items() if key != name}).encode()


def _arguments(text: str) -> bytes:
    return _with(arguments="PLACE").replace(b'"PLACE"', text.encode())


def _avro(**changes: Any) -> bytes:
    """An action as Avro whose fields were not checked by the model."""
    known = Action.model_validate_json(json.dumps(ACTION))
    return codec.encode(known.model_copy(update=changes)).value


def _json_in_avro(arguments: bytes) -> bytes:
    """The smallest action as Avro, its arguments replaced by this text of at most 63 bytes."""
    smallest = bytes.fromhex(GOLDEN["action"][1]["avro"])
    return smallest.replace(b"\x04{}", bytes([len(arguments) << 1]) + arguments)


NOT_JSON = {
    "empty": b"",
    "random bytes": bytes(range(256)),
    "only white space": b" \n",
    "a number": b"7",
    "null": b"null",
    "an array": b"[]",
    "a string": b'"action"',
    "cut short": _with()[:-1],
    "left over": _with() + b"{}",
    "a byte order mark": b"\xef\xbb\xbf" + _with(),
    "UTF-16": _with().decode().encode("utf-16"),
    "not UTF-8": _with(summary="PLACE").replace(b"PLACE", b"\xff\xfe"),
    "an overlong NUL": _with(summary="PLACE").replace(b"PLACE", b"\xc0\x80"),
    "an encoded surrogate": _with(summary="PLACE").replace(b"PLACE", b"\xed\xa0\x80"),
    "a raw NUL": _with(summary="PLACE").replace(b"PLACE", b"\x00"),
    "a NUL behind the record": _with() + b"\x00",
    "single quotes": _with().replace(b'"', b"'"),
    "a trailing comma": _with()[:-1] + b",}",
    "a comment": b"/* action */" + _with(),
    "a key twice": _with()[:-1] + b', "agent": "ops-agent/7"}',
    "a key twice, once escaped": _with()[:-1] + b', "\\u0061gent": "ops-agent/7"}',
    "a key twice, deep inside": _arguments('{"a": [{"b": 1, "b": 1}]}'),
    "NaN": _arguments('{"a": NaN}'),
    "Infinity": _arguments('{"a": Infinity}'),
    "-Infinity": _arguments('{"a": -Infinity}'),
    "1e999": _arguments('{"a": 1e999}'),
    "-1e999": _arguments('{"a": -1e999}'),
    "a huge integer": _arguments('{"a": ' + "9" * 100_000 + "}"),
    "an integer of 65 bits": _arguments('{"a": 9223372036854775808}'),
    "a leading zero": _arguments('{"a": 01}'),
    "a lone surrogate": _arguments('{"a": "\\ud800"}'),
    "a lone surrogate as key": _arguments('{"\\udc00": 1}'),
    "surrogates in the wrong order": _arguments('{"a": "\\udc00\\ud800"}'),
    "65 levels": _arguments('{"a":' + "[" * 64 + "]" * 64 + "}"),
    "2 MB of arrays": b"[" * 2_000_000,
    "2 MB of objects": b'{"a":' * 400_000,
    "250 kB of arrays": _arguments('{"a":' + "[" * 125_000 + "]" * 125_000 + "}"),
    "250 kB of brackets and quotes": b'["\\"' * 60_000,
    "250 kB of escaped quotes": b'"' + b'\\"' * 125_000,
}

NOT_AN_ACTION = {
    "a field too many": _with(**{SECRET: 1}),
    "no type": _without("type"),
    "no nonce": _without("nonce"),
    "no agent": _without("agent"),
    "no lane": _without("lane"),
    "no arguments": _without("arguments"),
    "type is null": _with(type=None),
    "type is empty": _with(type=""),
    "type is too long": _with(type="a" * 129),
    "a name with a space": _with(agent=f"{SECRET} "),
    "a name with a newline at its end": _with(agent="ops-agent/7\n"),
    "a name that looks like another": _with(agent="оps-agent/7"),  # noqa: RUF001  # Cyrillic, on purpose
    "a name in full-width letters": _with(agent="ａgent"),  # noqa: RUF001  # on purpose
    "a name with a NUL": _with(agent="ops\x00"),
    "a number as text": _with(created_at_ms="1767225600000"),
    "a number with a fraction": _with(created_at_ms=1767225600000.0),
    "a boolean for a number": _with(created_at_ms=True),
    "a negative time": _with(created_at_ms=-1),
    "a time of 54 bits": _with(created_at_ms=1 << 53),
    "text for an object": _with(arguments=SECRET),
    "an array for an object": _with(arguments=[SECRET]),
    "a number for a name": _with(agent=7),
    "a short nonce": _with(nonce="AAAA"),
    "a long nonce": _with(nonce="A" * 200),
    "a nonce with padding": _with(nonce="AAECAwQFBgcICQoLDA0ODw=="),
    "a nonce with stray bits": _with(nonce="AAECAwQFBgcICQoLDA0ODx"),
    "a nonce in the other alphabet": _with(nonce="++//" * 6),
    "another kind inside": _with(kind="decision"),
    "a long summary": _with(summary="a" * 4097),
    "half an account": _with(on_behalf_of={"issuer": SECRET}),
    "an account with more": _with(on_behalf_of={"issuer": "i", "subject": "s", SECRET: SECRET}),
}

NOT_AVRO = {
    "empty": b"",
    "one byte": b"\x00",
    "only the frame": AVRO[:5],
    "random bytes": bytes(range(256)),
    "cut short": AVRO[:-1],
    "left over": AVRO + b"\x00",
    "twice": AVRO + AVRO,
    "wrong magic": b"\x01" + AVRO[1:],
    "an unknown id": b"\x00\x7f\xff\xff\xff" + AVRO[5:],
    "the id of another kind": b"\x00" + (2).to_bytes(4, "big") + AVRO[5:],
    "JSON": _with(),
    "a string of negative length": AVRO[:5] + b"\x01" + AVRO[6:],
    "a string of 2^62 bytes": AVRO[:5] + b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f" + AVRO[6:],
    "a number that never ends": AVRO[:5] + b"\xff" * 100,
    "a string that is not UTF-8": AVRO.replace(b"summary", b"s\xff\xfemary"),
    "a branch that the union does not have": AVRO.replace(b"\x02\x0esummary", b"\x08\x0esummary"),
    "a short nonce": _avro(nonce=b"short"),
    "an empty name": _avro(type=""),
    "arguments that are no JSON": AVRO.replace(b'{"a":', b'("a":'),
    "arguments that are no object": AVRO.replace(b'{"a"', b'["a"'),
    "arguments with NaN": AVRO.replace(b"-2.5", b" NaN"),
    "arguments with a lone surrogate": _json_in_avro(b'{"a":"\\ud800"}'),
    "arguments with a key twice": AVRO.replace(b'"b":[1', b'"a":[1'),
}  # fmt: skip


def _refused(payload_type: str, value: bytes) -> str:
    with pytest.raises(RecordError) as caught:
        codec.decode(payload_type, value, {"action", "withdrawal"})
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


@pytest.mark.parametrize("value", (NOT_JSON | NOT_AN_ACTION).values(), ids=(NOT_JSON | NOT_AN_ACTION).keys())
def test_p2_p3_p6_hostile_json_is_refused(value: bytes) -> None:
    """JSON that is malformed, ambiguous, too deep, too long, or no action ends in RecordError without its values."""
    message = _refused(JSON_TYPE, value)
    assert SECRET not in message
    assert len(message) < 300


def test_arguments_in_avro_are_read_as_json() -> None:
    """The text that carries arguments in Avro may be spelled any way that strict JSON allows."""
    action = codec.decode(AVRO_TYPE, _json_in_avro(b'{ "b": 1.0, "a": "\\u00e9" }'), {"action"})
    assert action.model_dump()["arguments"] == {"b": 1.0, "a": "é"}


def test_field_that_the_schema_does_not_have_is_not_named() -> None:
    """The name of an unknown field is the sender's text, so the message only says that there is one."""
    assert "leave it out" in _refused(JSON_TYPE, NOT_AN_ACTION["a field too many"])


def test_h1_key_of_a_map_is_not_named() -> None:
    """A map's key is a value of the record: the message names the field that holds the map and nothing more."""
    request = json.loads(json.dumps(GOLDEN["approval-request"][0]["record"]))
    request["requirement"]["groups"] = {SECRET: 0}
    with pytest.raises(RecordError, match=r"`requirement\.groups`") as caught:
        codec.decode(
            "application/vnd.sluicegate.approval-request.v1+json", json.dumps(request).encode(), set(MODELS)
        )
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("value", NOT_AVRO.values(), ids=NOT_AVRO.keys())
def test_hostile_avro_is_refused(value: bytes) -> None:
    """Avro that is cut, padded, framed wrongly, or no action ends in RecordError."""
    assert _refused(AVRO_TYPE, value)


@pytest.mark.parametrize(
    "payload_type",
    [
        "",
        "application/json",
        "application/vnd.sluicegate.action.v1",
        "application/vnd.sluicegate.action.v1+avro",
        "application/vnd.sluicegate.action.v1+avro;fp=0000000000000000",
        "application/vnd.sluicegate.action.v1+avro;fp=" + "A" * 16,
        "application/vnd.sluicegate.action.v2+json",
        "application/vnd.sluicegate.secret.v1+json",
        "application/vnd.sluicegate.grant.v1+json",
        AVRO_TYPE + "\n",
        AVRO_TYPE.upper(),
        " " + AVRO_TYPE,
        GOLDEN["withdrawal"][0]["payload_type"].replace("withdrawal", "action"),
    ],
)
def test_p1_payload_type_that_is_not_exactly_known_is_refused(payload_type: str) -> None:
    """Only the exact payload types of released schemas are read; a fingerprint of another kind is none."""
    _refused(payload_type, AVRO)


@pytest.mark.parametrize("kind", sorted(set(MODELS) - JSON_KINDS))
def test_json_is_refused_for_kinds_that_only_travel_as_avro(kind: str) -> None:
    """Grants, claims, receipts, batches and state are never read from JSON or written as JSON."""
    record = MODELS[kind].model_validate_json(json.dumps(GOLDEN[kind][0]["record"]))
    with pytest.raises(RecordError):
        codec.encode_json(record)
    with pytest.raises(RecordError):
        codec.decode(f"application/vnd.sluicegate.{kind}.v1+json", record.model_dump_json().encode(), {kind})


@pytest.mark.parametrize("kind", MODELS)
def test_p1_kind_that_is_not_expected_is_refused(kind: str) -> None:
    """A perfect record of one kind is refused wherever any set of other kinds is expected."""
    case = GOLDEN[kind][0]
    for kinds in (set(MODELS) - {kind}, set[str]()):
        with pytest.raises(RecordError):
            codec.decode(case["payload_type"], bytes.fromhex(case["avro"]), kinds)


def test_p1_no_record_is_read_under_the_payload_type_of_another_kind() -> None:
    """Avro bytes of one kind under the type of any other kind end in RecordError: the frame says what they are."""
    for kind, cases in GOLDEN.items():
        for other, others in GOLDEN.items():
            if kind != other:
                with pytest.raises(RecordError):
                    codec.decode(others[0]["payload_type"], bytes.fromhex(cases[0]["avro"]), {other})


def test_json_with_an_absent_kind_is_read() -> None:
    """The payload type names the kind, so a hand-written record may leave it out."""
    action = codec.decode(JSON_TYPE, _without("kind"), {"action"})
    assert action.model_dump()["kind"] == "action"


@pytest.mark.parametrize("length", [ACTION_BYTES, ACTION_BYTES + 1])
def test_p6_action_has_at_most_256_kib(length: int) -> None:
    """An action of exactly the limit is read, one byte more is refused before it is parsed."""
    padded = _with() + b" " * (length - len(_with()))
    if length <= ACTION_BYTES:
        assert codec.decode(JSON_TYPE, padded, {"action"})
    else:
        _refused(JSON_TYPE, padded)


@pytest.mark.parametrize("write", [codec.encode, codec.encode_json])
@pytest.mark.parametrize(
    "arguments",
    [
        {"a": float("nan")},
        {"a": float("inf")},
        {"a": "\ud800"},
        {"\udc00": 1},
        {"a": 1 << 63},
        {"a": "x" * ACTION_BYTES},
    ],
    ids=["NaN", "infinity", "lone surrogate", "lone surrogate as key", "65 bits", "too long"],
)
def test_what_no_reader_accepts_is_not_written(
    write: Callable[[Action], codec.Encoded], arguments: dict[str, Any]
) -> None:
    """An agent learns when it writes, not from a dead letter, that its arguments cannot be read."""
    action = Action.model_validate_json(json.dumps(ACTION)).model_copy(update={"arguments": arguments})
    with pytest.raises(RecordError):
        write(action)


def test_arguments_nested_too_deep_are_not_written() -> None:
    """Arguments deeper than the strict parser's limit end in RecordError at the writer, even endless ones."""
    deep: list[Any] = []
    deep.append(deep)
    action = Action.model_validate_json(json.dumps(ACTION))
    for arguments in ({"a": deep}, json.loads('{"a":' + "[" * 70 + "]" * 70 + "}")):
        with pytest.raises(RecordError):
            codec.encode(action.model_copy(update={"arguments": arguments}))
        with pytest.raises(RecordError):
            codec.encode_json(action.model_copy(update={"arguments": arguments}))


def test_own_state_is_read_only_as_what_it_is() -> None:
    """A state record under the wrong model, damaged, or empty ends in RecordError."""
    pending = bytes.fromhex(GOLDEN["pending"][0]["avro"])
    for value in (b"", pending[:-1], pending + b"\x00", AVRO):
        with pytest.raises(RecordError):
            codec.decode_own(value, MODELS["pending"])
    with pytest.raises(RecordError):
        codec.decode_own(pending, Withdrawal)


_TOLD: dict[str, Any] = {
    "outcome_id": "oc-1",
    "action_id": "ac-1",
    "lane": "ops",
    "agent": "ops",
    "action_digest": bytes(32),
    "outcome": OutcomeKind.DENIED,
    "at_ms": 5,
}


@pytest.mark.parametrize("name", [*_TOLD])
@pytest.mark.parametrize("value", [None, (), ..., 1.5, [], {}, "\ud800", 1 << 64, object()])
def test_what_is_not_checked_is_written_as_what_it_is_or_not_at_all(name: str, value: object) -> None:
    """A required field that holds nothing is not zero or empty, and whatever cannot be written is a RecordError."""
    with pytest.raises(RecordError):
        codec.encode(unchecked(Outcome, **{**_TOLD, name: value}))


@pytest.mark.parametrize("name", [*_TOLD])
def test_a_missing_field_is_found_when_it_is_written(name: str) -> None:
    """As `unchecked` promises."""
    with pytest.raises(RecordError):
        codec.encode(unchecked(Outcome, **{other: value for other, value in _TOLD.items() if other != name}))
