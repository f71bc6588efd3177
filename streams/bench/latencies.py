"""What many durations say."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Latencies:
    """Durations in milliseconds; each percentile is one of them (nearest rank), never a value in between."""

    count: int
    p50: float
    p95: float
    p99: float
    worst: float

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Self | None:
        """From durations in seconds; None when there are none."""
        ordered = sorted(seconds)
        if not ordered:
            return None

        def rank(share: float) -> float:
            return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)] * 1_000, 2)

        return cls(len(ordered), rank(0.5), rank(0.95), rank(0.99), rank(1))
