"""What happens to the cluster, to clocks and to time: moves, late requests and markers, ghosts, skews."""

from collections.abc import Mapping
from random import Random
from typing import Final

from . import gate_events
from .seen import EXECUTORS, WRITTEN
from .stage import Happening, Stage

WAITS_MS: Final = (1, 100, 500, 2_001, 5_000, 11_000, 31_000, 62_000)
SKEWS_MS: Final = (-1_900, -700, 0, 700, 1_900)
WILD_SKEWS_MS: Final = (-3_600_000, 3_600_000)


def rebalance(stage: Stage, _: Random) -> None:
    """Partitions move."""
    stage.cluster.assign(1)
    stage.faults += 1


def markers(stage: Stage, chance: Random) -> None:
    """The markers of the next end are late; or some of those that are late arrive."""
    if chance.random() < 0.6:  # noqa: PLR2004
        stage.cluster.markers_wait = True
    else:
        stage.cluster.deliver_markers(most=chance.randrange(1, 4))


def ghost(stage: Stage, chance: Random) -> None:
    """A record of an abandoned transaction becomes visible after all: what readers must bear.

    No grant: what people decided meanwhile could make it one that nobody gives any more, and no executor could tell. What
    excludes it is the producer: it flushes before the offsets, and a process that gives up ends without closing it.
    """
    abandoned = [
        record
        for record in stage.cluster.abandoned
        if record.position.topic in WRITTEN and not record.position.topic.startswith("execution.")
    ]
    if abandoned:
        record = chance.choice(abandoned)
        stage.ghost(record, record.position.partition)


def wait(stage: Stage, chance: Random) -> None:
    """Time passes; perhaps something is about to go wrong when what is due then is written."""
    stage.pass_time(chance.choice(WAITS_MS))
    if chance.random() < 0.25:  # noqa: PLR2004
        gate_events.refuse(stage, chance)


def skew(stage: Stage, chance: Random) -> None:
    """The clock of a worker or executor is wrong from now on."""
    skews = SKEWS_MS + (WILD_SKEWS_MS if stage.wild_clocks else ())
    skew = chance.choice(skews)
    if chance.random() < 0.7:  # noqa: PLR2004
        worker = chance.choice(stage.workers)
        # Brokers' clocks are as far apart as the gate bears, machines' as far as they like.
        worker.skew, worker.brokers_skew = skew, 0 if skew in WILD_SKEWS_MS else skew
    else:
        stage.executors[chance.choice(EXECUTORS)].clock.skew = skew


def lag(stage: Stage, chance: Random) -> None:
    """A worker hears late of changed tables."""
    chance.choice(stage.workers).tables_lag_ms = chance.choice((0, 500, 1_900))


EVENTS: Final[Mapping[str, Happening]] = {
    "rebalance": rebalance,
    "markers": markers,
    "ghost": ghost,
    "wait": wait,
    "skew": skew,
    "lag": lag,
}
