"""What a worker says about itself, often enough for a status line."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """One task: how far it is and what it keeps."""

    partition: int
    running: bool
    """False while it is being restored."""
    positions: dict[str, int]
    lag: int
    """Offsets that are appended and not processed yet, over all inputs, as of the last fetch."""
    entries: dict[str, int]
    """Entries per store."""


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker process at one moment."""

    slot: int
    process: int
    at_ms: int
    last_commit_ms: int | None
    transactions: int
    records: int
    punctuations: int
    aborts: int
    epochs: int
    """Producer objects so far: one more for every transaction in which a call had to be repeated."""
    tables: dict[str, int]
    """The next offset of every table topic."""
    partitions: tuple[PartitionStatus, ...]


@dataclass(frozen=True, slots=True)
class WorkerFailure:
    """The last word of a worker that ends with an error; holds no value of a record."""

    slot: int
    message: str


class SlotState(StrEnum):
    """Where a slot of the supervisor stands."""

    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"
    """Ended and not started again yet."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class SlotStatus:
    """One slot: its process and what that said last."""

    slot: int
    state: SlotState
    restarts: int
    last_exit: int | None
    worker: WorkerStatus | None
    failure: str | None
    """Why its last process ended, when that could say so; None again once a new one works."""
