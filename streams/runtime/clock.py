"""The time by which a worker decides: that of the brokers, who also stamp what people and executors write.

A record of the worker's own is sent, appended, acknowledged; its log-append time says what the brokers' clock showed at some
moment between the first and the last of these. From there this machine's monotonic clock goes on, which nobody sets. What the
wall clock says counts only until the first such record.

The clock is late rather than early: it shows the earliest time that can be true, for deadlines that are told too soon are
unfair, and those that are told a round trip too late are not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

DRIFT: Final = 0.000_2
"""How much faster or slower than another a clock may go: more than those of machines do."""


@dataclass(frozen=True, slots=True)
class _Bounds:
    """How many milliseconds the brokers' clock is ahead of the monotonic one, as of a moment of that."""

    at_s: float
    low_ms: float
    high_ms: float

    def at(self, moment_s: float) -> "_Bounds":
        """What can still be said at a later moment: both clocks may have drifted apart."""
        drifted_ms = max(0.0, moment_s - self.at_s) * 1_000 * DRIFT
        return _Bounds(moment_s, self.low_ms - drifted_ms, self.high_ms + drifted_ms)


class BrokerClock:
    """`monotonic` in seconds, `wall` in milliseconds. Reads nothing but these two, so it is as pure as they are."""

    __slots__ = ("_bounds", "_monotonic", "_wall")

    def __init__(self, monotonic: Callable[[], float], wall: Callable[[], int]) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._bounds: _Bounds | None = None

    @property
    def known(self) -> bool:
        """Whether the brokers' time is known; until then the wall clock serves."""
        return self._bounds is not None

    def learned(self, append_ms: int, sent_at: float, acknowledged_at: float) -> None:
        """A record was appended at `append_ms`, not before `sent_at` nor after `acknowledged_at` of the monotonic clock.

        What was known before is made more exact, unless both cannot be true: then the brokers' clock was set, and what is
        new holds.
        """
        moment_s = self._monotonic()
        # The log-append time is cut to whole milliseconds.
        new = _Bounds(acknowledged_at, append_ms - acknowledged_at * 1_000, append_ms + 1 - sent_at * 1_000)
        new = new.at(moment_s)
        if self._bounds is not None:
            old = self._bounds.at(moment_s)
            low_ms, high_ms = max(old.low_ms, new.low_ms), min(old.high_ms, new.high_ms)
            if low_ms <= high_ms:
                new = _Bounds(moment_s, low_ms, high_ms)
        self._bounds = new

    def now_ms(self) -> int:
        """The time: never ahead of the brokers' unless their clock was set back since the last record."""
        if self._bounds is None:
            return self._wall()
        moment_s = self._monotonic()
        return int(moment_s * 1_000 + self._bounds.at(moment_s).low_ms)

    @property
    def uncertain_ms(self) -> int | None:
        """By how much the time may be behind the brokers'; None while it is not known."""
        if self._bounds is None:
            return None
        now = self._bounds.at(self._monotonic())
        return int(now.high_ms - now.low_ms) + 1

    @property
    def wall_offset_ms(self) -> int | None:
        """How much the wall clock is ahead, negative for behind; None while that is not known."""
        return None if self._bounds is None else self._wall() - self.now_ms()
