"""The envelope of a signed record: payload type, exact bytes, `sig` header.

`sig` is ASCII `<key id>:<base64url Ed25519 signature>` over DSSE's pre-authentication encoding of (payload type, value).
Payload types: `application/vnd.sluicegate.<kind>.v1+avro;fp=<16 hex>` or `application/vnd.sluicegate.<kind>.v1+json`.
The header `content-type` carries the payload type; `application/json` is read as the JSON payload type of the record's
`ce_type`. `ce_type` is `sluicegate.<kind>.v1` (CloudEvents 1.0, Kafka protocol binding).
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from struct import pack
from typing import Final

from .canonical import pre_authentication_encoding, sha256
from .errors import RecordError, SignatureError
from .fields import decode_base64url, encode_base64url, unchecked
from .grant import Signed
from .keys import PrivateKey, PublicKey

Headers = tuple[tuple[str, bytes | None], ...]
"""Record headers in order; names may repeat, a value may be absent."""

SIGNATURE_HEADER: Final = "sig"
PATH_HEADER: Final = "sig-path"
CONTENT_TYPE: Final = "content-type"
JSON_CONTENT_TYPE: Final = "application/json"
"""What a JSON record may say instead of its payload type; `ce_type` then names its kind."""
_ABSENT: Final = 0xFFFFFFFF
_ADDED_AT_COMMIT: Final = frozenset({SIGNATURE_HEADER, PATH_HEADER})
_SPECVERSION: Final = ("ce_specversion", b"1.0")
_KEY_ID: Final = re.compile(r"[0-9a-f]{16}", re.ASCII)
_PAYLOAD_TYPE = re.compile(
    r"application/vnd\.sluicegate\.(?P<kind>[a-z-]{1,32})\.v1\+(?:json|avro;fp=(?P<fingerprint>[0-9a-f]{16}))",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class PayloadType:
    """What a value claims to be: the kind of record, and the Avro schema or None for JSON."""

    kind: str
    fingerprint: str | None = None

    @classmethod
    def parse(cls, text: str) -> "PayloadType":
        """RecordError when `text` is no payload type of ours."""
        match = _PAYLOAD_TYPE.fullmatch(text)
        if not match:
            raise RecordError("the content type is none of sluicegate's; see `sluicegate sign --help`")
        return cls(match["kind"], match["fingerprint"])

    def __str__(self) -> str:
        """The payload type as it is signed and sent."""
        encoding = f"avro;fp={self.fingerprint}" if self.fingerprint else "json"
        return f"application/vnd.sluicegate.{self.kind}.v1+{encoding}"


def record_headers(
    *,
    kind: str,
    payload_type: str,
    id: str,  # noqa: A002  # CloudEvents' own name
    subject: str,
    source: str,
    origin: str | None = None,
    ordinal: int | None = None,
    sig: str | None = None,
    traceparent: bytes | None = None,
) -> Headers:
    """The headers of a record, always in this order (CloudEvents 1.0, Kafka protocol binding, binary mode).

    `subject` is the action the record is about, `source` who wrote it. A record that the gate writes names the input
    position it came from (`origin`, such as `actions-2@17`) and its place among that input's outputs (`ordinal`).
    """
    ce_type, ce_source, content_type = _same_for_all(kind, source, payload_type)
    headers = [
        _SPECVERSION,
        ("ce_id", id.encode()),
        ce_type,
        ce_source,
        ("ce_subject", subject.encode()),
        content_type,
    ]
    if origin is not None:
        headers.append(("origin", origin.encode()))
    if ordinal is not None:
        headers.append(("ordinal", b"%d" % ordinal))
    if traceparent is not None:
        headers.append(("traceparent", traceparent))
    if sig is not None:
        headers.append((SIGNATURE_HEADER, sig.encode()))
    return tuple(headers)


@lru_cache(maxsize=256)  # kinds, writers and schemas are few
def _same_for_all(kind: str, source: str, payload_type: str) -> tuple[tuple[str, bytes], ...]:
    """The headers that all records of one kind and writer share."""
    return (
        ("ce_type", f"sluicegate.{kind}.v1".encode()),
        ("ce_source", source.encode()),
        (CONTENT_TYPE, payload_type.encode()),
    )


def header(headers: Headers, name: str) -> bytes | None:
    """The one header of this name, None when absent; RecordError when it is there twice (header smuggling)."""
    found = [value for key, value in headers if key == name]
    if len(found) > 1:
        raise RecordError(f"the header `{name}` is there more than once; send it once")
    return found[0] if found else None


def sign(key: PrivateKey, payload_type: str, value: bytes) -> str:
    """The `sig` of exactly these bytes."""
    return f"{key.key_id}:{encode_base64url(key.sign(pre_authentication_encoding(payload_type, value)))}"


def split_signature(sig: str) -> tuple[str, bytes]:
    """The key id and the raw signature of a `sig`; SignatureError when it is not formed like one."""
    key_id, colon, signature = sig.partition(":")
    if not colon or not _KEY_ID.fullmatch(key_id):
        raise SignatureError("`sig` is not `<key id>:<base64url signature>`")
    try:
        return key_id, decode_base64url(signature)
    except ValueError:
        raise SignatureError("`sig` is not `<key id>:<base64url signature>`") from None


def verify(key: PublicKey, signed: Signed) -> None:
    """SignatureError unless `key` signed exactly this payload type and value."""
    key_id, signature = split_signature(signed.sig)
    if key_id != key.key_id:
        raise SignatureError("the key id names another key")
    key.verify(pre_authentication_encoding(signed.payload_type, signed.value), signature)


def envelope_digest(payload_type: str, value: bytes) -> bytes:
    """SHA-256 over what the signature covers: the action digest of an action."""
    return sha256(pre_authentication_encoding(payload_type, value))


def part_digest(part: bytes | None) -> bytes:
    """SHA-256 of a key or value as it is; 32 zero bytes, the digest of nothing known, when there is none."""
    return bytes(32) if part is None else sha256(part)


def headers_digest(headers: Headers) -> bytes:
    """SHA-256 over all headers in order, framed so that no two sequences of headers share their bytes."""
    parts: list[bytes | None] = []
    for name, value in headers:
        parts += (name.encode(), value)
    return sha256(_framed(parts))


def written_digest(topic: str, key: bytes | None, headers: Headers, value: bytes | None) -> bytes:
    """SHA-256 over a written record, framed likewise.

    `sig` and `sig-path` are left out: they are added at the commit and are no part of what a replay gives.
    """
    parts = [topic.encode(), key, value]
    for name, content in headers:
        if name not in _ADDED_AT_COMMIT:
            parts += (name.encode(), content)
    return sha256(_framed(parts))


def _framed(parts: list[bytes | None]) -> bytes:
    """The number of parts, the length of each, then all of them; four bytes big-endian per number."""
    # INVARIANT: no two lists of parts share their bytes; absent is a length that no part has.
    lengths = [_ABSENT if part is None else len(part) for part in parts]
    return pack(f">{len(parts) + 1}I", len(parts), *lengths) + b"".join(filter(None, parts))


def signed_part(headers: Headers, value: bytes) -> Signed:
    """What a record's headers and value say was signed.

    RecordError when headers are missing, doubled, not ASCII, or disagree about the kind; SignatureError without `sig`.
    """
    payload_type = payload_type_of(headers)
    sig = header(headers, SIGNATURE_HEADER)
    if sig is None:
        raise SignatureError("the record is not signed; send the header `sig`")
    return unchecked(Signed, payload_type=payload_type, value=value, sig=_ascii(sig))


def payload_type_of(headers: Headers) -> str:
    """What a record says it is, signed or not; RecordError when headers are missing, doubled or disagree."""
    content_type, ce_type = header(headers, CONTENT_TYPE), header(headers, "ce_type")
    if content_type is None:
        raise RecordError("the header `content-type` is missing; see `sluicegate sign --help`")
    return _agreed(content_type, ce_type)


@lru_cache(maxsize=256)  # pairs that agree are few; those that raise are never kept
def _agreed(content_type: bytes, ce_type: bytes | None) -> str:
    kind = _kind(_ascii(ce_type)) if ce_type is not None else None
    text = _ascii(content_type)
    if text == JSON_CONTENT_TYPE:
        if kind is None:
            raise RecordError("JSON needs the header `ce_type`, such as `sluicegate.action.v1`")
        return str(PayloadType(kind))
    payload_type = PayloadType.parse(text)
    if kind is not None and kind != payload_type.kind:
        raise RecordError("`ce_type` and `content-type` name different kinds of record")
    return text


def _kind(ce_type: str) -> str:
    match = re.fullmatch(r"sluicegate\.([a-z-]{1,32})\.v1", ce_type, re.ASCII)
    if not match:
        raise RecordError("the header `ce_type` is not `sluicegate.<kind>.v1`")
    return match[1]


def _ascii(value: bytes) -> str:
    try:
        return value.decode("ascii")
    except UnicodeDecodeError:
        raise RecordError("a header of the envelope is not ASCII") from None
