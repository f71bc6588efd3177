"""What a text says to a reader, other than its bytes: Unicode forms, what escapes stand for, what is encoded.

Only where a row has such signs at all; each reading is looked at like a row of its own.
"""

import base64
import binascii
import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

import numpy as np
import pyarrow as pa

from .texts import Texts, pc

SIGNS: Final = r"[A-Za-z0-9+/_-]{3}(?:[0-9]|[a-z][A-Z])[A-Za-z0-9+/_-]{3}|%[0-9A-Fa-f]{2}|&(?:#[0-9xX]|[A-Za-z]{2,8};)|\\[ux]|=[0-9A-F]{2}|</?[A-Za-z]"
"""Pieces with a digit or a hump inside, escapes and markup."""

_PIECES: Final = re.compile(r"[A-Za-z0-9+/_-]{10,4096}")
_PLAIN_WORD: Final = re.compile(r"[a-z]+|[A-Z]?[a-z]+|[A-Z]+")
_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2}))|=([0-9A-F]{2})")
_MARKUP: Final = re.compile(r"</?[A-Za-z][^<>]{0,80}>")
_INVISIBLE: Final = frozenset({"Cf", "Mn", "Me"})
_UNSEEN: Final = "\u115f\u1160\u3164\uffa0"
"""Letters without a shape."""
_DEEPEST: Final = 3
"""Encodings within each other that are undone."""
_ASCII: Final = 0x80


class Readings(NamedTuple):
    """Texts, and the row that each is a reading of."""

    texts: Texts
    rows: list[int]

    @classmethod
    def of(cls, found: list[tuple[int, str]]) -> "Readings | None":
        """These, if there are any."""
        if not found:
            return None
        texts = Texts.of(pa.array([text for _, text in found], pa.large_string()))
        return cls(texts, [row for row, _ in found])

    def folded(self) -> "Readings":
        """The same in small letters of every script."""
        lines = [self.texts.row(row).decode(errors="replace").casefold() for row in range(len(self.texts))]
        return Readings(Texts.of(pa.array(lines, pa.large_string())), self.rows)


def plain(text: str) -> str:
    """A text without marks and invisible characters, in compatibility form, with plain digits, dashes and spaces."""
    return "".join(map(_plain, unicodedata.normalize("NFKD", text)))


def _plain(char: str) -> str:
    if char.isascii():
        return char
    match unicodedata.category(char):
        case "Nd":
            return str(unicodedata.digit(char))
        case "Pd":
            return "-"
        case "Zs":
            return " "
        case category:
            return "" if category in _INVISIBLE or char in _UNSEEN else char


def plain_readings(left: Texts) -> Readings | None:
    """Rows that are not ASCII, as they look."""
    if left.data.isascii():
        return None
    rows = np.unique(left.rows_of(np.flatnonzero(left.codes >= _ASCII))).tolist()
    return Readings.of([(row, plain(left.row(row).decode(errors="replace"))) for row in rows])


def decoded_readings(column: Any, left: Texts) -> Readings | None:
    """What escapes, markup and encoded pieces say."""
    rows = np.flatnonzero(pc.match_substring_regex(column, SIGNS).to_numpy(zero_copy_only=False)).tolist()
    return Readings.of(
        [
            (row, reading)
            for row in rows
            for reading in _decoded(left.row(row).decode(errors="replace").replace("\x1f", " "), 0)
        ]
    )


def _decoded(text: str, depth: int) -> Iterator[str]:
    if depth == _DEEPEST:
        return
    shown = unescaped(text)
    if shown != text:
        yield plain(shown)
    for token in _PIECES.findall(shown):
        if _PLAIN_WORD.fullmatch(token):
            continue
        for decode in (_base64, bytes.fromhex):
            if (said := _readable(decode, token)) is not None:
                yield plain(said)
                yield from _decoded(said, depth + 1)


def unescaped(text: str) -> str:
    """Percent, character references, backslashes and quoted-printable undone, and markup taken out."""
    text = html.unescape(unquote(_ESCAPE.sub(_character, text), errors="ignore"))
    return _MARKUP.sub("", text)


def _character(escape: re.Match[str]) -> str:
    char = chr(int(escape[1] or escape[2] or escape[3], 16))
    return " " if "\ud800" <= char <= "\udfff" else char


def _base64(token: str) -> bytes:
    plain_token = token.replace("-", "+").replace("_", "/")
    return base64.b64decode(plain_token + "=" * (-len(plain_token) % 4))


def _readable(decode: Callable[[str], bytes], token: str) -> str | None:
    with suppress(binascii.Error, ValueError):
        text = decode(token).decode(errors="ignore")
        if text and all(char.isprintable() or char.isspace() for char in text):
            return text
    return None
