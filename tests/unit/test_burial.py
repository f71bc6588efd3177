"""Dead letters: the original bytes, and of what no topic takes the place and the size."""

import pytest

from sluicegate.processors.burial import CUT_HEADER, LARGEST_BYTES, dead_letter
from sluicegate.processors.contract import Position, Record
from sluicegate.schemas.envelope import Headers, header
from sluicegate.schemas.errors import RefusedError
from sluicegate.streams.clients.dead_letter_replay import prepare


def record(key: bytes | None = b"agent", headers: Headers = (("sig", b"s"),), value: bytes = b"v") -> Record:
    """What a gate has read."""
    return Record(Position("actions", 1, 7), 1, key, headers, value)


def test_a_dead_letter_holds_the_original_bytes() -> None:
    """Key, value and headers as they were, behind the reason and the place."""
    dead = dead_letter(record(), "unsigned")
    assert (dead.topic, dead.key, dead.value) == ("dlq.actions", b"agent", b"v")
    assert dead.headers == (("dlq-reason", b"unsigned"), ("dlq-origin", b"actions-1@7"), ("sig", b"s"))


@pytest.mark.parametrize(
    "large",
    [
        record(value=bytes(LARGEST_BYTES)),
        record(key=bytes(LARGEST_BYTES)),
        record(headers=(("sig", bytes(LARGEST_BYTES)),)),
    ],
)
def test_what_no_topic_takes_is_told_and_not_copied(large: Record) -> None:
    """Whichever part is too large: reason, place and size alone."""
    dead = dead_letter(large, "oversize")
    size = int(header(dead.headers, CUT_HEADER) or b"0")
    assert size > LARGEST_BYTES
    assert (dead.key, dead.value) == (b"", b"")
    assert [name for name, _ in dead.headers] == ["dlq-reason", "dlq-origin", CUT_HEADER]


def test_what_was_not_copied_cannot_be_replayed() -> None:
    """An empty record in its place would be another record."""
    dead = dead_letter(record(value=bytes(LARGEST_BYTES)), "oversize")
    letter = Record(Position("dlq.actions", 0, 3), 2, dead.key, dead.headers, dead.value)
    with pytest.raises(RefusedError, match="too large to be kept; the original is at `actions-1@7`"):
        prepare(letter)
