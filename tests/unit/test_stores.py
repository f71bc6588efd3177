"""Stores, their overlay, the due index, and expiry."""

import gc

import pytest

from sluicegate.processors.contract import Due, Put
from sluicegate.schemas.errors import InvariantError
from sluicegate.streams.runtime.dues import DueIndex
from sluicegate.streams.runtime.stores import BUCKET_MS, Stores
from sluicegate.streams.testing import Counter

COUNT = (5).to_bytes(8, "big") + (1).to_bytes(8, "big")


def due(at_ms: int, key: bytes, source: str = "decisions") -> Due:
    """A due of the store `counts`."""
    return Due(at_ms, key, "expiry", "counts", source)


def test_an_overlay_is_seen_before_and_kept_only_after_the_merge() -> None:
    """A put is visible to its own transaction, gone after a discard, and state after a merge."""
    stores = Stores(Counter())
    stores.put(Put("counts", b"a", COUNT))
    assert stores.get("counts", b"a") == COUNT
    stores.discard()
    assert stores.get("counts", b"a") is None
    stores.put(Put("counts", b"a", COUNT))
    stores.merge()
    stores.put(Put("counts", b"a", None))
    assert stores.get("counts", b"a") is None
    stores.discard()
    assert stores.get("counts", b"a") == COUNT


def test_changes_hold_the_last_value_of_each_entry_once() -> None:
    """Two puts of one entry make one changelog record; what came and went within a transaction makes none."""
    stores = Stores(Counter())
    stores.put(Put("counts", b"a", b"1" * 16))
    stores.put(Put("counts", b"a", COUNT))
    stores.put(Put("counts", b"gone", COUNT))
    stores.put(Put("counts", b"gone", None))
    assert list(stores.changes()) == [("gate.pending.changelog", b"a", COUNT)]
    stores.merge()
    stores.put(Put("counts", b"a", None))
    assert list(stores.changes()) == [("gate.pending.changelog", b"a", None)]


def test_a_restored_store_has_its_dues() -> None:
    """Dues follow from the restored entries; deleted ones leave none."""
    stores = Stores(Counter())
    stores.load("counts", b"a", COUNT, 0)
    stores.load("counts", b"b", COUNT, 0)
    stores.load("counts", b"b", None, 0)
    stores.loaded()
    assert stores.dues.first("decisions") == due(60_005, b"a")
    assert len(stores.dues) == 1


def test_an_entry_with_retention_is_hidden_when_the_stream_time_says_so() -> None:
    """Hidden exactly at the end of the window, whether or not its memory is free yet."""
    stores = Stores(Counter())
    stores.put(Put("ended", b"a", (1_000).to_bytes(8, "big")))
    stores.merge()
    stores.stream_ms = 1_000 + BUCKET_MS - 1
    assert stores.get("ended", b"a") is not None
    stores.stream_ms += 1
    assert stores.get("ended", b"a") is None
    assert stores.sizes()["ended"] == 1
    assert stores.snapshot()["ended"] == {}


def test_expired_entries_are_freed_a_few_at_a_time() -> None:
    """Old buckets are emptied while newer entries come in; an entry that was put again stays."""
    stores = Stores(Counter())
    for number in range(1_000):
        stores.put(Put("ended", b"%d" % number, (0).to_bytes(8, "big")))
    stores.merge()
    later = 3 * BUCKET_MS
    stores.stream_ms = later
    stores.put(Put("ended", b"7", later.to_bytes(8, "big")))
    stores.merge()
    assert 900 < stores.sizes()["ended"] < 1_000
    for number in range(20):
        stores.put(Put("ended", b"new %d" % number, later.to_bytes(8, "big")))
        stores.merge()
    assert stores.sizes()["ended"] == 21
    assert stores.get("ended", b"7") is not None


def test_dues_come_by_time_then_key_and_only_up_to_the_horizon_of_their_source() -> None:
    """A source that has not been read far enough holds back its own dues, not those of another."""
    index = DueIndex(("decisions", "receipts"))
    for each in (due(3, b"c"), due(1, b"b"), due(1, b"a"), due(2, b"r", "receipts")):
        index.update("counts", each.key, each)
    assert index.pop({"decisions": 0}) is None
    popped = [index.pop({"decisions": 2, "receipts": 9}) for _ in range(4)]
    assert popped == [due(1, b"a"), due(1, b"b"), due(2, b"r", "receipts"), None]


def test_popped_dues_come_back_after_an_abort_and_not_after_a_commit() -> None:
    """An abort makes everything due again; a commit is final."""
    index = DueIndex(("decisions",))
    index.update("counts", b"a", due(1, b"a"))
    assert index.pop({"decisions": 1}) == due(1, b"a")
    assert index.pop({"decisions": 1}) is None
    index.abort()
    assert index.pop({"decisions": 1}) == due(1, b"a")
    index.commit()
    index.abort()
    assert index.pop({"decisions": 1}) is None


def test_a_moved_due_counts_once_and_old_ones_do_not_pile_up() -> None:
    """After many moves only the last due is there, and the heap stays small."""
    index = DueIndex(("decisions",))
    for at_ms in range(10_000, 0, -1):
        index.update("counts", b"a", due(at_ms, b"a"))
    assert sum(map(len, index._heaps.values())) < 100
    assert index.pop({"decisions": 99_999}) == due(1, b"a")
    assert index.pop({"decisions": 99_999}) is None


def test_waiting_dues_are_nothing_to_the_garbage_collector() -> None:
    """However many wait, a full collection has no more objects to go through."""
    index = DueIndex(("decisions",))
    gc.collect()
    before = len(gc.get_objects())
    for number in range(10_000):
        key = b"%d" % number
        index.update("counts", key, due(number, key))
    gc.collect()
    assert len(gc.get_objects()) - before < 1_000


def test_a_due_of_an_unknown_source_is_refused() -> None:
    """A due that could never become ripe is an InvariantError."""
    with pytest.raises(InvariantError, match="`receipts`"):
        DueIndex(("decisions",)).update("counts", b"a", due(1, b"a", "receipts"))
