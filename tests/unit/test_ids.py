"""Derived ids and partitions: the same everywhere, for ever."""

import pytest
from pydantic import TypeAdapter

from sluicegate.schemas.fields import Name
from sluicegate.schemas.ids import derived_id, murmur2, partition_of


@pytest.mark.parametrize(
    ("key", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_k13_murmur2_gives_the_numbers_of_kafkas_own_test(key: bytes, signed: int) -> None:
    """Our murmur2 gives what Kafka's `UtilsTest.testMurmur2` expects."""
    assert murmur2(key) == signed & 0xFFFFFFFF


def test_partition_is_taken_from_31_bits() -> None:
    """The sign bit is dropped before the remainder, as Kafka does, so no partition is negative."""
    assert partition_of("21", 6) == ((-973932308) & 0x7FFFFFFF) % 6
    assert {partition_of(f"agent-{number}", 6) for number in range(200)} == set(range(6))
    assert partition_of("", 1) == 0


def test_derived_id_is_fixed() -> None:
    """An id is a function of its parts alone; this one never changes."""
    assert derived_id("grant", "actions", 2, 17) == "grant-645beiyn5iowdgznytfaahn7dq"


def test_derived_ids_tell_parts_apart() -> None:
    """Moving the border between parts, their order, or the prefix gives another id."""
    ids = [
        derived_id("g", "a", "bc"),
        derived_id("g", "ab", "c"),
        derived_id("g", "abc"),
        derived_id("g", "bc", "a"),
        derived_id("h", "a", "bc"),
        derived_id("g", "a", "bc", ""),
        derived_id("g"),
    ]
    assert len(set(ids)) == len(ids)


def test_derived_id_is_a_name() -> None:
    """An id can stand wherever the wire wants a name."""
    TypeAdapter(Name).validate_python(derived_id("punctuation", "request", "expiry", 1))
