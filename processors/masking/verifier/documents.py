"""Documents as they are serialised, read by a strict reader of the verifier's own: JSON, a record a line, or text.

Numbers stay as they are written (`bytes`), members of an object keep their order, and no key may stand twice.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

MEDIA_TYPES: Final = ("application/json", "application/x-ndjson", "text/plain")
LARGEST: Final = 64 << 20
"""Bytes of a document that is looked at."""

_LEAF: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[^ \t\n\r{}\[\],:"]+')
_SIGN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]')

Members = tuple[tuple[str, Any], ...]
"""An object; a list is an array, `bytes` a number."""


class UnreadableError(ValueError):
    """No document of this media type."""


def records(media_type: str, text: str) -> list[Any]:
    """The values of a document; `UnreadableError` when strict JSON refuses one."""
    if media_type == MEDIA_TYPES[0]:
        return [parsed(text)]
    return [parsed(line) for line in text.removesuffix("\n").split("\n")] if text else []


def parsed(text: str) -> Any:
    """One value of JSON."""
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise UnreadableError from None


def within(text: str) -> Any:
    """The object or array that a text is; None when it is none."""
    if text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        return parsed(text)
    except UnreadableError:
        return None


def is_same_outside(before: str, after: str, dropped: Iterable[int]) -> bool:
    """Whether all that is no string, number or word is the same; `dropped` numbers the objects and arrays, as they open, that are one now."""
    gone = sorted(dropped)
    return _outside(_without(before, gone) if gone else before) == _outside(after)


def _outside(text: str) -> str:
    return _LEAF.sub('"', text)


def _without(text: str, gone: Sequence[int]) -> str:
    pieces: list[str] = []
    opened = depth = at = 0
    wanted = list(gone)
    ends_at = -1
    for sign in _SIGN.finditer(text):
        match sign[0]:
            case "{" | "[":
                if wanted and opened == wanted[0] and ends_at < 0:
                    pieces += (text[at : sign.start()], '""')
                    ends_at = depth
                    wanted.pop(0)
                opened, depth = opened + 1, depth + 1
            case "}" | "]":
                depth -= 1
                if depth == ends_at:
                    at, ends_at = sign.end(), -1
            case _:
                pass
    return "".join([*pieces, text[at:]])


def _members(pairs: list[tuple[str, Any]]) -> Members:
    if len(dict(pairs)) != len(pairs):
        raise UnreadableError
    return tuple(pairs)


def _refused(_constant: str) -> Any:
    raise UnreadableError


_AS_WRITTEN: Final[Callable[[str], Any]] = str.encode
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=_AS_WRITTEN, parse_float=_AS_WRITTEN, parse_constant=_refused
)
