"""Rows hold exactly what records held: typed, under the names of the model, and nothing is lost on the way back."""

import json
from dataclasses import replace
from typing import Any

import pytest
from audit_source import placed_history, record_of, records_of, unreadable
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.processors.contract import Record
from sluicegate.processors.events import Event
from sluicegate.processors.verification import Placed
from sluicegate.schemas import codec
from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.avro_from_model import avro_schema
from sluicegate.schemas.errors import ConfigurationError, RecordError
from sluicegate.schemas.released import FRAME_BYTES, released_schemas
from sluicegate.streams.lake import arrow as lake_arrow
from sluicegate.streams.lake.avro_rows import body_reader
from sluicegate.streams.lake.columns import FIELDS, PLACE, UNREADABLE, repeating, schema
from sluicegate.streams.lake.rows import Unreadable, batch_of, batch_of_placed, entries_of

NEWEST = released_schemas()["audit-entry"][-1]
read_body = body_reader(NEWEST.parsed)


def full_entry() -> Placed:
    """An entry in which every field holds something."""
    first = next(one for one in placed_history() if one.entry.event == Event.DECISION_COUNTED)
    values = {field["name"]: value_of(field["type"]) for field in avro_schema(AuditEntry)["fields"]}
    entry = AuditEntry.model_validate({**values, **CHOSEN}, strict=False)
    assert [name for name in FIELDS if getattr(entry, name) in (None, (), {})] == []
    return replace(first, entry=entry)


CHOSEN: dict[str, Any] = {
    "entry": "record",
    "event": "decision.counted",
    "partition": 0,
    "resolution": "approved",
    "requirement": {"security": 2, "data-owner": 1},
    "rules": ("p/r-1", "é"),
}


def value_of(kind: Any) -> Any:
    """Some value of an Avro type."""
    match kind:
        case ["null", inner]:
            return value_of(inner)
        case {"type": "array", "items": items}:
            return (value_of(items), value_of(items))
        case {"type": "map", "values": values}:
            return {"policies": value_of(values), "controls": 0}
        case {"type": "record", "fields": fields}:
            return {
                one["name"]: {"outcome": "executed", "partition": 3}.get(one["name"], value_of(one["type"]))
                for one in fields
            }
        case _:
            return {"string": "name", "long": 1_700_000_000_000, "boolean": True, "bytes": bytes(range(32))}[
                kind
            ]


def test_columns_are_the_fields_of_the_model_in_their_order() -> None:
    """Nothing is left out, nothing renamed: JSON, Avro and Parquet speak the same words."""
    assert tuple(schema().names) == (*PLACE, *FIELDS, UNREADABLE)
    assert {"kind", *FIELDS} == set(AuditEntry.model_fields)


def test_columns_are_typed() -> None:
    """Moments are UTC timestamps of milliseconds, digests 32 bytes, parts structs, mappings maps."""
    pa = lake_arrow.arrow()
    kinds = {field.name: field.type for field in schema()}
    moment = pa.timestamp("ms", tz="UTC")
    assert [kinds[name] for name in ("audit_append_ms", "at_ms", "deadline_ms")] == [moment] * 3
    assert kinds["action_digest"] == kinds["leaf"].field("value").type == pa.binary(32)
    assert kinds["written"].value_type.field("digest").type == pa.binary(32)
    assert kinds["tile"].field("tables").type == kinds["masked"] == pa.map_(pa.string(), pa.int64())
    assert (kinds["counted"], kinds["quorum"], kinds["event"]) == (pa.bool_(), pa.int64(), pa.string())


def test_every_repeating_column_is_there(tmp_path: Any) -> None:
    """A path that Parquet does not know would silently not count."""
    parquet = lake_arrow.parquet()
    parquet.write_table(schema().empty_table(), tmp_path / "x.parquet")
    found = parquet.ParquetFile(tmp_path / "x.parquet").schema
    assert set(repeating()) <= {found.column(number).path for number in range(len(found.names))}


@pytest.mark.parametrize("as_json", [False, True])
def test_entries_come_back_as_they_were(*, as_json: bool) -> None:
    """Avro or JSON: place, time and every field."""
    placed = [*placed_history(), full_entry()]
    assert list(entries_of(batch_of(records_of(placed, as_json=as_json)))) == placed
    assert list(entries_of(batch_of_placed(placed))) == placed


