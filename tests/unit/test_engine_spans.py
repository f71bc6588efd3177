"""Spans as arrays: merged without uncovering, inside rows, never through a code point."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.processors.masking.engine.batch import TextBatch
from sluicegate.processors.masking.engine.kinds import CODES, KINDS, SAFE_HARBOR, Finer, profile_kind
from sluicegate.processors.masking.engine.span_table import Found, SpanTable, Stage
from sluicegate.processors.masking.identifiers import Kind


def _spans(*found: tuple[int, int, Kind | Finer]) -> SpanTable:
    return SpanTable.joined(SpanTable.of([start], [end], kind, Stage.RULES) for start, end, kind in found)


def test_overlaps_become_one_span_of_the_longest_kind() -> None:
    """Two spans that overlap are one, from the first start to the last end."""
    merged = list(_spans((2, 6, Kind.DATE), (4, 12, Kind.PHONE), (12, 14, Kind.AGE)).merged())

    assert merged == [
        Found(2, 12, Kind.PHONE, Stage.RULES, 100),
        Found(12, 14, Kind.AGE, Stage.RULES, 100),
    ]


def test_a_name_gives_way_to_an_equally_long_number() -> None:
    """Names are guessed more freely, so the other kind counts."""
    assert [found.kind for found in _spans((0, 4, Kind.NAME), (0, 4, Kind.RECORD)).merged()] == [Kind.RECORD]


def test_a_span_over_two_rows_becomes_two() -> None:
    """No span crosses a row; a piece stays in each."""
    batch = TextBatch.of_texts(["abc", "def"])

    assert [(found.start, found.end) for found in _spans((1, 6, Kind.NAME)).within(batch)] == [(1, 3), (4, 6)]


def test_a_span_through_a_code_point_takes_all_of_it() -> None:
    """Both ends move outwards to where a character begins or ends."""
    batch = TextBatch.of_texts(["a中b"])

    assert [(found.start, found.end) for found in _spans((2, 3, Kind.NAME)).within(batch)] == [(1, 4)]


def test_every_class_of_the_law_has_its_kinds() -> None:
    """All 18 classes, every kind in one of them, and each leads to a kind of the profiles."""
    named = [kind for kinds in SAFE_HARBOR.values() for kind in kinds]

    assert len(SAFE_HARBOR) == 18
    assert sorted(named) == sorted(KINDS)
    assert {profile_kind(kind) for kind in KINDS} == set(Kind)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12), st.sampled_from(KINDS)), max_size=12))
def test_merging_covers_the_same_bytes(drawn: list[tuple[int, int, Kind]]) -> None:
    """Whatever the spans, merging covers exactly what they covered, in order, without overlaps, and once is enough."""
    table = _spans(*((start, start + length, kind) for start, length, kind in drawn))

    merged = table.merged()

    assert np.array_equal(merged.covered(60), table.covered(60))
    assert (merged.start[1:] >= merged.end[:-1]).all()
    assert list(merged.merged()) == list(merged)


@settings(deadline=None)
@given(
    st.lists(st.text(max_size=6), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)), max_size=5),
)
def test_spans_end_between_code_points_and_inside_rows(rows: list[str], drawn: list[tuple[int, int]]) -> None:
    """After `within`, every span is text of one row, and nothing of a row that was covered is uncovered."""
    batch = TextBatch.of_texts(rows)
    size = len(batch.text)
    inside = [(start, min(size, start + length)) for start, length in drawn if start < size]
    table = SpanTable.of([one for one, _ in inside], [one for _, one in inside], Kind.NAME, Stage.NER)

    within = table.within(batch)

    separators = np.zeros(size, bool)
    separators[batch.offsets[1:] - 1] = True
    for found in within:
        batch.text[found.start : found.end].decode()
        assert not separators[found.start : found.end].any()
    assert (within.covered(size) | separators | ~table.covered(size)).all()
    assert set(within.kind.tolist()) <= {CODES[Kind.NAME]}
