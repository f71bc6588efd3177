"""Small parts of the runtime: pace, watchdog, first start, global tables."""

import time
from typing import NoReturn

import pytest
from confluent_kafka import Message

from sluicegate.processors.contract import Position, Record
from sluicegate.schemas.errors import InvariantError
from sluicegate.streams.runtime.first_start import check_first_start
from sluicegate.streams.runtime.global_tables import GlobalTables
from sluicegate.streams.runtime.pace import Pace
from sluicegate.streams.runtime.records import UNREADABLE, headers_of
from sluicegate.streams.runtime.task import stream_time
from sluicegate.streams.runtime.watchdog import EXIT_STUCK, Watchdog
from sluicegate.streams.testing import PassThrough
from sluicegate.streams.testing.topologies import Seen


@pytest.mark.parametrize(
    ("committed", "evidence", "positions"),
    [
        ({"a": None, "b": None}, False, {"a": 0, "b": 0}),
        ({"a": 3, "b": 0}, True, {"a": 3, "b": 0}),
        ({"a": 3, "b": 0}, False, {"a": 3, "b": 0}),
        ({"a": None, "b": None}, True, None),
        ({"a": 3, "b": None}, False, None),
        ({"a": 3, "b": None}, True, None),
    ],
)
def test_a_partition_begins_at_0_only_when_nothing_was_done(
    committed: dict[str, int | None], *, evidence: bool, positions: dict[str, int] | None
) -> None:
    """Missing offsets are a first start without evidence, and an error with it or beside offsets that exist."""
    if positions is None:
        with pytest.raises(InvariantError):
            check_first_start(0, committed, evidence=evidence)
    else:
        assert check_first_start(0, committed, evidence=evidence) == positions


def test_a_source_that_joined_begins_at_0_beside_others() -> None:
    """An upgrade reads a topic more; that the others have lost their offsets is an error as ever."""
    assert check_first_start(0, {"a": 3, "b": None}, evidence=True, joined={"b"}) == {"a": 3, "b": 0}
    assert check_first_start(0, {"a": None, "b": None}, evidence=False, joined={"b"}) == {"a": 0, "b": 0}
    for committed in ({"a": None, "b": None}, {"a": None, "b": 3}):
        with pytest.raises(InvariantError):
            check_first_start(0, committed, evidence=True, joined={"b"})


@pytest.mark.parametrize(
    ("metadata", "stream_ms"),
    [("stream-ms:17", 17), ("", 0), (None, 0), ("stream-ms:", 0), ("x", 0), ("stream-ms:-1", 0)],
)
def test_the_stream_time_is_read_from_the_metadata_of_offsets(metadata: str | None, stream_ms: int) -> None:
    """Only our own form counts; anything else is no stream time."""
    assert stream_time(metadata) == stream_ms


def test_a_transaction_takes_as_many_records_as_fit_into_its_age() -> None:
    """Slow records make transactions small, fast ones large, within the bounds."""
    pace = Pace(0.020, 500)
    assert pace.records == 500
    for _ in range(50):
        pace.worked(50, 0.01)
    assert 90 <= pace.records <= 110
    for _ in range(50):
        pace.worked(1, 10.0)
    assert pace.records == 8
    for _ in range(200):
        pace.worked(500, 0.001)
    assert pace.records == 500
    assert Pace(0.020, 3).records == 3


def test_transactions_grow_while_more_waits_than_fits() -> None:
    """Full transactions may hold more work up to a tenth of a second; when one is not full they shrink again."""
    pace = Pace(0.020, 5_000)
    pace.worked(50, 0.05)
    assert pace.records == 20
    for _ in range(5):
        pace.worked(pace.records, pace.records / 1_000)
    assert 99 <= pace.records <= 100
    for _ in range(5):
        pace.worked(5, 0.005)
    assert 19 <= pace.records <= 20


def test_the_next_transaction_waits_for_the_markers_of_the_last() -> None:
    """At least 3 ms after a commit, and not at all later."""
    pace = Pace(0.020, 500)
    pace.committed()
    began = time.monotonic()
    pace.wait_for_markers()
    assert time.monotonic() - began >= 0.002
    began = time.monotonic()
    pace.wait_for_markers()
    assert time.monotonic() - began < 0.002


def test_the_watchdog_ends_the_process_only_when_the_beats_stop() -> None:
    """While beats come nothing happens; then it ends the process with its own status."""
    ended: list[int] = []
    with Watchdog(0.3, ended.append) as watchdog:
        for _ in range(10):
            watchdog.beat("work")
            time.sleep(0.05)
        assert ended == []
        time.sleep(0.6)
    assert ended == [EXIT_STUCK]


def test_what_may_take_long_is_given_its_time() -> None:
    """Patience counts for one thing: the next beat ends it."""
    ended: list[int] = []
    with Watchdog(0.2, ended.append) as watchdog:
        watchdog.beat("take in documents", patience=100)
        time.sleep(0.6)
        assert ended == []
        watchdog.beat("poll")
        deadline = time.monotonic() + 10
        while not ended and time.monotonic() < deadline:
            time.sleep(0.02)
    assert ended == [EXIT_STUCK]


class Routed(PassThrough):
    """Routes to two executors once a table record has come."""

    def executors(self, tables: Seen) -> frozenset[str]:
        """Nobody before the first record."""
        return frozenset({"crm", "mail"}) if tables.positions else frozenset()


def test_executors_count_only_while_their_topic_exists() -> None:
    """Tables change when an executor becomes reachable or unreachable, and only then."""
    tables = GlobalTables(Routed())
    assert not tables.reach(lambda wanted: wanted)
    tables.take({"policies": [Record(Position("policies", 0, 0), 0, b"", (), b"")]}, {"policies": 1})
    assert tables.unreachable == {"crm", "mail"}
    assert tables.reach(lambda wanted: wanted - {"mail"} | {"unasked"})
    assert tables.current.reachable == {"crm"}
    before = tables.current
    assert not tables.reach(lambda wanted: wanted - {"mail"})
    assert tables.current is before
    assert tables.reach(lambda wanted: wanted)
    assert tables.unreachable == set()
    assert tables.reach(lambda _: frozenset())
    assert tables.current.reachable == set()


class Misnamed(Message):
    """A record with a header whose name is no text, as the client shows it."""

    def headers(self) -> NoReturn:
        """What the client raises, depending on its version."""
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")


def test_a_header_name_that_is_no_text_ends_nobodys_reading() -> None:
    """Any principal that may write to a shared topic could stop everyone who reads it."""
    assert headers_of(Misnamed(topic="receipts")) == UNREADABLE
