"""What worker processes leave behind when they end in the middle of work: which partition it was.

A process that is killed, runs out of memory or hangs cannot say what it was doing. So each writes into memory it shares with
its supervisor which partition it works on; when it has ended there for the third time in a row, that partition is set aside
for all workers, for growing pauses, and the others go on.
"""

from collections.abc import Sequence
from multiprocessing.sharedctypes import RawArray
from typing import Any, Final

from .aside import Aside, Cause, pause_ms, was_set_back

SUSPICIOUS: Final = 2
"""Ends in a row after which its records are worked on one by one."""
ENOUGH: Final = 3
"""Ends in a row after which it is set aside."""
FIRST_PAUSE_MS: Final = 10_000
LONGEST_PAUSE_MS: Final = 3_600_000
"""Trying again may cost a worker, and everything else it was doing, once more."""

_NONE: Final = 0
_ENDS, _AGAIN_MS, _SINCE_MS, _PROGRESS, _FROM_MS, _CELLS = 0, 1, 2, 3, 4, 5


class Marks:
    """Numbers in shared memory; every cell has one writer at a time. Can be sent to a process that is being started."""

    def __init__(self, slots: Sequence[int], partitions: int, context: Any = None) -> None:
        array = RawArray if context is None else context.RawArray
        self._slots = {slot: index for index, slot in enumerate(slots)}
        self._working = array("q", len(slots))
        self._progress = array("q", len(slots))
        self._known = array("q", _CELLS * partitions)

    def work(self, slot: int, partition: int, progress: int) -> None:
        """The worker of this slot begins to work on a partition that has come so far."""
        index = self._slots[slot]
        self._progress[index] = progress
        self._working[index] = partition + 1

    def rest(self, slot: int) -> None:
        """It has ended that."""
        self._working[self._slots[slot]] = _NONE

    def ended(self, slot: int, now_ms: int) -> Aside | None:
        """A worker has ended by itself: note where; the partition when it is set aside for that."""
        partition = self._working[self._slots[slot]] - 1
        self.rest(slot)
        if partition < 0:
            return None
        ends = self._get(partition, _ENDS) + 1
        self._set(partition, _ENDS, ends)
        self._set(partition, _PROGRESS, self._progress[self._slots[slot]])
        if ends == 1:
            self._set(partition, _SINCE_MS, now_ms)
        if ends >= ENOUGH:
            pause = pause_ms(ends - ENOUGH + 1, FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
            self._set(partition, _FROM_MS, now_ms)
            self._set(partition, _AGAIN_MS, now_ms + pause)
        return self.aside(partition, now_ms)

    def is_suspicious(self, partition: int) -> bool:
        """Whether its records are better worked on one by one."""
        return self._get(partition, _ENDS) >= SUSPICIOUS

    def aside(self, partition: int, now_ms: int) -> Aside | None:
        """What is known against working on it now."""
        again_ms, from_ms = self._get(partition, _AGAIN_MS), self._get(partition, _FROM_MS)
        if again_ms <= now_ms or was_set_back(from_ms, now_ms):
            return None
        ends = self._get(partition, _ENDS)
        because = f"{ends} workers in a row ended while they worked on it"
        progress, since_ms = self._get(partition, _PROGRESS), self._get(partition, _SINCE_MS)
        return Aside(partition, Cause.ENDED, because, progress, since_ms, again_ms, ends, from_ms=from_ms)

    def is_known(self, partition: int) -> bool:
        """Whether a worker has ended while it worked on it."""
        return self._get(partition, _ENDS) > 0

    def got_on(self, partition: int, progress: int) -> None:
        """It has come so far: past the place where workers ended, nothing is held against it."""
        if progress > self._get(partition, _PROGRESS):
            self.clear(partition)

    def clear(self, partition: int) -> None:
        """Nothing is held against it."""
        for cell in range(_CELLS):
            self._set(partition, cell, 0)

    def _get(self, partition: int, cell: int) -> int:
        return int(self._known[_CELLS * partition + cell])

    def _set(self, partition: int, cell: int, value: int) -> None:
        self._known[_CELLS * partition + cell] = value


def no_marks(slot: int, partitions: int) -> Marks:
    """Of a worker without a supervisor: seen by nobody."""
    return Marks((slot,), partitions)
