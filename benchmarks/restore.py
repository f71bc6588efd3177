"""Restore of a worker: from its start until every partition runs, with a million pending actions, then with markers too."""

import time
from collections.abc import Iterator
from typing import Final

from confluent_kafka import Producer

from sluicegate.streams.kafka.embedded import temporary_broker
from sluicegate.streams.local.gate_process import GateProcess

from . import entries
from .machine import cpu_seconds, resident_mb
from .measuring import Effort, Measure
from .throughput import HEAP_MIB
from .world import GateWorld

PENDING: Final = 1_000_000
MARKERS: Final = 1_000_000
PARTITIONS: Final = 2
ROUNDS: Final = 3
LIMIT_S: Final = 120.0
_COMMIT_EVERY: Final = 20_000


def measure(effort: Effort) -> Iterator[Measure]:
    """Every row, as it is ready."""
    with temporary_broker(heap_mib=HEAP_MIB) as broker, GateWorld(broker, PARTITIONS) as world:
        with world.gate():
            pass  # its first transaction commits offsets: without them a worker refuses what stands in the changelogs
        pending, markers = effort.of(PENDING), effort.of(MARKERS)
        write(world, entries.granted(), pending)
        yield from rows(world, f"{pending:,} pending", pending=pending, markers=0)
        write(world, entries.marker(), markers)
        yield from rows(
            world, f"{pending:,} pending and {markers:,} markers", pending=pending, markers=markers
        )


def rows(world: GateWorld, what: str, **labels: int) -> Iterator[Measure]:
    """Time, CPU and memory of starting a worker on what the changelogs hold."""
    found = [start(world) for _ in range(ROUNDS)]
    for place, (name, unit) in enumerate(
        (("worker start with", "s"), ("CPU of a worker start with", "s"), ("memory of a worker with", "MB"))
    ):
        values = [each[place] for each in found]
        yield Measure.values(f"{name} {what}", unit, values, what=name, **labels)


def start(world: GateWorld) -> tuple[float, float, float]:
    """Seconds from starting the process until every partition runs, CPU seconds until then, megabytes."""
    process = GateProcess(world.spec, workers=1)
    began_ms = time.time_ns() / 1e6
    process.start()
    try:
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            (slot,) = process.status
            worker = slot.worker
            if worker is not None:
                since = [place.since_ms for place in worker.partitions if place.running and place.since_ms]
                if len(since) == world.settings.partitions:
                    seconds = (max(since) - began_ms) / 1_000
                    return seconds, cpu_seconds(worker.process), resident_mb(worker.process)
            time.sleep(0.01)
    finally:
        process.stop()
    raise AssertionError(f"the worker did not run within {LIMIT_S} s")


def write(world: GateWorld, kind: entries.Kind, count: int) -> None:
    """Put entries into the changelog of a store, evenly over the partitions, as the gate does: in transactions."""
    connection = world.cluster.connection("gate")
    config = {**connection.transactional_config("bench"), "linger.ms": 5}
    producer, topic = (
        Producer({**config, "queue.buffering.max.messages": 1_000_000}),
        connection.topic(kind.changelog),
    )
    producer.init_transactions(30)
    made = kind.entries(count)
    for first in range(0, count, _COMMIT_EVERY):
        producer.begin_transaction()
        for number, (key, value) in zip(range(first, min(first + _COMMIT_EVERY, count)), made, strict=False):
            producer.produce(topic, value, key, number % world.settings.partitions)
            producer.poll(0)
        producer.commit_transaction(30)
