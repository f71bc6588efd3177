"""Which partition is set aside, for how long, and how its records are divided: without Kafka."""

from sluicegate.processors.contract import Position, Record
from sluicegate.streams.runtime.aside import LONGEST_PAUSE_MS, Aside, Asides, Cause
from sluicegate.streams.runtime.marks import ENOUGH, FIRST_PAUSE_MS, SUSPICIOUS, Marks, no_marks
from sluicegate.streams.runtime.portions import Portions
from sluicegate.streams.runtime.troubles import Troubles

SOURCES = ("actions", "decisions")


def record(topic: str, offset: int) -> Record:
    """A record of partition 0."""
    return Record(Position(topic, 0, offset), 1, b"k", (), b"v")


def places(batch: object) -> list[str]:
    """Where the records of a batch stand."""
    assert isinstance(batch, dict)
    return [f"{source}@{each.position.offset}" for source, records in batch.items() for each in records]


def fail(asides: Asides, progress: int, now_ms: int) -> Aside:
    """The same partition fails once more."""
    return asides.fail(0, Cause.RAISED, "why", progress, now_ms)


def test_a_partition_rests_longer_each_time_it_fails_at_the_same_place() -> None:
    """1 s, 2 s, 4 s and so on up to the longest pause; since when it is stuck stays."""
    asides = Asides()
    pauses = [fail(asides, 7, now_ms).again_ms - now_ms for now_ms in range(12)]
    assert pauses[:4] == [1_000, 2_000, 4_000, 8_000]
    assert pauses[-1] == LONGEST_PAUSE_MS
    found = asides.get(0)
    assert found is not None
    assert (found.since_ms, found.tries) == (0, 12)


def test_failing_at_another_place_is_another_trouble() -> None:
    """Whoever got on between two failures begins with the shortest pause."""
    asides = Asides()
    for now_ms in range(5):
        fail(asides, 7, now_ms)
    assert fail(asides, 8, 100) == Aside(0, Cause.RAISED, "why", 8, 100, 1_100)


def test_a_partition_rests_until_its_pause_is_over_and_is_forgotten_once_it_got_on() -> None:
    """Resting, tried, past the place: only then nothing stands in its way any more."""
    asides = Asides()
    fail(asides, 7, 0)
    assert (list(asides.ripe(999)), asides.rests(0)) == ([], True)
    assert (list(asides.ripe(1_000)), asides.rests(0)) == ([0], False)
    assert list(asides.ripe(1_000)) == []
    assert (asides.got_on(0, 7), asides.get(0) is not None) == (False, True)
    assert (asides.got_on(0, 8), asides.get(0) is not None) == (True, False)


def test_a_change_of_the_tables_ends_pauses_but_not_of_what_ends_workers() -> None:
    """Trying those again costs a worker, so documents do not hurry them."""
    asides = Asides()
    fail(asides, 7, 0)
    asides.suspend(Aside(1, Cause.ENDED, "3 workers", 7, 0, 5_000))
    asides.hurry(10)
    assert list(asides.ripe(10)) == [0]


def test_records_are_handed_out_one_by_one_in_the_order_of_the_sources() -> None:
    """All records of the first source, then those of the next; what comes meanwhile is appended."""
    portions = Portions()
    portions.divide(0)
    batch = {
        "decisions": [record("decisions", 0)],
        "actions": [record("actions", 0), record("actions", 1)],
    }
    seen = [places(portions.next(0, SOURCES, batch))]
    assert (portions.holds(0), portions.done(0)) == (True, False)
    seen.append(places(portions.next(0, SOURCES, {"actions": [record("actions", 2)]})))
    while portions.holds(0):
        seen.append(places(portions.next(0, SOURCES, {})))
    assert seen == [["actions@0"], ["actions@1"], ["actions@2"], ["decisions@0"]]
    assert (portions.done(0), portions.careful(0)) == (True, False)


def test_care_does_not_end_before_something_was_handed_out() -> None:
    """A commit of something else, newer tables for example, says nothing about the records to come."""
    portions = Portions()
    portions.divide(0)
    assert (portions.next(0, SOURCES, {}), portions.done(0), portions.careful(0)) == ({}, False, True)
    portions.next(0, SOURCES, {"actions": [record("actions", 0)]})
    assert portions.done(0)


def test_without_care_everything_is_handed_out() -> None:
    """Other partitions notice nothing."""
    portions = Portions()
    portions.divide(1)
    batch = {"actions": [record("actions", 0), record("actions", 1)]}
    assert portions.next(0, SOURCES, batch) is batch
    assert (portions.holding, portions.done(0)) == (False, False)


def test_workers_that_end_at_a_partition_three_times_in_a_row_set_it_aside() -> None:
    """Whichever slots they had; the pause doubles with every further one."""
    marks = Marks((4, 5), 2)
    for count in range(1, ENOUGH + 1):
        slot = 4 + count % 2
        marks.work(slot, 1, 70)
        found = marks.ended(slot, 1_000)
        assert marks.is_suspicious(1) == (count >= SUSPICIOUS)
        assert (found is not None) == (count == ENOUGH)
    assert marks.aside(1, 1_000 + FIRST_PAUSE_MS) is None
    assert marks.aside(0, 1_000) is None
    marks.work(4, 1, 70)
    again = marks.ended(4, 20_000)
    assert again is not None
    assert (again.cause, again.since_ms, again.again_ms) == (
        Cause.ENDED,
        1_000,
        20_000 + 2 * FIRST_PAUSE_MS,
    )


def test_a_worker_that_ends_between_partitions_is_held_against_none() -> None:
    """Waiting for the broker, committing, leaving: no partition did that."""
    marks = Marks((0,), 1)
    for _ in range(2 * ENOUGH):
        marks.work(0, 0, 7)
        marks.rest(0)
        assert marks.ended(0, 1_000) is None
    assert not marks.is_known(0)


def test_a_partition_that_came_past_the_place_is_no_suspect_any_more() -> None:
    """Killed at random again and again, a partition that gets on is never set aside."""
    marks = Marks((0,), 1)
    for progress in range(10):
        marks.work(0, 0, progress)
        assert marks.ended(0, 1_000) is None
        marks.got_on(0, progress)
        assert marks.is_known(0)
        marks.got_on(0, progress + 1)
        assert not marks.is_known(0)


def test_a_clock_that_was_set_back_does_not_make_a_pause_longer() -> None:
    """By the wall clock of an hour ago, one second would be an hour and a second: it is tried at once."""
    hour_ms = 3_600_000
    asides = Asides()
    fail(asides, 7, hour_ms)
    assert list(asides.ripe(hour_ms - 500)) == []
    assert list(asides.ripe(0)) == [0]
    marks = Marks((0,), 1)
    for _ in range(ENOUGH):
        marks.work(0, 0, 7)
        marks.ended(0, hour_ms)
    found = marks.aside(0, hour_ms)
    assert found is not None
    asides.suspend(found)
    assert marks.aside(0, 0) is None
    assert list(asides.ripe(0)) == [0]


def test_a_partition_that_runs_again_is_settled_also_when_the_clock_was_set_back() -> None:
    """Nothing arrives that could show it, and by the clock it began to run in the future."""
    now = [7_200_000]
    troubles = Troubles(0, no_marks(0, 1), lambda: now[0])
    troubles.blame(0, Cause.RAISED, "why", None, {})
    now[0] += 1_000
    assert troubles.ripe(None, lambda _: None) == [0]
    began_ms = now[0]
    now[0] -= 3_600_000
    troubles.ripe(None, lambda _: began_ms)
    assert troubles.of(0) is None
