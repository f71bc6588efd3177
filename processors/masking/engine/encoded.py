"""Identifiers in disguise: percent, character references, backslash escapes, base64 and hexadecimal are decoded once and looked into."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from sluicegate.processors.masking.encodings import readings, unescaped
from sluicegate.processors.masking.identifiers import Kind

from .batch import TextBatch
from .span_table import SpanTable, Stage

_ESCAPE: Final = re.compile(
    rb"%[0-9A-Fa-f]{2}|&(?:#[0-9]{2,7}|#x[0-9A-Fa-f]{2,6}|[a-z]{2,8});|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}"
)
_WORD: Final = re.compile(rb"[^\s\x1e]{0,256}")
_TOKEN: Final = re.compile(rb"[A-Za-z0-9+/_-]{12,}={0,2}")
_REACH: Final = 256
_SPACES: Final = (b" ", b"\n", b"\t", b"\r", b"\x1e")

Find = Callable[[TextBatch], SpanTable]


class Encoded:
    """A `Finder` of the engine: what is masked is the whole encoded word."""

    def __init__(self, find: Find) -> None:
        """`find` says where identifiers are in decoded text."""
        self._find = find

    def __call__(self, batch: TextBatch, found: SpanTable) -> SpanTable:
        """Encoded words whose decoded text holds an identifier."""
        del found
        decoded = list(_decoded(batch.text))
        inner = TextBatch.of_texts([text for _, _, text in decoded])
        rows = sorted({*inner.rows_of(self._find(inner).start).tolist()}) if decoded else []
        return SpanTable.of(
            [decoded[row][0] for row in rows], [decoded[row][1] for row in rows], Kind.ENCODED, Stage.RULES
        )


def _decoded(text: bytes) -> Iterator[tuple[int, int, str]]:
    done = 0
    for escape in _ESCAPE.finditer(text):
        if escape.start() < done:
            continue
        reach = max(done, escape.start() - _REACH)
        start = max(reach, *(text.rfind(space, reach, escape.start()) + 1 for space in _SPACES))
        word = _WORD.match(text, start)
        done = max(escape.end(), word.end() if word else 0)
        shown = text[start:done].decode(errors="replace")
        yield start, done, unescaped(shown).encode(errors="replace").decode()
    for token in _TOKEN.finditer(text):
        for reading in readings(token[0].decode()):
            yield token.start(), token.end(), reading
