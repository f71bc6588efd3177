"""A backlog through everything, from the shortest loop to the whole gate: every step against the one below, on one broker.

Each number of partitions and workers has a broker of its own. The backlog is written while the workers stand still. CPU is that of the worker processes, all threads of the Kafka client
included; that of the broker stands beside it. Two workers, the broker and its two cores' other work share one machine, so
wall times with two workers say how far one machine goes, not how workers scale.
"""

from collections.abc import Iterator
from typing import Final

from sluicegate.streams.kafka.embedded import EmbeddedBroker, temporary_broker
from sluicegate.streams.local.gate_process import GateProcess
from sluicegate.streams.runtime.spec import WorkerSpec
from sluicegate.streams.testing import PassThrough
from sluicegate.streams.testing.cluster import Cluster

from . import bare
from .measuring import Effort, Measure
from .working import Work
from .world import QUIET, RULES, GateWorld, backlog_writer

ROUNDS: Final = 3
HEAP_MIB: Final = 1024
LAYOUTS: Final = ((6, 1), (1, 1), (24, 1), (6, 2), (24, 2))
"""Partitions and workers; the first with every step, the others with the main ones."""
ALL_RULES: Final = (10, 50, 200)
COPIED: Final = 40_000
ACTIONS: Final = 5_000


def measure(effort: Effort) -> Iterator[Measure]:
    """Every row, as it is ready."""
    for place, (partitions, workers) in enumerate(LAYOUTS):
        with temporary_broker(heap_mib=HEAP_MIB) as broker:
            yield from _layout(broker, effort, partitions, workers, whole=not place)


def _layout(
    broker: EmbeddedBroker, effort: Effort, partitions: int, workers: int, *, whole: bool
) -> Iterator[Measure]:
    copied = effort.of(COPIED)
    sizes = {"partitions": partitions, "workers": workers, "rounds": ROUNDS, "count": copied}
    base = bare.measure(broker, transactional=True, **sizes)
    if whole:
        plain = bare.measure(broker, transactional=False, **sizes)
        yield from plain
        yield from (row.against(below) for row, below in zip(base, plain, strict=True))
    else:
        yield from base
    passing = _passing(broker, partitions, workers, copied)
    yield from (row.against(below) for row, below in zip(passing, base, strict=True))
    gate: dict[int, tuple[Measure, ...]] = {}
    with GateWorld(broker, partitions) as world:
        with world.gate(workers) as process:
            for rules in ALL_RULES if whole else (RULES,):
                gate[rules] = _gate(world, process, effort, workers, rules)
                yield from (row.against(below) for row, below in zip(gate[rules], base, strict=True))
        if whole or workers > 1:
            world.set_rules(RULES)
            with world.gate(workers, world.unverified()) as process:
                rows = _gate(world, process, effort, workers, RULES, verified=False)
                yield from (row.against(below) for row, below in zip(rows, gate[RULES], strict=True))
        world.check_all_granted()


def _passing(broker: EmbeddedBroker, partitions: int, workers: int, count: int) -> tuple[Measure, ...]:
    cluster = Cluster.fresh(broker, partitions=partitions)
    connection = cluster.super_user().connection
    spec = WorkerSpec(PassThrough, cluster.connection("gate"), partitions, log_level=QUIET)
    process = GateProcess(spec, workers=workers)
    process.start()
    try:
        work = Work(process, partitions, broker.mark.pid)
        writer, topic = backlog_writer(connection), connection.topic("actions")
        for _ in range(ROUNDS + 1):
            with work.on(count):
                bare.write_evenly(writer, topic, partitions, count)
    finally:
        process.stop()
    name = f"runtime with pass-through, {partitions} partitions, {workers} workers"
    return work.measures(
        name, count, what="runtime with pass-through", partitions=partitions, workers=workers
    )


def _gate(
    world: GateWorld,
    process: GateProcess,
    effort: Effort,
    workers: int,
    rules: int,
    *,
    verified: bool = True,
) -> tuple[Measure, ...]:
    partitions = world.settings.partitions
    world.set_rules(rules)
    world.await_adoption()
    work = Work(process, partitions, world.broker.mark.pid)
    count = 0
    for _ in range(ROUNDS + 1):
        signed = world.signed(effort.of(ACTIONS))
        count = len(signed)
        with work.on(count):
            world.write(signed)
    how = f"{rules} rules" if verified else f"{rules} rules, no signature verified"
    name = f"gate, allowed actions, {how}, {partitions} partitions, {workers} workers"
    return work.measures(
        name,
        count,
        what="gate" if verified else "gate without verification",
        rules=rules,
        partitions=partitions,
        workers=workers,
    )
