"""Names of people in free text without a vocabulary: by labels, by titles, by capitals, by script.

The line: two or more capitalised words in a row are a name unless all are ordinary words; one alone is a name when it stands
inside a sentence or is the whole text, and is not ordinary. Words in capitals only (`JFK`, `USA`) are codes, except after a label,
and except two or more side by side of which one has four letters (`MIA JACKSON`).
Text without capitals gives up only what labels and titles name, and what the batch's own columns hold. Runs of letters of a script without capitals
(Chinese, Arabic, Hebrew ...) are names: nothing here can read them.
"""

from collections.abc import Iterator
from typing import Any, Final

import re2

from .identifiers import Kind
from .ordinary_words import ORDINARY, PARTICLES, PLACES
from .spans import Span

_WORD: Final = r"(?:\p{Lu}'|Mc|Mac|O'|D'|al-|el-)?\p{Lu}[\p{Ll}']+(?:-\p{Lu}?[\p{L}']+)*\d*"
_ANY: Final = r"[\p{L}][\p{L}'-]*\d{0,4}"
_INITIAL: Final = r"\p{Lu}\."
_JOIN: Final = r"(?:[ ]+(?:de|da|del|della|di|dos|la|le|van|von|der|den|bin|ibn|el|al|y|e|af)){0,2}[ ]+"
_TITLE: Final = r"(?i:mr|mrs|ms|miss|mx|dr|prof|professor|sir|madam|dame|rev|father|sister|nurse|herr|frau|señor|señora|monsieur|madame)"
_LABEL: Final = (
    r"(?i:patient|passenger|customer|member|guest|client|user|named|name is|names? are|known as|called|contact|attn|dear|hi|hello|signed"
    r"|sincerely|regards|thanks|cheers|yours|mother|father|wife|husband|son|daughter|brother|sister|spouse|guardian|caller|by|i am|i'm|this is"
    r"|from|to|for|with|and)"
)
_RUN: Final[Any] = re2.compile(
    rf"(?:{_INITIAL} ?)*{_WORD}(?:(?:{_JOIN}| ?, ?|\. ?)?(?:{_INITIAL}|{_WORD})|(?:{_JOIN})(?:{_WORD}|\p{{Lu}}\b))*"
)
_TITLED: Final[Any] = re2.compile(
    rf"(?:^|[^\pL])({_TITLE}\.?[ ]+(?:{_INITIAL} ?)*{_ANY}(?: (?:{_INITIAL}|{_WORD}|\p{{Lu}}+))*)"
)
_FIELD: Final[Any] = re2.compile(
    r"""(?i)(?:first|last|full|given|family|sur|middle|maiden|patient|passenger|customer|contact|user|your|my|her|his|their|the)?[ _-]?name(?:["']?[ ]?(?::|=)[ ]?["']?)([^\n,;:"'{}\[\]<>()|0-9]{1,60})"""
)  # fmt: skip
_LABELLED: Final[Any] = re2.compile(
    rf"(?:^|[^\pL]){_LABEL}[:,]?\s+((?:{_INITIAL} ?)*(?:{_WORD}|\p{{Lu}}{{2,}})(?:,? (?:{_INITIAL}|{_WORD}|\p{{Lu}}{{2,}}|\p{{Lu}}\b))+)"
)
_SAYS: Final[Any] = re2.compile(
    r"(?i)(?:^|[^\pL])(?:name is|name's|i am called|named) ([\pL'-]+(?: [\pL'-]+)?)"
)
_CAPITALS: Final[Any] = re2.compile(r"\b\p{Lu}[\p{Lu}'-]+(?:(?: |/|, ?)\p{Lu}[\p{Lu}'-]+)+\b")
_HUMP: Final[Any] = re2.compile(r"\p{Ll}\p{Lu}\p{Ll}")
_NO_CODE: Final = 4
_SHORT: Final = 80
_WHOLE: Final = range(2, 5)
_REVERSED: Final[Any] = re2.compile(r"\b(\p{Lu}[\p{L}'-]+ ?, ?\p{Lu}\p{L}[\p{L}'-]*)\b")
_SCRIPT: Final[Any] = re2.compile(r"\p{Lo}[\p{Lo}\p{M}· ]*")
_NEXT: Final[Any] = re2.compile(
    r"[^\pL\pN.!?:\s]{1,3}[ \t]?(\p{Lu}[\p{Ll}'-]+)|[ \t]{1,3}[^\pL\pN.!?:\s]{0,3}(\p{Lu}[\p{Ll}'-]+)"
)
_CONTRACTION: Final[Any] = re2.compile(r"'(?:s|m|d|t|ll|ve|re)$")
_TOKEN: Final[Any] = re2.compile(r"[\p{L}'-]+")


