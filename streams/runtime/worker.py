"""One worker process: a synchronous loop of gather, work, commit.

A turn:

1. refresh the global tables
2. gather: poll for one record, then drain what is there, at most as many as fit into one transaction
3. work: every task processes its records and what is due (pure)
4. commit everything in one transaction, at the earliest 3 ms after the last one
5. restore newly assigned partitions a little further (see `assignment`)

No transaction is ever open while the consumer is polled, so a rebalance, which happens inside `poll`, finds nothing to
commit: a revoked partition is dropped as it is.
"""

import os
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException, Message

from sluicegate.schemas.errors import InvariantError, TimedOutError
from sluicegate.schemas.keys import PrivateKey
from sluicegate.streams.kafka.outage import Outage
from sluicegate.streams.logs import get_logger

from .aside import Cause
from .assignment import Assignment
from .broker_time import BrokerTime
from .clock import BrokerClock
from .end_offsets import EndOffsets
from .marks import Marks, no_marks
from .pace import Pace
from .portions import Batch
from .producer import KafkaProducer
from .records import RecordReader
from .spec import WorkerSpec
from .status import WorkerStatus
from .tables import TableReader, check_topics
from .task import Task
from .transaction import Blamed, MustAbort, commit
from .troubles import Troubles, worded
from .watchdog import Watchdog

_IDLE_S: Final = 0.05
_STALE_S: Final = 0.005
_DOCUMENTS_S: Final = 0.001
_STATUS_EVERY_S: Final = 0.5
_DOCUMENTS_PATIENCE: Final = 20
"""Times the watchdog's limit: at a start all versions of all policies are loaded, and each may take seconds."""
_MOST_ABORTS: Final = 5
"""In a row, without a commit between them: then something stands in the way that trying again does not remove."""


