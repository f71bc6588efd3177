"""Words eight bytes at a time: one number holds eight letters, and what is asked of a word is asked of all of them at once.

Each number holds its bytes in order, the first lowest, and zeros behind the word's end. A word's bytes are letters and digits of ASCII and
bytes beyond it, which is what the masks here tell apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from .batch import Bytes, Offsets

Eight = NDArray[np.uint64]

_WIDTH: Final = 8
_FIRST: Final = np.array([(1 << 8 * length) - 1 for length in range(_WIDTH + 1)], np.uint64)


def _eight_times(byte: int) -> np.uint64:
    return np.uint64(int.from_bytes(bytes([byte]) * _WIDTH))


_HIGH: Final = _eight_times(0x80)
_LETTER: Final = _eight_times(0x40)
_ONE: Final = np.uint64(1)
_VOWEL: Final = np.zeros(256, bool)
_VOWEL[np.frombuffer(b"aeiouyAEIOUY", np.uint8)] = True
_VOWEL[0x80:] = True


def small_letters(words: Eight) -> Eight:
    """The same with capitals made small."""
    return words | (words & _LETTER & ~(words >> _ONE)) >> _ONE


def digits_in(words: Eight) -> NDArray[np.int32]:
    """How many of the eight are digits."""
    others = words | words >> _ONE
    return np.asarray(np.bitwise_count(words << _ONE & ~others & _LETTER), np.int32)


def has_vowel(words: Eight) -> NDArray[np.bool_]:
    """Whether there is a vowel, or `y`, or a letter of a script without capitals."""
    codes = np.ascontiguousarray(words).view(np.uint8)
    return np.asarray(_VOWEL[codes].reshape(-1, _WIDTH).any(axis=1))


def has_small(words: Eight) -> NDArray[np.bool_]:
    """Whether there is a small letter, or one of a script without capitals."""
    return np.asarray((words & _HIGH | words << _ONE & words & _LETTER) != 0)


class Rest(NamedTuple):
    """What is behind the first eight bytes of words: which are longer, where the eights of each begin, and the eights."""

    longer: Offsets
    opens: Offsets
    eights: Eight


@dataclass(frozen=True, slots=True, eq=False)
class Eights:
    """The bytes of a text as numbers of eight bytes, one beginning at every byte."""

    at: Eight

    @classmethod
    def of(cls, codes: Bytes) -> Self:
        """A text; its bytes are copied once."""
        padded = np.zeros(len(codes) + _WIDTH, np.uint8)
        padded[: len(codes)] = codes
        return cls(np.ndarray((len(codes) + 1,), "<u8", padded, strides=(1,)))

    def first(self, starts: Offsets, lengths: NDArray[np.int32]) -> Eight:
        """The first eight bytes of words."""
        return self.at[starts] & _FIRST[np.minimum(lengths, _WIDTH)]

    def further(
        self, starts: Offsets, lengths: NDArray[np.int32], most: int
    ) -> Iterator[tuple[Offsets, Eight]]:
        """For words longer than eight bytes, again and again: the numbers of those that are, and their next eight, up to `most` bytes."""
        longer = np.flatnonzero(lengths > _WIDTH)
        for read in range(_WIDTH, most, _WIDTH):
            if not len(longer):
                return
            yield longer, self.first(starts[longer] + read, lengths[longer] - np.int32(read))
            longer = longer[lengths[longer] > read + _WIDTH]

    def rest(self, starts: Offsets, lengths: NDArray[np.int32]) -> Rest:
        """All eights but the first of all words, one after the other."""
        longer = np.flatnonzero(lengths > _WIDTH)
        counts = (lengths[longer] - 1) // _WIDTH
        opens = np.cumsum(counts) - counts
        read = _WIDTH * (np.arange(int(counts.sum()), dtype=np.int32) - np.repeat(opens, counts) + 1)
        word = np.repeat(longer, counts)
        return Rest(longer, opens, self.first(starts[word] + read, lengths[word] - read))
