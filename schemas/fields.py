"""Field types that all wire models share: names, digests, bytes, times, recorded JSON.

In Python and Avro a digest is 32 raw bytes; in JSON it is lower-case hex. Other bytes are base64url without padding in JSON.
"""

import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final, ParamSpec, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, JsonValue
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

_LOWER_HEX: Final = re.compile(r"[0-9a-f]*", re.ASCII)
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")


P = ParamSpec("P")
M = TypeVar("M", bound="Wire")


class Wire(BaseModel):
    """A record, or a part of one, as it travels: frozen, closed, strict."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, ser_json_inf_nan="constants", hide_input_in_errors=True
    )


def unchecked(model: Callable[P, M], *_: P.args, **values: P.kwargs) -> M:
    """A record made of values that are known to be valid: taken from records that were read, or derived from them here.

    What every step of the gate writes is made this way: to check again what is valid costs as much as to encode it, and
    whoever reads the record checks it anyway. Never for anything that came from outside. A missing field is found when
    the record is written.
    """
    blank, names = _blank(model)
    record: Any = _new(model)
    _set(record, "__dict__", {**blank, **values})
    _set(record, "__pydantic_fields_set__", names)
    _set(record, "__pydantic_extra__", None)
    _set(record, "__pydantic_private__", None)
    return cast("M", record)


@cache
def _blank(model: type[Wire]) -> tuple[dict[str, Any], set[str]]:
    """Every field of a model in its order, with its default or with what no writer takes; and their names."""
    fields = {
        name: ... if field.is_required() else field.get_default(call_default_factory=True, validated_data={})
        for name, field in model.model_fields.items()
    }
    return fields, set(fields)


_new: Final[Any] = object.__new__
_set: Final = object.__setattr__


@dataclass(frozen=True, slots=True)
class _BytesAsText:
    """Bytes that are text in JSON and themselves everywhere else, without a Python call where they are themselves."""

    write: Callable[[bytes], str]
    read: Callable[[str], bytes]
    pattern: str
    """What the text looks like, for JSON Schema."""

    def __get_pydantic_json_schema__(self, _: CoreSchema, __: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "pattern": self.pattern}

    def __get_pydantic_core_schema__(self, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        raw = handler(bytes)
        text = core_schema.no_info_after_validator_function(self.read, core_schema.str_schema(strict=True))
        return core_schema.json_or_python_schema(
            json_schema=core_schema.chain_schema([text, raw]),
            python_schema=raw,
            serialization=core_schema.plain_serializer_function_ser_schema(
                self.write, return_schema=core_schema.str_schema(), when_used="json"
            ),
        )


def _decode_hex(text: str) -> bytes:
    if not _LOWER_HEX.fullmatch(text):
        raise ValueError("must be lower-case hex")
    return bytes.fromhex(text)


def encode_base64url(value: bytes) -> str:
    """Base64url without padding (RFC 4648 section 5)."""
    return binascii.b2a_base64(value, newline=False).translate(_TO_URL, b"=").decode("ascii")


def decode_base64url(text: str) -> bytes:
    """Decode base64url without padding; ValueError for anything that is not its one spelling."""
    try:
        spelled = text.encode("ascii").translate(_FROM_URL)
        value = binascii.a2b_base64(spelled + b"=" * (-len(spelled) % 4), strict_mode=True)
    except (binascii.Error, ValueError):
        raise ValueError("must be base64url") from None
    # INVARIANT: one value, one spelling; a second spelling of a signature would be a second digest.
    if encode_base64url(value) != text:
        raise ValueError("must be base64url without padding or stray bits")
    return value


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]*$", max_length=128)]
"""An id or a dotted name: ASCII only, so no two ids look alike (UTS 39) or differ in normal form."""

ExecutorName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=63)]
"""The name of an executor: part of a topic, a group and a transactional id."""

Digest = Annotated[
    bytes, Field(min_length=32, max_length=32), _BytesAsText(bytes.hex, _decode_hex, "^[0-9a-f]{64}$")
]
"""A SHA-256 digest."""

Blob = Annotated[bytes, _BytesAsText(encode_base64url, decode_base64url, "^[A-Za-z0-9_-]*$")]
"""Exact bytes carried inside a record."""

Nonce = Annotated[
    bytes,
    Field(min_length=16, max_length=64),
    _BytesAsText(encode_base64url, decode_base64url, "^[A-Za-z0-9_-]{22,86}$"),
]
"""At least 16 random bytes: they make the digest of an action hide what the action says."""

Milliseconds = Annotated[int, Field(ge=0, lt=1 << 53)]
"""A time since the Unix epoch, or a span, in milliseconds."""

Count = Annotated[int, Field(ge=0, lt=1 << 53)]
"""How many; exact in every JSON reader (RFC 7493)."""

Offset = Annotated[int, Field(ge=0, lt=1 << 63)]
Partition = Annotated[int, Field(ge=0, lt=1 << 31)]

JsonObject = dict[str, JsonValue]
"""Recorded JSON: in Avro it travels as its JSON text."""
