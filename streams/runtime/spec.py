"""What a worker is told: everything, and in a form that can be sent to another process."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from sluicegate.processors.contract import Topology
from sluicegate.streams.kafka.connection import Connection

from .task import DEFAULT_SKEW_MS
from .transaction import FaultHook, no_fault

EVIDENCE: Final = ("audit",)


def wall_clock_ms() -> int:
    """The wall clock of this machine."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """One deployment's workers. All times are milliseconds."""

    topology: Callable[[], Topology[Any]]
    """Makes the topology in the worker's process: a function of a module, or a `functools.partial` of one."""
    connection: Connection
    partitions: int
    """Of every co-partitioned topic."""
    key: str | None = field(default=None, repr=False)
    """The seed of the gate's signing key, base64url; None when no output is `signed`."""
    skew_ms: int = DEFAULT_SKEW_MS
    transaction_age_ms: int = 20
    transaction_records: int = 500
    tables_fresh_ms: int = 2_000
    stale_tables_limit_ms: int = 30_000
    documents_first: bool = False
    """Whether records wait, once gathered, for every document that was published before: one question more per transaction,
    and no record of somebody just enrolled is taken for a stranger's."""
    call_ms: int = 10_000
    """The time limit of one call about a transaction."""
    retry_ms: int = 45_000
    """How long a retriable call is repeated: longer than the longest pause of a broker that we expect."""
    watchdog_ms: int = 30_000
    """A worker whose call has not returned for this long is ended; longer than `call_ms`."""
    evidence: tuple[str, ...] = EVIDENCE
    """Output topics whose committed records prove that a partition has been worked on."""
    source: str | None = None
    """`ce_source` of what these workers write; with it, what another processor wrote to such a topic proves nothing."""
    log_json: bool = False
    log_level: int = logging.INFO
    fault: FaultHook = no_fault
    """For fault tests, see `transaction`."""
    clock: Callable[[], int] = wall_clock_ms
    """The wall clock in milliseconds; fault tests pass one that is wrong."""
    time_topic: str | None = None
    """Where the brokers are asked for the time (`broker_time`); without one the wall clock is believed."""
