"""Fixed work in rounds, and what its durations say."""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Self


@dataclass(frozen=True, slots=True)
class Measure:
    """One row: microseconds per operation, over several rounds of the same work."""

    name: str
    micros: float
    fastest: float
    slowest: float
    rounds: int
    operations: int
    """Per round."""
    ratio: float | None = None
    """To the baseline of the same run."""
    baseline: str | None = None

    @classmethod
    def of(cls, name: str, operations: int, seconds: Sequence[float]) -> Self:
        """From the durations of rounds of so many operations."""
        each = [duration / operations * 1e6 for duration in seconds]
        return cls(name, median(each), min(each), max(each), len(each), operations)

    def against(self, baseline: "Measure") -> "Measure":
        """With the ratio to another one."""
        return replace(self, ratio=self.micros / baseline.micros, baseline=baseline.name)

    @property
    def per_second(self) -> float:
        """Operations in a second of the clock that was read."""
        return 1e6 / self.micros


@dataclass(frozen=True, slots=True)
class Effort:
    """How much work: the operations of each measurement are multiplied by `scale`."""

    rounds: int = 5
    scale: float = 1.0

    def of(self, operations: int) -> int:
        """So many, scaled; at least one."""
        return max(1, int(operations * self.scale))


def cpu(name: str, operations: int, work: Callable[[], object], rounds: int) -> Measure:
    """CPU time of this process for work that does so many operations."""
    work()
    seconds = []
    for _ in range(rounds):
        gc.collect()
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return Measure.of(name, operations, seconds)


def repeated(name: str, operations: int, operation: Callable[[], object], rounds: int) -> Measure:
    """CPU time of this process for one operation, done so often."""

    def work() -> None:
        for _ in range(operations):
            operation()

    return cpu(name, operations, work, rounds)
