"""A column of text as bytes and the place where each value begins."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

pc: Final[Any] = pyarrow.compute
"""Its functions are made when it is imported: no type checker sees them."""

Codes = NDArray[np.uint8]
Places = NDArray[np.int64]
Flags = NDArray[np.bool_]

MARK: Final = 0x1F
"""Stands for what was replaced, and after every row of what is left: no letter, no digit, no space."""

LETTER, DIGIT, WIDE = 1, 2, 3
CLASSES: Final = np.zeros(256, np.uint8)
"""What each byte is: an ASCII letter, a digit, or part of another character."""
CLASSES[[*range(ord("a"), ord("z") + 1), *range(ord("A"), ord("Z") + 1)]] = LETTER
CLASSES[ord("0") : ord("9") + 1] = DIGIT
CLASSES[0x80:] = WIDE
_SIGNS: Final = bytes(np.flatnonzero(CLASSES == 0).tolist())


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """Row `i` is `data[offsets[i] : offsets[i + 1] - 1]`, and a mark follows; a null is an empty row."""

    data: bytes = field(repr=False)
    offsets: Places = field(repr=False)

    @classmethod
    def of(cls, array: Any) -> Self:
        """An Arrow array of texts."""
        plain = array.cast(pa.large_string())
        if plain.null_count:
            plain = pc.fill_null(plain, "")
        if not len(plain):
            return cls(b"", np.zeros(1, np.int64))
        _, places, values = plain.buffers()
        offsets = np.frombuffer(places, np.int64)[plain.offset : plain.offset + len(plain) + 1]
        data = memoryview(values or b"")
        rows = [data[begin:end] for begin, end in pairwise(offsets.tolist())]
        return cls(b"\x1f".join([*rows, b""]), offsets - offsets[0] + np.arange(len(offsets)))

    @property
    def codes(self) -> Codes:
        """The bytes as an array."""
        return np.frombuffer(self.data, np.uint8)

    @property
    def signs(self) -> int:
        """How many bytes are letters, digits, or parts of other characters."""
        return len(self.data.translate(None, _SIGNS))

    @property
    def starts(self) -> Places:
        """Where each row begins."""
        return self.offsets[:-1]

    @property
    def ends(self) -> Places:
        """Where each row ends."""
        return np.asarray(self.offsets[1:] - 1)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def to_arrow(self) -> Any:
        """As an Arrow array, without a copy; the rows with their marks."""
        places = pa.py_buffer(np.ascontiguousarray(self.offsets))
        return pa.LargeStringArray.from_buffers(len(self), places, pa.py_buffer(self.data))

    def row(self, number: int) -> bytes:
        """The bytes of one row."""
        return self.data[self.offsets[number] : self.offsets[number + 1] - 1]

    def rows_of(self, places: Places) -> Places:
        """The row of each place."""
        return np.searchsorted(self.offsets, places, "right") - 1

    def picked(self, starts: Places, ends: Places) -> "Texts":
        """Each of these pieces as a row."""
        offsets = np.zeros(len(starts) + 1, np.int64)
        np.cumsum(ends - starts + 1, out=offsets[1:])
        if (starts[1:] > ends[:-1]).all() and (starts < ends).all():
            # Each with the byte that follows it, which becomes the mark.
            codes = self.codes.copy()
            codes[ends] = MARK
            return Texts(codes[self._inside(starts, ends + 1)].tobytes(), offsets)
        data = self.data
        pieces = [data[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
        return Texts(b"\x1f".join([*pieces, b""]), offsets)

    def with_marks(self, starts: Places, ends: Places) -> "Texts":
        """The rows with one mark for each of these pieces, which are in order, not empty, and do not overlap."""
        if not len(starts):
            return self
        removed = np.zeros(len(starts) + 1, np.int64)
        np.cumsum(ends - starts - 1, out=removed[1:])
        codes = self.codes.copy()
        codes[starts] = MARK
        left = codes[~self._inside(starts + 1, ends)]
        return Texts(left.tobytes(), self.offsets - removed[np.searchsorted(starts, self.offsets)])

    def _inside(self, starts: Places, ends: Places) -> Flags:
        """Which bytes are in one of these pieces."""
        lengths = np.empty(2 * len(starts) + 1, np.int64)
        lengths[:-1:2] = starts
        lengths[1::2] = ends
        lengths[-1] = len(self.data)
        lengths[1:] -= lengths[:-1].copy()
        flags = np.zeros(len(lengths), bool)
        flags[1::2] = True
        return np.repeat(flags, lengths)
