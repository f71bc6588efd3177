"""The simulator: what it promises about itself, and a short run of it with fixed seeds."""

import json
import subprocess
import sys

import pytest

from sluicegate.streams.testing.simulation import EVENTS, Event, Mode, events_of, shrink, simulate

SEEDS = range(10)
LONG = range(1_000, 2_000)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("seed", SEEDS)
def test_everything_holds_under_faults(seed: int, mode: Mode) -> None:
    """Whatever a seed does to processes, requests, clocks and inputs, every invariant holds."""
    assert [str(broken) for broken in simulate(seed, mode).broken] == []


@pytest.mark.slow
@pytest.mark.parametrize("mode", Mode)
def test_everything_holds_under_many_seeds(mode: Mode) -> None:
    """The same, a thousand times."""
    failing = {seed: result.broken for seed in LONG if not (result := simulate(seed, mode)).ok}
    assert failing == {}


def test_a_seed_does_the_same_every_time() -> None:
    """Two runs of a seed tell the same story, line by line."""
    one: list[str] = []
    two: list[str] = []
    assert simulate(5, Mode.LIVENESS, note=one.append) == simulate(5, Mode.LIVENESS, note=two.append)
    assert one == two
    assert len(one) > EVENTS


def test_an_event_does_not_depend_on_those_before_it() -> None:
    """A list from which events were dropped still means something: it runs, and everything holds."""
    assert simulate(3, events=events_of(3, EVENTS)[::3]).ok


def test_shrinking_keeps_what_matters() -> None:
    """Of a list that fails because of two events, these two are left."""
    events = events_of(1, 60)
    needed = {events[17], events[44]}

    def fails(some: object) -> bool:
        return needed <= set(some)  # type: ignore[call-overload, no-any-return]  # events

    assert set(shrink(events, fails)) == needed
    assert shrink((Event("gate", 1),), lambda _some: True) == (Event("gate", 1),)


def test_the_command_counts_seeds() -> None:
    """`--json` is one object with the seeds, what failed, and how much happened."""
    done = subprocess.run(
        [sys.executable, "-m", "sluicegate.streams.testing.simulation", "--seeds", "0:2", "--json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    told = json.loads(done.stdout)
    assert (told["seeds"], told["failing"]) == (2, [])
    assert told["actions"] > 0
    assert told["faults"] > 0


def test_the_command_tells_the_story_of_one_seed() -> None:
    """`--seed N --trace` prints every event and what became visible after it."""
    done = subprocess.run(
        [sys.executable, "-m", "sluicegate.streams.testing.simulation", "--seed", "2", "--trace"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert "faults are over" in done.stdout
    assert "seed 2: everything held" in done.stdout
