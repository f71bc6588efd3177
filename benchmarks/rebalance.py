"""A second worker joins and leaves under a steady load: the longest wait on partitions that move and on those that stay.

The wait of an action is from its due time to its outcome. A partition's pause is the longest wait of the actions that were
due from the join (or leave) until every partition ran again and a second more.
"""

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sluicegate.streams.bench import Load, Loaded, run_load
from sluicegate.streams.kafka.embedded import temporary_broker
from sluicegate.streams.local.gate_process import GateProcess
from sluicegate.streams.runtime.process import work
from sluicegate.streams.runtime.status import WorkerStatus

from .measuring import Effort, Measure
from .throughput import HEAP_MIB
from .world import GateWorld

PARTITIONS: Final = 6
RATE: Final = 300
ROUNDS: Final = 3
CALM_S: Final = 2.0
AFTER_S: Final = 1.0
TURN_S: Final = 12.0
"""About what a join and a leave take together, with what is calm around them."""
LIMIT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Event:
    """A worker joined or left between two moments of the monotonic clock; `moved` are its partitions."""

    what: str
    began_s: float
    ended_s: float
    moved: frozenset[int]


def measure(effort: Effort) -> Iterator[Measure]:
    """Every row, as it is ready."""
    rounds = max(1, round(ROUNDS * min(effort.scale, 1.0)))
    load = Load(RATE, CALM_S + rounds * TURN_S)
    with (
        temporary_broker(heap_mib=HEAP_MIB) as broker,
        GateWorld(broker, PARTITIONS) as world,
        world.gate() as gate,
    ):
        loaded: list[Loaded] = []
        events: list[Event] = []

        def put_load() -> None:
            connection = world.cluster.connection("agent-local")
            loaded.append(run_load(connection, world.settings.deployment, world.submitters, load))

        thread = threading.Thread(target=put_load)
        thread.start()
        time.sleep(CALM_S + 1)
        for _ in range(rounds):
            events += _join_and_leave(world, gate)
        thread.join()
        world.submitted += load.count
        world.check_all_granted()
    yield from _rows(load, loaded[0], events)


def _join_and_leave(world: GateWorld, gate: GateProcess) -> Iterator[Event]:
    with _second_worker(world) as (began_s, status, end):
        _await(lambda: _running(status()) and len(_running(status()) | _first(gate)) == PARTITIONS)
        moved = _running(status())
        yield Event("join", began_s, time.monotonic() + AFTER_S, moved)
        time.sleep(AFTER_S + CALM_S)
        left_s = time.monotonic()
        end()
        _await(lambda: len(_first(gate)) == PARTITIONS)
        yield Event("leave", left_s, time.monotonic() + AFTER_S, moved)
        time.sleep(AFTER_S + CALM_S)


@contextmanager
def _second_worker(
    world: GateWorld,
) -> Iterator[tuple[float, Callable[[], WorkerStatus | None], Callable[[], None]]]:
    """When it began, what it said last, and how to end it."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(world.spec, 1, theirs), daemon=True)
    last: list[WorkerStatus] = []

    def status() -> WorkerStatus | None:
        while ours.poll():
            said = ours.recv()
            if isinstance(said, WorkerStatus):
                last[:] = [said]
        return last[0] if last else None

    began_s = time.monotonic()
    process.start()
    theirs.close()
    try:
        yield began_s, status, process.terminate
        process.join(LIMIT_S)
    finally:
        process.kill()


def _first(gate: GateProcess) -> frozenset[int]:
    return _running(gate.status[0].worker)


def _running(status: WorkerStatus | None) -> frozenset[int]:
    return (
        frozenset(place.partition for place in status.partitions if place.running) if status else frozenset()
    )


def _await(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not is_so():
        if time.monotonic() > deadline:
            raise AssertionError("the partitions did not run again in time")
        time.sleep(0.02)


def _rows(load: Load, loaded: Loaded, events: list[Event]) -> Iterator[Measure]:
    for what in ("join", "leave"):
        for moved in (True, False):
            found = []
            for event in (each for each in events if each.what == what):
                partitions = event.moved if moved else frozenset(range(PARTITIONS)) - event.moved
                waits = _waits(load, loaded, event)
                found += [max(waits[number]) * 1_000 for number in partitions if waits[number]]
            which = "that moves" if moved else "that stays"
            name = f"a worker {what}s: longest wait on a partition {which}, {RATE}/s"
            yield Measure.values(name, "ms", found, what=what, moved=int(moved))


def _waits(load: Load, loaded: Loaded, event: Event) -> dict[int, list[float]]:
    waits: dict[int, list[float]] = {number: [] for number in range(PARTITIONS)}
    for number, wait_s in loaded.answered_s.items():
        if event.began_s <= loaded.began_s + load.due_s(number) <= event.ended_s:
            waits[number % PARTITIONS].append(wait_s)
    return waits
