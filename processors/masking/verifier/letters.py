"""Texts as their letters and digits alone, in lower case, with the places where words begin."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .texts import CLASSES, MARK, Flags, Places, Texts

Keys = NDArray[np.uint64]

EIGHT: Final = 8
"""Bytes of a key."""
MASKS: Final[Keys] = np.array([(1 << 8 * size) - 1 for size in range(EIGHT + 1)], np.uint64)
"""What is kept of a key of so many bytes."""

_END: Final = bytes([MARK]) * EIGHT
_LOWER: Final = bytes(range(256)).lower()
_SIGNS: Final = bytes(code for code in np.flatnonzero(CLASSES == 0).tolist() if code != MARK)
_CLASSES: Final = bytes(2 if code == MARK else int(CLASSES[code] > 0) for code in range(256))


class Letters:
    """Letters and digits of rows that end with a mark each; a mark is a word of its own, with which nothing goes on."""

    def __init__(self, texts: Texts) -> None:
        """Read the rows."""
        self.texts: Final = texts
        classes = np.frombuffer(texts.data.translate(_CLASSES), np.uint8)
        edges = np.flatnonzero(classes[1:] != classes[:-1])
        edges += 1
        first = classes[:1] > 0
        self.word_places: Final[Places] = np.concatenate((np.flatnonzero(first), edges[classes[edges] > 0]))
        """Where words begin in the rows."""
        edges -= 1
        ends = edges[classes[edges] > 0] + 1
        last = np.full(len(self.word_places) - len(ends), len(classes))
        self.word_sizes: Final[Places] = np.concatenate((ends, last)) - self.word_places
        bounds = np.zeros(len(self.word_places) + 1, np.int64)
        np.cumsum(self.word_sizes, out=bounds[1:])
        self.words: Final[Places] = bounds[:-1]
        """The letter with which each begins."""
        self.data: Final = (texts.data + _END).translate(_LOWER, _SIGNS)
        """The letters, and eight marks."""
        self.begins: Final[Flags] = np.zeros(len(self) + 1, bool)
        """Whether a word begins with a letter; the last one is the end."""
        self.begins[bounds] = True

    def __len__(self) -> int:
        return len(self.data) - EIGHT

    def of_places(self, places: Places) -> Places:
        """The number of the first letter at or behind a place of the rows."""
        word = np.searchsorted(self.word_places, places, "right") - 1
        inside = np.minimum(places - self.word_places[word], self.word_sizes[word])
        return np.where(word < 0, 0, self.words[word] + inside)

    def places(self, letters: Places) -> Places:
        """The places of letters in the rows."""
        word = np.searchsorted(self.words, letters, "right") - 1
        return self.word_places[word] + letters - self.words[word]

    def keys(self, at: Places, size: int = EIGHT) -> Keys:
        """The next bytes from each letter on as a number, eight or four of them."""
        windows: Keys = np.ndarray((len(self) + 1,), f"<u{size}", self.data, strides=(1,))
        return windows[at]
