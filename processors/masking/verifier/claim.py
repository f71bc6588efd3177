"""What the masking says it replaced in a column; checked against the bytes, never believed."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from .texts import Places


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """Pieces of the column before masking: bytes `starts` to `ends` of row `rows`, in order, without overlaps."""

    rows: Places = field(repr=False)
    starts: Places = field(repr=False)
    ends: Places = field(repr=False)

    @classmethod
    def of(cls, rows: ArrayLike, starts: ArrayLike, ends: ArrayLike) -> Self:
        """A claim from three sequences of numbers."""
        return cls(*(np.asarray(numbers, np.int64) for numbers in (rows, starts, ends)))

    @classmethod
    def of_places(cls, starts: Places, ends: Places, offsets: Places) -> Self:
        """A claim from places in a buffer whose rows begin at `offsets`."""
        rows = np.searchsorted(offsets, starts, "right") - 1
        begins = offsets[rows]
        return cls(rows, starts - begins, ends - begins)
