"""A 64-bit name for every word: equal words, whatever their case, have equal hashes, in text and in the lexicon.

The hash of bytes `b` is `mix(sum(CODE[b[j]] * BASE ** j))` modulo 2**64, so that prefix sums over a whole buffer give those of all its
words at once. It tells words apart; it hides nothing and protects against nobody.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .batch import Bytes, Offsets
from .folding import fold_word

Hashes = NDArray[np.uint64]

LONGEST: Final = 64
"""Bytes of a word that count; no word of a lexicon is that long."""

_CHUNK: Final = 1 << 16
_BASE: Final = 0x9E3779B97F4A7C15
_MIX: Final = 0xD6E8FEB86659FD93
_MASK: Final = (1 << 64) - 1
_CASE: Final = ord("a") - ord("A")


def _splitmix(seed: int) -> int:
    """The generator of Steele, Lea and Flood (2014): 64 bits that look random."""
    state = (seed + 1) * _BASE & _MASK
    state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    state = (state ^ state >> 27) * 0x94D049BB133111EB & _MASK
    return state ^ state >> 31


def _powers(base: int) -> Hashes:
    powers = np.full(_CHUNK + LONGEST + 1, base, np.uint64)
    powers[0] = 1
    return np.multiply.accumulate(powers)


_CODES: Final = np.array([_splitmix(code) for code in range(256)], np.uint64)
_CODES[ord("A") : ord("Z") + 1] = _CODES[ord("A") + _CASE : ord("Z") + _CASE + 1]
_POWERS: Final = _powers(_BASE)
_INVERSES: Final = _powers(pow(_BASE, -1, 1 << 64))


def token_hashes(codes: Bytes, starts: Offsets, ends: Offsets) -> Hashes:
    """The hash of `codes[starts[i] : ends[i]]` for every `i`; starts must ascend and lie before their ends."""
    ends = np.minimum(ends, starts + LONGEST)
    hashes = np.empty(len(starts), np.uint64)
    first = 0
    while first < len(starts):
        last = int(np.searchsorted(starts, starts[first] + _CHUNK))
        begin, end = int(starts[first]), int(ends[last - 1])
        sums = np.zeros(end - begin + 1, np.uint64)
        np.cumsum(_CODES[codes[begin:end]] * _POWERS[: end - begin], out=sums[1:])
        places = starts[first:last] - begin
        hashes[first:last] = (sums[ends[first:last] - begin] - sums[places]) * _INVERSES[places]
        first = last
    return _mixed(hashes)


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
        hashes = _mixed(hashes * np.uint64(_BASE) + word)
    return hashes


def _mixed(hashes: Hashes) -> Hashes:
    hashes ^= hashes >> np.uint64(32)
    hashes *= np.uint64(_MIX)
    hashes ^= hashes >> np.uint64(29)
    return hashes
