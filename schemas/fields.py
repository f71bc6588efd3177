"""Field types that all wire models share: names, digests, bytes, times, recorded JSON.

In Python and Avro a digest is 32 raw bytes; in JSON it is lower-case hex. Other bytes are base64url without padding in JSON.
"""

import base64
import binascii
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, PlainSerializer, ValidationInfo


class Wire(BaseModel):
    """A record, or a part of one, as it travels: frozen, closed, strict."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, ser_json_bytes="base64", hide_input_in_errors=True
    )


def _bytes_from_hex(value: Any, info: ValidationInfo) -> Any:
    if info.mode == "json" and isinstance(value, str):
        try:
            return bytes.fromhex(value)
        except ValueError:
            raise ValueError("must be lower-case hex") from None
    return value


def encode_base64url(value: bytes) -> str:
    """Base64url without padding (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def decode_base64url(text: str) -> bytes:
    """Decode base64url without padding; ValueError for anything that is not its one spelling."""
    try:
        value = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("must be base64url") from None
    # INVARIANT: one value, one spelling; a second spelling of a signature would be a second digest.
    if encode_base64url(value) != text:
        raise ValueError("must be base64url without padding or stray bits")
    return value


def _bytes_from_base64url(value: Any, info: ValidationInfo) -> Any:
    return decode_base64url(value) if info.mode == "json" and isinstance(value, str) else value


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]*$", max_length=128)]
"""An id or a dotted name: ASCII only, so no two ids look alike (UTS 39) or differ in normal form."""

ExecutorName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=63)]
"""The name of an executor: part of a topic, a group and a transactional id."""

Digest = Annotated[
    bytes,
    BeforeValidator(_bytes_from_hex),
    Field(min_length=32, max_length=32),
    PlainSerializer(bytes.hex, return_type=str, when_used="json"),
]
"""A SHA-256 digest."""

Blob = Annotated[
    bytes,
    BeforeValidator(_bytes_from_base64url),
    PlainSerializer(encode_base64url, return_type=str, when_used="json"),
]
"""Exact bytes carried inside a record."""

Nonce = Annotated[Blob, Field(min_length=16, max_length=64)]
"""At least 16 random bytes: they make the digest of an action hide what the action says."""

Milliseconds = Annotated[int, Field(ge=0, lt=1 << 53)]
"""A time since the Unix epoch, or a span, in milliseconds."""

Offset = Annotated[int, Field(ge=0, lt=1 << 63)]
Partition = Annotated[int, Field(ge=0, lt=1 << 31)]

JsonObject = dict[str, JsonValue]
"""Recorded JSON: in Avro it travels as its JSON text."""
