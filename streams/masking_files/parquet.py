"""Parquet: row by row the same table, in the order and the compression of the source."""

import io
import json
import math
from collections.abc import Iterator
from typing import Any, BinaryIO, Final
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sluicegate.processors.masking.columns import Path, spelled
from sluicegate.processors.masking.engine.fields import Masking
from sluicegate.processors.masking.engine.tables import ANY_KEY, Tables
from sluicegate.schemas.errors import RefusedError

from .batches import LONGEST, Batch, ComparedTable, too_long

_ROWS: Final = 2048
_LONG: Final = 10**8
_OF_ARROW: Final = b"ARROW:schema"
"""The types as Arrow has them, written by the library; what is in it comes back as the schema that is read."""


class _Written(io.RawIOBase):
    """Bytes on their way to the target."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        self._size += len(self._pieces[-1])
        return len(self._pieces[-1])

    def tell(self) -> int:
        return self._size

    def taken(self) -> bytes:
        """What was written since the last time."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def masked_parquet(masking: Masking, source: BinaryIO) -> Iterator[Batch]:
    """Mask a Parquet file."""
    try:
        file = pq.ParquetFile(source, pre_buffer=False)
        long = _long_numbers(file)
        tables = Tables(masking, long_numbers=long)
        tables.usable(file.schema_arrow)
        yield from _batches(tables, file, source.seek(0, io.SEEK_END))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise RefusedError(f"the file cannot be read as Parquet ({type(error).__name__})") from None


def _batches(tables: Tables, file: Any, size: int) -> Iterator[Batch]:
    written, writer, first = _Written(), None, 1
    for raw in _small(file.iter_batches(_ROWS)):
        masked = tables.masked(raw)
        if writer is None:
            writer = pq.ParquetWriter(written, masked.schema, compression=_compression(file))
        writer.write_batch(masked)
        compared = ComparedTable(raw, masked, _as_records)
        # The library does not say how far in the file it is: rows stand for bytes.
        read = size * (first - 1 + raw.num_rows) // file.metadata.num_rows
        yield Batch(written.taken(), (compared,), raw.num_rows, read, first)
        first += raw.num_rows
    if writer is None:
        empty = tables.masked(pa.RecordBatch.from_pylist([], file.schema_arrow))
        writer = pq.ParquetWriter(written, empty.schema)
    writer.close()
    yield Batch(written.taken(), (), 0, size, first)


def _small(batches: Iterator[Any]) -> Iterator[Any]:
    """The same rows in batches of at most `LONGEST` bytes: what masking needs is many times that."""
    row = 1
    for batch in batches:
        waiting = [batch]
        while waiting:
            some = waiting.pop()
            if some.nbytes > LONGEST:
                if some.num_rows == 1:
                    raise too_long(f"row {row}")
                half = some.num_rows // 2
                waiting += [some.slice(half), some.slice(0, half)]
                continue
            yield some
            row += some.num_rows


def refuse_metadata(target: Any) -> None:
    """Raise `RefusedError` when a Parquet file holds words beside its values: of the file, or of a field however deep."""
    file = pq.ParquetFile(target)
    schema = file.schema_arrow
    if set(file.metadata.metadata or ()) - {_OF_ARROW} or schema.metadata or any(map(_has_metadata, schema)):
        raise RefusedError(
            "what would leave did not pass the check: it holds metadata of the schema. Nothing was written"
        )


def _has_metadata(field: Any) -> bool:
    of_reader = {b"PARQUET:field_id"}
    return bool(set(field.metadata or ()) - of_reader) or any(
        _has_metadata(field.type.field(number)) for number in range(field.type.num_fields)
    )


def _compression(file: Any) -> str:
    if not file.metadata.num_row_groups or not file.metadata.num_columns:
        return "snappy"
    name = file.metadata.row_group(0).column(0).compression
    return "none" if name == "UNCOMPRESSED" else str(name).lower()


def _long_numbers(file: Any) -> frozenset[Path]:
    """Places, in structs, lists and maps too, with whole numbers of nine digits or more."""
    names = [field.name for field in file.schema_arrow if _holds_numbers(field.type)]
    long: set[Path] = set()
    for batch in file.iter_batches(1 << 16, columns=names) if names else ():
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            long.update(_long_in(array, (spelled(name),)))
    return frozenset(long)


def _holds_numbers(kind: Any) -> bool:
    return _is_number(kind) or any(
        _holds_numbers(kind.field(number).type) for number in range(kind.num_fields)
    )


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_floating(kind))


def _long_in(array: Any, path: Path) -> Iterator[Path]:
    kind = array.type
    if pa.types.is_struct(kind):
        for field, inner in zip(kind, array.flatten(), strict=True):
            yield from _long_in(inner, (*path, spelled(field.name)))
    elif pa.types.is_map(kind):
        # At any key: the items of a map have one type.
        yield from _long_in(array.items, (*path, ANY_KEY))
    elif kind.num_fields:
        yield from _long_in(array.flatten(), path)
    elif _is_number(kind):
        bounds = pc.call_function("min_max", [array]).as_py()
        if any(value is not None and abs(value) >= _LONG for value in bounds.values()):
            yield path


def _as_records(batch: Any) -> bytes:
    """Rows as the check reads them; maps are objects."""
    return "\n".join(
        json.dumps(_plain(row, batch.schema), ensure_ascii=False, default=str) for row in batch.to_pylist()
    ).encode()


def _plain(row: dict[str, Any], schema: Any) -> dict[str, Any]:
    return {name: _value(value, schema.field(name).type) for name, value in row.items()}


def _value(value: Any, kind: Any) -> Any:
    if value is None or isinstance(value, bytes | UUID):
        # What cannot be read does not leave, or is kept as it is: nothing to look at.
        return None
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if pa.types.is_map(kind):
        return {key: _value(inner, kind.item_type) for key, inner in value}
    if pa.types.is_struct(kind):
        return {name: _value(inner, kind.field(name).type) for name, inner in value.items()}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return [_value(inner, kind.value_type) for inner in value]
    return value