class Names:
    """Finds names; `keep_places` lets the listed cities and countries stand."""

    def __init__(self, *, keep_places: bool) -> None:
        self._ordinary = ORDINARY | PLACES if keep_places else ORDINARY

    def find(self, text: str, *, free: bool) -> Iterator[Span]:
        """Every name in a folded text; where it is not free text, only what a title or a label names."""
        for compiled in (_TITLED, _FIELD, _SAYS, *((_LABELLED, _REVERSED) if free else ())):
            for match in compiled.finditer(text):
                if self._names_somebody(compiled, match[1], text[match.end(1) : match.end(1) + 1]):
                    yield from _trimmed(match, 1)
        for match in _SCRIPT.finditer(text) if free else ():
            yield from _trimmed(match, 0)
        for match in _RUN.finditer(text) if free else ():
            yield from self._run(text, match)
        for match in _CAPITALS.finditer(text) if free else ():
            yield from self._capitals(match)
        if free and len(text) <= _SHORT:
            yield from self._whole(text)

    def _names_somebody(self, compiled: Any, found: str, after: str) -> bool:
        """Whether what a pattern found is more than words: not so `miss an` (a flight), `with ID MZDDS` (and a 4 after it)."""
        if compiled is _FIELD:
            return True
        words = [word[0] for word in _TOKEN.finditer(found)]
        if compiled is _TITLED:
            return any(word[0].isupper() or not self._is_word(word) for word in words[1:])
        return not all(map(self._is_word, words[:-1] if after.isdigit() and len(words) > 1 else words))

    def _whole(self, text: str) -> Iterator[Span]:
        """A text of two to four capitalised words and nothing else, whatever stands between them."""
        words = list(_TOKEN.finditer(text))
        if len(words) in _WHOLE and all(
            word[0][0].isupper() and not word[0].isupper() and not self._is_word(word[0]) for word in words
        ):
            yield Span(words[0].start(), words[-1].end(), Kind.NAME)

    def _capitals(self, match: Any) -> Iterator[Span]:
        """Words in capitals only, side by side: a name, unless all are as short as codes are."""
        words = [word for word in _TOKEN.finditer(match[0]) if not self._is_word(word[0])]
        if len(words) > 1 and any(len(word[0]) >= _NO_CODE for word in words):
            yield Span(match.start() + words[0].start(), match.start() + words[-1].end(), Kind.NAME)

    def _run(self, text: str, match: Any) -> Iterator[Span]:
        start, end = match.span()
        words = [
            (found.start() + start, found.end() + start, found[0]) for found in _TOKEN.finditer(match[0])
        ]
        if start and text[start - 1].isupper():  # the end of a word such as `IDs`
            words = words[1:]
        while words and self._is_word(words[0][2]):
            words = words[1:]
        while words and self._is_word(words[-1][2]):
            words = words[:-1]
        if not words:
            return
        alone = len(words) == 1 and words[0][1] - words[0][0] < end - start + 1
        if (
            alone
            and _begins_sentence(text, words[0][0])
            and not self._goes_on(text, words[0][1])
            and not _HUMP.search(words[0][2])
            and text[: words[0][0]] + text[words[0][1] :].strip(" .!?")
        ):
            return
        yield Span(words[0][0], min(end, words[-1][1] + _digits(text, words[-1][1])), Kind.NAME)

    def _goes_on(self, text: str, end: int) -> bool:
        """Whether another capitalised word follows behind a joiner: `Mia_Jackson`, `Mia (Jackson)`."""
        follows = _NEXT.match(text, end)
        return follows is not None and not self._is_word(follows[1] or follows[2])

    def _is_word(self, word: str) -> bool:
        plain = _CONTRACTION.sub("", word.casefold()).strip("'-")
        return plain in self._ordinary or plain in PARTICLES or len(plain) <= 1


def _digits(text: str, at: int) -> int:
    end = at
    while end < len(text) and text[end].isdigit():
        end += 1
    return end - at


def _begins_sentence(text: str, at: int) -> bool:
    if at and text[at - 1] in ".:;":  # `Mia;Jackson`: what follows without a space goes on
        return False
    before = text[:at].rstrip(" \"'([*-#>")
    return not before or before[-1] in ".!?:\n\r;•"


def _trimmed(match: Any, group: int) -> Iterator[Span]:
    start, end = match.span(group)
    text = match[group]
    if text.strip():
        yield Span(start + len(text) - len(text.lstrip()), end - (len(text) - len(text.rstrip())), Kind.NAME)
