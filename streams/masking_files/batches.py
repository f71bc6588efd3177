"""What a format gives for each batch: the bytes that would leave, and what they are compared with."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final, Protocol

from sluicegate.processors.masking.engine.fields import Masking
from sluicegate.schemas.errors import RefusedError

LONGEST: Final = 8 << 20
"""Bytes of the longest record that is read."""
BATCH_BYTES: Final = 1 << 20
"""Bytes of records that make a batch."""
BATCH_RECORDS: Final = 4096
"""Records that make a batch at most."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A text before and after, as the check reads it: `text/plain`, or records as `application/x-ndjson`."""

    media_type: str
    raw: bytes = field(repr=False)
    masked: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Batch:
    """A piece of the target.

    Attributes:
        masked: the bytes to write.
        compared: what must pass the check first.
        records: how many records are in it.
        read: bytes of the source that are read so far.
        first: number of its first record, or line, from 1.
    """

    masked: bytes = field(repr=False)
    compared: tuple[Compared, ...] = field(repr=False)
    records: int
    read: int
    first: int


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
        raise RefusedError(f"{where} is not UTF-8: convert the file first") from None


def too_long(where: str) -> RefusedError:
    """The refusal of a record that nobody can hold."""
    return RefusedError(f"{where} has more than {LONGEST >> 20} MiB: leave such a field out of the file")
