"""What the steps of an executor's turn share: its tables, grants and producer, and the bookkeeping of its transactions."""

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sluicegate.processors.directory import SignerKind
from sluicegate.processors.release import Post
from sluicegate.processors.tables import Tables
from sluicegate.schemas.action import Action
from sluicegate.schemas.errors import InvariantError
from sluicegate.schemas.grant import Grant
from sluicegate.schemas.ids import partition_of
from sluicegate.streams.runtime.pace import MARKERS_S
from sluicegate.streams.runtime.transaction import MustAbort
from sluicegate.streams.runtime.watchdog import Watchdog

from .claim_producer import ClaimProducer
from .execution_records import OwnRecord, Scribe
from .executor_steps import FaultHook
from .grant_reader import GrantReader
from .own_tables import OwnTables
from .receipts_back import RECEIPTS

Handler = Callable[[Action, Grant], Any]
"""Does what the action says and returns its result, or raises. `grant.grant_id` is the idempotency key for the outside world.

A result is None, JSON, or an iterator of JSON records; it goes to `exports.raw`, and comes back to the agent masked.
"""
_MOST_ABORTS: Final = 5
_AWAY_S: Final = 5.0
"""A transaction that is refused is aborted at once; one that takes so long met a broker that does not answer."""


class ActingWatchdog(Watchdog):
    """Looks away while a handler works: how long that may take is for its lease to say."""

    minds_deafness = False  # a handler may be code that lets nothing else run for minutes

    def rest(self, doing: str) -> None:
        """The executor is busy with something that is no Kafka call."""
        self._doing = (doing, math.inf, 1)


class Clock:
    """An executor's time; a simulation gives it another one."""

    def wall_ms(self) -> int:
        """The wall clock of this machine."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """For how long something takes."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclass(slots=True)
class Workplace:
    """One executor at work, in one thread."""

    scribe: Scribe
    handlers: Mapping[str, Handler]
    post: Post
    tables: OwnTables
    grants: GrantReader
    producer: ClaimProducer
    watchdog: ActingWatchdog
    fault: FaultHook
    counts: Counter[str]
    log: Any
    clock: Clock = field(default_factory=Clock)
    _aborts_in_a_row: int = field(default=0, init=False)
    _began_s: float = field(default=0.0, init=False)
    _committed_s: float = field(default=0.0, init=False)

    def is_enrolled(self, tables: Tables) -> bool:
        """Whether operators have enrolled the key that this executor signs with."""
        signer = tables.directory.signer(self.scribe.key.key_id)
        return signer is not None and (signer.kind, signer.id) == (SignerKind.EXECUTOR, self.scribe.executor)

    def partition(self, lane: str) -> int:
        """Where the records of a lane belong."""
        return partition_of(lane, self.post.partitions)

    def begin(self) -> None:
        """Start a transaction, once the markers of the last one have had their time."""
        left_s = self._committed_s + MARKERS_S - self.clock.monotonic_s()
        if left_s > 0:
            self.clock.sleep(left_s)
        self.watchdog.beat("begin")
        self._began_s = self.clock.monotonic_s()
        self.producer.begin()

    def send(self, own: OwnRecord) -> None:
        """Add a claim or receipt to the transaction."""
        partition = self.partition(own.model.lane)
        self.producer.produce(RECEIPTS, partition, own.key, own.value, own.headers)

    def ended_well(self) -> None:
        """The transaction is committed."""
        self._committed_s = self.clock.monotonic_s()
        self.counts["transactions"] += 1
        self._aborts_in_a_row = 0

    def abort(self, reason: MustAbort) -> None:
        """End the transaction as if it had never been; InvariantError when it is refused again and again."""
        self.log.warning("aborting a transaction", because=str(reason))
        self.producer.abort()
        self.counts["aborts"] += 1
        if self.clock.monotonic_s() - self._began_s >= _AWAY_S:
            return  # the broker was away: it is waited for, and nothing stands in the way
        self._aborts_in_a_row += 1
        if self._aborts_in_a_row >= _MOST_ABORTS:
            raise InvariantError(f"{_MOST_ABORTS} transactions in a row had to be aborted: {reason}")
