"""One worker process: a synchronous loop of gather, work, commit.

A turn:

1. refresh the global tables
2. gather: poll for one record, then drain what is there, at most as many as fit into one transaction
3. work: every task processes its records and what is due (pure)
4. commit everything in one transaction, at the earliest 3 ms after the last one
5. restore newly assigned partitions a little further

No transaction is ever open while the consumer is polled, so a rebalance, which happens inside `poll`, finds nothing to
commit: a revoked partition is dropped as it is. Its uncommitted records are not processed yet.
"""

import os
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from sluicegate.processors.contract import Record
from sluicegate.schemas.errors import InvariantError, TimedOutError
from sluicegate.schemas.keys import PrivateKey

from .end_offsets import EndOffsets
from .pace import Pace
from .producer import KafkaProducer
from .records import RecordReader
from .restore import Restored, Restorer
from .spec import WorkerSpec
from .status import PartitionStatus, WorkerStatus
from .tables import TableReader, check_topics
from .task import Task, stream_time
from .transaction import MustAbort, commit
from .watchdog import Watchdog

_IDLE_S: Final = 0.05
_RESTORE_SLICE_S: Final = 0.005
_RESTORE_ALONE_S: Final = 0.05
_STATUS_EVERY_S: Final = 0.5
_COMMITTED_CALL_S: Final = 5.0
_COMMITTED_FOR_S: Final = 45.0
"""Longer than a dead worker's transaction can keep offsets from being stable."""
_MOST_ABORTS: Final = 5
"""In a row, without a commit between them: then something stands in the way that trying again does not remove."""


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


