"""Partitions that are set aside: what stands in their way, since when, and when they are tried again. Pure.

Set aside is not skipped: the inputs stay where they are, nothing behind them is worked on, and the partition goes on by itself
once what stood in its way is gone. Trying again begins with a restore from the log, after growing pauses, and at once when
the global tables change: a corrected policy may be the cure.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

FIRST_PAUSE_MS: Final = 1_000
LONGEST_PAUSE_MS: Final = 300_000
MOST_WORDS: Final = 200
BEARABLE_MS: Final = 2_000
"""A clock that is set back by no more than this makes a pause longer by no more than this."""


class Cause(StrEnum):
    """Why a partition does not get on."""

    RAISED = "raised"
    """The topology raised: a defect, or state that it cannot read."""
    REFUSED = "refused"
    """Kafka refuses what has to be written: too large, or for a topic that is not there or not open to this principal."""
    ENDED = "ended-worker"
    """Workers ended, or had to be ended, while they worked on it."""


ADVICE: Final = {
    Cause.RAISED: "it goes on by itself once a version or a policy no longer fails there; report the logged error",
    Cause.REFUSED: "compare the cluster with `sluicegate topics plan` and `sluicegate acl plan`",
    Cause.ENDED: "look for a policy that takes very long, and for memory; see the log of the workers that ended",
}
"""What people can do, by cause."""


@dataclass(frozen=True, slots=True)
class Aside:
    """One partition that is set aside; holds no value of a record."""

    partition: int
    cause: Cause
    because: str
    """What was raised or refused, in our own words."""
    progress: int
    """The sum of its committed positions: as long as it is the same, it is the same trouble."""
    since_ms: int
    again_ms: int
    """When it is tried again."""
    tries: int = 1
    trying: bool = False
    from_ms: int | None = field(default=None, compare=False)
    """When this pause began."""


class Asides:
    """The partitions of one worker that are set aside, and those that are tried again and have not got on yet."""

    def __init__(self) -> None:
        self._known: dict[int, Aside] = {}

    def __bool__(self) -> bool:
        return bool(self._known)

    def get(self, partition: int) -> Aside | None:
        """What stands in its way; None when nothing is known to."""
        return self._known.get(partition)

    def rests(self, partition: int) -> bool:
        """Whether it must not be worked on now."""
        found = self._known.get(partition)
        return found is not None and not found.trying

    def fail(self, partition: int, cause: Cause, because: str, progress: int, now_ms: int) -> Aside:
        """It does not get on: set it aside, for longer than the last time when it is still at the same place."""
        before = self._known.get(partition)
        is_same = before is not None and before.progress == progress
        tries = before.tries + 1 if before is not None and is_same else 1
        since_ms = before.since_ms if before is not None and is_same else now_ms
        again_ms = now_ms + pause_ms(tries)
        found = Aside(
            partition, cause, because[:MOST_WORDS], progress, since_ms, again_ms, tries, from_ms=now_ms
        )
        self._known[partition] = found
        return found

    def suspend(self, aside: Aside) -> None:
        """What another process found out about a partition."""
        self._known[aside.partition] = aside

    def ripe(self, now_ms: int) -> Iterator[int]:
        """Partitions to try again now; from here on each is being tried."""
        for partition, found in tuple(self._known.items()):
            if not found.trying and (now_ms >= found.again_ms or was_set_back(found.from_ms, now_ms)):
                self._known[partition] = replace(found, trying=True)
                yield partition

    def tried(self) -> list[int]:
        """Partitions that are being tried again."""
        return [partition for partition, found in self._known.items() if found.trying]

    def hurry(self, now_ms: int) -> None:
        """Something changed that may be the cure: try now, except what may cost everybody the worker."""
        for partition, found in self._known.items():
            if found.cause is not Cause.ENDED:
                self._known[partition] = replace(found, again_ms=min(found.again_ms, now_ms))

    def got_on(self, partition: int, progress: int) -> bool:
        """It committed; whether that was past what stood in its way, which is then forgotten."""
        found = self._known.get(partition)
        if found is None or progress <= found.progress:
            return False
        del self._known[partition]
        return True

    def forget(self, partition: int) -> None:
        """It was taken away: whoever has it now finds out alone."""
        self._known.pop(partition, None)


def was_set_back(from_ms: int | None, now_ms: int) -> bool:
    """Whether the wall clock was, since a pause began: what is left of it would be as much longer."""
    return from_ms is not None and now_ms < from_ms - BEARABLE_MS


def pause_ms(tries: int, first_ms: int = FIRST_PAUSE_MS, longest_ms: int = LONGEST_PAUSE_MS) -> int:
    """How long it rests after so many tries at the same place."""
    return int(min(longest_ms, first_ms << min(tries - 1, 30)))
