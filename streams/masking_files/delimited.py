"""CSV and its relatives: a header line, then rows; cells that are not replaced keep their bytes, quotes included.

RFC 4180, with any of comma, semicolon, tab and bar between cells. Nothing is guessed: a row with more or fewer cells than the header, a
quote inside a bare cell, or a header that looks like data is refused.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.csv

from sluicegate.processors.masking.columns import closed, spelled
from sluicegate.processors.masking.engine.cells import Cells, Different
from sluicegate.processors.masking.engine.fields import Masking
from sluicegate.processors.masking.engine.records import Records
from sluicegate.schemas.errors import RefusedError

from .batches import TABLE_BYTES, Batch, ComparedTable, Lines
from .rows import Rows, next_text, rows_of

_DELIMITERS: Final = ",;\t|"
_BYTE_ORDER_MARK: Final = "\ufeff"


def masked_csv(masking: Masking, source: BinaryIO) -> Iterator[Batch]:
    """Mask a CSV file."""
    lines, records = Lines(source), Records(masking)
    delimiter, header, top = _opened(lines)
    names = [_value(cells[0]) for cells in header.columns]
    _usable_header(records, names)
    table = _Table(records, names, delimiter)
    number = 1
    while (text := next_text(lines, TABLE_BYTES)) or top:
        first = lines.number - text.count("\n") + text.endswith("\n")
        rows = rows_of(text, first, delimiter, len(names)) if text else None
        yield table.batch(rows, text, top, number, lines.read)
        number += len(rows) if rows else 0
        top = ""


def header_names(source: BinaryIO) -> list[str]:
    """The names of a file's columns."""
    _, header, _ = _opened(Lines(source))
    return [_value(cells[0]) for cells in header.columns]


def _opened(lines: Lines) -> tuple[str, Rows, str]:
    """What stands between cells, the header, and the header as it is written."""
    top = next_text(lines, 0)
    text = top.removeprefix(_BYTE_ORDER_MARK)
    if not text.strip("\r\n"):
        raise RefusedError("the file has no header line: name its columns in the first line")
    delimiter = max(_DELIMITERS, key=re.sub('"[^"]*"', "", text).count)
    return delimiter, rows_of(text, 1, delimiter, None), top


def _usable_header(records: Records, names: Sequence[str]) -> None:
    if len({spelled(name) for name in names}) != len(names):
        raise RefusedError("two columns of the header have one name: name every column once")
    if any(not name.strip() for name in names):
        raise RefusedError("a column of the header has no name: name every column")
    looks = records.header(list(names))
    if looks:
        raise _looks_like_data(looks[0])


def _looks_like_data(number: int) -> RefusedError:
    return RefusedError(
        f"the name of column {number + 1} looks like an identifier: the first line must name the columns, and leaves as it is"
    )


def _value(cell: str) -> str:
    return cell[1:-1].replace('""', '"') if cell.startswith('"') else cell


def _cell(new: str, old: str, delimiter: str) -> str:
    if old.startswith('"') or '"' in new or delimiter in new or "\n" in new or "\r" in new:
        return '"' + new.replace('"', '""') + '"'
    return new


class _Table:
    """Rows of one file under its header."""

    def __init__(self, records: Records, names: Sequence[str], delimiter: str) -> None:
        self._records = records
        self._names = names
        self._delimiter = delimiter

    def batch(self, rows: Rows | None, text: str, top: str, first: int, read: int) -> Batch:
        """Mask some rows; `top` is written before them."""
        if rows is None:
            return Batch(top.encode(), (), 0, read, first)
        masked = rows.written(self._masked(rows), self._delimiter).encode()
        compared = ComparedTable(self._table(text.encode()), self._table(masked), self._as_records)
        return Batch(top.encode() + masked, (compared,), len(rows), read, first)

    def _masked(self, rows: Rows) -> list[Sequence[str]]:
        cells = Cells(self._records)
        cells.belong_to(self._subjects(rows))
        subjects = cells.subjects_of(range(len(rows)))
        made = [
            _Column(cells, name, column, subjects, are_quoted=rows.are_quoted)
            for name, column in zip(self._names, rows.columns, strict=True)
        ]
        cells.masked()
        own = cells.own_identifiers(self._names)
        if own:
            raise _looks_like_data(own[0])
        return [column.masked(self._delimiter) for column in made]

    def _subjects(self, rows: Rows) -> "list[str | None]":
        """Whose each row is, by the columns that the profile names, one after the other."""
        subjects: list[str | None] = [None] * len(rows)
        for path in self._records.masking.subjects.paths:
            for name, cells in zip(self._names, rows.columns, strict=True):
                if path == (closed(name),):
                    subjects = [old or _value(new) for old, new in zip(subjects, cells, strict=True)]
        return subjects

    def _table(self, text: bytes) -> Any:
        """Rows as the check reads them: by another reader, every cell a text."""
        try:
            read = pyarrow.csv.read_csv(
                pa.BufferReader(text),
                pyarrow.csv.ReadOptions(
                    use_threads=False, column_names=self._names, block_size=max(len(text), 1) + 1
                ),
                pyarrow.csv.ParseOptions(
                    delimiter=self._delimiter, newlines_in_values=True, ignore_empty_lines=False
                ),
                pyarrow.csv.ConvertOptions(
                    column_types=dict.fromkeys(self._names, pa.string()),
                    strings_can_be_null=False,
                    quoted_strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid:
            raise RefusedError(
                "what would leave did not pass the check: another reader does not see the same rows. Nothing was written"
            ) from None
        return read.combine_chunks().to_batches()[0]

    def _as_records(self, batch: Any) -> bytes:
        """The same as records, an empty cell as null."""
        return "\n".join(
            json.dumps({name: cell or None for name, cell in row.items()}, ensure_ascii=False)
            for row in batch.to_pylist()
        ).encode()


class _Column:
    """The cells of one column, the different ones of them once."""

    def __init__(
        self,
        cells: Cells,
        name: str,
        column: Sequence[str],
        subjects: "Sequence[bytes | None] | None",
        *,
        are_quoted: bool,
    ) -> None:
        self._column = column
        self._keys: Sequence[Any] = column if subjects is None else list(zip(column, subjects, strict=True))
        counts = Counter(self._keys)
        self._different = list(counts)
        self._written: Sequence[str] = (
            self._different if subjects is None else [cell for cell, _ in self._different]
        )
        self._values = [_value(cell) for cell in self._written] if are_quoted else self._written
        value_of = dict(zip(self._written, self._values, strict=True)) if are_quoted else None
        owners: Sequence[int] = [0] * len(self._different)
        if subjects is not None:
            row_of = dict(zip(self._keys, range(len(column)), strict=True))
            owners = [row_of[cell] for cell in self._different]
        self._results = cells.add(
            (spelled(name),),
            Different(
                self._values,
                list(counts.values()),
                owners,
                lambda: (
                    column if value_of is None else [value_of[cell] for cell in column],
                    range(len(column)),
                ),
            ),
        )

    def masked(self, delimiter: str) -> Sequence[str]:
        """The cells as they leave; what was not replaced keeps its bytes."""
        results = self._results()
        if results == self._values:
            return self._column
        made = {
            key: old if new == value else _cell(new or "", old, delimiter)
            for key, new, value, old in zip(
                self._different, results, self._values, self._written, strict=True
            )
        }
        return list(map(made.__getitem__, self._keys))
