"""I11: state rebuilt from the log is the state that runs, and what is retained gives the same bytes again.

A replay knows nothing but inputs, documents and the audit log: for each transaction its time, the positions of the tables
and the ranges of its inputs. It runs the topology on them and compares every record that it would write with what was written.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sluicegate.processors.contract import Output, Record
from sluicegate.processors.gate.pending import STORE, pending_key
from sluicegate.processors.gate.topology import GateTopology
from sluicegate.processors.tables import Tables
from sluicegate.schemas.audit import AuditEntry, EntryKind
from sluicegate.schemas.envelope import written_digest
from sluicegate.streams.runtime.stores import Stores
from sluicegate.streams.runtime.task import stream_time

from .checks import Broken
from .cluster import SimulatedCluster
from .gate_worker import GateWorker
from .seen import WRITTEN, Seen


def check_state(
    workers: Iterable[GateWorker], topology: GateTopology, cluster: SimulatedCluster
) -> list[Broken]:
    """What a task holds in memory is what a restore would give it, its due times included."""
    broken = []
    for worker in workers:
        for partition, task in worker.tasks.items():
            restored = Stores(topology)
            for spec in topology.stores:
                for record in cluster.read(spec.changelog, partition)[0]:
                    restored.load(spec.name, record.key or b"", record.value, record.append_ms)
            restored.loaded()
            restored.stream_ms = max(
                stream_time(found.metadata) if (found := cluster.offsets.get((source, partition))) else 0
                for source in topology.sources
            )
            if restored.stream_ms != task.stores.stream_ms or restored.snapshot() != task.stores.snapshot():
                broken.append(Broken("I11", f"the state of partition {partition} is not what its log says"))
            others = [s for s in topology.sources if restored.dues.first(s) != task.stores.dues.first(s)]
            if others:
                broken.append(Broken("I11", f"what is due in partition {partition} is not what its log says"))
    return broken


def check_replay(topology: GateTopology, seen: Seen, cluster: SimulatedCluster) -> list[Broken]:
    """Every transaction again, from what is retained."""
    return [
        broken
        for partition in range(seen.partitions)
        for broken in _Replay(topology, seen, cluster, partition).broken()
    ]


class _Replay:
    def __init__(self, topology: GateTopology, seen: Seen, cluster: SimulatedCluster, partition: int) -> None:
        self._topology = topology
        self._cluster = cluster
        self._partition = partition
        self._stores = Stores(topology)
        self._tables: dict[tuple[tuple[str, int], ...], Tables] = {}
        self._entries = [
            entry for record, entry in seen.models[AuditEntry] if record.position.partition == partition
        ]
        self._written = Counter(
            (topic, written_digest(topic, record.key, record.headers, record.value))
            for topic in (*WRITTEN, "audit")
            for record in seen.records[topic]
            if record.position.partition == partition
        )

    def broken(self) -> list[Broken]:
        broken: list[Broken] = []
        transaction: list[AuditEntry] = []
        for entry in self._entries:
            if entry.tile is None:
                transaction.append(entry)
                continue
            for output in self._again(transaction, entry):
                place = output.topic, written_digest(output.topic, output.key, output.headers, output.value)
                self._written[place] -= 1
                if self._written[place] < 0:
                    broken.append(
                        Broken("I11", f"a replay writes another record to {output.topic}-{self._partition}")
                    )
            transaction = []
        return broken[:3]

    def _again(self, entries: Sequence[AuditEntry], tile: AuditEntry) -> list[Output]:
        assert tile.tile is not None  # noqa: S101  # the caller has looked
        tables, now_ms = self._tables_at(tile.tile.tables), tile.tile.now_ms
        outputs: list[Output] = []
        for entry in entries:
            if entry.entry is EntryKind.TABLES:
                continue  # which tables a task had before is not retained: its start tells all ignored documents
            step = self._step(entry, tables, now_ms)
            for put in step.puts:
                self._stores.put(put)
            outputs += step.outputs
        self._stores.merge()
        return outputs

    def _step(self, entry: AuditEntry, tables: Tables, now_ms: int) -> Any:
        stores, topology = self._stores, self._topology
        if entry.leaf is not None:
            record = self._record(entry.leaf.topic, entry.leaf.offset)
            if entry.leaf.topic == topology.sources[0]:
                stores.stream_ms = max(stores.stream_ms, record.append_ms)
            return topology.process(stores, tables, record, now_ms)
        key = pending_key(entry.agent or "", entry.action_id or "")
        due = topology.due(STORE, key, stores.get(STORE, key) or b"")
        assert due is not None  # noqa: S101  # it fired
        return topology.punctuate(stores, tables, due, self._partition, now_ms)

    def _record(self, topic: str, offset: int) -> Record:
        return self._cluster.read(topic, self._partition, offset, 1)[0][0]

    def _tables_at(self, positions: Any) -> Tables:
        """The documents below these positions, folded at once."""
        place = tuple(sorted(positions.items()))
        found = self._tables.get(place)
        if found is None:
            records = [
                record
                for topic in self._topology.table_topics
                for record in self._cluster.read(topic, 0)[0]
                if record.position.offset < positions.get(topic, 0)
            ]
            none = self._topology.no_tables()
            executors = self._topology.executors(self._topology.apply(none, records, positions, frozenset()))
            found = self._topology.apply(none, records, positions, executors)
            self._tables[place] = found
        return found
