"""The words of a batch with all that rules ask of them: shape, classes, and what stands between a word and the one before.

Everything is an array with one element a word. `before` and `after` look at neighbours; whether a neighbour is one (the same line, a
space between) is for the gap flags to say, so rules combine both.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .batch import Bytes, Offsets, TextBatch
from .eights import has_small, has_vowel
from .hashing import Hashes, hashes_of_eights
from .lexicon import Classes, Lexicon, Word
from .tokens import Tokens

Mask = NDArray[np.bool_]

_GLUE: Final = np.zeros(256, bool)
_GLUE[np.frombuffer(b"-/_.#", np.uint8)] = True
_UNCASED: Final = 0x80
_FEW_LETTERS: Final = 8
_MANY_CAPITALS: Final = 20
_CAPITALS_TO_SMALL: Final = 4
_ACRONYM: Final = 2


def before(mask: Mask, steps: int = 1) -> Mask:
    """What holds for the word `steps` before."""
    shifted = np.empty_like(mask)
    shifted[:steps] = False
    shifted[steps:] = mask[:-steps]
    return shifted


def after(mask: Mask, steps: int = 1) -> Mask:
    """What holds for the word `steps` after."""
    shifted = np.empty_like(mask)
    shifted[-steps:] = False
    shifted[:-steps] = mask[steps:]
    return shifted


@dataclass(frozen=True, eq=False)
class Words:
    """Words and their features; `covered` are those another stage has already found (a date, an e-mail address)."""

    batch: TextBatch
    tokens: Tokens
    lexicon: Lexicon
    covered: Mask

    def __len__(self) -> int:
        return len(self.tokens)

    # What a word is.

    def has(self, *classes: Word) -> Mask:
        """Whether the word is one of these."""
        known = self._masks.get(classes)
        if known is None:
            known = self._masks[classes] = self._having(classes)
        return known

    def _having(self, classes: tuple[Word, ...]) -> Mask:
        wanted = 0
        for one in classes:  # as numbers: two of them are joined in a tenth of the time of two classes
            wanted |= int(one)
        having = np.zeros(len(self), bool)
        for plane, bits in zip(self._planes, wanted.to_bytes(8, "little"), strict=True):
            if bits:
                having |= (plane & np.uint8(bits)) != 0
        return having

    def holds(self, classes: Word) -> bool:
        """Whether any word is one of these."""
        held = self._held.get(classes)
        if held is None:
            held = self._held[classes] = bool(np.count_nonzero(self.has(classes)))
        return held

    @cached_property
    def _held(self) -> dict[Word, bool]:
        return {}

    @cached_property
    def _planes(self) -> Bytes:
        """The classes byte by byte, least significant first: a question reads one byte a word instead of eight."""
        parts = self.classes.astype("<u8", copy=False).view(np.uint8).reshape(-1, 8)
        return np.ascontiguousarray(parts.T)

    @cached_property
    def _masks(self) -> dict[tuple[Word, ...], Mask]:
        return {}

    @cached_property
    def hashes(self) -> Hashes:
        """The 64-bit name of each word."""
        tokens = self.tokens
        return hashes_of_eights(tokens.eights, tokens.first_eight, tokens.starts, tokens.lengths)

    @cached_property
    def classes(self) -> Classes:
        """What the lexicon says of each word; nothing of one with digits."""
        classes = np.zeros(len(self), np.uint64)
        which = np.flatnonzero(self.letters)
        classes[which] = self.lexicon.words.classes(self.hashes[which])
        return classes

    @cached_property
    def name(self) -> Mask:
        """Listed as a first name or a surname."""
        return self.has(Word.FIRST, Word.LAST)

    @cached_property
    def frequent(self) -> Mask:
        """A name that many people bear."""
        return self.has(Word.FREQUENT_FIRST, Word.FREQUENT_LAST)

    @cached_property
    def explained(self) -> Mask:
        """Listed as something other than a name or a place."""
        return self.has(Word.COMMON, Word.CLINICAL, Word.KNOWN)

    @cached_property
    def link(self) -> Mask:
        """A small word that may stand inside names."""
        return self.has(Word.LINK)

    # How it is written.

    @cached_property
    def lengths(self) -> NDArray[np.int32]:
        """Bytes of each word."""
        return self.tokens.lengths

    def with_vowel(self, which: Offsets) -> Mask:
        """Whether these words have a vowel in them, or `y`, or a letter of another script."""
        tokens = self.tokens
        return Tokens(tokens.codes, tokens.starts[which], tokens.ends[which]).holds(has_vowel)

    @cached_property
    def small(self) -> Mask:
        """A small letter in it, or one of another script."""
        return self.tokens.holds(has_small)

    @cached_property
    def first_codes(self) -> Bytes:
        """The first byte of each word."""
        return self.tokens.codes[self.tokens.starts]

    @cached_property
    def letters(self) -> Mask:
        """No digit in it."""
        return np.asarray(self.tokens.digits == 0)

    @cached_property
    def number(self) -> Mask:
        """Nothing but digits."""
        return np.asarray(self.tokens.digits == self.lengths)

    @cached_property
    def capital(self) -> Mask:
        """Begins with a capital."""
        return (self.first_codes >= ord("A")) & (self.first_codes <= ord("Z"))

    @cached_property
    def uncased(self) -> Mask:
        """Begins with a letter of a script without capitals."""
        return self.first_codes >= _UNCASED

    @cached_property
    def title_case(self) -> Mask:
        """A capital, then a small letter: `Mary`, `McDonald`."""
        second = self.tokens.codes[np.minimum(self.tokens.starts + 1, len(self.tokens.codes) - 1)]
        return self.capital & self.letters & (self.lengths > 1) & (second >= ord("a"))

    @cached_property
    def all_capitals(self) -> Mask:
        """Two letters or more, all capitals."""
        return np.asarray(self.letters & ~self.small & (self.lengths >= _ACRONYM))

    @cached_property
    def cased(self) -> Mask:
        """Written as a name is: `Mary` or `MARY`."""
        return self.title_case | self.all_capitals

    @cached_property
    def initial(self) -> Mask:
        """A capital alone; in a row without capitals a letter alone with a full stop."""
        alone = self.letters & (self.lengths == 1)
        return np.asarray(alone & (self.capital | self.small_row & self.stopped))

    @cached_property
    def stopped(self) -> Mask:
        """A full stop stands right behind it."""
        return np.asarray(self.tokens.codes[self.tokens.ends] == ord("."))

    @cached_property
    def before_colon(self) -> Mask:
        """A colon stands right behind it."""
        return np.asarray(self.tokens.codes[self.tokens.ends] == ord(":"))

    # What stands before it.

    @cached_property
    def _gap(self) -> tuple[NDArray[np.int64], Bytes, Bytes]:
        ends = np.zeros(len(self), np.int64)
        ends[1:] = self.tokens.ends[:-1]
        length = self.tokens.starts - ends
        codes = self.tokens.codes
        second = codes[np.minimum(ends + 1, len(codes) - 1)]
        return length, codes[ends], np.where(length > 1, second, np.uint8(0))

    @cached_property
    def first_in_row(self) -> Mask:
        """The first word of its row."""
        first = np.zeros(len(self), bool)
        found = self._row_starts
        first[found[found < len(self)]] = True
        return first

    @cached_property
    def _row_starts(self) -> Offsets:
        return np.searchsorted(self.tokens.starts, self.batch.offsets[:-1])

    @cached_property
    def same_line(self) -> Mask:
        """On one line with the word before."""
        line = ~self.first_in_row
        breaks = np.flatnonzero(self.tokens.codes == ord("\n"))
        found = np.searchsorted(self.tokens.starts, breaks)
        line[found[found < len(self)]] = False
        if len(line):
            line[0] = False
        return line

    def _between(self, sign: str, longest: int) -> Mask:
        length, first, _ = self._gap
        return np.asarray(self.same_line & (first == ord(sign)) & (length <= longest))

    @cached_property
    def space(self) -> Mask:
        """One space, or two, after the word before."""
        length, first, second = self._gap
        blank = (length == 1) | (length == 2) & (second == ord(" "))  # noqa: PLR2004 (two spaces)
        return np.asarray(self.same_line & (first == ord(" ")) & blank)

    @cached_property
    def hyphen(self) -> Mask:
        """A hyphen and nothing else after the word before."""
        return self._between("-", 1)

    @cached_property
    def apostrophe(self) -> Mask:
        """An apostrophe and nothing else after the word before."""
        return self._between("'", 1)

    @cached_property
    def plural_apostrophe(self) -> Mask:
        """An apostrophe and a space: `Graves' disease`."""
        length, first, _ = self._gap
        return np.asarray(self.same_line & (first == ord("'")) & (length == 2))  # noqa: PLR2004

    @cached_property
    def dot(self) -> Mask:
        """A full stop, and perhaps a space."""
        return self._between(".", 2)

    @cached_property
    def comma(self) -> Mask:
        """A comma, and perhaps a space; or the sign that parts a field of HL7 v2."""
        return self._between(",", 2) | self._between("^", 1)

    @cached_property
    def colon(self) -> Mask:
        """A colon, and perhaps a space."""
        return self._between(":", 2)

    @cached_property
    def ampersand(self) -> Mask:
        """` & ` between both."""
        length, _, second = self._gap
        return np.asarray(self.same_line & (length == 3) & (second == ord("&")))  # noqa: PLR2004

    @cached_property
    def glued(self) -> Mask:
        """One of `- / _ . #` and nothing else after the word before, as inside identifiers."""
        length, first, _ = self._gap
        return np.asarray(self.same_line & (length == 1) & _GLUE[first])

    @cached_property
    def sentence_start(self) -> Mask:
        """What begins a sentence, a line, a quotation or what a colon announces has a capital for that reason."""
        length, first, second = self._gap
        stop = (first == ord(".")) & ~before(self.initial | self.has(Word.TITLE))
        ends = stop | (first == ord("!")) | (first == ord("?")) | (first == ord(":"))
        quoted = (first == ord('"')) | (second == ord('"'))
        return np.asarray(~self.same_line | ends | quoted & (length > 0))

    # Rows whose letters tell nothing.

    def _per_row(self, counts: NDArray[np.int32]) -> NDArray[np.int64]:
        sums = np.zeros(len(counts) + 1, np.int64)
        np.cumsum(counts, out=sums[1:])
        edges: NDArray[np.int64] = sums[np.append(self._row_starts, len(self))]
        return np.diff(edges)

    @cached_property
    def _small_letters(self) -> NDArray[np.int64]:
        """Letters of each row in words that are not all capitals."""
        return self._per_row(np.where(self.small, self.lengths, 0))

    def _in_rows(self, rows: Mask) -> Mask:
        if not rows.any():
            return np.zeros(len(self), bool)
        inside: Mask = np.repeat(rows, np.diff(np.append(self._row_starts, len(self))))
        return inside

    @cached_property
    def small_row(self) -> Mask:
        """In a row without a word that has a capital only in front: whoever wrote it wrote no capitals, or abbreviations only."""
        titles = self._per_row(self.title_case.astype(np.int32))
        return self._in_rows((titles == 0) & (self._small_letters >= _FEW_LETTERS))

    @cached_property
    def shouting_row(self) -> Mask:
        """In a row of nearly nothing but capitals."""
        capitals = self._per_row(np.where(self.all_capitals, self.lengths, 0))
        return self._in_rows(
            (capitals >= _MANY_CAPITALS) & (capitals > _CAPITALS_TO_SMALL * self._small_letters)
        )

    @cached_property
    def caseless(self) -> Mask:
        """A word whose case tells nothing."""
        return (self.small_row | self.shouting_row) & self.letters & (self.lengths >= _ACRONYM)
