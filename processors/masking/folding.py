"""Text as detectors read it: compatibility forms folded, invisible characters gone, and the way back to every character."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .spans import Span

_ODD: Final = {
    "\u2019": "'",
    "\u2018": "'",
    "`": "'",
    "\t": " ",
    "\u2044": "/",
    "\u2215": "/",
    "\u2236": ":",
    "\u30fb": ".",
    # Letters that are not seen: the fillers of Hangul.
    "\u115f": " ",
    "\u1160": " ",
    "\u3164": " ",
    "\uffa0": " ",
}


@dataclass(frozen=True, slots=True)
class Folded:
    """A text and its folded form; `starts` is None when both are the same, else the origin of each folded character."""

    text: str
    starts: Sequence[int] | None
    length: int

    def span(self, span: Span) -> Span:
        """The same place in the original text, with invisible characters inside it."""
        if self.starts is None:
            return span
        end = self.starts[span.end] if span.end < len(self.starts) else self.length
        return Span(self.starts[span.start], max(end, self.starts[span.end - 1] + 1), span.kind)


def fold(text: str) -> Folded:
    """NFKC per character, any dash as `-`, any space as a space, format characters left out."""
    if text.isascii():
        return Folded(text, None, len(text))
    pieces: list[str] = []
    starts: list[int] = []
    for at, char in enumerate(text):
        piece = char if char.isascii() else _folded(char)
        pieces.append(piece)
        starts.extend([at] * len(piece))
    return Folded("".join(pieces), starts, len(text))


def _folded(char: str) -> str:
    if char in _ODD:
        return _ODD[char]
    match unicodedata.category(char):
        case "Pd":
            return "-"
        case "Zs" | "Zl" | "Zp":
            return " "
        case "Cf" | "Mn" | "Me":
            return ""
        case "Nd":
            return str(unicodedata.digit(char))
        case _:
            return unicodedata.normalize("NFKC", char).replace("\u2044", "/")
