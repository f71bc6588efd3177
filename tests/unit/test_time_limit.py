"""Calls that do not keep their own time limit."""

import threading

import pytest

from sluicegate.streams.runtime.time_limit import within


def test_a_call_is_made_and_what_it_raises_is_raised() -> None:
    """Who waits sees what the call did or raised, one call after the other."""
    made: list[int] = []
    within(10, lambda: made.append(1))

    def fails() -> None:
        raise KeyError("told")

    with pytest.raises(KeyError, match="told"):
        within(10, fails)
    within(10, lambda: made.append(2))
    assert made == [1, 2]


def test_calls_that_come_back_share_a_thread() -> None:
    """A thread is begun when none is free, not for each call."""
    threads: list[threading.Thread] = []
    for _ in range(20):
        within(10, lambda: threads.append(threading.current_thread()))
    assert len(set(threads)) == 1


def test_a_call_that_does_not_return_is_given_up_and_holds_up_no_other() -> None:
    """After the limit there is a TimeoutError; the next call gets a thread of its own, and a late end reaches nobody."""
    late = threading.Event()
    with pytest.raises(TimeoutError):
        within(0.01, late.wait)
    made: list[int] = []
    within(10, lambda: made.append(1))
    late.set()
    within(10, lambda: made.append(2))
    assert made == [1, 2]
