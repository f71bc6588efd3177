"""Which partitions this worker owns, and the tasks on them: assigned, restored, running, revoked.

A partition runs when the group has given this worker all of its inputs and its stores are restored. Until then its inputs
are paused. Everything here happens inside `poll` or between transactions, so there is never anything to commit.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from sluicegate.processors.contract import Dated, Topology
from sluicegate.schemas.errors import TimedOutError
from sluicegate.streams.logs import get_logger

from .end_offsets import EndOffsets
from .open_transactions import OFFSETS, Held, OpenTransactions
from .records import RecordReader
from .restore import Restored, Restorer
from .spec import WorkerSpec
from .status import PartitionStatus
from .task import Task, stream_time
from .troubles import Troubles
from .watchdog import Watchdog

_SLICE_S: Final = 0.005
_SLICE_ALONE_S: Final = 0.05
_LOOKED_AT: Final = 8
"""Entries per store among which the longest-waiting is looked for: a value has to be decoded for it."""
_COMMITTED_CALL_S: Final = 5.0
_COMMITTED_FOR_S: Final = 45.0
"""So long the cluster may leave it open whether offsets are stable."""
_LATE_S: Final = 0.25
"""Between two questions whether an open transaction has ended that holds up offsets."""


def _now_ms() -> int:
    """The wall clock, for what is told about partitions; nothing is decided by it."""
    return time.time_ns() // 1_000_000


class Assignment:
    """The tasks of one worker. `consumer` is subscribed by `subscribe`, whose callbacks change what is here."""

    def __init__(
        self,
        spec: WorkerSpec,
        topology: Topology[Any],
        consumer: Consumer,
        ends: EndOffsets,
        watchdog: Watchdog,
        slot: int,
        troubles: Troubles,
    ) -> None:
        self.tasks: dict[int, Task[Any]] = {}
        """The partitions that run."""
        self._spec = spec
        self._topology = topology
        self._consumer = consumer
        self._watchdog = watchdog
        self._troubles = troubles
        self._log = get_logger("sluicegate.worker").bind(slot=slot)
        self._reader = RecordReader(spec.connection)
        self._restorer = Restorer(spec.connection, topology, ends, evidence=spec.evidence, source=spec.source)
        self._assigned: dict[int, dict[str, TopicPartition]] = {}
        self._resuming: list[Restored] = []
        self._since_ms: dict[int, int] = {}
        self._behind_ms: dict[int, int] = {}
        self._held: set[int] = set()
        self._late: set[int] = set()
        """Partitions whose committed offsets somebody's open transaction holds up."""
        self._ends = ends
        self._open = OpenTransactions(self._log)
        self._ask_again_s = 0.0

    @property
    def busy(self) -> bool:
        """Whether a partition is on its way to run."""
        return self._restorer.busy or bool(self._resuming)

    def subscribe(self) -> None:
        """Join the group."""
        topics = [self._spec.connection.topic(topic) for topic in self._topology.sources]
        self._consumer.subscribe(
            topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
        )

    def note_positions(self, number: int) -> None:
        """Tell a task how far the consumer has come, over markers and aborted records."""
        task = self.tasks[number]
        # INVARIANT: after an assignment or a seek the client has no position until it has read on from there, so what is
        # passed has been handed to the task (a broker test would notice a client that keeps the old position).
        for found in self._consumer.position(list(self._assigned[number].values())):
            if found.offset >= 0:
                task.passed(self._reader.logical(found.topic), found.offset)

    def restore(self) -> None:
        """A slice of restoring, and let run what is restored."""
        if self._late:
            self._begin_late()
        if self._restorer.busy:
            self._resuming += self._restorer.work(_SLICE_S if self.tasks else _SLICE_ALONE_S)
        self._resuming = [ready for ready in self._resuming if not self._resume(ready)]
        self._open.look({**self._restorer.held(), **dict.fromkeys(self._late, Held(OFFSETS))}, _now_ms())

    def failed(self) -> dict[int, Exception]:
        """Partitions that could not be restored since the last call: the topology cannot read their state."""
        failed, self._restorer.failed = self._restorer.failed, {}
        return failed

    def runs_since_ms(self, number: int) -> int | None:
        """When a partition began to run; None while it does not."""
        return self._since_ms[number] if number in self.tasks else None

    def hold(self, number: int) -> None:
        """Read no more of a partition for now."""
        if number not in self._held:
            self._held.add(number)
            self._consumer.pause(list(self._assigned[number].values()))

    def proceed(self, number: int) -> None:
        """Read on where its task is."""
        if number in self._held:
            self._held.discard(number)
            partitions = list(self._named(number, dict(self.tasks[number].positions)))
            for partition in partitions:
                self._consumer.seek(partition)
            self._consumer.resume(partitions)

    def set_aside(self, number: int) -> None:
        """Stop working on a partition and keep it: nobody else can do better."""
        self.tasks.pop(number, None)
        self._held.discard(number)
        self._consumer.pause(list(self._assigned[number].values()))

    def try_again(self, number: int) -> None:
        """Work on a partition that was set aside, from what is in the log."""
        if self._is_whole(number):
            self._begin_restores([number])

    def rewind(self) -> None:
        """After an abort: read on from the committed offsets; a task that another has moved on is restored."""
        found = self._committed(self.tasks)
        for number, task in tuple(self.tasks.items()):
            committed = found.get(number, [])
            offsets = {self._reader.logical(each.topic): max(each.offset, 0) for each in committed}
            if offsets == task.positions:
                for partition in self._named(number, offsets):
                    self._consumer.seek(partition)
                self.proceed(number)
            else:
                del self.tasks[number]
                self._held.discard(number)
                self._consumer.pause(list(self._assigned[number].values()))
                if committed:
                    self._begin_restore(number, committed)

    def status(self, committed_ms: Mapping[int, int]) -> tuple[PartitionStatus, ...]:
        """Every partition that is assigned; `committed_ms` is when this worker last committed for each."""
        return tuple(
            self._partition_status(number, committed_ms.get(number))
            for number, found in sorted(self._assigned.items())
            if found
        )

    def close(self) -> None:
        """Close what belongs to it; the consumer is the worker's."""
        self._restorer.close()

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for each in partitions:
            self._assigned.setdefault(each.partition, {})[self._reader.logical(each.topic)] = each
        numbers = sorted({each.partition for each in partitions})
        # All inputs of these partitions, also those that stayed: their offsets may have moved meanwhile.
        committed = self._committed(numbers)
        offsets = {
            (each.topic, each.partition): each.offset for found in committed.values() for each in found
        }
        # The offsets are explicit, and nothing is fetched before the restore is done: those that are not known yet do
        # not matter, because every partition is sought before it runs.
        consumer.incremental_assign(
            [
                TopicPartition(
                    each.topic, each.partition, max(0, offsets.get((each.topic, each.partition), 0))
                )
                for each in partitions
            ]
        )
        consumer.pause(self._inputs(numbers))
        for number, found in committed.items():
            if self._is_whole(number):
                self._begin_restore(number, found)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        del consumer
        numbers = {each.partition for each in partitions}
        for each in partitions:
            self._assigned.get(each.partition, {}).pop(self._reader.logical(each.topic), None)
        self._resuming = [ready for ready in self._resuming if ready.partition not in numbers]
        for number in sorted(numbers):
            self._restorer.drop(number)
            self._held.discard(number)
            self._late.discard(number)
            self._troubles.forget(number)
            if self.tasks.pop(number, None) is not None:
                self._log.info("revoked", partition=number)

    def _is_whole(self, number: int) -> bool:
        """Whether the group has given this worker all inputs of a partition."""
        return len(self._assigned.get(number, {})) == len(self._topology.sources)

    def _begin_restores(self, numbers: Iterable[int]) -> None:
        for number, committed in self._committed(numbers).items():
            self._begin_restore(number, committed)

    def _begin_late(self) -> None:
        """Begin with the partitions whose offsets no open transaction holds up any more."""
        if time.monotonic() < self._ask_again_s:
            return
        self._watchdog.beat("ask whether offsets are stable")
        unstable = self._ends.unstable(self._inputs(self._late))
        self._ask_again_s = time.monotonic() + _LATE_S
        if unstable is not None and (ready := self._late - unstable):
            self._late -= ready
            self._begin_restores(filter(self._is_whole, sorted(ready)))

    def _inputs(self, numbers: Iterable[int]) -> list[TopicPartition]:
        return [each for number in numbers for each in self._assigned[number].values()]

    def _begin_restore(self, number: int, committed: Sequence[TopicPartition]) -> None:
        if self._troubles.rests(number):
            return
        offsets = {
            self._reader.logical(each.topic): each.offset if each.offset >= 0 else None for each in committed
        }
        stream_ms = max(stream_time(each.metadata) for each in committed)
        self._restorer.start(number, offsets, stream_ms)

    def _resume(self, ready: Restored) -> bool:
        """Let the partition run; False when the client is not ready to and it has to be tried again."""
        number = ready.partition
        partitions = list(self._named(number, ready.positions))
        try:
            for partition in partitions:
                self._consumer.seek(partition)
        except KafkaException as error:
            if error.args[0].code() != KafkaError._STATE:  # noqa: SLF001  # the client's public constant
                raise
            return False
        self._consumer.resume(partitions)
        self.tasks[number] = Task(
            self._topology, number, ready.stores, ready.positions, skew_ms=self._spec.skew_ms
        )
        self._since_ms[number] = _now_ms()
        self._behind_ms.pop(number, None)
        self._log.info("running", partition=number, entries=sum(ready.stores.sizes().values()))
        return True

    def _committed(self, numbers: Iterable[int]) -> dict[int, list[TopicPartition]]:
        """Stable committed offsets of these partitions.

        While somebody's transaction is open, the call waits and times out: partitions that are held up so become late,
        and are missing here.
        """
        asked = list(numbers)
        self._late.difference_update(asked)
        deadline = time.monotonic() + _COMMITTED_FOR_S
        while asked:
            self._watchdog.beat("ask for committed offsets")
            found, trouble = self._ask_committed(self._inputs(asked))
            if trouble is None:
                return {number: [each for each in found if each.partition == number] for number in asked}
            if unstable := self._ends.unstable(self._inputs(asked)):
                self._late |= unstable
                asked = [number for number in asked if number not in unstable]
                continue
            if time.monotonic() > deadline:
                raise TimedOutError(f"the committed offsets could not be learned: {trouble.name()}")
            self._log.warning("asking for committed offsets again", code=trouble.name())
            time.sleep(0.05)
        return {}

    def _ask_committed(self, asked: list[TopicPartition]) -> tuple[list[TopicPartition], KafkaError | None]:
        try:
            found = self._consumer.committed(asked, timeout=_COMMITTED_CALL_S)
        except KafkaException as error:
            return [], error.args[0]
        return found, next((each.error for each in found if each.error is not None), None)

    def _named(self, number: int, offsets: dict[str, int]) -> Iterator[TopicPartition]:
        for source, offset in offsets.items():
            yield TopicPartition(self._spec.connection.topic(source), number, offset)

    def _partition_status(self, number: int, committed_ms: int | None) -> PartitionStatus:
        task = self.tasks.get(number)
        if task is None:
            aside = self._troubles.of(number)
            return PartitionStatus(
                number,
                running=False,
                positions={},
                lags={},
                entries={},
                open_ms=self._open.since_ms(number),
                aside=aside,
            )
        positions = dict(task.positions)
        lags = {}
        for source, partition in zip(positions, self._named(number, positions), strict=True):
            _, end = self._consumer.get_watermark_offsets(partition, cached=True)
            lags[source] = max(0, end - partition.offset)
        return PartitionStatus(
            number,
            running=True,
            positions=positions,
            lags=lags,
            behind_ms=self._note_behind(number, committed_ms or 0, is_behind=any(lags.values())),
            entries=task.stores.sizes(),
            since_ms=self._since_ms[number],
            last_commit_ms=committed_ms,
            oldest_ms=self._oldest_ms(task),
            aside=self._troubles.of(number),
        )

    def _note_behind(self, number: int, committed_ms: int, *, is_behind: bool) -> int | None:
        if not is_behind:
            self._behind_ms.pop(number, None)
            return None
        return max(self._behind_ms.setdefault(number, _now_ms()), committed_ms)

    def _oldest_ms(self, task: Task[Any]) -> int | None:
        if not isinstance(self._topology, Dated):
            return None
        began = [
            began_ms
            for store in self._topology.stores
            if store.retention_ms is None
            for value in task.stores.put_first(store.name, _LOOKED_AT)
            if (began_ms := self._topology.began_ms(store.name, value)) is not None
        ]
        return min(began, default=None)
