"""Where the words of a batch are: runs of letters and digits, found by byte class, without an object per word."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .batch import Bytes, Offsets, TextBatch

_LETTER_OR_DIGIT: Final = np.zeros(256, bool)
_LETTER_OR_DIGIT[ord("a") : ord("z") + 1] = True
_LETTER_OR_DIGIT[ord("A") : ord("Z") + 1] = True
_LETTER_OR_DIGIT[ord("0") : ord("9") + 1] = True
_LETTER_OR_DIGIT[0x80:] = True  # letters of scripts without capitals; what else there was is folded


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """Runs of letters and digits: token `i` is `codes[starts[i] : ends[i]]`. A code point is never split."""

    codes: Bytes
    starts: Offsets
    ends: Offsets

    @classmethod
    def of(cls, batch: TextBatch) -> "Tokens":
        """Find the tokens of a batch, in order."""
        codes = batch.codes
        if not len(codes):
            return cls(codes, np.zeros(0, np.int64), np.zeros(0, np.int64))
        inside: NDArray[np.bool_] = np.take(_LETTER_OR_DIGIT, codes)
        edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
        if inside[0]:
            edges = np.concatenate((np.zeros(1, np.int64), edges))
        return cls(codes, edges[0::2], edges[1::2])  # a batch ends with a separator, so every run ends

    def __len__(self) -> int:
        return len(self.starts)
