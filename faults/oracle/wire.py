"""Bytes of our records, read by the published schemas alone: frames, digests, signatures, Merkle paths.

Sources: Avro 1.12 and the Confluent frame; DSSE v1 (pre-authentication encoding); RFC 8032; RFC 6962 section 2.1.1; the
headers as README and schemas describe them.
"""

import base64
import hashlib
import io
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastavro import parse_schema, schemaless_reader
from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey

SCHEMAS: Final = Path(os.environ.get("SLUICEGATE_TREE", Path(__file__).parents[2])) / "schemas"
GRANT_ROOT: Final = "application/vnd.sluicegate.grant-root.v1"
_FRAME: Final = 5
_ABSENT: Final = 0xFFFFFFFF
_ADDED_LATER: Final = frozenset({"sig", "sig-path"})


@dataclass(frozen=True, slots=True)
class Stored:
    """One record as the broker holds it; `topic` without the deployment's prefix."""

    topic: str
    partition: int
    offset: int
    append_ms: int
    key: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    value: bytes | None

    @property
    def place(self) -> str:
        """`topic-partition@offset`."""
        return f"{self.topic}-{self.partition}@{self.offset}"

    def header(self, name: str) -> str:
        """The first header of this name as text, empty without one."""
        return next(((value or b"").decode() for key, value in self.headers if key == name), "")

    @property
    def payload_type(self) -> str:
        """What the value claims to be."""
        return self.header("content-type")

    @property
    def kind(self) -> str:
        """Which of our records it claims to be, empty for none."""
        return kind_of(self.payload_type)


def kind_of(payload_type: str) -> str:
    """The kind that a payload type names, empty for none of ours."""
    before, _, rest = payload_type.partition("application/vnd.sluicegate.")
    return "" if before or ".v1+" not in rest else rest.partition(".v1+")[0]


def decode(payload_type: str, value: bytes) -> dict[str, Any]:
    """The fields of an Avro record; ValueError when it is none of ours."""
    kind = kind_of(payload_type)
    fingerprint = payload_type.partition(";fp=")[2]
    number, schema = _schemas()[kind, fingerprint]
    if value[:_FRAME] != b"\x00" + struct.pack(">I", number):
        raise ValueError("another frame")
    body = io.BytesIO(value)
    body.seek(_FRAME)
    fields = schemaless_reader(body, schema, None)
    if not isinstance(fields, dict) or body.tell() != len(value):
        raise ValueError("left over")
    return fields


def read(record: Stored) -> dict[str, Any]:
    """The fields of a record."""
    return decode(record.payload_type, record.value or b"")


@cache
def _schemas() -> Mapping[tuple[str, str], tuple[int, Any]]:
    lock = json.loads((SCHEMAS / "schema.lock.json").read_text("utf-8"))
    return {
        (kind, version["fingerprint"]): (
            version["id"],
            parse_schema(json.loads((SCHEMAS / version["file"]).read_text("utf-8"))),
        )
        for kind, versions in lock["kinds"].items()
        for version in versions
    }


def signed_bytes(payload_type: str, value: bytes) -> bytes:
    """What a signature covers (DSSE v1)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(value), value)


def digest(payload_type: str, value: bytes) -> bytes:
    """The digest by which actions are named."""
    return hashlib.sha256(signed_bytes(payload_type, value)).digest()


def part_digest(part: bytes | None) -> bytes:
    """Of a key or value in a leaf."""
    return bytes(32) if part is None else hashlib.sha256(part).digest()


def headers_digest(record: Stored) -> bytes:
    """Of all headers in a leaf."""
    parts: list[bytes | None] = []
    for name, content in record.headers:
        parts += (name.encode(), content)
    return hashlib.sha256(_framed(parts)).digest()


def written_digest(record: Stored) -> bytes:
    """Of an output, without what is added at the commit."""
    parts = [record.topic.encode(), record.key, record.value]
    for name, content in record.headers:
        if name not in _ADDED_LATER:
            parts += (name.encode(), content)
    return hashlib.sha256(_framed(parts)).digest()


def _framed(parts: list[bytes | None]) -> bytes:
    lengths = [_ABSENT if part is None else len(part) for part in parts]
    return struct.pack(f">{len(parts) + 1}I", len(parts), *lengths) + b"".join(part or b"" for part in parts)


def key_id(public: bytes) -> str:
    """How signatures name a key."""
    return hashlib.sha256(public).hexdigest()[:16]


def unbase64(text: str) -> bytes:
    """base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def signer(sig: str, covered: bytes, keys: Mapping[str, bytes]) -> str | None:
    """The id of the key that signed these bytes, None when none of `keys` (id to public key) did."""
    name, _, signature = sig.partition(":")
    public = keys.get(name)
    if public is None or key_id(public) != name:
        return None
    try:
        VerifyKey(public).verify(covered, unbase64(signature))
    except (CryptoError, ValueError):
        return None
    return name


def grant_signer(record: Stored, keys: Mapping[str, bytes]) -> str | None:
    """Who signed the transaction that holds this grant."""
    place, _, text = record.header("sig-path").partition(":")
    try:
        index, count = map(int, place.split("/"))
        joined = unbase64(text)
        siblings = [joined[at : at + 32] for at in range(0, len(joined), 32)]
        root = _root(signed_bytes(record.payload_type, record.value or b""), index, count, siblings)
    except (ValueError, IndexError):
        return None
    covered = signed_bytes(GRANT_ROOT, struct.pack(">I", count) + root)
    return signer(record.header("sig"), covered, keys)


def _root(leaf: bytes, index: int, count: int, siblings: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.3.2: the root that an inclusion path leads to; ValueError when it does not fit."""
    if not 0 <= index < count:
        raise ValueError("no such leaf")
    number, last = index, count - 1
    found = hashlib.sha256(b"\x00" + leaf).digest()
    for sibling in siblings:
        if last == 0:
            raise ValueError("path too long")
        if number & 1 or number == last:
            found = hashlib.sha256(b"\x01" + sibling + found).digest()
            while not number & 1 and number:
                number >>= 1
                last >>= 1
        else:
            found = hashlib.sha256(b"\x01" + found + sibling).digest()
        number >>= 1
        last >>= 1
    if last:
        raise ValueError("path too short")
    return found
