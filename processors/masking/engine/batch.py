"""Rows of text as one buffer that is searched in one pass, and the way back to every original byte."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from .folding import DROP, KEEP, folding_table

SEPARATOR: Final = b"\x1e"
"""Stands after every row (also the last); no pattern and no span may cross it. The folded text holds it nowhere else."""

Bytes = NDArray[np.uint8]
Offsets = NDArray[np.int64]

_SEPARATOR_CODE: Final = SEPARATOR[0]
_SPACE: Final = ord(" ")
_NOT_ASCII: Final = 0x80
_LEAD: Final = 0xC0
_LEAD_OF_THREE: Final = 0xE0
_LEAD_OF_FOUR: Final = 0xF0
_TAIL_BITS: Final = 0x3F


@dataclass(frozen=True, slots=True, eq=False)
class TextBatch:
    """Rows joined and folded.

    `text` is what stages search, and every span counts its bytes: rows, each followed by `SEPARATOR`, with lookalikes folded to
    ASCII (quotes, dashes, spaces, digits, accented, Greek, Cyrillic and styled letters, case kept) and invisible characters gone, so it may
    be shorter than what was read. Row `i` is `text[offsets[i] : offsets[i + 1] - 1]`. `original` and `original_offsets` are the same for
    the bytes as they came; `to_original` leads from the one to the other.

    Rows must be UTF-8; one that is not is the caller's to quarantine (bytes that are not UTF-8 are kept as letters here).
    """

    original: bytes
    original_offsets: Offsets
    text: bytes
    offsets: Offsets
    positions: Offsets | None
    """For each byte of `text` its place in `original`; None where both are the same."""

    @classmethod
    def of(cls, rows: Sequence[bytes]) -> Self:
        """Join rows of UTF-8."""
        original = SEPARATOR.join(rows) + SEPARATOR if rows else b""
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(np.fromiter((len(row) + 1 for row in rows), np.int64, len(rows)), out=offsets[1:])
        text = _with_separators_only_between(original, offsets)
        if text.isascii():
            return cls(original, offsets, text, offsets, None)
        folded, positions = _folded(np.frombuffer(text, np.uint8))
        return cls(original, offsets, folded.tobytes(), np.searchsorted(positions, offsets), positions)

    @classmethod
    def of_texts(cls, rows: Sequence[str]) -> Self:
        """Join rows of text."""
        return cls.of([row.encode() for row in rows])

    @property
    def codes(self) -> Bytes:
        """The bytes of `text` as an array."""
        return np.frombuffer(self.text, np.uint8)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def rows_of(self, places: Offsets) -> Offsets:
        """The row of each byte of `text`."""
        return np.searchsorted(self.offsets, places, "right") - 1

    def to_original(self, places: Offsets) -> Offsets:
        """Where bytes of `text` (starts, and ends, which name the byte after) are in `original`.

        What was dropped goes with the character before it: an end takes it in, a start leaves it out.
        """
        if self.positions is None:
            return places
        return np.append(self.positions, len(self.original))[places]


def _with_separators_only_between(original: bytes, offsets: Offsets) -> bytes:
    if original.count(SEPARATOR) == len(offsets) - 1:
        return original
    codes = np.frombuffer(original, np.uint8).copy()
    codes[codes == _SEPARATOR_CODE] = _SPACE
    codes[offsets[1:] - 1] = _SEPARATOR_CODE
    return codes.tobytes()


def _folded(codes: Bytes) -> tuple[Bytes, Offsets]:
    """The folded bytes, and for each its place before."""
    leads = np.flatnonzero(codes >= _LEAD)
    lengths, points = _decoded(codes, leads)
    table = folding_table()
    signs = np.where(points < len(table), table[np.minimum(points, len(table) - 1)], KEEP)
    folds = signs != KEEP
    leads, lengths, signs = leads[folds], lengths[folds], signs[folds]
    result = codes.copy()
    result[leads] = signs
    stays = np.ones(len(codes), bool)
    stays[leads[signs == DROP]] = False
    for tail in range(1, 4):
        stays[leads[lengths > tail] + tail] = False
    kept = np.flatnonzero(stays)
    return result[kept], kept


def _decoded(codes: Bytes, leads: Offsets) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Length and code point of the character at each lead byte; a broken one gets a code point no table knows."""
    lead = codes[leads].astype(np.int64)
    lengths = 2 + (lead >= _LEAD_OF_THREE) + (lead >= _LEAD_OF_FOUR)
    points = lead & (0x7F >> lengths)
    whole = np.ones(len(leads), bool)
    for tail in range(1, 4):
        part = lengths > tail
        following = codes[np.minimum(leads + tail, len(codes) - 1)].astype(np.int64)
        whole &= ~part | ((following >= _NOT_ASCII) & (following < _LEAD))
        points = np.where(part, points << 6 | following & _TAIL_BITS, points)
    return lengths, np.where(whole, points, np.iinfo(np.int64).max)
