"""Follow `exports.masked` for the agents of one principal, from the first result that somebody waits for.

Agents whose actions return nothing never open it. Reading starts ten seconds before the action was first told of: its result
cannot be older, and what arrives for actions sent by this client is kept until it is read. What was dropped, or belongs to an
action of another process, is read back.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from sluicegate.processors.contract import Record
from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.errors import AccessError, RecordError
from sluicegate.schemas.export import MaskedBatch, WithheldBatch
from sluicegate.schemas.ids import partition_of
from sluicegate.schemas.outcome import Outcome
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.logs import get_logger

from .follower import Follower
from .outcome_feed import OutcomeFeed
from .outcome_history import OutcomeHistory
from .reading import read_record
from .results_chain import Arrived, Result, assemble
from .results_shelf import Key, Shelf
from .topic_reader import From, Start, TopicReader

TOPIC: Final = "exports.masked"
EARLIER_MS: Final = 10_000
"""How far apart the clocks of brokers may be: outcomes and results can stand on different ones."""
_log = get_logger("sluicegate.client")


class ResultFeed:
    """One reader thread, started when it is first needed."""

    def __init__(self, connection: Connection, outcomes: OutcomeFeed, lane: str | None = None) -> None:
        """Follow the partition of one lane, or with None all of them. `outcomes` knows who waits for what."""
        self._connection = connection
        self._outcomes = outcomes
        self._lane = lane
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self._shelf = Shelf()
        self._follower: Follower | None = None
        self._from_ms = 0
        self._closed = False

    def fetch(self, history: OutcomeHistory, outcome: Outcome) -> Result | None:
        """The result that an outcome names, None while it is on its way; InvariantError when it is not that result.

        May block to read back. What is returned is let go of here.
        """
        key = history.agent, history.action_id
        follower = self._start(history)
        follower.check()
        if not self._has_seen_all(history, key):
            self._read_back(key, outcome.lane, _start_of(history), follower)
        with self._lock:
            arrived = self._shelf.batches(key)
        result = assemble(outcome, arrived)
        # While people decide, the rest of it is kept: what they release takes one notice's place.
        if result is not None and not result.release:
            with self._lock:
                self._shelf.forget(key)
        return result

    @contextmanager
    def awaiting(self, history: OutcomeHistory) -> Iterator[None]:
        """Keep what arrives for an action, whatever else arrives, and wake whoever waits for it."""
        key = history.agent, history.action_id
        with self._lock:
            self._shelf.pin(key)
        try:
            yield
        finally:
            with self._lock:
                self._shelf.unpin(key)

    def close(self) -> None:
        """End the reader thread; safe to call twice."""
        with self._starting:
            self._closed = True
            if self._follower is not None:
                self._follower.close()

    def _start(self, history: OutcomeHistory) -> Follower:
        with self._starting:
            if self._closed:
                raise AccessError("the client is closed; open a new one to read results")
            if self._follower is None:
                start = _start_of(history)
                now_ms = time.time_ns() // 1_000_000
                self._from_ms = start if isinstance(start, int) else now_ms + EARLIER_MS
                reader = TopicReader(
                    self._connection,
                    TOPIC,
                    start if isinstance(start, int) else From.END,
                    partitions=self._partitions(),
                )
                self._follower = Follower(reader, self._take, self._outcomes.wake_all)
            return self._follower

    def _has_seen_all(self, history: OutcomeHistory, key: Key) -> bool:
        """Whether the thread has kept, or will meet, everything about an action."""
        start = _start_of(history)
        with self._lock:
            if self._shelf.is_gone(key) or self._shelf.is_whole(key):
                return self._shelf.is_whole(key)
        is_late = not isinstance(start, int) or start < self._from_ms
        return history.is_own and (history.has_results or not is_late)

    def _read_back(self, key: Key, lane: str, start: Start, follower: Follower) -> None:
        """Read what stands there; where that is everything, for all actions of this client that have ended by now."""
        partition = partition_of(lane, follower.partitions)
        ended = self._outcomes.own() if start is From.BEGINNING else ()
        with TopicReader(self._connection, TOPIC, start, partitions=[partition]) as reader:
            for record in reader.to_end():
                if self._outcomes.concerns(record.key):
                    self._keep(record, {key})
        with self._lock:
            self._shelf.read_back(key)
        for history in ended:
            latest = history.latest(None)
            if latest is not None and partition_of(latest.lane, follower.partitions) == partition:
                history.has_results = True

    def _partitions(self) -> Sequence[int] | None:
        if self._lane is None:
            return None
        with TopicReader(self._connection, TOPIC, From.END, partitions=()) as reader:
            return [partition_of(self._lane, reader.partitions)]

    def _take(self, records: Sequence[Record]) -> None:
        for record in records:
            # Neighbours on the partition are not even decoded.
            if self._outcomes.concerns(record.key):
                key = self._keep(record)
                if key is not None:
                    self._outcomes.wake(*key)

    def _keep(self, record: Record, wanted: frozenset[Key] | set[Key] = frozenset()) -> Key | None:
        batch = _batch(record)
        if batch is None or batch.agent is None or batch.action_id is None:
            return None
        key, value = (batch.agent, batch.action_id), record.value or b""
        with self._lock:
            if key in wanted or self._shelf.is_pinned(key) or self._outcomes.is_own(*key):
                self._shelf.put(key, sha256(value), batch, len(value))
                return key
        return None


def _start_of(history: OutcomeHistory) -> Start:
    """Where the first batch can stand at the earliest; the beginning when this history tells only of the end."""
    return From.BEGINNING if history.open_ms is None else max(0, history.open_ms - EARLIER_MS)


def _batch(record: Record) -> Arrived | None:
    try:
        found = read_record(record, MaskedBatch, WithheldBatch)
    except RecordError as error:
        _log.error("a masked batch cannot be read", position=str(record.position), why=type(error).__name__)
        return None
    assert isinstance(found, Arrived)  # noqa: S101  # read_record was told these models
    return found
