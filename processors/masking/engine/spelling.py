"""Many halves of surrogates in letters at once, as `surrogates` spells one: three letters for each fourteen bits."""

from typing import Final

import numpy as np

from .surrogates import HALF_BYTES, LETTERS

_SHIFTS: Final = np.array([42, 28, 14, 0], np.uint64)
_FOURTEEN: Final = np.uint64((1 << 14) - 1)
_SPELLED: Final = np.array(LETTERS, "S3")
_HALF_LETTERS: Final = 12


def spelled(halves: bytes) -> list[bytes]:
    """The letters of each pair of halves; these stand one behind the other."""
    numbers = np.zeros((len(halves) // HALF_BYTES, 8), np.uint8)
    numbers[:, 1:] = np.frombuffer(halves, np.uint8).reshape(-1, HALF_BYTES)
    groups = numbers.view(">u8").astype(np.uint64) >> _SHIFTS & _FOURTEEN
    letters = _SPELLED[groups.astype(np.intp)].tobytes()
    width = 2 * _HALF_LETTERS
    return [letters[start : start + width] for start in range(0, len(letters), width)]
