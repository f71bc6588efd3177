"""Fixed work in rounds, and what its durations say."""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any, Self

Labels = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Measure:
    """One row: the median of several rounds of the same work, with the lowest and the highest."""

    name: str
    unit: str
    median: float
    lowest: float
    highest: float
    rounds: int
    operations: int
    """Per round."""
    labels: Labels = field(default_factory=dict)
    """What the row is about, for whoever looks for it in the JSON."""
    ratio: float | None = None
    """To the baseline of the same run."""
    baseline: str | None = None

    @classmethod
    def of(cls, name: str, operations: int, seconds: Sequence[float], **labels: str | int) -> Self:
        """Microseconds per operation, from the durations of rounds of so many operations."""
        each = [duration / operations * 1e6 for duration in seconds]
        return cls(name, "µs", median(each), min(each), max(each), len(each), operations, labels)

    @classmethod
    def values(cls, name: str, unit: str, found: Sequence[float], **labels: str | int) -> Self:
        """From what the rounds found, one value each."""
        return cls(name, unit, median(found), min(found), max(found), len(found), 1, labels)

    def against(self, baseline: "Measure") -> "Measure":
        """With the ratio to another one."""
        return replace(self, ratio=self.median / baseline.median, baseline=baseline.name)

    @property
    def per_second(self) -> float | None:
        """Operations in a second of the clock that was read; None when the row is not about operations."""
        return 1e6 / self.median if self.unit == "µs" and self.median else None

    def to_json(self) -> dict[str, Any]:
        """As it stands in the results, numbers rounded to what they can say."""
        numbers = {
            "median": self.median,
            "lowest": self.lowest,
            "highest": self.highest,
            "ratio": self.ratio,
            "per_second": self.per_second,
        }
        return {
            "name": self.name,
            "unit": self.unit,
            **{name: float(f"{value:.4g}") for name, value in numbers.items() if value is not None},
            "rounds": self.rounds,
            "operations": self.operations,
            **({"baseline": self.baseline} if self.baseline else {}),
            **({"labels": dict(self.labels)} if self.labels else {}),
        }


@dataclass(frozen=True, slots=True)
class Effort:
    """How much work: the operations of each measurement are multiplied by `scale`."""

    rounds: int = 5
    scale: float = 1.0
    minutes: float = 1.0
    """How long memory is watched."""

    def of(self, operations: int) -> int:
        """So many, scaled; at least one."""
        return max(1, int(operations * self.scale))


def cpu(name: str, operations: int, work: Callable[[], object], rounds: int, **labels: str | int) -> Measure:
    """CPU time of this process for work that does so many operations."""
    work()
    seconds = []
    for _ in range(rounds):
        gc.collect()
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return Measure.of(name, operations, seconds, **labels)


def repeated(name: str, operations: int, operation: Callable[[], object], rounds: int) -> Measure:
    """CPU time of this process for one operation, done so often."""

    def work() -> None:
        for _ in range(operations):
            operation()

    return cpu(name, operations, work, rounds)
