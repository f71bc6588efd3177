"""One Parquet file while it is written: row groups of one size, so that the same rows make the same bytes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from .arrow import arrow, parquet
from .columns import repeating, schema

GROUP_ROWS: Final = 32_768
"""Rows of a row group: what is in memory at once, and what a reader can skip."""
BATCH_ROWS: Final = 4_096
"""Rows that are made of records, or read back, at a time."""


class DayFile:
    """Takes batches of any size; `close` ends the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self._batches: list[Any] = []
        self._waiting = 0
        self._writer = parquet().ParquetWriter(
            path,
            schema(),
            compression="zstd",
            use_dictionary=list(repeating()),
            # A changed byte is then found in the page where it is, by any reader that looks (Parquet format, PageHeader.crc).
            write_page_checksum=True,
        )

    def add(self, batch: Any) -> None:
        """More rows."""
        self._batches.append(batch)
        self.rows += batch.num_rows
        self._waiting += batch.num_rows
        while self._waiting >= GROUP_ROWS:
            self._write_group()

    def close(self) -> None:
        """Write what waits, and the end of the file."""
        if self._waiting:
            self._write_group()
        self._writer.close()

    def abandon(self) -> None:
        """Let go of a file that will not be finished."""
        self._batches = []
        try:
            self._writer.close()
        except (OSError, arrow().ArrowException):
            return

    def _write_group(self) -> None:
        # One chunk, always of the same rows: how they came must not show in the file.
        table = arrow().Table.from_batches(self._batches, schema()).combine_chunks()
        self._writer.write_table(table.slice(0, GROUP_ROWS).combine_chunks(), row_group_size=GROUP_ROWS)
        self._batches = table.slice(GROUP_ROWS).to_batches()
        self._waiting = max(0, self._waiting - GROUP_ROWS)


def batches_of(path: Path) -> Iterator[Any]:
    """The rows of a file in order, with the columns of this version: those that it lacks are empty."""
    with parquet().ParquetFile(path, page_checksum_verification=True) as file:
        for batch in file.iter_batches(BATCH_ROWS):
            yield conformed(batch)


def conformed(batch: Any) -> Any:
    """A batch of an older version's columns with those of this one.

    KeyError for a column that this version does not know: rows of a newer one must not lose it.
    """
    pa, wanted = arrow(), schema()
    if batch.schema.equals(wanted):
        return batch
    if unknown := set(batch.schema.names) - set(wanted.names):
        raise KeyError(min(unknown))
    held = set(batch.schema.names)
    columns = [
        batch.column(one.name).cast(one.type) if one.name in held else pa.nulls(batch.num_rows, one.type)
        for one in wanted
    ]
    return pa.RecordBatch.from_arrays(columns, schema=wanted)