class Worker:
    """The loop of one process. It asks `stop` before each turn; everything gathered is committed by then."""

    def __init__(
        self,
        spec: WorkerSpec,
        slot: int,
        watchdog: Watchdog,
        stop: Callable[[], bool],
        report: Callable[[WorkerStatus], None],
        marks: Marks | None = None,
    ) -> None:
        self._spec = spec
        self._slot = slot
        self._wall_ms = spec.clock
        self._clock = BrokerClock(time.monotonic, spec.clock)
        # INVARIANT: whatever is decided is decided by this; the wall clock is for what is told about this process.
        self._now_ms = self._clock.now_ms
        self._watchdog = watchdog
        self._report = report
        self._log = get_logger("sluicegate.worker").bind(slot=slot)
        self._topology = spec.topology()
        self._key = PrivateKey.from_text(spec.key) if spec.key else None
        self._stop = stop
        self._outage = Outage("where policies, identities and controls end")
        self._pace = Pace(spec.transaction_age_ms / 1000, spec.transaction_records)
        self._counts = {"transactions": 0, "records": 0, "punctuations": 0, "aborts": 0}
        self._aborts_in_a_row = 0
        self._more_is_due = False
        self._last_commit_ms: int | None = None
        self._committed_ms: dict[int, int] = {}
        self._reported_s = 0.0
        connection = spec.connection
        self._reader = RecordReader(connection)
        self._ends = EndOffsets(connection)
        self._time = (
            None
            if spec.time_topic is None
            else BrokerTime(connection, spec.time_topic, self._clock, bearable_ms=spec.skew_ms)
        )
        self._consumer = Consumer(connection.member_config())
        watchdog.beat("init transactions")
        self._producer = KafkaProducer(
            connection,
            slot,
            self._consumer.consumer_group_metadata,
            watchdog,
            call_s=spec.call_ms / 1000,
            retry_s=spec.retry_ms / 1000,
        )
        self._tables: TableReader[Any] = TableReader(
            connection,
            self._topology,
            self._ends,
            partitions=spec.partitions,
            fresh_ms=spec.tables_fresh_ms,
            limit_ms=spec.stale_tables_limit_ms,
            folding=lambda: watchdog.beat("take in documents", patience=_DOCUMENTS_PATIENCE),
        )
        self._troubles = Troubles(slot, marks or no_marks(slot, spec.partitions), spec.clock)
        self._portions = self._troubles.portions
        self._assignment = Assignment(
            spec, self._topology, self._consumer, self._ends, watchdog, slot, self._troubles
        )

    def run(self) -> None:
        """Work until `stop` says so, then leave the group."""
        self._start()
        while not self._stop():
            self._turn()
        self._watchdog.beat("leave the group")
        self._say_status()
        for closing in (self._consumer, self._tables, self._assignment):
            closing.close()
        self._log.info("drained", **self._counts)

    def _start(self) -> None:
        self._watchdog.beat("look at the topics")
        known = self._ends.partitions()
        check_topics(self._topology, known, self._spec.partitions)
        self._producer.know(known)
        if self._time is not None:
            self._time.wait(lambda: self._watchdog.beat("ask for the time"), self._spec.retry_ms / 1000)
        self._watchdog.beat("read the tables")
        self._tables.read_to_end(self._now_ms, lambda: self._watchdog.beat("read the tables"))
        self._assignment.subscribe()
        self._log.info("started", partitions=self._spec.partitions)

    def _turn(self) -> None:
        self._watchdog.beat("poll")
        if self._time is not None:
            self._time.turn()
        is_fresh = self._tables.refresh(self._now_ms())
        self._watchdog.beat("poll")
        # On stale tables nothing is decided: the records stay where they are until the tables are fresh again.
        messages = self._gather() if is_fresh else []
        if is_fresh:
            self._outage.answered()
            if messages and self._spec.documents_first:
                self._read_documents_up_to(self._now_ms())
            self._work(messages)
        else:
            self._outage.waits()
            time.sleep(_STALE_S)
        self._take_end_offsets()
        self._restore()
        if time.monotonic() - self._reported_s >= _STATUS_EVERY_S:
            self._say_status()

    def _restore(self) -> None:
        for partition in self._troubles.ripe(self._tables.current, self._assignment.runs_since_ms):
            self._assignment.try_again(partition)
        self._assignment.restore()
        for partition, error in self._assignment.failed().items():
            self._log.error("a partition cannot be restored", partition=partition, exc_info=error)
            self._troubles.blame(partition, Cause.RAISED, worded(error), None, {})

    def _read_documents_up_to(self, at_ms: int) -> None:
        """Return when the tables hold everything that was on their topics at this time."""
        while self._tables.known_ms < at_ms:
            self._watchdog.beat("read the documents")
            self._tables.ask(at_ms)
            self._take_end_offsets()
            self._tables.refresh(self._now_ms())
            time.sleep(_DOCUMENTS_S)

    def _gather(self) -> list[Message]:
        has_more = self._assignment.busy or self._more_is_due or self._portions.holding
        first = self._consumer.poll(0.0 if has_more else _IDLE_S)
        if first is None:
            return []
        # consume(n, t) would wait for n records; with 0 it drains.
        return [first, *self._consumer.consume(self._pace.records - 1, 0)]

    def _work(self, messages: Sequence[Message]) -> None:
        at_ms = self._now_ms()
        batches = self._reader.read(messages)
        began = time.monotonic()
        self._more_is_due = False
        for partition, task in tuple(self._assignment.tasks.items()):
            batch = self._portions.next(partition, self._topology.sources, batches.get(partition, {}))
            self._troubles.begin(task)
            try:
                self._work_on(partition, task, batch, at_ms)
            except MemoryError:
                raise  # the process has to end, and its mark says where it was
            except (KafkaException, TimedOutError):
                self._troubles.end()
                raise
            except Exception as error:  # noqa: BLE001  # whatever it is, the other partitions go on
                self._log.error("a partition fails", partition=partition, exc_info=error)
                self._stop_at(task, Cause.RAISED, worded(error), batch)
            self._troubles.end()
        self._pace.worked(len(messages), time.monotonic() - began)
        dirty = [task for task in self._assignment.tasks.values() if task.dirty]
        if dirty:
            self._commit_all(dirty, at_ms)

    def _work_on(self, partition: int, task: Task[Any], batch: Batch, at_ms: int) -> None:
        task.adopt(self._tables.current, at_ms)
        if batch:
            self._counts["records"] += task.process(batch, at_ms)
        if self._portions.holds(partition):
            self._assignment.hold(partition)
        else:
            self._assignment.note_positions(partition)
        if awaited := task.awaits_end(at_ms):
            self._ends.ask(((source, partition) for source in awaited), at_ms)
        fired = task.punctuate(at_ms, self._spec.transaction_records)
        self._counts["punctuations"] += fired
        self._more_is_due = self._more_is_due or fired == self._spec.transaction_records

    def _stop_at(self, task: Task[Any], cause: Cause, because: str, batch: Batch) -> None:
        """Give up this partition's part of the transaction: find the record that is to blame, or set it aside."""
        task.aborted()
        if self._troubles.blame(task.partition, cause, because, task, batch) is not None:
            self._assignment.set_aside(task.partition)
        else:
            self._portions.keep(task.partition, batch)
            self._assignment.hold(task.partition)

    def _commit_all(self, tasks: Sequence[Task[Any]], at_ms: int) -> None:
        """In one transaction, except for partitions that need care: each of those has its own."""
        careful = [task for task in tasks if self._portions.careful(task.partition)]
        together = [task for task in tasks if task not in careful] if careful else tasks
        for group in (together, *([task] for task in careful)):
            if group and not self._commit(group, at_ms):
                return

    def _commit(self, tasks: Sequence[Task[Any]], at_ms: int) -> bool:
        self._pace.wait_for_markers()
        self._watchdog.beat("commit")
        try:
            commit(self._producer, tasks, at_ms, key=self._key, fault=self._spec.fault)
        except MustAbort as reason:
            self._abort(reason, tasks)
            return False
        self._pace.committed()
        self._aborts_in_a_row = 0
        self._counts["transactions"] += 1
        self._last_commit_ms = self._wall_ms()
        self._committed_ms.update((task.partition, self._last_commit_ms) for task in tasks)
        for partition in self._troubles.got_on(tasks):
            self._assignment.proceed(partition)
        return True

    def _abort(self, reason: MustAbort, tasks: Sequence[Task[Any]]) -> None:
        self._counts["aborts"] += 1
        self._aborts_in_a_row += 1
        self._log.warning("aborting a transaction", because=str(reason), in_a_row=self._aborts_in_a_row)
        if not (isinstance(reason, Blamed) and reason.raised):
            self._producer.abort()
        for task in self._assignment.tasks.values():
            task.aborted()
            self._portions.drop(task.partition)
        if isinstance(reason, Blamed) and self._blame(reason, tasks):
            self._aborts_in_a_row = 0
        if self._aborts_in_a_row >= _MOST_ABORTS:
            at = {partition: dict(task.positions) for partition, task in self._assignment.tasks.items()}
            raise InvariantError(f"{_MOST_ABORTS} transactions in a row were aborted at {at}: {reason}")
        self._assignment.rewind()

    def _blame(self, reason: Blamed, tasks: Sequence[Task[Any]]) -> bool:
        """Set aside the partition to blame when it was alone with one record; otherwise find out which one is.

        False when none of these is the one that was named: nothing has changed then, and it is an abort like any other.
        """
        blamed = [task for task in tasks if reason.partition in (None, task.partition)]
        cause = Cause.RAISED if reason.raised else Cause.REFUSED
        for task in blamed:
            if self._portions.careful(task.partition):
                self._troubles.blame(task.partition, cause, str(reason), task, {})
                self._assignment.set_aside(task.partition)
            else:
                self._portions.divide(task.partition)
        return bool(blamed)

    def _take_end_offsets(self) -> None:
        for end in self._ends.answers():
            if self._tables.owns(end.topic):
                self._tables.end_offset(end.topic, end.offset, end.asked_ms)
            elif (task := self._assignment.tasks.get(end.partition)) is not None:
                task.end_offset(end.topic, end.offset, end.asked_ms)

    def _say_status(self) -> None:
        self._reported_s = time.monotonic()
        known_ms, offset_ms = self._tables.known_ms, self._clock.wall_offset_ms
        self._report(
            WorkerStatus(
                slot=self._slot,
                process=os.getpid(),
                at_ms=self._wall_ms(),
                last_commit_ms=self._last_commit_ms,
                epochs=self._producer.epochs,
                tables=dict(self._tables.positions),
                tables_ms=known_ms + (offset_ms or 0) if known_ms else 0,
                partitions=self._assignment.status(self._committed_ms),
                clock_offset_ms=offset_ms,
                **self._counts,
            )
        )
