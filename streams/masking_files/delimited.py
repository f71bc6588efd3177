"""CSV and its relatives: a header line, then rows; cells that are not replaced keep their bytes, quotes included.

RFC 4180, with any of comma, semicolon, tab and bar between cells. Nothing is guessed: a row with more or fewer cells than the header, a
quote inside a bare cell, or a header that looks like data is refused.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final, NamedTuple

from sluicegate.processors.masking.columns import closed, spelled
from sluicegate.processors.masking.engine.cells import Cells
from sluicegate.processors.masking.engine.fields import Masking
from sluicegate.processors.masking.engine.records import Records
from sluicegate.schemas.errors import RefusedError

from .batches import BATCH_BYTES, BATCH_RECORDS, LONGEST, Batch, Compared, Lines, too_long
from .json_lines import NDJSON

_DELIMITERS: Final = ",;\t|"
_BYTE_ORDER_MARK: Final = "\ufeff"


class _Row(NamedTuple):
    cells: list[str]
    """As they are written."""
    end: str
    line: int


def masked_csv(masking: Masking, source: BinaryIO) -> Iterator[Batch]:
    """Mask a CSV file."""
    lines, records = Lines(source), Records(masking)
    first, delimiter, rows = _opened(lines)
    header = next(rows)
    names = [_value(cell) for cell in header.cells]
    _usable_header(records, names)
    table = _Table(records, names, delimiter)
    top = (_BYTE_ORDER_MARK if first.startswith(_BYTE_ORDER_MARK) else "") + _written(header, delimiter)
    number = 1
    while True:
        some = _some(rows)
        if some or top:
            yield table.batch(some, top, number, lines.read)
        number += len(some)
        top = ""
        if not some:
            return


def header_names(source: BinaryIO) -> list[str]:
    """The names of a file's columns."""
    _, _, rows = _opened(Lines(source))
    return [_value(cell) for cell in next(rows).cells]


def _opened(lines: Lines) -> tuple[str, str, Iterator[_Row]]:
    """The first line, what stands between cells, and the rows, the header first."""
    first = lines.next()
    if not first.strip(_BYTE_ORDER_MARK + "\r\n"):
        raise RefusedError("the file has no header line: name its columns in the first line")
    delimiter = max(_DELIMITERS, key=re.sub('"[^"]*"', "", first).count)
    return first, delimiter, _rows(lines, first.removeprefix(_BYTE_ORDER_MARK), delimiter)


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


def _some(rows: Iterator[_Row]) -> list[_Row]:
    some: list[_Row] = []
    size = 0
    while size < BATCH_BYTES and len(some) < BATCH_RECORDS and (row := next(rows, None)) is not None:
        some.append(row)
        size += sum(map(len, row.cells))
    return some


def _rows(lines: Lines, first: str, delimiter: str) -> Iterator[_Row]:
    line, width = first, 0
    while line:
        at = lines.number
        # A quote that is not closed: the cell goes on in the next line.
        while line.count('"') % 2:
            more = lines.next()
            if not more:
                raise RefusedError(f"a quoted cell that begins in line {at} does not end")
            line += more
            if len(line) > LONGEST:
                raise too_long(f"the row in line {at}")
        bare = line.rstrip("\r\n") if line.endswith(("\n", "\r")) else line
        cells = bare.split(delimiter) if '"' not in bare else _quoted_cells(bare, delimiter, at)
        width = width or len(cells)
        if len(cells) != width:
            raise RefusedError(
                f"line {at} has {len(cells)} cells and the header {width}: mend the file first"
            )
        yield _Row(cells, line[len(bare) :], at)
        line = lines.next()


def _quoted_cells(row: str, delimiter: str, at: int) -> list[str]:
    cells: list[str] = []
    open_cell = ""
    for piece in row.split(delimiter):
        cell = f"{open_cell}{delimiter}{piece}" if open_cell else piece
        if cell.startswith('"') and cell.count('"') % 2:
            open_cell = cell
        else:
            cells.append(cell)
            open_cell = ""
    if open_cell or any('"' in cell and not _is_quoted(cell) for cell in cells):
        raise RefusedError(f"line {at} has a quote where none may be: mend the file first")
    return cells


def _is_quoted(cell: str) -> bool:
    inner = cell[1:-1]
    return len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in inner.replace('""', "")


def _value(cell: str) -> str:
    return cell[1:-1].replace('""', '"') if cell.startswith('"') else cell


def _cell(new: str, old: str, delimiter: str) -> str:
    if old.startswith('"') or '"' in new or delimiter in new or "\n" in new or "\r" in new:
        return '"' + new.replace('"', '""') + '"'
    return new


def _written(row: _Row, delimiter: str) -> str:
    return delimiter.join(row.cells) + row.end


class _Table:
    """Rows of one file under its header."""

    def __init__(self, records: Records, names: Sequence[str], delimiter: str) -> None:
        self._records = records
        self._names = names
        self._delimiter = delimiter

    def batch(self, rows: list[_Row], top: str, first: int, read: int) -> Batch:
        """Mask some rows; `top` is written before them."""
        masked = self._masked(rows)
        raw_text = "".join(_written(row, self._delimiter) for row in rows)
        text = "".join(_written(row, self._delimiter) for row in masked)
        compared = Compared(NDJSON, self._as_records(raw_text), self._as_records(text))
        return Batch((top + text).encode(), (compared,), len(rows), read, first)

    def _masked(self, rows: list[_Row]) -> list[_Row]:
        cells = Cells(self._records)
        owners = range(len(rows))
        columns = list(zip(*(row.cells for row in rows), strict=True)) or [()] * len(self._names)
        read = [
            [_value(cell) for cell in column] if any('"' in cell for cell in column) else list(column)
            for column in columns
        ]
        cells.belong_to(self._subjects(read, len(rows)))
        made = [
            (values, column, cells.add((spelled(name),), values, owners))
            for name, values, column in zip(self._names, read, columns, strict=True)
        ]
        cells.masked()
        own = cells.own_identifiers(self._names)
        if own:
            raise _looks_like_data(own[0])
        new_columns = [
            [
                old if new == value else _cell(new or "", old, self._delimiter)
                for new, value, old in zip(results(), values, column, strict=True)
            ]
            for values, column, results in made
        ]
        return [
            _Row(list(cells), row.end, row.line)
            for cells, row in zip(zip(*new_columns, strict=True), rows, strict=True)
        ]

    def _subjects(self, read: Sequence[Sequence[str]], rows: int) -> "list[str | None]":
        """Whose each row is, by the columns that the profile names, one after the other."""
        subjects: list[str | None] = [None] * rows
        for path in self._records.masking.subjects.paths:
            for name, values in zip(self._names, read, strict=True):
                if path == (closed(name),):
                    subjects = [old or new for old, new in zip(subjects, values, strict=True)]
        return subjects

    def _as_records(self, text: str) -> bytes:
        """Rows as the check reads them: by another reader, an empty cell as null."""
        csv.field_size_limit(LONGEST)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=self._delimiter, strict=True)
        records = (dict(zip(self._names, (cell or None for cell in row), strict=False)) for row in reader)
        return "\n".join(json.dumps(record, ensure_ascii=False) for record in records).encode()
