"""The check's own memory of what must be gone: literals as letters and digits only, looked for in windows of words."""

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

_LONGEST_WINDOW: Final = 10
_SHORTEST_DIGITS: Final = 5
_SURE: Final = 4
"""Letters and digits from which a literal counts in a kept column too."""
_GLUED: Final = 8
"""Letters and digits from which a literal counts inside a longer word and across words: `ava li` is in `available`."""
_EMPTY: Final = frozenset(
    {"", "na", "none", "null", "unknown", "nil", "n", "y", "yes", "no", "test", "other", "self"}
)
_COMPARED: Final = 32
"""Letters of a literal that are compared where any may begin: whoever writes a batch chooses how many lengths there are."""
_UNSEEN: Final = "\u115f\u1160\u3164\uffa0"
"""Letters without a shape."""
_WORD: Final = re.compile(r"[^\W_]+")
_ENCODED: Final = re.compile(r"[A-Za-z0-9+/_-]{12,4096}")


class Literals:
    """What the raw batch's identifier columns hold."""

    def __init__(self) -> None:
        self._whole: set[str] = set()
        self._single: set[str] = set()
        self._longest = 0

    def add(self, literal: str) -> None:
        """Remember a literal."""
        words = _words(literal)
        squashed = "".join(words).casefold()
        if squashed in _EMPTY:
            return
        if squashed.isalpha() and len(words) == 1:
            self._single.add(squashed)
        elif not (squashed.isdigit() and len(squashed) < _SHORTEST_DIGITS):
            self._remember(squashed)
        if "@" in literal and len(local := _words(literal.split("@", maxsplit=1)[0])) > 1:
            self._remember("".join(local).casefold())

    def add_names(self, names: Sequence[str]) -> None:
        """Remember the names of one person: any two in both orders."""
        parts = [
            word.casefold() for name in names[:6] for word in _words(name) if word.isalpha() and len(word) > 1
        ][:6]
        for one in parts:
            for other in parts:
                if one is not other:
                    self._remember(one + other)

    def _remember(self, squashed: str) -> None:
        self._whole.add(squashed)
        self._longest = max(self._longest, len(squashed))

    def found(self, text: str, *, singles: bool) -> bool:
        """Whether a literal is left in a text."""
        words = _words(text)
        folded = [word.casefold() for word in words]
        for at, word in enumerate(words):
            if singles and word[0].isupper() and folded[at] in self._single:
                return True
            if any(window in self._whole for window in self._windows(folded, at)):
                return True
        return False

    def found_within(self, texts: Sequence[str]) -> bool:
        """Whether a long literal is spelt by what follows each other, whatever is around it and between its letters."""
        long = {literal[:_COMPARED] for literal in self._whole if not literal.isdigit()}
        lengths: dict[str, set[int]] = {}
        for literal in long:
            if len(literal) >= _GLUED:
                lengths.setdefault(literal[:_GLUED], set()).add(len(literal))
        if not lengths:
            return False
        spelt = "".join(word for text in texts for word in _words(text)).casefold()
        return any(
            spelt[at : at + length] in long
            for at in range(len(spelt) - _GLUED + 1)
            for length in lengths.get(spelt[at : at + _GLUED], ())
        )

    def found_in_kept(self, text: str) -> bool:
        """Whether a long literal stands in a column that was said to identify nobody, as it is or encoded."""
        return self._long(text) or any(
            self._long(decoded) for token in _ENCODED.findall(text) for decoded in _decoded(token)
        )

    def _long(self, text: str) -> bool:
        folded = [word.casefold() for word in _words(text)]
        return any(
            window in self._whole and len(window) >= _SURE
            for at in range(len(folded))
            for window in self._windows(folded, at)
        )

    def found_encoded(self, text: str) -> bool:
        """Whether a literal is left in base64 or hexadecimal."""
        return any(
            self.found(decoded, singles=True)
            for token in _ENCODED.findall(text)
            for decoded in _decoded(token)
        )

    def _windows(self, words: Sequence[str], at: int) -> Iterator[str]:
        window = ""
        for word in words[at : at + _LONGEST_WINDOW]:
            window += word
            if len(window) > self._longest:
                return
            yield window


def _words(text: str) -> list[str]:
    if not text.isascii():
        apart = unicodedata.normalize("NFKD", text)
        text = "".join(
            " " if char in _UNSEEN else char
            for char in apart
            if unicodedata.category(char) not in {"Mn", "Cf", "Me"}
        )
    return _WORD.findall(text)


def _decoded(token: str) -> Iterator[str]:
    plain = token.replace("-", "+").replace("_", "/")
    with suppress(binascii.Error, ValueError):
        yield base64.b64decode(plain + "=" * (-len(plain) % 4)).decode()
    with suppress(ValueError):
        yield bytes.fromhex(token).decode()
