"""Columns of text as Arrow arrays, in and out; needs the package `pyarrow` (extra `lake`)."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from .batch import TextBatch
from .engine import Engine, Masked
from .surrogates import Surrogates
from .treatments import Replacing


def masked_array(
    engine: Engine,
    column: "pa.Array[pa.StringScalar] | pa.Array[pa.LargeStringScalar]",
    replacing: Replacing,
    surrogates: Surrogates | None = None,
    subjects: Sequence[bytes] | None = None,
) -> tuple["pa.Array[pa.LargeStringScalar]", Masked]:
    """The column masked, as large strings, and what masking made of it; nulls stay null, and so do order and number of rows."""
    rows = column.cast(pa.large_binary()).to_pylist()
    batch = TextBatch.of([b"" if row is None else row for row in rows])
    masked = engine.masked(batch, replacing, surrogates, subjects)
    return _array(masked, np.array([row is not None for row in rows], bool)), masked


def _array(
    masked: Masked, valid: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
) -> "pa.Array[pa.LargeStringScalar]":
    joined, offsets = np.frombuffer(masked.rows.joined, np.uint8), masked.rows.offsets
    inside = np.ones(len(joined), bool)
    inside[offsets[1:] - 1] = False
    places = offsets - np.arange(len(offsets))
    validity = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little").tobytes())
    return pa.LargeStringArray.from_buffers(
        len(valid), pa.py_buffer(places.astype(np.int64)), pa.py_buffer(joined[inside]), validity
    )
