"""Rows of CSV as they are written: many at once, every byte of them kept."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from typing import Final

from sluicegate.schemas.errors import RefusedError

from .batches import LONGEST, Lines, too_long

_QUOTE: Final = '"'


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a file.

    Attributes:
        columns: cells as they are written, quotes included, column by column.
        ends: what ends each row.
        are_quoted: whether any cell is.
    """

    columns: Sequence[Sequence[str]] = field(repr=False)
    ends: Sequence[str] = field(repr=False)
    are_quoted: bool

    def __len__(self) -> int:
        return len(self.ends)

    def written(self, columns: Sequence[Sequence[str]], delimiter: str) -> str:
        """These rows with other cells."""
        rows = map(delimiter.join, zip(*columns, strict=True))
        return "".join(chain.from_iterable(zip(rows, self.ends, strict=True)))


def rows_of(text: str, first: int, delimiter: str, width: int | None) -> Rows:
    """Read whole lines; `RefusedError` for a row of another width (the first row's when none is given), or a quote in a bare cell."""
    lines = text.split("\n")
    ends = ["\n"] * len(lines)
    ends[-1] = ""
    if not lines[-1]:
        lines.pop()
        ends.pop()
    are_quoted = _QUOTE in text
    numbers: Sequence[int] = range(first, first + len(lines))
    if are_quoted:
        lines, ends, numbers = _whole(lines, ends, first)
    if "\r" in text:
        lines, ends = _without_returns(lines, ends, numbers)
    if are_quoted:
        cells = [
            line.split(delimiter) if _QUOTE not in line else _quoted_cells(line, delimiter, number)
            for line, number in zip(lines, numbers, strict=True)
        ]
    else:
        cells = [line.split(delimiter) for line in lines]
    width = width or len(cells[0])
    if set(map(len, cells)) - {width}:
        at, wrong = next(
            (number, row) for number, row in zip(numbers, cells, strict=True) if len(row) != width
        )
        raise RefusedError(f"line {at} has {len(wrong)} cells and the header {width}: mend the file first")
    return Rows(list(zip(*cells, strict=True)), ends, are_quoted)


def next_text(lines: Lines, size: int) -> str:
    """Whole lines of about so many bytes, one line for 0, and whole rows: a quoted cell may hold line ends."""
    at = lines.number + 1
    text = lines.some(size) if size else lines.next()
    quotes = text.count(_QUOTE)
    pieces = [text]
    length = 0
    while quotes % 2:
        more = lines.next()
        if not more:
            raise RefusedError(f"a quoted cell that begins in line {at} or later does not end")
        pieces.append(more)
        quotes += more.count(_QUOTE)
        length += len(more)
        if length > LONGEST:
            raise too_long(f"a row in line {at} or later")
    return "".join(pieces)


def _whole(lines: Sequence[str], ends: Sequence[str], first: int) -> tuple[list[str], list[str], list[int]]:
    """Lines put together where a quoted cell goes on, with the number of the line in which each begins."""
    whole: list[str] = []
    whole_ends: list[str] = []
    numbers: list[int] = []
    is_open = False
    for number, (line, end) in enumerate(zip(lines, ends, strict=True), first):
        if is_open:
            whole[-1] += f"\n{line}"
            whole_ends[-1] = end
        else:
            whole.append(line)
            whole_ends.append(end)
            numbers.append(number)
        is_open ^= line.count(_QUOTE) % 2 == 1
    return whole, whole_ends, numbers


def _without_returns(
    lines: Sequence[str], ends: Sequence[str], numbers: Sequence[int]
) -> tuple[list[str], list[str]]:
    bare = [line.rstrip("\r") for line in lines]
    for line, number in zip(bare, numbers, strict=True):
        if "\r" in line and _QUOTE not in line:
            raise _line_end_inside(number)
    return bare, [line[len(cut) :] + end for line, cut, end in zip(lines, bare, ends, strict=True)]


def _quoted_cells(row: str, delimiter: str, number: int) -> list[str]:
    cells: list[str] = _cell(delimiter).findall(delimiter + row)
    if delimiter.join(cells) != row:
        raise RefusedError(f"line {number} has a quote where none may be: mend the file first")
    if "\r" in row and any("\r" in cell for cell in cells if not cell.startswith(_QUOTE)):
        raise _line_end_inside(number)
    return cells


def _line_end_inside(number: int) -> RefusedError:
    return RefusedError(f"line {number} has a line end inside a cell without quotes: mend the file first")


@cache
def _cell(delimiter: str) -> re.Pattern[str]:
    apart = re.escape(delimiter)
    return re.compile(rf'{apart}("(?:[^"]++|"")*+"|[^"{apart}]*+)')
