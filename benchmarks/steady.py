"""Memory of one worker under a steady load: it may grow by what it keeps, and by nothing else.

Grants that nobody uses lapse after five seconds, so the number of pending actions soon stays the same, and each action
leaves a closed marker for the window. What the worker grows by per marker is to be that of the section `state`.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sluicegate.streams.bench import Load, run_load
from sluicegate.streams.kafka.embedded import temporary_broker
from sluicegate.streams.local.gate_process import GateProcess

from .machine import resident_mb
from .measuring import Effort, Measure
from .state import PER
from .throughput import HEAP_MIB
from .world import GateWorld

PARTITIONS: Final = 2
RATE: Final = 400
GRANT_LIFE_MS: Final = 5_000
WARM: Final = 0.4
"""The share of the time after which allocator and stores are taken to have settled."""
SAMPLE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Sample:
    """A worker at one moment."""

    mb: float
    pending: int
    closed: int


def measure(effort: Effort) -> Iterator[Measure]:
    """Every row, as it is ready."""
    with (
        temporary_broker(heap_mib=HEAP_MIB) as broker,
        GateWorld(broker, PARTITIONS, grant_life_ms=GRANT_LIFE_MS) as world,
        world.gate() as gate,
    ):
        samples: list[Sample] = []
        ended = threading.Event()
        sampler = threading.Thread(target=_sample, args=(gate, samples, ended))
        sampler.start()
        try:
            connection = world.cluster.connection("agent-local")
            run_load(connection, world.settings.deployment, world.submitters, Load(RATE, effort.minutes * 60))
        finally:
            ended.set()
            sampler.join()
    yield from _rows(samples[int(len(samples) * WARM) :], effort.minutes)


def _sample(gate: GateProcess, samples: list[Sample], ended: threading.Event) -> None:
    while not ended.wait(SAMPLE_S):
        worker = gate.status[0].worker
        if worker is not None:
            kept = [place.entries for place in worker.partitions]
            pending, closed = (sum(each.get(name, 0) for each in kept) for name in ("pending", "closed"))
            samples.append(Sample(resident_mb(worker.process), pending, closed))


def _rows(samples: list[Sample], minutes: float) -> Iterator[Measure]:
    first, last = samples[0], samples[-1]
    markers, grown = last.closed - first.closed, last.mb - first.mb
    when = f"{RATE}/s, last {minutes * (1 - WARM):.1f} of {minutes:g} minutes"
    labels: dict[str, str | int] = {"what": "steady", "rate": RATE}
    yield Measure.values(f"memory of the worker, {when}", "MB", [each.mb for each in samples], **labels)
    yield Measure.values(f"pending actions, {when}", "", [each.pending for each in samples], **labels)
    yield Measure.values(f"closed markers, {when}", "", [each.closed for each in samples], **labels)
    if markers > 0:
        name = f"growth of the worker per {PER:,} closed markers, {when}"
        yield Measure.values(name, "MB", [grown * PER / markers], **labels, kind="growth")
