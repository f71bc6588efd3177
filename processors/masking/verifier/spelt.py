"""Long literals that are spelt by letters and digits one after the other, whatever is between and around them: `T.a.m.a.r.a Jo-nes`.

One look at eight bytes from every place, whatever the number of literals; bytes are compared only where one may begin.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .texts import CLASSES, Places

WINDOW: Final = 8
"""Letters and digits from which a literal counts inside a longer word and across words: `ava li` is in `available`."""

Keys = NDArray[np.uint64]

_SIGNS: Final = bytes(np.flatnonzero(CLASSES == 0).tolist())
_LOWER: Final = bytes(range(256)).lower()
_COMPARED: Final = 32
"""Bytes of a literal that are compared: whoever writes a batch chooses how many lengths there are."""
_SLOTS: Final = 18
_MIX: Final = np.uint64(0xD6E8FEB86659FD93)


@dataclass(slots=True)
class Spelt:
    """Literals as their letters and digits in lower case."""

    _pieces: list[tuple[bytes, Places, Places, Keys]] = field(default_factory=list, repr=False)

    def add(self, letters: bytes, starts: Places, ends: Places) -> None:
        """Know pieces of some letters; those of fewer than eight bytes are left out."""
        long = ends - starts >= WINDOW
        if long.any():
            starts, ends = starts[long], ends[long]
            self._pieces.append((letters, starts, ends, _windows(letters)[starts]))

    def is_in(self, text: bytes) -> bool:
        """Whether one of them is spelt in a text."""
        letters = squeezed(text)
        if not self._pieces or len(letters) < WINDOW:
            return False
        table = np.zeros(1 << _SLOTS, bool)
        for *_, keys in self._pieces:
            table[_slots(keys)] = True
        windows = _windows(letters)
        maybe = np.flatnonzero(table[_slots(windows)])
        if not len(maybe):
            return False
        known = self._known(np.unique(windows[maybe]))
        return any(
            letters[place : place + length] in literals
            for place, key in zip(maybe.tolist(), windows[maybe].tolist(), strict=True)
            for length, literals in known.get(key, {}).items()
        )

    def _known(self, wanted: Keys) -> dict[int, dict[int, set[bytes]]]:
        """The literals that begin with one of these keys, by key and length."""
        known: dict[int, dict[int, set[bytes]]] = {}
        for letters, starts, ends, keys in self._pieces:
            for at in np.flatnonzero(np.isin(keys, wanted)).tolist():
                start = int(starts[at])
                literal = letters[start : min(int(ends[at]), start + _COMPARED)]
                known.setdefault(int(keys[at]), {}).setdefault(len(literal), set()).add(literal)
        return known


def squeezed(text: bytes) -> bytes:
    """The letters and digits of a text in lower case."""
    return text.translate(_LOWER, _SIGNS)


def _windows(letters: bytes) -> Keys:
    """Eight bytes from each place on."""
    return np.ndarray((len(letters) - WINDOW + 1,), "<u8", letters, strides=(1,))


def _slots(keys: Keys) -> NDArray[np.intp]:
    return (keys * _MIX >> np.uint64(64 - _SLOTS)).astype(np.intp)
