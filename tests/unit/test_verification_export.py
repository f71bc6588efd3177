"""An export of `audit` says the same as the topic: rows, JSON lines, and back."""

import json

import pytest

from sluicegate.processors.contract import Position, Record
from sluicegate.schemas import codec
from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.envelope import record_headers
from sluicegate.schemas.errors import RecordError
from sluicegate.streams.clients.audit_export import json_line, read_json_lines, row, verify_json_lines
from sluicegate.streams.clients.audit_reader import Selection, placed_of
from sluicegate.streams.testing.audit_history import AuditHistory


def history() -> AuditHistory:
    """Two actions, one of them granted by a person."""
    made = AuditHistory()
    made.deny("a-1")
    made.ask("a-2")
    made.approve_last("a-2", "p-1")
    made.tile()
    return made


def test_lines_read_back_are_the_same_entries() -> None:
    """Nothing is lost on the way through JSON."""
    placed = history().placed
    assert list(read_json_lines(json_line(one) for one in placed)) == placed


def test_an_export_verifies_offline() -> None:
    """The report on the lines is the report on the topic; empty lines do not count."""
    lines = [json_line(one) for one in history().placed]
    assert verify_json_lines([*lines, ""]).ok
    assert not verify_json_lines(lines[:-2]).ok
    assert not verify_json_lines([]).ok


def test_a_row_holds_plain_values_and_only_what_applies() -> None:
    """Digests are hex; a denied action has no grant."""
    told = row(history().placed[1])
    assert json.loads(json.dumps(told)) == told
    assert told["offset"] == 1
    assert len(told["entry"]["action_digest"]) == 64
    assert "grant_id" not in told["entry"]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "{}",
        '{"partition":0,"offset":0,"append_ms":0,"entry":{}}',
        '{"partition":0,"offset":0,"append_ms":0}',
        '{"partition":0,"partition":1,"offset":0,"append_ms":0,"entry":{}}',
    ],
)
def test_a_line_that_is_no_entry_is_named_and_not_repeated(line: str) -> None:
    """The error says which line, never what it held."""
    with pytest.raises(RecordError, match="line 2 is no audit entry") as caught:
        list(read_json_lines(["", line]))
    assert caught.value.__cause__ is None


def test_a_place_that_is_no_number_is_refused() -> None:
    """`true` is no partition."""
    told = row(history().placed[1]) | {"partition": True}
    with pytest.raises(RecordError, match="line 1"):
        list(read_json_lines([json.dumps(told)]))


def record_of(entry: AuditEntry, value: bytes | None = None) -> Record:
    """The record a gate writes for an entry."""
    encoded = codec.encode(entry)
    headers = record_headers(
        kind=entry.kind,
        payload_type=encoded.payload_type,
        id=entry.entry_id,
        subject=entry.event,
        source="/test",
    )
    return Record(Position("audit", 1, 17), 5, b"", headers, encoded.value if value is None else value)


def test_a_record_becomes_an_entry_at_its_place() -> None:
    """Avro or not, place and log-append time are the broker's."""
    entry = history().placed[1].entry
    placed = placed_of(record_of(entry))
    assert (placed.partition, placed.offset, placed.append_ms, placed.entry) == (1, 17, 5, entry)


@pytest.mark.parametrize("value", [b"", b"secret value", b"\x00\x00\x00\x00\x01"])
def test_an_unreadable_record_is_named_by_its_place(value: bytes) -> None:
    """Partition and offset are in the error, the bytes are not."""
    with pytest.raises(RecordError, match=r"`audit-1@17` is no audit entry") as caught:
        placed_of(record_of(history().placed[1].entry, value))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("selection", "holds"),
    [
        (Selection(), True),
        (Selection(agent="ops-agent"), True),
        (Selection(agent="another"), False),
        (Selection(action_id="a-1", events={"action.denied"}), True),
        (Selection(action_id="a-2"), False),
        (Selection(events={"claim.late"}), False),
    ],
)
def test_a_selection_needs_every_condition(selection: Selection, *, holds: bool) -> None:
    """Agent, action and event each narrow the choice."""
    assert selection.holds(history().placed[1]) is holds


@pytest.mark.parametrize(
    ("selection", "covers"),
    [
        (Selection(), True),
        (Selection(since_ms=5), True),
        (Selection(since_ms=6), False),
        (Selection(until_ms=5), False),
        (Selection(until_ms=6), True),
        (Selection(offsets={1: (17, 18)}), True),
        (Selection(offsets={1: (0, 17)}), False),
        (Selection(offsets={0: (0, 99)}), False),
        (Selection(offsets={}), False),
    ],
)
def test_times_and_offsets_are_half_open(selection: Selection, *, covers: bool) -> None:
    """From the start, up to but not including the end."""
    assert selection.covers(record_of(history().placed[1].entry)) is covers
