"""What a format gives for each batch: the bytes that would leave, and what they are compared with."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final, Protocol

from sluicegate.processors.masking.engine.fields import Masking
from sluicegate.schemas.errors import RefusedError

NDJSON: Final = "application/x-ndjson"
LONGEST: Final = 6 << 20
"""Bytes of the longest record that is read."""
BATCH_BYTES: Final = 1 << 20
"""Bytes of records that make a batch."""
BATCH_RECORDS: Final = 4096
"""Records that make a batch at most."""
_END: Final = b"\n"
TABLE_BYTES: Final = 4 << 20
"""Bytes of rows of a table that make a batch."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A text before and after, as the check reads it: `text/plain`, or records as `application/x-ndjson`."""

    media_type: str
    raw: bytes = field(repr=False)
    masked: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ComparedTable:
    """Columns before and after, as Arrow record batches with the same names, and the same as records.

    Who reads them knows them by other code than what masked them.
    """

    before: Any = field(repr=False)
    after: Any = field(repr=False)
    as_records: Callable[[Any], bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Batch:
    """A piece of the target.

    Attributes:
        masked: the bytes to write.
        compared: what must pass the check first.
        records: how many records are in it.
        read: bytes of the source that are read so far.
        first: number of its first record, or line, from 1.
        are_lines: whether what is compared is told by its lines, not by its records.
    """

    masked: bytes = field(repr=False)
    compared: tuple[Compared | ComparedTable, ...] = field(repr=False)
    records: int
    read: int
    first: int
    are_lines: bool = False


class MaskFile(Protocol):
    """One format: reads a source and gives the target, batch by batch."""

    def __call__(self, masking: Masking, source: BinaryIO) -> Iterator[Batch]:
        """Mask a file."""
        ...


@dataclass(slots=True)
class Lines:
    """Lines of a file with their ends, never more than `LONGEST` bytes of one."""

    source: BinaryIO
    number: int = 0
    read: int = 0

    def some(self, size: int) -> str:
        """Whole lines of `size` bytes or a little more; empty at the end."""
        piece = self.source.read(size)
        if piece and not piece.endswith(_END):
            rest = self.source.readline(LONGEST + 1)
            if len(rest) > LONGEST:
                raise too_long(f"line {self.number + piece.count(_END) + 1}")
            piece += rest
        first = self.number + 1
        self.number += piece.count(_END) + (piece[-1:] not in {b"", _END})
        self.read += len(piece)
        try:
            return piece.decode()
        except UnicodeDecodeError as error:
            raise no_text(f"line {first + piece.count(_END, 0, error.start)}") from None

    def next(self) -> str:
        """The next line; empty at the end."""
        line = self.source.readline(LONGEST + 1)
        if not line:
            return ""
        self.number += 1
        self.read += len(line)
        if len(line) > LONGEST:
            raise too_long(f"line {self.number}")
        return decoded(line, f"line {self.number}")


def decoded(line: bytes, where: str) -> str:
    """Text, or a refusal that says where there is none."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise no_text(where) from None


def no_text(where: str) -> RefusedError:
    """The refusal of what is no text."""
    return RefusedError(f"{where} is not UTF-8: convert the file first")


def too_long(where: str) -> RefusedError:
    """The refusal of a record that nobody can hold."""
    return RefusedError(f"{where} has more than {LONGEST >> 20} MiB: leave such a field out of the file")
