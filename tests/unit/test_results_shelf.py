"""Results that nobody has read yet take a bounded amount of memory, and what was dropped is known to be."""

import os

from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.export import WithheldBatch
from sluicegate.streams.clients.results_shelf import BATCH_BYTES, Shelf
from sluicegate.streams.clients.results_spool import IN_MEMORY_BYTES, Spool


def put(shelf: Shelf, number: int, part: int = 0) -> tuple[str, str]:
    """A batch of 100 bytes, of an action of its own."""
    key = "ops", f"ac-{number}"
    batch = WithheldBatch(
        batch_id=f"ba-{number}-{part}",
        lane="ops",
        source="crm",
        sequence=part,
        profile="pii-basic",
        reasons=("email",),
        source_digest=bytes(32),
        withheld_at_ms=1,
    )
    shelf.put(key, sha256(b"%d %d" % (number, part)), batch, 100)
    return key


def test_the_oldest_unread_is_dropped_first_and_known_to_be_gone() -> None:
    """Room is made for what comes; what was dropped has to be read back."""
    shelf = Shelf(250 + 2 * BATCH_BYTES)
    first, second, third = (put(shelf, number) for number in range(3))
    assert [len(shelf.batches(key)) for key in (first, second, third)] == [0, 1, 1]
    assert [shelf.is_gone(key) for key in (first, second, third)] == [True, False, False]
    assert shelf.size == 200 + 2 * BATCH_BYTES


def test_what_somebody_waits_for_stays() -> None:
    """Whatever else arrives."""
    shelf = Shelf(250 + 2 * BATCH_BYTES)
    waited_for = "ops", "ac-0"
    shelf.pin(waited_for)
    for number in range(5):
        put(shelf, number)
    assert len(shelf.batches(waited_for)) == 1
    shelf.unpin(waited_for)
    put(shelf, 6)
    assert shelf.is_gone(waited_for)


def test_a_copy_takes_no_room_and_what_is_read_is_let_go() -> None:
    """The same record twice is one; after reading nothing is held."""
    shelf = Shelf()
    key = put(shelf, 1)
    put(shelf, 1)
    put(shelf, 1, part=1)
    assert (len(shelf.batches(key)), shelf.size) == (2, 200 + 2 * BATCH_BYTES)
    shelf.forget(key)
    assert (shelf.batches(key), shelf.size) == ((), 0)


def test_many_small_results_take_no_more_memory_than_a_large_one() -> None:
    """An agent that asks for one result in a thousand keeps the others for nothing, and they are a few bytes each."""
    shelf = Shelf(1_000_000)
    keys = [put(shelf, number) for number in range(1_000)]
    kept = [key for key in keys if shelf.batches(key)]
    assert len(kept) == 1_000_000 // (100 + BATCH_BYTES)


def test_what_was_read_back_is_whole_while_somebody_waits() -> None:
    """So a wait reads back once, not at every news."""
    shelf = Shelf()
    key = put(shelf, 1)
    shelf.forget(key)
    shelf.pin(key)
    shelf.read_back(key)
    assert (shelf.is_gone(key), shelf.is_whole(key)) == (False, True)
    shelf.unpin(key)
    assert not shelf.is_whole(key)


def test_a_spool_gives_back_what_it_was_given_and_leaves_no_raw_value_on_disk() -> None:
    """Beyond what stays in memory it is a file without a name, encrypted under a key of this process."""
    spool = Spool()
    values = [b"canary" + os.urandom(1_000_000) for _ in range(IN_MEMORY_BYTES // 1_000_000 + 2)]
    for value in values:
        spool.append(value)
    assert list(spool) == values
    assert list(spool) == values
    assert (len(spool), spool.size) == (len(values), sum(map(len, values)))
    file = spool._file  # what lies on the disk is what this is about
    file.seek(0)
    assert b"canary" not in file.read()
    spool.close()
