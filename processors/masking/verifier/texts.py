"""A column of text as bytes and the place where each value begins."""

from dataclasses import dataclass, field
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
    """Row `i` is `data[offsets[i] : offsets[i + 1]]`; a null is an empty row."""

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
        data = b"" if values is None else values.slice(offsets[0], offsets[-1] - offsets[0]).to_pybytes()
        return cls(data, offsets - offsets[0])

    @property
    def codes(self) -> Codes:
        """The bytes as an array."""
        return np.frombuffer(self.data, np.uint8)

    @property
    def signs(self) -> int:
        """How many bytes are letters, digits, or parts of other characters."""
        return len(self.data.translate(None, _SIGNS))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def to_arrow(self) -> Any:
        """As an Arrow array, without a copy."""
        places = pa.py_buffer(np.ascontiguousarray(self.offsets))
        return pa.LargeStringArray.from_buffers(len(self), places, pa.py_buffer(self.data))

    def row(self, number: int) -> bytes:
        """The bytes of one row."""
        return self.data[self.offsets[number] : self.offsets[number + 1]]

    def rows_of(self, places: Places) -> Places:
        """The row of each place."""
        return np.searchsorted(self.offsets, places, "right") - 1

    def picked(self, starts: Places, ends: Places) -> "Texts":
        """Each of these pieces as a row with a mark behind it."""
        data = self.data
        offsets = np.zeros(len(starts) + 1, np.int64)
        np.cumsum(ends - starts + 1, out=offsets[1:])
        pieces = [data[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
        return Texts(b"\x1f".join([*pieces, b""]), offsets)

    def marked(self) -> "Texts":
        """The rows with one mark after each."""
        return self.picked(self.offsets[:-1], self.offsets[1:])

    def with_marks(self, starts: Places, ends: Places) -> "Texts":
        """The rows with one mark for each of these pieces, which are in order and do not overlap, and one after each row."""
        at = np.searchsorted(starts, self.offsets, "left")
        removed = np.zeros(len(starts) + 1, np.int64)
        np.cumsum(ends - starts - 1, out=removed[1:])
        offsets = self.offsets - removed[at] + np.arange(len(self.offsets))
        stops = np.insert(starts, at[1:], self.offsets[1:]).tolist()
        begins = [0, *np.insert(ends, at[1:], self.offsets[1:]).tolist()]
        data = self.data
        left = [data[begin:stop] for begin, stop in zip(begins, stops, strict=False)]
        return Texts(b"\x1f".join([*left, b""]), offsets)
