"""One seed, one list of events: what happens in a simulation, in order, each with a number that decides the rest.

An event draws from its own number only, so a list from which events were dropped still means the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

WEIGHTS: Final[Mapping[str, int]] = {
    # agents
    "submit": 14,
    "copy": 3,
    "conflict": 2,
    "withdraw": 3,
    "supersede": 3,
    "forge": 3,
    # people
    "decide": 10,
    "agree": 8,
    "repeat_decision": 2,
    "close_call": 4,
    # executors
    "executor": 22,
    "executor_dies": 4,
    "stranger_claims": 2,
    "copy_grant": 2,
    "rewind_executor": 1,
    "told_late": 3,
    # the gate
    "gate": 40,
    "crash": 5,
    "refuse": 3,
    "time_out": 4,
    "pause": 3,
    "rebalance": 4,
    "markers": 3,
    "late_request": 1,
    "ghost": 2,
    # time
    "wait": 12,
    "skew": 2,
    "lag": 2,
    "stall": 2,
    # operators
    "policy": 1,
    "hold": 1,
}
_KINDS: Final = tuple(WEIGHTS)
_SHARES: Final = tuple(WEIGHTS.values())
_BITS: Final = 48


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens."""

    kind: str
    number: int

    def chance(self) -> Random:
        """Where this event draws from."""
        return Random(self.number)  # noqa: S311  # a simulation draws from its seed


def events_of(seed: int, length: int) -> tuple[Event, ...]:
    """The events of a seed."""
    chance = Random(seed)  # noqa: S311  # a simulation draws from its seed
    kinds = chance.choices(_KINDS, _SHARES, k=length)
    return tuple(Event(kind, chance.getrandbits(_BITS)) for kind in kinds)
