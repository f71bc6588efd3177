"""A worker process of the gate in a simulation: the real task, transaction, producer and restorer, one turn at a time."""

from collections.abc import Callable
from functools import lru_cache
from random import Random
from typing import Any, Final

from sluicegate.processors.contract import Record
from sluicegate.processors.gate.topology import GateTopology
from sluicegate.processors.tables import Tables, apply_documents
from sluicegate.schemas.keys import PrivateKey
from sluicegate.streams.kafka.principals import Principal, Role
from sluicegate.streams.runtime import transaction
from sluicegate.streams.runtime.clock import BrokerClock
from sluicegate.streams.runtime.producer import UnclearError
from sluicegate.streams.runtime.restore import Restored
from sluicegate.streams.runtime.task import DEFAULT_SKEW_MS, Task, stream_time
from sluicegate.streams.runtime.transaction import CommitStep, MustAbort
from sluicegate.streams.runtime.watchdog import Watchdog
from sluicegate.streams.testing.driver import Crashed, TopologyDriver

from .client import Names, Network, NothingYet, SimulatedProducer, SimulatedRestorer
from .cluster import EvictedError, SimulatedCluster

_SLICE_S: Final = 3_600.0
"""A restore in a simulation is never interrupted by the clock of the machine it runs on."""
_PRINCIPAL: Final = Principal(Role.GATE)


class CachedGate(GateTopology):
    """The gate, folding the same documents once per process: every simulated worker reads the same ones."""

    def apply(self, tables: Tables, records: Any, positions: Any, reachable: frozenset[str]) -> Tables:
        """As the gate does."""
        return _folded(
            _ById(tables), tuple(records), tuple(sorted(positions.items())), reachable, _ById(self.trust)
        )


class _ById:
    """Tables are replaced, never changed: the same object says the same."""

    def __init__(self, held: Any) -> None:
        self.held = held

    def __hash__(self) -> int:
        return hash(_key(self.held))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ById) and _key(self.held) == _key(other.held)


def _key(held: Any) -> Any:
    """Tables that say nothing yet are alike, whoever made them; of trust the operators' key ids count."""
    if isinstance(held, Tables):
        return id(held) if held.positions else "nothing"
    return held.deployment, tuple(held.operators)


@lru_cache(maxsize=4_096)
def _folded(
    tables: _ById,
    records: tuple[Record, ...],
    positions: tuple[tuple[str, int], ...],
    reachable: frozenset[str],
    trust: _ById,
) -> Tables:
    return apply_documents(tables.held, records, dict(positions), reachable, trust.held)


