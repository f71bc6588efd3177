"""What a handler returned becomes bodies of batches: bounded, in order, read only as far as it is asked for."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sluicegate.schemas.receipt import NoResult
from sluicegate.streams.clients.results_slices import (
    JSON,
    JSON_LINES,
    LARGEST_RESULT_BYTES,
    LARGEST_VALUE_BYTES,
    SLICE_BYTES,
    UnsendableError,
    slices,
)


def rows(count: int, size: int = 1_000) -> Iterator[dict[str, Any]]:
    """Records of about `size` bytes, made as they are asked for."""
    for number in range(count):
        yield {"number": number, "text": "x" * size}


@pytest.mark.parametrize(
    ("returned", "body"),
    [
        ({"b": 1, "a": [1.5, None, True]}, b'{"b":1,"a":[1.5,null,true]}'),
        ("é\n", '"é\\n"'.encode()),
        (0, b"0"),
        (False, b"false"),
        ([], b"[]"),
        ((1, 2), b"[1,2]"),
        (iter(()), b"[]"),
        ((number for number in range(3)), b"[0,1,2]"),
    ],
)
def test_what_is_small_is_one_json_body(returned: Any, body: bytes) -> None:
    """A value, or the array of a list and of an iterator, keys in the handler's order."""
    ((only),) = slices(returned)
    assert (only.media_type, only.body) == (JSON, body)


def test_nothing_is_nothing() -> None:
    """None has no body at all."""
    assert list(slices(None)) == []


@pytest.mark.parametrize("kind", [list, iter])
def test_a_long_list_is_lines_in_order(kind: Any) -> None:
    """Every record once, in order, in bodies of at most the slice's size."""
    found = list(slices(kind(list(rows(2_000)))))
    assert {each.media_type for each in found} == {JSON_LINES}
    assert len(found) > 3
    assert max(len(each.body) for each in found) <= SLICE_BYTES
    lines = b"".join(each.body for each in found).split(b"\n")
    assert [json.loads(line) for line in lines[:-1]] == list(rows(2_000))
    assert lines[-1] == b""


def test_an_iterator_is_read_only_as_far_as_it_is_asked_for() -> None:
    """The first body is there before the second slice is drawn."""
    drawn = []

    def watched() -> Iterator[Any]:
        for row in rows(10_000):
            drawn.append(row["number"])
            yield row

    next(slices(watched()))
    assert len(drawn) < 600


@pytest.mark.parametrize(
    "returned",
    [
        object(),
        {1, 2},
        float("nan"),
        {"a": float("inf")},
        b"bytes",
        1 << 64,
        "\ud800",
        {1: "a", "1": "b"},
        [0, object()],
        json.loads("[" * 65 + "]" * 65),
        iter([object()]),
    ],
    ids=repr,
)
def test_what_is_no_json_has_a_code(returned: Any) -> None:
    """What masking could not read, or would read in two ways, does not leave."""
    with pytest.raises(UnsendableError) as raised:
        list(slices(returned))
    assert raised.value.code is NoResult.NOT_JSON


@pytest.mark.parametrize(
    "returned",
    [
        "x" * LARGEST_VALUE_BYTES,
        {"a": ["x" * LARGEST_VALUE_BYTES]},
        ["small", "x" * LARGEST_VALUE_BYTES],
        rows(LARGEST_RESULT_BYTES // 1_000),
    ],
    ids=["text", "object", "record", "whole"],
)
def test_what_is_too_large_has_a_code(returned: Any) -> None:
    """One value beyond its limit, or all of it beyond that of a result."""
    with pytest.raises(UnsendableError) as raised:
        for _ in slices(returned):
            pass
    assert raised.value.code is NoResult.TOO_LARGE


def test_an_endless_iterator_ends() -> None:
    """At the limit it is not read any further."""

    def endless() -> Iterator[str]:
        while True:
            yield "x" * 100_000

    with pytest.raises(UnsendableError):
        for _ in slices(endless()):
            pass


def test_an_iterators_own_error_is_its_own() -> None:
    """It says nothing about JSON: the action failed."""

    def broken() -> Iterator[int]:
        yield 1
        raise KeyError("who")

    with pytest.raises(KeyError):
        list(slices(broken()))
