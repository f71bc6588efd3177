"""Rows joined and folded for searching, and the way back to the bytes that came."""

import numpy as np
import pytest

from sluicegate.processors.masking.engine.batch import SEPARATOR, TextBatch
from sluicegate.processors.masking.engine.folding import fold_word


def _rows(batch: TextBatch) -> list[str]:
    return [
        batch.text[start : end - 1].decode()
        for start, end in zip(batch.offsets, batch.offsets[1:], strict=False)
    ]


@pytest.mark.parametrize(
    ("row", "folded"),
    [
        ("José\u2019s “note”", 'Jose\'s "note"'),
        ("Jo\u200bhn", "John"),
        ("555\u2011123\u00a04", "555-123 4"),
        ("Müller Zażółć Ştefan", "Muller Zazolc Stefan"),
        ("e\u0301t", "et"),
        ("Иван Ελένη", "Ivan Eleni"),
        ("\U0001d409\U0001d428\U0001d421\U0001d427 \uff2a\uff4f", "John Jo"),
        ("٤٢ \uff14", "42 4"),
        ("5½ mg → 3°", "5~ mg ~ 3~"),
        ("张伟", "张伟"),
    ],
)
def test_lookalikes(row: str, folded: str) -> None:
    """What looks like ASCII is searched as ASCII; what nobody sees is not there; other scripts stay."""
    batch = TextBatch.of_texts([row, "x"])
    assert _rows(batch) == [folded, "x"]
    assert fold_word(row) == folded


def test_separator_inside_a_row() -> None:
    """A row that holds the separator itself stays one row of the same length."""
    batch = TextBatch.of([b"a\x1eb", b"\x1e", b""])
    assert _rows(batch) == ["a b", " ", ""]
    assert batch.text.count(SEPARATOR) == len(batch) == 3
    assert batch.original == b"a\x1eb\x1e\x1e\x1e\x1e"


def test_way_back() -> None:
    """A span of the folded text covers the same letters in the original, with what was dropped behind them."""
    batch = TextBatch.of_texts(["“Zoë\u0301” x", "né"])
    start = batch.text.index(b"Zoe")
    first, last = batch.to_original(np.array([start, start + 3]))
    assert batch.original[first:last].decode() == "Zoë\u0301"


def test_no_rows() -> None:
    """A batch may be empty."""
    assert len(TextBatch.of([])) == 0


def test_broken_utf8() -> None:
    """Bytes that are not UTF-8 are kept and counted right, whatever they are."""
    row = b"a\xc3 \xe2\x80 \xff\xf0\x9f b\xe2"
    batch = TextBatch.of([row, "é".encode()])
    assert batch.text == row + SEPARATOR + b"e" + SEPARATOR
    assert batch.to_original(batch.offsets).tolist() == batch.original_offsets.tolist()