class GateWorker(TopologyDriver[Tables]):
    """One slot. `log` is the cluster; what happens to the process is in `network`, `skew` and `at_step`.

    A turn is that of `runtime.worker`: tables, gather, work, commit, restore. The turn of a process that `at_step` or an
    unclear outcome ended raises `Crashed` or `UnclearError`; `restart` begins it anew under the same transactional id.
    """

    log: SimulatedCluster

    def __init__(
        self, topology: GateTopology, cluster: SimulatedCluster, slot: int, partitions: int, key: PrivateKey
    ) -> None:
        self.slot = slot
        self.network = Network()
        self.skew = 0
        """What its wall clock is ahead of the brokers', in milliseconds."""
        self.brokers_skew = 0
        """What the clock of the broker that it asks for the time is ahead of the others'."""
        self.tables_lag_ms = 0
        self.at_step: dict[CommitStep, Callable[[], None]] = {}
        """What happens once before a step of a commit."""
        self.names = Names(_PRINCIPAL, "gate")
        self.starts = 0
        self.aborts = 0
        self.commits = 0
        self.records = 0
        self.member = ""
        self._epoch: tuple[str, int] = ("", 0)
        self._restoring: set[int] = set()
        self._asked: dict[tuple[str, int], int] = {}
        super().__init__(topology, partitions=partitions, key=key, log=cluster, skew_ms=DEFAULT_SKEW_MS)

    def restart(self) -> None:
        """A new process in the same slot."""
        self.log.evict(self.member)
        self._clock = BrokerClock(lambda: self.log.now_ms / 1000, lambda: self.log.now_ms + self.skew)
        self.starts += 1
        self.member = f"gate-{self.slot}-{self.starts}"
        self.at_step = {}
        self.network = Network()
        self._forget()
        self._make_producer()
        self.tables = type(self.tables)(self.topology)
        self._read_tables()
        self.log.join(self.member)

    def turn(self, chance: Random) -> int:
        """One turn of the loop; how many tasks had something to commit."""
        self._ask_for_the_time()
        self.now_ms = self._clock.now_ms()
        self._heartbeat()
        self._read_tables()
        for task in self.tasks.values():
            self._work_some(task, chance)
        dirty = [task for task in self.tasks.values() if task.dirty]
        if dirty:
            self._commit(dirty)
        self._restore_some()
        return len(dirty)

    def _ask_for_the_time(self) -> None:
        here_s = self.log.now_ms / 1000
        self._clock.learned(self.log.now_ms + self.brokers_skew, here_s, here_s)

    def _make_producer(self) -> None:
        self._kafka = SimulatedProducer(
            self.log, self.names, self.slot, lambda: self._epoch, Watchdog(60.0), self.network
        )

    def _forget(self) -> None:
        self.tasks = {}
        self._restoring = set()
        self._asked = {}
        self._restorer = SimulatedRestorer(self.log, self.names, self.topology, self._evidence)

    def _heartbeat(self) -> None:
        try:
            self._epoch, held = self.log.heartbeat(self.member)
        except EvictedError:
            # Given up by the group: it joins again as somebody new, and holds nothing.
            self.starts += 1
            self.member = f"gate-{self.slot}-{self.starts}"
            self.log.join(self.member)
            self._forget()
            return
        for number in [number for number in self.tasks if number not in held]:
            del self.tasks[number]
        for number in self._restoring - held:
            self._restorer.drop(number)
            self._restoring.discard(number)
        for number in sorted(held - set(self.tasks) - self._restoring):
            self._begin_restore(number)

    def _begin_restore(self, partition: int) -> None:
        if not self.log.are_stable(self.topology.sources, partition):
            return  # `committed` waits while offsets are under way: the next turn asks again
        found = {source: self.log.offsets.get((source, partition)) for source in self.topology.sources}
        stream_ms = max(stream_time(each.metadata) if each else 0 for each in found.values())
        offsets = {source: each.offset if each else None for source, each in found.items()}
        self._restorer.start(partition, offsets, stream_ms)
        self._restoring.add(partition)

    def _restore_some(self) -> None:
        try:
            ready: list[Restored] = self._restorer.work(_SLICE_S) if self._restoring else []
        except NothingYet:
            return
        for each in ready:
            self._restoring.discard(each.partition)
            self.tasks[each.partition] = Task(
                self.topology, each.partition, each.stores, each.positions, skew_ms=self._skew_ms
            )

    def _read_tables(self) -> None:
        until_ms = self.log.now_ms - self.tables_lag_ms
        found, positions = {}, {}
        for topic in self.topology.table_topics:
            start = self.tables.positions[topic]
            records, position = self.log.read(topic, 0, start)
            late = [record for record in records if record.append_ms > until_ms]
            found[topic] = [record for record in records if record.append_ms <= until_ms]
            positions[topic] = late[0].position.offset if late else position
        self.tables.take(found, positions)
        self.tables.reach(lambda wanted: wanted)

    def _work_some(self, task: Task[Tables], chance: Random) -> None:
        """As `_work`, with any part of what is there of each input, and end offsets that are answered a turn later."""
        task.adopt(self.tables.current, self.now_ms)
        read = {}
        for source, position in task.positions.items():
            if source in self.stalled:
                continue
            limit = (0, 1, 1, 2, self.batch, self.batch)[int(chance.random() * 6)]
            read[source] = self.log.read(source, task.partition, position, limit) if limit else ([], position)
        self.records += task.process({source: records for source, (records, _) in read.items()}, self.now_ms)
        for source, (_, position) in read.items():
            task.passed(source, position)
        for source in self.topology.sources:
            asked_ms = self._asked.pop((source, task.partition), None)
            if asked_ms is not None:
                task.end_offset(source, self.log.high_watermark(source, task.partition), asked_ms)
        for source in task.awaits_end(self.now_ms):
            self._asked[source, task.partition] = self.now_ms
        task.punctuate(self.now_ms)

    def _commit(self, tasks: list[Task[Tables]]) -> None:
        try:
            transaction.commit(self._kafka, tasks, self.now_ms, key=self._key, fault=self._step)
        except MustAbort:
            self.aborts += 1
            self._kafka.abort()
            for task in self.tasks.values():
                task.aborted()
        else:
            self.commits += 1

    def _step(self, step: CommitStep) -> None:
        happens = self.at_step.pop(step, None)
        if happens is not None:
            happens()


Ended = (Crashed, UnclearError)
"""What ends a process of the gate."""
