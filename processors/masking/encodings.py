"""Text in disguise: base64, hexadecimal, percent and character references are decoded and looked into; what cannot be read is masked."""

import base64
import binascii
import html
import re
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import unquote

import re2

from .identifiers import Kind
from .spans import Span

_TOKEN: Final[Any] = re2.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_ESCAPED: Final[Any] = re2.compile(
    r"[^\s]*(?:%[0-9A-Fa-f]{2}|&#?\w{2,8};|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|=[0-9A-F]{2})[^\s]*"
)
_BACKSLASH: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2}))|=([0-9A-F]{2})")
_WRAPPED: Final[Any] = re2.compile(r"[A-Za-z0-9+/_\r\n-]+={0,2}\s*")
_UNREADABLE: Final = 24
"""Characters from which a mixed token that decodes to no text is taken for unknown binary."""


def find(text: str, holds_identifier: Callable[[str], bool]) -> Iterator[Span]:
    """Encoded pieces of a folded text that hold an identifier, or of which nobody can say what they hold."""
    if len(text) >= _UNREADABLE and "\n" in text.strip() and _WRAPPED.fullmatch(text):
        yield Span(0, len(text), Kind.ENCODED)
        return
    for match in _TOKEN.finditer(text):
        decoded = list(readings(match[0]))
        unreadable = not decoded and len(match[0]) >= _UNREADABLE and _is_mixed(match[0])
        if unreadable or any(holds_identifier(reading) for reading in decoded):
            yield Span(match.start(), match.end(), Kind.ENCODED)
    if any(char in text for char in "%&\\="):
        for match in _ESCAPED.finditer(text):
            plain = unescaped(match[0])
            if plain != match[0] and holds_identifier(plain):
                yield Span(match.start(), match.end(), Kind.ENCODED)


def unescaped(text: str) -> str:
    """Percent, character references and backslash escapes undone, once."""
    return html.unescape(unquote(_BACKSLASH.sub(_character, text)))


def _character(escape: re.Match[str]) -> str:
    char = chr(int(escape[1] or escape[2] or escape[3], 16))
    return "\ufffd" if "\ud800" <= char <= "\udfff" else char


def readings(token: str) -> Iterator[str]:
    """What a word may be in base64 or hexadecimal, where that is printable text."""
    core = token.rstrip("=")
    if core.isalpha() and (core.islower() or core.isupper() or core.istitle()):
        return
    for decode in (_base64, _hexadecimal):
        decoded = decode(core)
        if decoded is not None:
            yield decoded


def _base64(core: str) -> str | None:
    plain = core.replace("-", "+").replace("_", "/")
    return _text(lambda: base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True))


def _hexadecimal(core: str) -> str | None:
    return _text(lambda: bytes.fromhex(core))


def _text(decode: Callable[[], bytes]) -> str | None:
    try:
        text = decode().decode()
    except (binascii.Error, ValueError):
        return None
    return text if text and all(char.isprintable() or char in "\n\r\t" for char in text) else None


def _is_mixed(token: str) -> bool:
    kinds = (any(map(str.isupper, token)), any(map(str.islower, token)), any(map(str.isdigit, token)))
    return all(kinds) or (sum(kinds) > 1 and ("=" in token or "+" in token))
