"""Bugs of which only a real broker shows what they do."""

import pytest
from runtime_bugs import producer_kept_after_a_call_that_timed_out

from sluicegate.streams.runtime import restore, watchdog


def hanging_call_waited_for(patch: pytest.MonkeyPatch) -> None:
    """Nobody ends a worker whose call does not return."""
    patch.setattr(watchdog.Watchdog, "_watch", lambda _self: None)


def lost_offsets_taken_for_a_first_start(patch: pytest.MonkeyPatch) -> None:
    """A gate whose group has lost its offsets begins at the beginning."""
    patch.setattr(
        restore,
        "check_first_start",
        lambda _partition, committed, evidence, joined: {  # noqa: ARG005  # as it is called
            source: offset or 0 for source, offset in committed.items()
        },
    )


def producer_kept_on_a_real_broker(patch: pytest.MonkeyPatch) -> None:
    """A producer that had to repeat a call is used for the next transaction."""
    producer_kept_after_a_call_that_timed_out(patch)
