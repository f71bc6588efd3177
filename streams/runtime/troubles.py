"""What keeps partitions of one worker from getting on, so that it keeps only them and not the others.

A transaction in which something of one partition fails is given up for that partition alone. Its records are worked on once
more, one per transaction (`portions`); when one fails alone, or what fails is no record, the partition is set aside (`aside`).
What a process that ended could not say for itself is in `marks`.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from sluicegate.schemas.errors import SluicegateError
from sluicegate.streams.logs import get_logger

from .aside import ADVICE, Aside, Asides, Cause
from .marks import Marks
from .portions import Batch, Portions
from .task import Task

SETTLED_MS: Final = 10_000
"""A partition that is tried again and runs for so long has got on, also when nothing has arrived that could show it."""


class Troubles:
    """The partitions of the worker of one slot with which something is wrong."""

    def __init__(self, slot: int, marks: Marks, clock: Callable[[], int]) -> None:
        self.portions = Portions()
        self._slot = slot
        self._marks = marks
        self._now_ms = clock
        self._asides = Asides()
        self._tables: object = None
        self._log = get_logger("sluicegate.worker").bind(slot=slot)

    def __bool__(self) -> bool:
        return bool(self._asides)

    def of(self, partition: int) -> Aside | None:
        """What stands in its way; None when nothing is known to."""
        return self._asides.get(partition)

    def rests(self, partition: int) -> bool:
        """Whether it must not be worked on now, by what this process or others have found."""
        if not self._asides.rests(partition):
            found = self._marks.aside(partition, self._now_ms())
            if found is not None:
                self._asides.suspend(found)
                self._say(found)
            elif self._marks.is_suspicious(partition):
                self.portions.divide(partition)
        return self._asides.rests(partition)

    def begin(self, task: Task[Any]) -> None:
        """The worker turns to this partition; what happens until `end` is its doing."""
        self._marks.work(self._slot, task.partition, _progress(task))

    def end(self) -> None:
        """It has turned away from it."""
        self._marks.rest(self._slot)

    def blame(
        self, partition: int, cause: Cause, because: str, task: Task[Any] | None, batch: Batch
    ) -> Aside | None:
        """Something of this partition failed; None when its records are to be worked on one by one to find out more."""
        if sum(map(len, batch.values())) > 1 and not self.portions.careful(partition):
            self.portions.divide(partition)
            self._log.warning("working on records one by one", partition=partition, because=because)
            return None
        self.portions.forget(partition)
        aside = self._asides.fail(partition, cause, because, _progress(task), self._now_ms())
        self._say(aside)
        return aside

    def got_on(self, tasks: Sequence[Task[Any]]) -> list[int]:
        """These tasks committed; the partitions that need no care any more and read on."""
        proceeding = []
        for task in tasks:
            partition = task.partition
            if self._asides and self._asides.got_on(partition, _progress(task)):
                self._log.info("a partition goes on", partition=partition)
            if self.portions.careful(partition):
                if not self.portions.done(partition):
                    continue
                proceeding.append(partition)
            if self._marks.is_known(partition):
                self._marks.got_on(partition, _progress(task))
        return proceeding

    def ripe(self, tables: object, runs_since_ms: Callable[[int], int | None]) -> list[int]:
        """Partitions to try again now: their pause is over, or the tables have changed."""
        if not self._asides:
            self._tables = tables
            return []
        now_ms = self._now_ms()
        if tables is not self._tables:
            self._asides.hurry(now_ms)
            self._tables = tables
        for partition in self._asides.tried():
            since_ms = runs_since_ms(partition)
            if (
                since_ms is not None
                # By a clock that was set back since, it will begin to run one day.
                and (now_ms - since_ms > SETTLED_MS or now_ms < since_ms)
                and not self.portions.careful(partition)
            ):
                self.forget(partition)
                self._marks.clear(partition)
                self._log.info("a partition goes on", partition=partition)
        return list(self._asides.ripe(now_ms))

    def forget(self, partition: int) -> None:
        """It is not this worker's any more, or all is well with it."""
        self._asides.forget(partition)
        self.portions.forget(partition)

    def _say(self, aside: Aside) -> None:
        self._log.error(
            "a partition is set aside, the others go on",
            partition=aside.partition,
            code=aside.cause.value,
            because=aside.because,
            in_a_row=aside.tries,
            wait_s=max(0, aside.again_ms - self._now_ms()) // 1000,
            text=ADVICE[aside.cause],
        )


def _progress(task: Task[Any] | None) -> int:
    """How far it is over all inputs: the same number again and again is the same place."""
    return 0 if task is None else sum(task.positions.values())


def worded(error: Exception) -> str:
    """An error in words of ours; of others the kind alone, whose message may hold anything."""
    return str(error) if isinstance(error, SluicegateError) else f"the topology raised {type(error).__name__}"
