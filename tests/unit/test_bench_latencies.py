"""What many durations say, and when the actions of a load are due."""

from sluicegate.streams.bench import Latencies, Load


def test_percentiles_are_durations_that_occurred() -> None:
    """Nearest rank: of a hundred durations the 99th is p99, and the worst is the worst."""
    found = Latencies.of(number / 1_000 for number in range(100, 0, -1))
    assert found == Latencies(count=100, p50=50.0, p95=95.0, p99=99.0, worst=100.0)


def test_one_duration_is_every_percentile() -> None:
    """A single outcome says everything."""
    assert Latencies.of([0.0125]) == Latencies(1, 12.5, 12.5, 12.5, 12.5)


def test_no_duration_says_nothing() -> None:
    """Nothing heard is no zero."""
    assert Latencies.of([]) is None


def test_due_times_are_fixed_in_advance() -> None:
    """Whatever happens to one action, the next is due when it is due; the warm-up belongs to the load."""
    load = Load(rate=200, seconds=3, warm_s=1)
    assert load.count == 800
    assert [load.due_s(number) for number in (0, 1, 799)] == [0.0, 0.005, 3.995]