def test_avro_and_json_make_the_same_row() -> None:
    """Only the column that says how it was written differs."""
    (avro,) = batch_of([record_of(full_entry())]).to_pylist()
    (told,) = batch_of([record_of(full_entry(), as_json=True)]).to_pylist()
    assert avro.pop("content_type") != told.pop("content_type")
    assert avro == told


@pytest.mark.parametrize("value", [b"no entry", b"", None, NEWEST.frame, NEWEST.frame + b"\xff" * 40])
def test_what_is_no_entry_is_kept_as_its_bytes(value: bytes | None) -> None:
    """Key, headers and value as they are, with a reason; its neighbours are rows like any other."""
    placed = placed_history()[:2]
    odd = unreadable(0, 50, placed[0].append_ms, value)
    batch = batch_of([*records_of(placed), odd])
    first, second, third = entries_of(batch)
    assert [first, second] == placed
    assert isinstance(third, Unreadable)
    assert (third.partition, third.offset) == (0, 50)
    row = batch.to_pylist()[2]
    assert row["unreadable"]["value"] == value
    assert row["unreadable"]["headers"] == [
        {"name": "content-type", "value": b"text/plain"},
        {"name": "odd", "value": None},
    ]
    assert row["entry_id"] is None


def test_avro_that_is_no_entry_is_kept_as_its_bytes() -> None:
    """A digest of another length fits Avro and no column: the whole record is kept, and its neighbours are read."""
    good = record_of(full_entry())
    digest = bytes(range(32))
    assert good.value is not None
    bad = replace(good, value=good.value.replace(b"\x40" + digest, b"\x3e" + digest[:-1], 1))
    first, second = entries_of(batch_of([bad, good]))
    assert isinstance(first, Unreadable)
    assert second == full_entry()


def test_a_row_that_breaks_a_rule_of_the_model_is_no_entry() -> None:
    """An analyst's folder may have gone through many hands: rows are judged like records."""
    pa = lake_arrow.arrow()
    batch = batch_of([record_of(full_entry())])
    place = batch.schema.names.index("event")
    changed = batch.set_column(place, "event", pa.array(["no event at all"]))
    (found,) = entries_of(changed)
    assert isinstance(found, Unreadable)
    assert "no event" not in found.reason


def decoded(value: bytes) -> dict[str, Any] | None:
    """What the fast reader makes of a value: None when it leaves it to the codec."""
    try:
        return read_body(value, FRAME_BYTES)
    except (ValueError, IndexError):
        return None


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_the_fast_reader_reads_nothing_that_the_codec_reads_otherwise(data: st.DataObject) -> None:
    """Cut, changed and grown bytes: what it accepts is what the codec makes of the same bytes, or no entry there."""
    value = record_of(full_entry()).value or b""
    at = data.draw(st.integers(FRAME_BYTES, len(value) - 1))
    changed = (
        value[:at] + bytes([data.draw(st.integers(0, 255))]) + value[at + data.draw(st.integers(0, 2)) :]
    )
    found = decoded(changed)
    if found is None:
        return
    payload_type = codec.encode(full_entry().entry).payload_type
    try:
        model = codec.decode(payload_type, changed, {"audit-entry"})
    except RecordError:
        return
    record = replace(record_of(full_entry()), value=changed)
    (row,) = entries_of(batch_of([record]))
    assert isinstance(row, Placed)
    assert row.entry == model


def test_without_pyarrow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing, and how it is installed."""

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(lake_arrow, "import_module", missing)
    with pytest.raises(ConfigurationError, match=r"pip install 'sluicegate\[lake\]'"):
        lake_arrow.arrow()


def test_json_of_the_entry_equals_the_export_for_verify() -> None:
    """A row read back gives the same JSON line as the record."""
    (back,) = entries_of(batch_of([record_of(full_entry())]))
    assert isinstance(back, Placed)
    told = [json.loads(one.entry.model_dump_json()) for one in (back, full_entry())]
    assert told[0] == told[1]


def test_an_empty_batch_has_all_columns() -> None:
    """No records, no rows."""
    none: list[Record] = []
    assert batch_of(none).num_rows == 0
    assert batch_of(none).schema.names == schema().names
