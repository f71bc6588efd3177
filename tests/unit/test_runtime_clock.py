"""The clock by which a worker decides: from the log-append time of its own records, whatever the machine's wall clock says."""

from sluicegate.streams.runtime.clock import DRIFT, BrokerClock

HOUR_MS = 3_600_000
NOON_MS = 1_700_000_000_000


class Machine:
    """A monotonic clock and a wall clock that may be wrong, beside brokers."""

    def __init__(self, *, wall_ahead_ms: int = 0) -> None:
        self.here_s = 5_000.0
        self.wall_ahead_ms = wall_ahead_ms
        self.brokers_ahead_ms = NOON_MS - 5_000_000
        self.clock = BrokerClock(lambda: self.here_s, lambda: self.brokers_ms + self.wall_ahead_ms)

    @property
    def brokers_ms(self) -> int:
        """The brokers' clock."""
        return int(self.here_s * 1_000) + self.brokers_ahead_ms

    def ask(self, *, there_ms: int = 0, back_ms: int = 0) -> None:
        """A record on its way there, appended, and its acknowledgement on its way back."""
        sent_at = self.here_s
        self.here_s += there_ms / 1_000
        append_ms = self.brokers_ms
        self.here_s += back_ms / 1_000
        self.clock.learned(append_ms, sent_at, self.here_s)

    def behind_ms(self) -> int:
        """How far the clock is behind the brokers'; never negative for a clock that is right."""
        return self.brokers_ms - self.clock.now_ms()


def test_until_the_brokers_have_said_their_time_the_wall_clock_serves() -> None:
    """And says that it is not known how far off it is."""
    machine = Machine(wall_ahead_ms=HOUR_MS)
    assert not machine.clock.known
    assert machine.clock.now_ms() == NOON_MS + HOUR_MS
    assert (machine.clock.wall_offset_ms, machine.clock.uncertain_ms) == (None, None)


def test_a_wall_clock_that_is_an_hour_off_decides_nothing() -> None:
    """The time is the brokers', and the hour is told."""
    for ahead_ms in (HOUR_MS, -HOUR_MS):
        machine = Machine(wall_ahead_ms=ahead_ms)
        machine.ask()
        assert machine.clock.known
        assert machine.clock.now_ms() == NOON_MS
        assert machine.clock.wall_offset_ms == ahead_ms


def test_it_is_late_rather_than_early_by_the_way_back() -> None:
    """What is certain is the time of the append; the acknowledgement may have taken no time at all."""
    machine = Machine()
    machine.ask(there_ms=300, back_ms=40)
    assert 40 <= machine.behind_ms() <= 41
    assert machine.clock.uncertain_ms is not None
    assert 340 <= machine.clock.uncertain_ms <= 343


def test_a_better_answer_makes_it_more_exact_and_a_worse_one_does_not_spoil_it() -> None:
    """What both say is true, within the little that two clocks can drift apart."""
    machine = Machine()
    machine.ask(there_ms=10, back_ms=500)
    assert machine.behind_ms() >= 500
    machine.ask(there_ms=10, back_ms=1)
    assert machine.behind_ms() <= 3
    machine.ask(there_ms=10, back_ms=800)
    assert machine.behind_ms() <= 3


def test_without_answers_it_goes_on_and_falls_behind_by_no_more_than_clocks_drift() -> None:
    """The broker is away for an hour, or the process stands still for so long."""
    machine = Machine()
    machine.ask()
    machine.here_s += 3_600
    assert 0 <= machine.behind_ms() <= HOUR_MS * DRIFT + 2
    machine.ask()
    assert 0 <= machine.behind_ms() <= 2


def test_a_broker_whose_clock_is_set_back_is_followed_at_once() -> None:
    """By as much as it was set back, and no more than that and a round trip."""
    machine = Machine()
    machine.ask(there_ms=2, back_ms=2)
    before_ms = machine.clock.now_ms()
    machine.brokers_ahead_ms -= HOUR_MS
    machine.ask(there_ms=2, back_ms=2)
    assert 0 <= machine.behind_ms() <= 5
    assert before_ms - machine.clock.now_ms() <= HOUR_MS + 5


def test_a_broker_whose_clock_is_set_ahead_is_followed_at_once() -> None:
    """What was known before cannot be true any more."""
    machine = Machine()
    machine.ask()
    machine.brokers_ahead_ms += HOUR_MS
    machine.ask(back_ms=7)
    assert 0 <= machine.behind_ms() <= 8


def test_a_wall_clock_that_is_set_moves_nothing() -> None:
    """Back or ahead."""
    machine = Machine()
    machine.ask()
    for ahead_ms in (HOUR_MS, -HOUR_MS, 0):
        machine.wall_ahead_ms = ahead_ms
        assert machine.behind_ms() in {0, 1}
