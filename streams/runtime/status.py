"""What a worker says about itself, often enough for a status line."""

from dataclasses import dataclass
from enum import StrEnum

from .aside import Aside


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """One task: how far it is and what it keeps."""

    partition: int
    running: bool
    """False while it is being restored."""
    positions: dict[str, int]
    lags: dict[str, int]
    """Offsets per input that are appended and not processed yet, as of the last fetch."""
    entries: dict[str, int]
    """Entries per store."""
    since_ms: int | None = None
    """The wall clock when it began to run on this worker."""
    last_commit_ms: int | None = None
    """Of its last transaction on this worker."""
    behind_ms: int | None = None
    """Since when it has been behind without a commit; None when it is not behind."""
    oldest_ms: int | None = None
    """When the longest-waiting of the entries that were put first began, by log-append time; after a restore that order
    is the order of their last changes."""

    open_ms: int | None = None
    """Since when it waits for a transaction that somebody has left open; None when it does not."""
    aside: Aside | None = None
    """What stands in its way; None when nothing is known to."""

    @property
    def lag(self) -> int:
        """Over all inputs."""
        return sum(self.lags.values())


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
    tables_ms: int
    """The wall clock of the newest moment for which all tables are known to be complete; 0 for none yet."""
    partitions: tuple[PartitionStatus, ...]
    clock_offset_ms: int | None = None
    """How much its wall clock is ahead of the brokers', negative for behind; None when their time is not known."""


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
    DRAINING = "draining"
    """Asked to finish its transaction and end, to be started again at once (a rolling restart)."""
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
    ended_ms: int | None = None
    """The wall clock when a process of this slot last ended by itself."""
