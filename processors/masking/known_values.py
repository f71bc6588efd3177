"""The batch's own identifiers, looked for in its free text and keys: any case, any joiner, names in both orders.

One pass over the words of a text through a tree of known word sequences: linear in the text, whatever the number of literals.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any, Final

from .identifiers import Kind
from .ordinary_words import MONTHS, NOUNS, ORDINARY, PLACES
from .spans import Span

_WORD: Final = re.compile(r"[^\W\d_]+|\d+")
_AROUND: Final = re.compile(r"[\w.-]*")
_LONGEST_JOINER: Final = 5
_SURE_DIGITS: Final = 5
_MOST_NAMES: Final = 6
_YEAR_DIGITS: Final = 4
_LONG_NAME: Final = 3
_DATE: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_NOTHING: Final = frozenset(
    {"", "na", "none", "null", "unknown", "nil", "n", "y", "yes", "no", "test", "other", "self"}
)


class KnownValues:
    """Literals of identifier columns, as sequences of words."""

    def __init__(self) -> None:
        self._sure: dict[str, Any] = {}
        self._weak: dict[str, Kind] = {}
        self._partners: dict[str, set[str]] = {}

    def add(self, kind: Kind, literal: str) -> None:
        """Know a literal: its words in order, written together, and for dates in other forms."""
        words = [word for word, _, _ in _words(literal)]
        if "".join(words) in _NOTHING:
            return
        if len(words) == 1 and (words[0].isalpha() or len(words[0]) < _SURE_DIGITS):
            self._weak.setdefault(words[0], kind)
            return
        self._joined(words, kind)
        match kind:
            case Kind.NAME:
                self.add_names(words)
            case Kind.EMAIL:
                self.add_local_part(literal)
            case Kind.USER:
                self._pairs(words)
            case Kind.BIRTH_DATE:
                self._dates(literal)
            case _ if words[-1].isdigit() and len(words[-1]) >= _SURE_DIGITS:
                self._sequence(words[-1:], kind)

    def add_local_part(self, address: str) -> None:
        """What stands before the @ of an address, when it is more than one word."""
        words = [word for word, _, _ in _words(address.split("@", maxsplit=1)[0])]
        if len(words) > 1:
            self._joined(words, Kind.EMAIL)
            self._pairs(words)

    def add_names(self, parts: Sequence[str]) -> None:
        """Names of one person: each, and any two in both orders."""
        words = [word for part in parts[:_MOST_NAMES] for word, _, _ in _words(part) if word.isalpha()]
        for word in words:
            if len(word) > 1 and word not in _NOTHING:
                self._weak.setdefault(word, Kind.NAME)
        self._pairs(words)

    def _pairs(self, words: Sequence[str]) -> None:
        """Any two of a person's names, which may hide in an account name or an address, in both orders."""
        names = [word for word in words if len(word) > 1 and word.isalpha()][:_MOST_NAMES]
        for one, other in permutations(names, 2):
            self._sequence([one, other], Kind.NAME)
            self._sequence([one + other], Kind.NAME)
            self._partners.setdefault(one, set()).add(other)

    def _joined(self, words: Sequence[str], kind: Kind) -> None:
        self._sequence(words, kind)
        self._sequence([word for word, _, _ in _words("".join(words))], kind)

    def find(self, text: str, *, free: bool) -> Iterator[Span]:
        """Known literals in a folded text; single names and short numbers only in free text."""
        if not self._sure and not self._weak:
            return
        words = _words(text)
        yield from self._apart(text, words)
        for at, (word, start, end) in enumerate(words):
            branch = self._sure.get(word)
            if branch is not None:
                yield from self._along(text, words, at, branch)
            if free and word in self._weak and _stands_out(text, word, start, end):
                yield Span(start, end, self._weak[word])

    def _apart(self, text: str, words: list[tuple[str, int, int]]) -> Iterator[Span]:
        """Two names of one person with anything between them: `first: mia, last: li`."""
        names = [word for word in words if word[0] in self._partners]
        for at, one in enumerate(names):
            for other in names[at + 1 : at + 1 + _MOST_NAMES]:
                # One of them is more than an ordinary word here: `will` and `day` are two words, and could be a person.
                if other[0] in self._partners[one[0]] and (
                    _stands_out(text, *one) or _stands_out(text, *other)
                ):
                    yield from (_widened(text, Span(start, end, Kind.NAME)) for _, start, end in (one, other))
                    break

    def _along(
        self, text: str, words: list[tuple[str, int, int]], at: int, branch: dict[str, Any]
    ) -> Iterator[Span]:
        start, last, best = words[at][1], words[at][2], branch.get("")
        end = last
        for number in range(at + 1, len(words)):
            word, begins, ends = words[number]
            if begins - last > _LONGEST_JOINER or word not in branch:
                break
            branch, last = branch[word], ends
            if "" in branch:
                best, end = branch[""], ends
        if best is not None:
            yield _widened(text, Span(start, end, best))

    def _sequence(self, words: Sequence[str], kind: Kind) -> None:
        branch = self._sure
        for word in words:
            branch = branch.setdefault(word, {})
        branch.setdefault("", kind)

    def _dates(self, literal: str) -> None:
        match = _DATE.match(literal)
        if not match or not 1 <= int(match[2]) <= len(MONTHS):
            return
        year, month, day = match.groups()
        name = MONTHS[int(month) - 1]
        for m in {month, str(int(month)), name, name[:3]}:
            for d in {day, str(int(day))}:
                for y in (year, year[2:]):
                    for order in ([m, d, y], [d, m, y], [y, m, d]):
                        self._sequence(order, Kind.BIRTH_DATE)
                    for nth in ("st", "nd", "rd", "th") if m == name else ():
                        for order in ([m, d, nth, y], [d, nth, m, y], [d, nth, "of", m, y], [d, "of", m, y]):
                            self._sequence(order, Kind.BIRTH_DATE)
        for order in ([year, month, day], [month, day, year], [day, month, year]):
            self._sequence(["".join(order)], Kind.BIRTH_DATE)


def _words(text: str) -> list[tuple[str, int, int]]:
    return [(_plain(match[0]), match.start(), match.end()) for match in _WORD.finditer(text)]


def _plain(word: str) -> str:
    if word.isascii():
        return word.lower()
    apart = unicodedata.normalize("NFKD", word)
    return "".join(char for char in apart if not unicodedata.combining(char)).casefold()


def _stands_out(text: str, word: str, start: int, end: int) -> bool:
    """Whether a single known word is more than an ordinary one here."""
    if word.isdigit():
        before, after = text[max(0, start - 1) : start], text[end : end + 2]
        amount = before in {"$", "€", "£", "."} or (after[:1] in {".", ","} and after[1:].isdigit())
        year = len(word) == _YEAR_DIGITS and "1900" <= word <= "2099"
        return len(word) >= _YEAR_DIGITS and not amount and not year
    if text[start].isupper() or not text[start].isascii():
        return True
    return len(word) >= _LONG_NAME and word not in NOUNS and word not in ORDINARY and word not in PLACES


def _widened(text: str, span: Span) -> Span:
    """Over what is written together with it: `mia_li_3668` whole when `Mia Li` is known."""
    after = _AROUND.match(text, span.end)
    end = after.end() if after else span.end
    while end > span.end and text[end - 1] in ".-":
        end -= 1
    start = span.start
    while start and (text[start - 1].isalnum() or text[start - 1] == "_"):
        start -= 1
    return Span(start, end, span.kind)
