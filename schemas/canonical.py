"""Bytes that are hashed or signed: strict JSON in, canonical JSON out, DSSE pre-authentication encoding.

What arrives is hashed as the exact bytes that arrived. Canonical JSON is only for values we compute ourselves.
"""

import hashlib
import json
import re
from typing import Any, Final, NoReturn

from .errors import RecordError
from .fields import JsonObject

MAX_JSON_DEPTH = 64
"""Deepest nesting of arrays and objects that strict JSON accepts."""

_LONGEST_INTEGER: Final = len(str(-(1 << 63)))
# Possessive, and a string without an end runs to the end: linear for every text.
_OTHER_THAN_BRACKETS: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[^"\[\]{}]++', re.DOTALL)


def sha256(*parts: bytes) -> bytes:
    """SHA-256 over the concatenation of `parts`."""
    return hashlib.sha256(b"".join(parts)).digest()


def pre_authentication_encoding(payload_type: str, body: bytes) -> bytes:
    """DSSE v1 PAE: what a signature covers (https://github.com/secure-systems-lab/dsse, protocol.md)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body)


def parse_json(text: bytes) -> Any:
    """Parse JSON as RFC 8259 and I-JSON (RFC 7493) want it.

    RecordError for duplicate keys, NaN, infinities, numbers beyond a double or 64 bits, lone surrogates, text that is not UTF-8,
    or nesting deeper than `MAX_JSON_DEPTH`.
    """
    try:
        decoded = text.decode("utf-8")
        _check_depth(decoded)
        value = _STRICT.decode(decoded)
        if "\\u" in decoded:
            # A lone surrogate can only come from an escape; encoding is the cheapest way to find one anywhere.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecordError:
        raise
    except (UnicodeError, ValueError, RecursionError):
        raise RecordError("the value is not well-formed JSON in UTF-8; send one JSON object") from None
    return value


def canonical_json(value: Any) -> bytes:
    """The one spelling of a JSON value: keys sorted, no white space, UTF-8.

    Equal to RFC 8785 for objects with keys of the basic plane, strings and integers; numbers with a fraction keep Python's
    shortest form. Used only to compare and hash values inside one deployment.
    """
    return _CANONICAL.encode(value).encode()


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_JSON_DEPTH:
        return
    depth = 0
    for bracket in _OTHER_THAN_BRACKETS.sub("", text):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_JSON_DEPTH:
            raise RecordError(
                f"the JSON is nested deeper than {MAX_JSON_DEPTH} levels; send flatter arguments"
            )


def _unique(pairs: list[tuple[str, Any]]) -> JsonObject:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise RecordError("a JSON object names a key twice; name every key once")
    return unique


def _refuse_constant(_: str) -> NoReturn:
    raise RecordError("NaN and infinities are not JSON; send a number or null")


def _finite(text: str) -> float:
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        raise RecordError("a number is too large for a double; send it as a string")
    return number


def _bounded(text: str) -> int:
    # The length first: converting a million digits is itself an attack.
    if len(text) > _LONGEST_INTEGER or not -(1 << 63) <= (number := int(text)) < 1 << 63:
        raise RecordError("an integer has more than 64 bits; send it as a string")
    return number


_STRICT: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_bounded
)
_CANONICAL: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)
