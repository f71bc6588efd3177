"""Run one seed: its events, then an end without faults, then what must hold."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sluicegate.streams.logs import LOGGER

from .checks import Broken, check_end, open_actions, unanswered
from .events import Event, events_of
from .replay import check_replay, check_state
from .world import World

EVENTS: Final = 90
"""How many events a seed has unless said otherwise."""
WILD_EVERY: Final = 5
"""One seed in so many has clocks that are an hour off."""
POLICIES_EVERY: Final = 4
"""In one seed of so many operators change a policy or stop an agent: to load a policy takes longer than to run a seed."""
REPLAY_EVERY: Final = 4
"""One seed in so many is replayed from its audit log."""
SOON_MS: Final = 6_000
"""Once faults are over, everything is told something within this time: less than a broker leaves a transaction open."""
LIMIT_MS: Final = 460_000
"""The longest that an action of a simulation can take: deadline, life of its grant, lease, and people who settle it."""


class Mode(StrEnum):
    """What a run demands."""

    SAFETY = "safety"
    """Faults all the time; then what must hold of what is there."""
    LIVENESS = "liveness"
    """Faults, then none: everything has to end within its limit."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one seed."""

    seed: int
    mode: Mode
    broken: tuple[Broken, ...]
    actions: int
    acts: int
    faults: int
    in_open_transaction: int
    records: int

    @property
    def ok(self) -> bool:
        """Whether everything held."""
        return not self.broken


def simulate(
    seed: int,
    mode: Mode = Mode.SAFETY,
    *,
    events: Sequence[Event] | None = None,
    length: int = EVENTS,
    note: Callable[[str], None] | None = None,
) -> Result:
    """Everything of one seed; `events` in the place of its own (some of them, from shrinking); `note` gets the trace."""
    world = World(wild_clocks=seed % WILD_EVERY == 1, policies_change=seed % POLICIES_EVERY == 1, note=note)
    for event in events_of(seed, length) if events is None else events:
        world.do(event)
        if world.broken:
            break
    broken = list(world.broken) or _end(world, mode, seed)
    return Result(
        seed,
        mode,
        tuple(dict.fromkeys(broken)),
        len(world.history.first),
        len(world.history.tried),
        world.faults,
        world.met_open,
        sum(worker.records for worker in world.workers),
    )


def be_silent() -> None:
    """Log nothing: simulated outages are no news."""
    logging.getLogger(LOGGER).setLevel(logging.CRITICAL)


def _end(world: World, mode: Mode, seed: int) -> list[Broken]:
    world.say("faults are over")
    world.heal()
    broken = _alive(world) if mode is Mode.LIVENESS else _at_rest(world)
    broken += world.broken
    broken += check_end(world.history, world.seen, world.cluster)
    broken += check_state(world.workers, world.topology, world.cluster)
    if seed % REPLAY_EVERY <= 1:
        broken += check_replay(world.topology, world.seen, world.cluster)
    return broken


def _at_rest(world: World) -> list[Broken]:
    for _ in range(4):
        world.work()
        world.pass_time(3_000)
    world.work()
    return []


def _alive(world: World) -> list[Broken]:
    broken: list[Broken] = []
    for _ in range(SOON_MS // 1_000):
        world.work()
        world.pass_time(1_000)
    world.work()
    broken += [Broken("I10", f"{name} is told nothing") for name in unanswered(world.history, world.seen)]
    waited_ms = 0
    while waited_ms < LIMIT_MS and open_actions(world.history, world.seen):
        world.pass_time(10_000)
        waited_ms += 10_000
        world.work()
        world.reconcile()
        world.work()
    return broken + [
        Broken("I10", f"{name} does not end") for name in open_actions(world.history, world.seen)
    ]