class Worker:
    """The loop of one process. It asks `stop` before each turn; everything gathered is committed by then."""

    def __init__(
        self,
        spec: WorkerSpec,
        slot: int,
        watchdog: Watchdog,
        stop: Callable[[], bool],
        report: Callable[[WorkerStatus], None],
    ) -> None:
        self._spec = spec
        self._slot = slot
        self._watchdog = watchdog
        self._report = report
        self._log = structlog.get_logger("sluicegate.worker").bind(slot=slot)
        self._topology = spec.topology()
        self._key = PrivateKey.from_text(spec.key) if spec.key else None
        self._stop = stop
        self._tasks: dict[int, Task[Any]] = {}
        self._assigned: dict[int, dict[str, TopicPartition]] = {}
        self._resuming: list[Restored] = []
        self._pace = Pace(spec.transaction_age_ms / 1000, spec.transaction_records)
        self._counts = {"transactions": 0, "records": 0, "punctuations": 0, "aborts": 0}
        self._aborts_in_a_row = 0
        self._last_commit_ms: int | None = None
        self._reported_s = 0.0
        connection = spec.connection
        self._reader = RecordReader(connection)
        self._ends = EndOffsets(connection)
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
        )
        self._restorer = Restorer(connection, self._topology, self._ends, evidence=spec.evidence)

    def run(self) -> None:
        """Work until `stop` says so, then leave the group."""
        self._start()
        while not self._stop():
            self._turn()
        self._watchdog.beat("leave the group")
        self._say_status()
        for closing in (self._consumer, self._tables, self._restorer):
            closing.close()
        self._log.info("drained", **self._counts)

    def _start(self) -> None:
        self._watchdog.beat("look at the topics")
        known = self._ends.partitions()
        check_topics(self._topology, known, self._spec.partitions)
        self._producer.know(known)
        self._watchdog.beat("read the tables")
        self._tables.read_to_end(now_ms, lambda: self._watchdog.beat("read the tables"))
        topics = [self._spec.connection.topic(topic) for topic in self._topology.sources]
        self._consumer.subscribe(
            topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
        )
        self._log.info("started", sources=len(topics), partitions=self._spec.partitions)

    def _turn(self) -> None:
        self._watchdog.beat("poll")
        is_fresh = self._tables.refresh(now_ms())
        # On stale tables nothing is decided: the records stay where they are until the tables are fresh again.
        messages = self._gather() if is_fresh else []
        if is_fresh:
            self._work(messages)
        else:
            time.sleep(_RESTORE_SLICE_S)
        self._take_end_offsets()
        self._restore()
        if time.monotonic() - self._reported_s >= _STATUS_EVERY_S:
            self._say_status()

    def _gather(self) -> list[Message]:
        wait_s = 0.0 if self._restorer.busy or self._resuming else _IDLE_S
        first = self._consumer.poll(wait_s)
        if first is None:
            return []
        # consume(n, t) would wait for n records; with 0 it drains.
        return [first, *self._consumer.consume(self._pace.records - 1, 0)]

    def _work(self, messages: Sequence[Message]) -> None:
        at_ms = now_ms()
        batches = self._reader.read(messages)
        began = time.monotonic()
        for partition, task in self._tasks.items():
            self._work_on(partition, task, batches.get(partition, {}), at_ms)
        self._pace.worked(len(messages), time.monotonic() - began)
        dirty = [task for task in self._tasks.values() if task.dirty]
        if dirty:
            self._commit(dirty, at_ms)

    def _work_on(self, partition: int, task: Task[Any], batch: dict[str, list[Record]], at_ms: int) -> None:
        task.adopt(self._tables.current, at_ms)
        if batch:
            self._counts["records"] += task.process(batch, at_ms)
        for found in self._consumer.position(list(self._assigned[partition].values())):
            if found.offset >= 0:
                task.passed(self._reader.logical(found.topic), found.offset)
        if awaited := task.awaits_end(at_ms):
            self._ends.ask(((source, partition) for source in awaited), at_ms)
        self._counts["punctuations"] += task.punctuate(at_ms, self._spec.transaction_records)

    def _commit(self, tasks: Sequence[Task[Any]], at_ms: int) -> None:
        self._pace.wait_for_markers()
        self._watchdog.beat("commit")
        try:
            commit(self._producer, tasks, at_ms, key=self._key, fault=self._spec.fault)
        except MustAbort as reason:
            self._abort(reason)
            return
        self._pace.committed()
        self._aborts_in_a_row = 0
        self._counts["transactions"] += 1
        self._last_commit_ms = now_ms()

    def _abort(self, reason: MustAbort) -> None:
        self._counts["aborts"] += 1
        self._aborts_in_a_row += 1
        self._log.warning("aborting a transaction", because=str(reason), in_a_row=self._aborts_in_a_row)
        self._producer.abort()
        for task in self._tasks.values():
            task.aborted()
        if self._aborts_in_a_row >= _MOST_ABORTS:
            at = {partition: dict(task.positions) for partition, task in self._tasks.items()}
            raise InvariantError(f"{_MOST_ABORTS} transactions in a row were aborted at {at}: {reason}")
        # The committed offsets may be another's by now: then the group takes the partition away at the next poll, and
        # offsets sent until then are refused again.
        for partition, task in self._tasks.items():
            for source, offset in task.positions.items():
                self._consumer.seek(self._named(source, partition, offset))

    def _take_end_offsets(self) -> None:
        for end in self._ends.answers():
            if self._tables.owns(end.topic):
                self._tables.end_offset(end.topic, end.offset, end.asked_ms)
            elif (task := self._tasks.get(end.partition)) is not None:
                task.end_offset(end.topic, end.offset, end.asked_ms)

    def _restore(self) -> None:
        if self._restorer.busy:
            self._resuming += self._restorer.work(_RESTORE_SLICE_S if self._tasks else _RESTORE_ALONE_S)
        self._resuming = [ready for ready in self._resuming if not self._resume(ready)]

    def _resume(self, ready: Restored) -> bool:
        """Let the partition run; False when the client is not ready to and it has to be tried again."""
        partitions = [self._named(source, ready.partition, at) for source, at in ready.positions.items()]
        try:
            for partition in partitions:
                self._consumer.seek(partition)
        except KafkaException as error:
            if error.args[0].code() != KafkaError._STATE:  # noqa: SLF001  # the client's public constant
                raise
            return False
        self._consumer.resume(partitions)
        self._tasks[ready.partition] = Task(
            self._topology, ready.partition, ready.stores, ready.positions, skew_ms=self._spec.skew_ms
        )
        self._log.info("running", partition=ready.partition, entries=sum(ready.stores.sizes().values()))
        return True

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for each in partitions:
            self._assigned.setdefault(each.partition, {})[self._reader.logical(each.topic)] = each
        numbers = sorted({each.partition for each in partitions})
        # All inputs of these partitions, also those that stayed: their offsets may have moved meanwhile.
        asked = [each for number in numbers for each in self._assigned[number].values()]
        committed = {(each.topic, each.partition): each for each in self._committed(consumer, asked)}
        # The offsets are explicit, and nothing is fetched before the restore is done.
        new = [committed[each.topic, each.partition] for each in partitions]
        consumer.incremental_assign(
            [TopicPartition(each.topic, each.partition, max(each.offset, 0)) for each in new]
        )
        consumer.pause(asked)
        for number in numbers:
            if len(self._assigned[number]) == len(self._topology.sources):
                self._begin_restore(number, [each for each in committed.values() if each.partition == number])

    def _begin_restore(self, number: int, committed: Sequence[TopicPartition]) -> None:
        offsets = {
            self._reader.logical(each.topic): each.offset if each.offset >= 0 else None for each in committed
        }
        stream_ms = max(stream_time(each.metadata) for each in committed)
        self._restorer.start(number, offsets, stream_ms)

    def _committed(self, consumer: Consumer, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Stable committed offsets: while a dead worker's transaction is open, the call waits and times out."""
        deadline = time.monotonic() + _COMMITTED_FOR_S
        while True:
            self._watchdog.beat("ask for committed offsets")
            try:
                found = consumer.committed(partitions, timeout=_COMMITTED_CALL_S)
            except KafkaException as error:
                trouble = error.args[0]
            else:
                trouble = next((each.error for each in found if each.error is not None), None)
                if trouble is None:
                    return found
            if time.monotonic() > deadline:
                raise TimedOutError(f"the committed offsets could not be learned: {trouble.name()}")
            self._log.warning("asking for committed offsets again", code=trouble.name())
            time.sleep(0.05)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        del consumer
        for each in partitions:
            self._assigned.get(each.partition, {}).pop(self._reader.logical(each.topic), None)
            self._restorer.drop(each.partition)
            if self._tasks.pop(each.partition, None) is not None:
                self._log.info("revoked", partition=each.partition)
        numbers = {each.partition for each in partitions}
        self._resuming = [ready for ready in self._resuming if ready.partition not in numbers]

    def _named(self, topic: str, partition: int, offset: int) -> TopicPartition:
        return TopicPartition(self._spec.connection.topic(topic), partition, offset)

    def _say_status(self) -> None:
        self._reported_s = time.monotonic()
        self._report(
            WorkerStatus(
                slot=self._slot,
                process=os.getpid(),
                at_ms=now_ms(),
                last_commit_ms=self._last_commit_ms,
                epochs=self._producer.epochs,
                tables=dict(self._tables.positions),
                partitions=tuple(
                    self._partition_status(number)
                    for number, found in sorted(self._assigned.items())
                    if found
                ),
                **self._counts,
            )
        )

    def _partition_status(self, number: int) -> PartitionStatus:
        task = self._tasks.get(number)
        positions = dict(task.positions) if task else {}
        lag = 0
        for source, position in positions.items():
            _, end = self._consumer.get_watermark_offsets(self._named(source, number, 0), cached=True)
            lag += max(0, end - position)
        return PartitionStatus(number, task is not None, positions, lag, task.stores.sizes() if task else {})
