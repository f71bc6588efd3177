"""The envelope: who signed exactly which bytes as what, and nothing else counts."""

import json
from itertools import permutations
from pathlib import Path

import pytest

from sluicegate.schemas.canonical import pre_authentication_encoding
from sluicegate.schemas.envelope import (
    CONTENT_TYPE,
    Headers,
    PayloadType,
    envelope_digest,
    header,
    headers_digest,
    part_digest,
    record_headers,
    sign,
    signed_part,
    split_signature,
    verify,
    written_digest,
)
from sluicegate.schemas.errors import RecordError, SignatureError
from sluicegate.schemas.grant import Signed
from sluicegate.schemas.keys import PrivateKey
from sluicegate.schemas.kinds import MODELS

GOLDEN = json.loads((Path(__file__).parents[1] / "cases" / "schemas" / "golden.json").read_text("utf-8"))
KEY = PrivateKey.from_seed(bytes(range(32)))
OTHER = PrivateKey.from_seed(bytes(32))
TYPE = "application/vnd.sluicegate.action.v1+json"
VALUE = b'{"kind":"action"}'
TYPES = [f"application/vnd.sluicegate.{kind}.v1+json" for kind in MODELS] + [
    cases[0]["payload_type"] for cases in GOLDEN.values()
]


def _headers(**changes: bytes | None) -> Headers:
    values: dict[str, bytes | None] = {
        "ce_type": b"sluicegate.action.v1",
        CONTENT_TYPE: TYPE.encode(),
        "sig": sign(KEY, TYPE, VALUE).encode(),
    }
    values |= {name.replace("content_type", CONTENT_TYPE): value for name, value in changes.items()}
    return tuple((name, value) for name, value in values.items() if value is not None)


def test_signed_part_verifies() -> None:
    """A record signed by a key verifies under that key."""
    verify(KEY.public, signed_part(_headers(), VALUE))


def test_a16_signature_counts_for_one_payload_type_only() -> None:
    """Of all ordered pairs of payload types, Avro and JSON of every kind, no signature for one verifies as the other."""
    signatures = {payload_type: sign(KEY, payload_type, VALUE) for payload_type in TYPES}
    for one, other in permutations(TYPES, 2):
        with pytest.raises(SignatureError):
            verify(KEY.public, Signed(payload_type=other, value=VALUE, sig=signatures[one]))


def test_a16_swapped_headers_do_not_verify() -> None:
    """A record whose type headers both name another kind is well formed, but its signature is wrong."""
    swapped = _headers(
        ce_type=b"sluicegate.decision.v1", content_type=TYPE.replace("action", "decision").encode()
    )
    with pytest.raises(SignatureError):
        verify(KEY.public, signed_part(swapped, VALUE))


def test_a15_key_id_is_a_hint() -> None:
    """The right id over another key's signature, and the right signature under another id, are both refused."""
    mine, theirs = sign(KEY, TYPE, VALUE).split(":"), sign(OTHER, TYPE, VALUE).split(":")
    for sig in (f"{mine[0]}:{theirs[1]}", f"{theirs[0]}:{mine[1]}", ":".join(theirs)):
        with pytest.raises(SignatureError):
            verify(KEY.public, Signed(payload_type=TYPE, value=VALUE, sig=sig))


@pytest.mark.parametrize("changed", [b"", VALUE + b" ", VALUE[:-1], VALUE.upper()])
def test_changed_bytes_do_not_verify(changed: bytes) -> None:
    """The signature holds for exactly the bytes that were signed."""
    with pytest.raises(SignatureError):
        verify(KEY.public, signed_part(_headers(), changed))


@pytest.mark.parametrize("name", ["sig", CONTENT_TYPE, "ce_type"])
@pytest.mark.parametrize("again", [None, b"", b"other"])
def test_p8_doubled_header_is_refused(name: str, again: bytes | None) -> None:
    """A header of the envelope that is there twice is refused, whether the copies agree or not."""
    same = header(_headers(), name)
    for value in (again, same):
        for headers in ((*_headers(), (name, value)), ((name, value), *_headers())):
            with pytest.raises(RecordError, match="more than once"):
                signed_part(headers, VALUE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"content_type": None}, "content-type` is missing"),
        ({"content_type": b""}, "content type"),
        ({"content_type": b"text/plain"}, "content type"),
        ({"content_type": b"application/vnd.sluicegate.action.v1+xml"}, "content type"),
        ({"content_type": TYPE.encode() + b"\n"}, "content type"),
        ({"content_type": "applicatión/json".encode()}, "not ASCII"),
        ({"ce_type": b"sluicegate.decision.v1"}, "different kinds"),
        ({"ce_type": b"sluicegate.action.v2"}, "ce_type"),
        ({"ce_type": b""}, "ce_type"),
        ({"ce_type": b"\xff"}, "not ASCII"),
        ({"ce_type": None, "content_type": b"application/json"}, "needs the header"),
        ({"sig": b"\xff"}, "not ASCII"),
    ],
)
def test_p1_headers_that_disagree_are_refused(changes: dict[str, bytes | None], message: str) -> None:
    """Type headers that are missing, malformed or contradict each other end in RecordError."""
    with pytest.raises(RecordError, match=message):
        signed_part(_headers(**changes), VALUE)


