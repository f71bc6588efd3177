"""Records of `audit` as rows of Arrow batches, and rows as entries at their places again. Nothing is lost on the way."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from sluicegate.processors.contract import Record
from sluicegate.processors.verification import Placed
from sluicegate.schemas import codec
from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.envelope import PayloadType, payload_type_of
from sluicegate.schemas.errors import RecordError
from sluicegate.schemas.released import FRAME_BYTES, released_schemas

from .arrow import arrow
from .avro_rows import body_reader
from .columns import FIELDS, PLACE, UNREADABLE, maps, row_type

_KIND: Final = "audit-entry"
_NEWEST: Final = released_schemas()[_KIND][-1]
_AVRO: Final = str(PayloadType(_KIND, _NEWEST.fingerprint))
_read_body: Final = body_reader(_NEWEST.parsed)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that holds no entry, and where it stood; `reason` repeats nothing of what the record said."""

    partition: int
    offset: int
    reason: str


def batch_of(records: Sequence[Record]) -> Any:
    """One Arrow record batch, a row per record in their order; what is no entry is kept as its bytes, with the reason."""
    pa = arrow()
    try:
        columns = pa.array([_row(record) for record in records], row_type())
    except (pa.ArrowException, OverflowError):
        # One of them is Avro but no entry (a digest of another length, say). Asked for each, the codec tells which.
        columns = pa.array([_strict_row(record) for record in records], row_type())
    return pa.RecordBatch.from_struct_array(columns)


def batch_of_placed(found: Sequence[Placed]) -> Any:
    """As `batch_of`, of entries that were read already: their encoding is not known any more."""
    pa = arrow()
    rows = [
        _fields(one.entry) | dict(zip(PLACE, (one.partition, one.offset, one.append_ms, None), strict=True))
        for one in found
    ]
    return pa.RecordBatch.from_struct_array(pa.array(rows, row_type()))


def entries_of(batch: Any) -> Iterator[Placed | Unreadable]:
    """The rows of a batch as entries at their places, in order; what breaks the rules of an entry is Unreadable."""
    columns = {name: batch.column(name) for name in (*PLACE, UNREADABLE)}
    partitions, offsets = columns["audit_partition"].to_pylist(), columns["audit_offset"].to_pylist()
    # Arrow makes dates of timestamps; the numbers are what entries hold.
    appended = columns["audit_append_ms"].cast(arrow().int64()).to_pylist()
    unreadable = columns[UNREADABLE].to_pylist()
    for fields, partition, offset, append_ms, why in zip(
        _rows_back(batch), partitions, offsets, appended, unreadable, strict=True
    ):
        yield _entry(fields, partition, offset, append_ms, why)


def _row(record: Record) -> Row:
    try:
        payload_type, value = payload_type_of(record.headers), record.value
        if payload_type != _AVRO or value is None or not value.startswith(_NEWEST.frame):
            return _strict_row(record)
        row = _read_body(value, FRAME_BYTES)
    except (RecordError, ValueError, IndexError):
        return _strict_row(record)
    place = record.position
    row["audit_partition"], row["audit_offset"] = place.partition, place.offset
    row["audit_append_ms"], row["content_type"] = record.append_ms, payload_type
    return row


def _strict_row(record: Record) -> Row:
    """Through the codec: older schemas, JSON, and the judgement on what is no entry."""
    content_type, row = None, {}
    try:
        content_type = payload_type_of(record.headers)
        found = codec.decode(content_type, record.value or b"", {_KIND})
        if isinstance(found, AuditEntry):
            row = _fields(found)
    except RecordError as error:
        row = {UNREADABLE: _parts(record, str(error))}
    place = record.position
    return row | dict(
        zip(PLACE, (place.partition, place.offset, record.append_ms, content_type), strict=True)
    )


def _fields(entry: AuditEntry) -> Row:
    row = entry.model_dump(exclude={"kind"}, exclude_none=True)
    for name, parts in maps().items():
        if (held := row.get(name)) is not None:
            # With their keys in order, as Avro has them.
            row[name] = (
                held | {part: sorted(held[part].items()) for part in parts} if parts else sorted(held.items())
            )
    return row


def _parts(record: Record, reason: str) -> Row:
    headers = [{"name": name, "value": value} for name, value in record.headers]
    return {"reason": reason, "key": record.key, "headers": headers, "value": record.value}


def _rows_back(batch: Any) -> list[Row]:
    """The fields of every row that are there; absent ones and empty lists are what the model takes for granted."""
    rows: list[Row] = [{} for _ in range(batch.num_rows)]
    pairs = maps()
    for name in FIELDS:
        column = batch.column(name)
        if column.null_count == batch.num_rows:
            continue
        parts = pairs.get(name)
        for row, value in zip(rows, _numbers(column).to_pylist(), strict=True):
            if value is None or value == []:
                continue
            if parts is None:
                row[name] = value
            elif parts:
                row[name] = value | {part: dict(value[part] or ()) for part in parts}
            else:
                row[name] = dict(value)
    return rows


def _numbers(column: Any) -> Any:
    """The same column with moments as numbers, also inside of its parts."""
    plain = _plain(column.type)
    return column if plain == column.type else column.cast(plain)


def _plain(kind: Any) -> Any:
    pa = arrow()
    if pa.types.is_timestamp(kind):
        return pa.int64()
    if pa.types.is_list(kind):
        return pa.list_(_plain(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(part.name, _plain(part.type)) for part in kind])
    return kind


def _entry(fields: Row, partition: int, offset: int, append_ms: int, why: Row | None) -> Placed | Unreadable:
    if why is not None:
        return Unreadable(partition, offset, why["reason"] or "no reason was kept")
    try:
        # Arrow has fixed the types; lax mode only lets lists become tuples and strings become enums.
        entry = AuditEntry.model_validate(fields, strict=False)
    except ValidationError:
        return Unreadable(partition, offset, "a field is missing or not what an entry may hold")
    return Placed(partition, offset, append_ms, entry)
