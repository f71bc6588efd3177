"""Memory of what a gate keeps: per 100,000 pending actions and per 100,000 closed markers, in a process of their own."""

import gc
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from sluicegate.processors.gate.topology import GateTopology
from sluicegate.processors.tables import Trust
from sluicegate.streams.runtime.stores import Stores
from sluicegate.streams.testing.gate_driver import DEPLOYMENT

from . import entries
from .machine import resident_mb
from .measuring import Effort, Measure

HELD: Final = 300_000
PER: Final = 100_000
ROUNDS: Final = 3
KINDS: Final[tuple[Callable[[], entries.Kind], ...]] = (entries.granted, entries.waiting, entries.marker)


def measure(effort: Effort) -> Iterator[Measure]:
    """Every row, as it is ready."""
    count = effort.of(HELD)
    for make in KINDS:
        found = [_in_a_process(make, count) for _ in range(ROUNDS)]
        kind, size = make(), len(make().value)
        name = f"memory per {PER:,} {kind.name}, values of {size:,} bytes"
        yield Measure.values(name, "MB", [mb * PER / count for mb in found], what="memory", kind=kind.name)


def _in_a_process(make: Callable[[], entries.Kind], count: int) -> float:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(grown_mb, make, count).result()


def grown_mb(make: Callable[[], entries.Kind], count: int) -> float:
    """How much this process grows by so many entries in a store, due index included."""
    kind = make()
    stores = Stores(GateTopology(Trust(DEPLOYMENT, {}), 1, "measured"))
    gc.collect()
    before = resident_mb()
    for key, value in kind.entries(count):
        stores.load(kind.store, key, value, 0)
    stores.loaded()
    gc.collect()
    return resident_mb() - before
