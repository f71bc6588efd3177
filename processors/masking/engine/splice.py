"""Put replacements into text: bytes in, bytes out; rows keep their order, and what is not replaced keeps its bytes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .batch import Offsets, TextBatch


@dataclass(frozen=True, slots=True, eq=False)
class MaskedRows:
    """Rows after masking: row `i` is `joined[offsets[i] : offsets[i + 1] - 1]`, as in the batch they come from."""

    joined: bytes
    offsets: Offsets

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[bytes]:
        places = self.offsets.tolist()
        for start, following in pairwise(places):
            yield self.joined[start : following - 1]


def spliced(batch: TextBatch, starts: Offsets, ends: Offsets, replacements: Sequence[bytes]) -> MaskedRows:
    """The batch's original bytes with each of these pieces replaced.

    Places count bytes of the *original*, in order, without overlaps, none across a row's end.
    """
    original = batch.original
    opens, closes = [0, *ends.tolist()], [*starts.tolist(), len(original)]
    pieces = [b""] * (2 * len(replacements) + 1)
    pieces[0::2] = [original[start:end] for start, end in zip(opens, closes, strict=True)]
    pieces[1::2] = replacements
    lengths = np.fromiter(map(len, replacements), np.int64, len(replacements))
    growth = np.zeros(len(starts) + 1, np.int64)
    np.cumsum(lengths - (ends - starts), out=growth[1:])
    before = np.searchsorted(starts, batch.original_offsets, "left")
    return MaskedRows(b"".join(pieces), batch.original_offsets + growth[before])
