"""Where the words of a batch are: runs of letters and digits, found by byte class, without an object per word."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .batch import Bytes, Offsets, TextBatch
from .eights import Eight, Eights, Rest, digits_in

_TEN: Final = np.uint8(10)
_LETTERS: Final = np.uint8(26)
_ZERO: Final = np.uint8(ord("0"))
_SMALL_A: Final = np.uint8(ord("a"))
_TO_SMALL: Final = np.uint8(ord("a") - ord("A"))
_BEYOND_ASCII: Final = np.uint8(0x80)  # letters of scripts without capitals; what else there was is folded


def _letter_or_digit(codes: Bytes) -> NDArray[np.bool_]:
    # Differences below zero wrap around, so one comparison is a range; a table would be read byte by byte.
    inside = (codes | _TO_SMALL) - _SMALL_A < _LETTERS
    inside |= codes - _ZERO < _TEN
    inside |= codes >= _BEYOND_ASCII
    return inside


@dataclass(frozen=True, eq=False)
class Tokens:
    """Runs of letters and digits: token `i` is `codes[starts[i] : ends[i]]`. A code point is never split.

    What several stages ask of them is worked out once.
    """

    codes: Bytes
    starts: Offsets
    ends: Offsets

    @classmethod
    def of(cls, batch: TextBatch) -> "Tokens":
        """Find the tokens of a batch, in order."""
        codes = batch.codes
        if not len(codes):
            return cls(codes, np.zeros(0, np.int64), np.zeros(0, np.int64))
        inside = _letter_or_digit(codes)
        edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
        if inside[0]:
            edges = np.concatenate((np.zeros(1, np.int64), edges))
        return cls(codes, edges[0::2], edges[1::2])  # a batch ends with a separator, so every run ends

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def lengths(self) -> NDArray[np.int32]:
        """Bytes of each."""
        return (self.ends - self.starts).astype(np.int32)

    @cached_property
    def eights(self) -> Eights:
        """The text as numbers of eight bytes."""
        return Eights.of(self.codes)

    @cached_property
    def first_eight(self) -> Eight:
        """The first eight bytes of each."""
        return self.eights.first(self.starts, self.lengths)

    @cached_property
    def rest(self) -> Rest:
        """The others of those that are longer."""
        return self.eights.rest(self.starts, self.lengths)

    @cached_property
    def digits(self) -> NDArray[np.int32]:
        """How many digits are in each."""
        count = digits_in(self.first_eight)
        if len(self.rest.longer):
            count[self.rest.longer] += np.add.reduceat(digits_in(self.rest.eights), self.rest.opens)
        return count

    def holds(self, asked: Callable[[Eight], NDArray[np.bool_]]) -> NDArray[np.bool_]:
        """Those of which any eight bytes hold what is asked of eight bytes."""
        held = asked(self.first_eight)
        if len(self.rest.longer):
            held[self.rest.longer] |= np.logical_or.reduceat(asked(self.rest.eights), self.rest.opens)
        return held
