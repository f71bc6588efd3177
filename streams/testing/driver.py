"""Drive a topology without Kafka: the real task and the real transaction steps over topics in memory.

    driver = TopologyDriver(topology, partitions=2)
    driver.produce("actions", b"agent-1", value, headers)
    driver.run()
    driver.advance(30_000)
    driver.run()
    driver.read("outcomes")

Time stands still unless the test moves it, and is both the wall clock and the broker's log-append clock.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Generic, TypeVar

from sluicegate.processors.contract import Position, Record, Topology
from sluicegate.schemas.envelope import Headers
from sluicegate.schemas.ids import partition_of
from sluicegate.schemas.keys import PrivateKey
from sluicegate.streams.runtime.first_start import check_first_start, joined_sources
from sluicegate.streams.runtime.global_tables import GlobalTables
from sluicegate.streams.runtime.spec import EVIDENCE
from sluicegate.streams.runtime.stores import Stores
from sluicegate.streams.runtime.task import DEFAULT_SKEW_MS, Task, stream_time
from sluicegate.streams.runtime.transaction import CommitStep, commit

from .log import MemoryLog, MemoryProducer

Tables = TypeVar("Tables")

START_MS: Final = 1_750_000_000_000
"""Where a driver's clock begins."""


class Crashed(Exception):  # noqa: N818  # what a test asked for, no error
    """The process ended before this commit step; `TopologyDriver.restart` starts it again."""

    def __init__(self, step: CommitStep) -> None:
        super().__init__(f"crashed before step {step.value}, {step.name}")
        self.step = step