def test_missing_signature_is_a_signature_error() -> None:
    """A record without `sig` is told to be signed."""
    with pytest.raises(SignatureError, match="not signed"):
        signed_part(_headers(sig=None), VALUE)


def test_plain_json_takes_its_kind_from_ce_type() -> None:
    """`application/json` is read as the JSON payload type of the kind that `ce_type` names."""
    assert signed_part(_headers(content_type=b"application/json"), VALUE).payload_type == TYPE


@pytest.mark.parametrize(
    "sig",
    [
        "",
        ":",
        "0123456789abcdef",
        "0123456789abcdef:=",
        "0123456789abcdef:AAAA=",
        "0123456789ABCDEF:AAAA",
        "0123456789abcde:AAAA",
        "0123456789abcdef:AB",
        "0123456789abcdef:AA AA",
        "0123456789abcdef:AA\n",
        "0123456789abcdef:é",
        "\n0123456789abcdef:AAAA",
    ],
)
def test_malformed_signature_is_refused(sig: str) -> None:
    """A `sig` that is not a key id, a colon and one spelling of base64url ends in SignatureError."""
    with pytest.raises(SignatureError):
        split_signature(sig)


def test_payload_type_survives_its_text() -> None:
    """Every payload type is spelled one way."""
    for text in TYPES:
        assert str(PayloadType.parse(text)) == text


def test_envelope_digest_covers_type_and_value() -> None:
    """The action digest is that of what the signature covers: another type or value is another digest."""
    digests = {envelope_digest(payload_type, value) for payload_type in TYPES for value in (VALUE, b"")}
    assert len(digests) == 2 * len(TYPES)
    assert envelope_digest(TYPE, VALUE) == part_digest(pre_authentication_encoding(TYPE, VALUE))


def test_record_headers_have_one_order() -> None:
    """Headers are those of the CloudEvents binding, then ours, always in the same order."""
    headers = record_headers(
        kind="grant",
        payload_type="application/vnd.sluicegate.grant.v1+avro;fp=0123456789abcdef",
        id="grant-1",
        subject="action-1",
        source="gate",
        origin="actions-2@17",
        ordinal=1,
        sig="k:s",
        traceparent=b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    assert headers == (
        ("ce_specversion", b"1.0"),
        ("ce_id", b"grant-1"),
        ("ce_type", b"sluicegate.grant.v1"),
        ("ce_source", b"gate"),
        ("ce_subject", b"action-1"),
        ("content-type", b"application/vnd.sluicegate.grant.v1+avro;fp=0123456789abcdef"),
        ("origin", b"actions-2@17"),
        ("ordinal", b"1"),
        ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("sig", b"k:s"),
    )


def test_optional_headers_are_left_out() -> None:
    """A record of a client has no input position; an ordinal of zero is kept."""
    headers = record_headers(kind="action", payload_type=TYPE, id="a", subject="a", source="agent", ordinal=0)
    assert [name for name, _ in headers][6:] == ["ordinal"]


def test_different_headers_have_different_digests() -> None:
    """Order, borders between name and value, absent and empty values, and doubled headers all change the digest."""
    every: list[Headers] = [
        (),
        (("", b""),),
        (("", None),),
        (("a", b""),),
        (("a", None),),
        (("a", b"b"),),
        (("ab", b""),),
        (("a", b"b"), ("c", b"d")),
        (("c", b"d"), ("a", b"b")),
        (("a", b"b"), ("a", b"b")),
        (("a", b"b" + b"\x00\x00\x00\x01c\x00\x00\x00\x01d"),),
        (("a", b"\xff\xff\xff\xff"),),
    ]
    assert len({headers_digest(headers) for headers in every}) == len(every)


def test_different_records_have_different_written_digests() -> None:
    """Topic, key, headers and value each count, and what is absent differs from what is empty."""
    every: list[tuple[str, bytes | None, Headers, bytes | None]] = [
        ("t", b"k", (), b"v"),
        ("tk", b"", (), b"v"),
        ("t", b"", (), b"kv"),
        ("t", None, (), b"v"),
        ("t", b"", (), b"v"),
        ("t", b"k", (), b""),
        ("t", b"k", (), None),
        ("t", b"k", (("a", b"v"),), b""),
        ("t", b"k", (("a", None),), b"v"),
    ]
    assert len({written_digest(*record) for record in every}) == len(every)


def test_written_digest_leaves_out_what_the_commit_adds() -> None:
    """A reader of a signed grant computes the digest that the gate's entry recorded before signing."""
    added: Headers = (("a", b"b"), ("sig", b"s"), ("sig-path", b"p"))
    assert written_digest("t", b"k", added, b"v") == written_digest("t", b"k", (("a", b"b"),), b"v")
    assert headers_digest(added) != headers_digest((("a", b"b"),))


def test_absent_part_has_a_digest_of_its_own() -> None:
    """Nothing and the empty bytes are told apart in a leaf."""
    assert part_digest(None) == bytes(32)
    assert part_digest(b"") != part_digest(None)
