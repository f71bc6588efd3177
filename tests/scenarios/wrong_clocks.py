"""Wall clocks that are wrong; they travel to the gate's worker processes."""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ahead:
    """A wall clock that is so many milliseconds ahead; behind where that is negative."""

    by_ms: int

    def __call__(self) -> int:
        """The wrong time in milliseconds."""
        return time.time_ns() // 1_000_000 + self.by_ms