class TopologyDriver(Generic[Tables]):
    """One process with a task per partition. `batch` is the most records that one transaction takes of one input.

    Two drivers with one `log` are two processors of one deployment. `evidence` are the topics whose records prove that a
    partition has been worked on: one that another processor writes too would prove nothing.
    """

    def __init__(
        self,
        topology: Topology[Tables],
        *,
        partitions: int = 1,
        key: PrivateKey | None = None,
        skew_ms: int = DEFAULT_SKEW_MS,
        start_ms: int = START_MS,
        batch: int = 500,
        log: MemoryLog | None = None,
        evidence: Sequence[str] = EVIDENCE,
    ) -> None:
        self.topology = topology
        self.partitions = partitions
        self.now_ms = start_ms
        self.batch = batch
        self.missing_executors: set[str] = set()
        """Executors whose topic does not exist."""
        self.stalled: set[str] = set()
        """Inputs that tasks do not get to read for now: a gate that lags."""
        self.log = MemoryLog() if log is None else log
        self._evidence = tuple(topic for topic in evidence if topic in topology.output_topics)
        self._key = key
        self._skew_ms = skew_ms
        self._producer = MemoryProducer(self.log)
        self._crash: CommitStep | None = None
        self._dead = False
        self.tables: GlobalTables[Tables] = GlobalTables(topology)
        self.tasks: dict[int, Task[Tables]] = {}
        self.restart()

    def produce(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        *,
        partition: int | None = None,
        append_ms: int | None = None,
    ) -> Position:
        """Append one record as a client would; the partition follows from the key unless it is given."""
        return self._append(topic, key, value, headers, partition, append_ms, None)

    def produce_again(self, position: Position) -> Position:
        """Append a copy of a record: the same bytes a second time."""
        records, _ = self.log.read(position.topic, position.partition, position.offset, limit=1)
        record = records[0]
        return self.produce(
            position.topic, record.key, record.value, record.headers, partition=position.partition
        )

    @contextmanager
    def foreign_transaction(self, *, abort: bool = False) -> Iterator["ForeignTransaction"]:
        """Another client's transaction: its records become visible, or never, when the block ends."""
        transaction = self.log.begin()
        yield ForeignTransaction(self, transaction)
        (self.log.abort if abort else self.log.commit)(transaction)

    def advance(self, milliseconds: int) -> None:
        """Let time pass; punctuations fire in the next `run`."""
        self.now_ms += milliseconds

    def run(self) -> int:
        """Work until nothing is left to do; how many transactions that took. Raises `Crashed` when asked to crash."""
        if self._dead:
            raise RuntimeError("the process has crashed; call restart()")
        turns = 0
        while self._turn():
            turns += 1
        return turns

    def read(self, topic: str, partition: int | None = None) -> list[Record]:
        """Committed records of a topic, by partition and offset."""
        chosen = self.log.partitions(topic) if partition is None else [partition]
        return [record for number in chosen for record in self.log.read(topic, number)[0]]

    def visible(self) -> dict[str, list[tuple[int, bytes | None, bytes | None, Headers]]]:
        """What readers of committed records see of every topic, without offsets and times: to compare two runs."""
        return {
            topic: [
                (record.position.partition, record.key, record.value, record.headers)
                for record in self.read(topic)
            ]
            for topic in self.log.topics()
            if self.read(topic)
        }

    def state(self) -> dict[int, dict[str, dict[bytes, bytes]]]:
        """The committed entries of every store, per partition."""
        return {partition: task.stores.snapshot() for partition, task in self.tasks.items()}

    def crash_at(self, step: CommitStep | int) -> None:
        """End the process before this step of the next commit."""
        self._crash = CommitStep(step)

    def restart(self) -> None:
        """Start the process again: abort what it left open, read the tables, restore every task."""
        self._producer.init()
        self._dead = False
        self._crash = None
        self.tables = GlobalTables(self.topology)
        self._read_tables()
        for partition in range(self.partitions):
            self.rebalance(partition)

    def rebalance(self, partition: int) -> None:
        """Move a task: its new owner knows only what is in the log."""
        stores = Stores(self.topology)
        committed = {source: self.log.offsets.get((source, partition)) for source in self.topology.sources}
        read = sum(
            self._restore(stores, spec.name, spec.changelog, partition) for spec in self.topology.stores
        )
        evidence = any(self.log.read(topic, partition)[0] for topic in self._evidence)
        offsets = {source: found.offset if found else None for source, found in committed.items()}
        joined = joined_sources(self.topology)
        positions = check_first_start(partition, offsets, evidence=bool(read or evidence), joined=joined)
        stores.stream_ms = max(stream_time(found.metadata) if found else 0 for found in committed.values())
        stores.loaded()
        self.tasks[partition] = Task(self.topology, partition, stores, positions, skew_ms=self._skew_ms)

    def _restore(self, stores: Stores, store: str, changelog: str, partition: int) -> int:
        records, _ = self.log.read(changelog, partition)
        for record in records:
            stores.load(store, record.key or b"", record.value, record.append_ms)
        return len(records)

    def _append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
        partition: int | None,
        append_ms: int | None,
        transaction: Any,
    ) -> Position:
        if partition is None:
            partition = 0 if topic in self.topology.table_topics else self.partition_of(key)
        at_ms = self.now_ms if append_ms is None else append_ms
        return self.log.append(topic, partition, key, value, headers, at_ms, transaction)

    def partition_of(self, key: bytes | None) -> int:
        """Where a key's records go."""
        return partition_of((key or b"").decode("utf-8", "replace"), self.partitions)

    def _turn(self) -> bool:
        self._read_tables()
        self._producer.now_ms = self.now_ms
        for task in self.tasks.values():
            self._work(task)
        dirty = [task for task in self.tasks.values() if task.dirty]
        if dirty:
            commit(self._producer, dirty, self.now_ms, key=self._key, fault=self._fault)
        return bool(dirty)

    def _read_tables(self) -> None:
        read = {
            topic: self.log.read(topic, 0, self.tables.positions[topic])
            for topic in self.topology.table_topics
        }
        records: Mapping[str, list[Record]] = {topic: found for topic, (found, _) in read.items()}
        self.tables.take(records, {topic: position for topic, (_, position) in read.items()})
        self.tables.reach(lambda wanted: wanted - self.missing_executors)

    def _work(self, task: Task[Tables]) -> None:
        task.adopt(self.tables.current, self.now_ms)
        read = {
            source: self.log.read(source, task.partition, position, self.batch)
            for source, position in task.positions.items()
            if source not in self.stalled
        }
        task.process({source: records for source, (records, _) in read.items()}, self.now_ms)
        for source, (_, position) in read.items():
            task.passed(source, position)
        for source in task.awaits_end(self.now_ms):
            task.end_offset(source, self.log.high_watermark(source, task.partition), self.now_ms)
        task.punctuate(self.now_ms)

    def _fault(self, step: CommitStep) -> None:
        if step == self._crash:
            self._dead = True
            raise Crashed(step)


class ForeignTransaction:
    """What a test writes within another client's transaction."""

    def __init__(self, driver: TopologyDriver[Any], transaction: Any) -> None:
        self._driver = driver
        self._transaction = transaction

    def produce(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        *,
        partition: int | None = None,
    ) -> Position:
        """Append one record to the transaction."""
        return self._driver._append(topic, key, value, headers, partition, None, self._transaction)  # noqa: SLF001
