"""A 64-bit name for every word: equal words, whatever their case, have equal hashes, in text and in the lexicon.

Words are read eight bytes at a time. One of up to eight bytes has a hash that no other such word has (each step can be undone); a longer
one mixes its eights one by one. A hash tells words apart; it hides nothing and protects against nobody.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .batch import Bytes, Offsets
from .eights import Eights, small_letters
from .folding import fold_word

Hashes = NDArray[np.uint64]

LONGEST: Final = 64
"""Bytes of a word that count; no word of a lexicon is that long."""

_BASE: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX: Final = np.uint64(0xD6E8FEB86659FD93)
_UPPER_HALF: Final = np.uint64(32)
_UPPER_PART: Final = np.uint64(29)


def token_hashes(codes: Bytes, starts: Offsets, ends: Offsets) -> Hashes:
    """The hash of `codes[starts[i] : ends[i]]` for every `i`."""
    eights, lengths = Eights.of(codes), (ends - starts).astype(np.int32)
    return hashes_of_eights(eights, eights.first(starts, lengths), starts, lengths)


def hashes_of_eights(eights: Eights, first: Hashes, starts: Offsets, lengths: NDArray[np.int32]) -> Hashes:
    """The same, told the first eight bytes of each word."""
    hashes = _mixed(small_letters(first) * _BASE)
    for which, more in eights.further(starts, lengths, LONGEST):
        hashes[which] = _mixed(hashes[which] * _BASE + small_letters(more))
    return hashes


def word_hashes(words: Sequence[str]) -> Hashes:
    """The hashes of words, folded as text is."""
    if not words:
        return np.zeros(0, np.uint64)
    encoded = [fold_word(word).encode() for word in words]
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    ends = np.cumsum(lengths)
    return token_hashes(np.frombuffer(b"".join(encoded), np.uint8), ends - lengths, ends)


def phrase_hashes(words: Sequence[Hashes]) -> Hashes:
    """The hashes of phrases: element `i` names the phrase of `words[0][i]`, `words[1][i]`, ..."""
    hashes = words[0]
    for word in words[1:]:
        hashes = _mixed(hashes * _BASE + word)
    return hashes


def _mixed(hashes: Hashes) -> Hashes:
    hashes ^= hashes >> _UPPER_HALF
    hashes *= _MIX
    hashes ^= hashes >> _UPPER_PART
    return hashes
