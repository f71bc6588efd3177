"""The clock of a worker beside brokers whose clock goes a little faster or slower, after any answers on any ways."""

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.streams.runtime.clock import DRIFT, BrokerClock

START_MS = 1_700_000_000_000
WAYS_MS = st.integers(0, 3_000)
STEPS = st.lists(st.tuples(st.integers(0, 600_000), WAYS_MS, WAYS_MS), min_size=1, max_size=12)
RATES = st.floats(1 - DRIFT / 2, 1 + DRIFT / 2)


class Brokers:
    """Time as it passes here, and the brokers' clock, which goes at another rate and may be set."""

    def __init__(self, rate: float) -> None:
        self.here_s = 100.0
        self.set_ms = 0
        self._rate = rate
        self.clock = BrokerClock(lambda: self.here_s, lambda: 0)

    @property
    def exact_ms(self) -> float:
        """The brokers' clock, with fractions."""
        return START_MS + self.set_ms + self.here_s * 1_000 * self._rate

    def ask(self, there_ms: int, back_ms: int) -> None:
        """One record."""
        sent_at = self.here_s
        self.here_s += there_ms / 1_000
        append_ms = int(self.exact_ms)
        self.here_s += back_ms / 1_000
        self.clock.learned(append_ms, sent_at, self.here_s)


@given(RATES, STEPS)
def test_it_is_never_ahead_never_goes_back_and_not_further_behind_than_it_says(
    rate: float, steps: list[tuple[int, int, int]]
) -> None:
    """Of brokers whose clock nobody sets."""
    brokers = Brokers(rate)
    last_ms = 0
    for wait_ms, there_ms, back_ms in steps:
        brokers.ask(there_ms, back_ms)
        for later_s in (0.0, wait_ms / 1_000):
            brokers.here_s += later_s
            now_ms = brokers.clock.now_ms()
            assert now_ms <= brokers.exact_ms + 0.01
            assert now_ms >= last_ms
            assert brokers.exact_ms - now_ms <= (brokers.clock.uncertain_ms or 0) + 1
            last_ms = now_ms


@given(RATES, STEPS, st.integers(-7_200_000, 7_200_000), WAYS_MS, WAYS_MS)
def test_after_a_brokers_clock_was_set_one_answer_is_enough(
    rate: float, steps: list[tuple[int, int, int]], by_ms: int, there_ms: int, back_ms: int
) -> None:
    """Not ahead by more than what was uncertain before, and exactly right where the answer contradicts what was known."""
    brokers = Brokers(rate)
    for wait_ms, there, back in steps:
        brokers.ask(there, back)
        brokers.here_s += wait_ms / 1_000
    uncertain_ms = brokers.clock.uncertain_ms or 0
    brokers.set_ms = by_ms
    brokers.ask(there_ms, back_ms)
    ahead_ms = brokers.clock.now_ms() - brokers.exact_ms
    assert ahead_ms <= there_ms + back_ms + 2
    assert -ahead_ms <= uncertain_ms + there_ms + back_ms + 2
