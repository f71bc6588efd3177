"""How long broker and worker take to start: until a transaction was answered, until every partition runs."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sluicegate.streams.kafka.embedded import EmbeddedBroker, Lifetime, temporary_broker
from sluicegate.streams.state_folder import StateFolder

from . import restore
from .measuring import Effort, Measure
from .world import GateWorld

PARTITIONS: Final = 6
ROUNDS: Final = 3


def measure(effort: Effort) -> Iterator[Measure]:
    """Every row, as it is ready."""
    del effort
    first, again = zip(*(_broker() for _ in range(ROUNDS)), strict=True)
    yield Measure.values(
        "development broker, new folder, until a transaction was answered",
        "s",
        first,
        what="broker",
        kind="new",
    )
    yield Measure.values("development broker, started again", "s", again, what="broker", kind="again")
    with temporary_broker() as broker, GateWorld(broker, PARTITIONS) as world:
        with world.gate():
            pass
        yield from restore.rows(world, f"nothing to restore, {PARTITIONS} partitions", pending=0)


def _broker() -> tuple[float, float]:
    folder = Path(tempfile.mkdtemp(prefix="sluicegate-"))
    try:
        return _started(folder), _started(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _started(folder: Path) -> float:
    began_s = time.monotonic()
    broker = EmbeddedBroker.start(StateFolder(folder), lifetime=Lifetime.WITH_PARENT)
    seconds = time.monotonic() - began_s
    broker.stop()
    return seconds
