"""I11: replay what was consumed, with the recorded times and table positions; evidence and state must be the same bytes.

This is the shipped gate and the shipped task, not the oracle's own code: it shows that nothing but what is written down
went into what the gate did, whatever broke meanwhile.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sluicegate import __version__
from sluicegate.processors.contract import Position, Record
from sluicegate.processors.gate.pending import STORE, pending_key
from sluicegate.processors.gate.submissions import Window
from sluicegate.processors.gate.topology import GateTopology
from sluicegate.processors.tables import TABLE_TOPICS, Tables, Trust, apply_documents
from sluicegate.schemas.keys import PublicKey
from sluicegate.streams.runtime.stores import Stores
from sluicegate.streams.runtime.task import Task
from sluicegate.streams.settings import GateSettings

from .oracle.findings import Finding, Wrong
from .oracle.history import INPUTS, History
from .oracle.wire import Stored, read
from .policy import EXECUTORS

Topics = Mapping[str, Sequence[Stored]]
_MOST: Final = 3
"""After so many differences a partition is given up: everything after them differs too."""


def replay(history: History, *, skew_ms: int) -> list[Finding]:
    """Where the replay of a history differs from it."""
    topics = history.topics()
    trust = Trust(
        history.known.deployment,
        {name: PublicKey.from_bytes(key) for name, key in history.known.operators.items()},
    )
    partitions = 1 + max((record.partition for record in topics.get("audit", ())), default=0)
    window = Window(GateSettings().closing_window_ms, skew_ms)
    topology = GateTopology(trust, partitions, __version__, window)
    return [
        finding
        for partition in range(partitions)
        for finding in _Replay(topology, topics, trust, partition, skew_ms).differences()
    ]


class _Replay:
    def __init__(
        self, topology: GateTopology, topics: Topics, trust: Trust, partition: int, skew_ms: int
    ) -> None:
        self._topology = topology
        self._topics = topics
        self._trust = trust
        self._partition = partition
        self._inputs = {topic: _of(topics, topic, partition) for topic in INPUTS}
        self._known: dict[tuple[int, ...], Tables] = {}
        stores = Stores(topology)
        stores.loaded()
        self._task: Task[Tables] = Task(
            topology, partition, stores, dict.fromkeys(INPUTS, 0), skew_ms=skew_ms
        )

    def differences(self) -> Iterator[Finding]:
        """Transaction by transaction, then the state."""
        found = 0
        since: list[tuple[Stored, dict[str, Any]]] = []
        for record in _of(self._topics, "audit", self._partition):
            since.append((record, read(record)))
            if since[-1][1]["tile"] is None:
                continue
            difference = self._transaction(since)
            since = []
            if difference is not None:
                found += 1
                yield difference
                if found >= _MOST:
                    return
        yield from self._states()

    def _transaction(self, entries: Sequence[tuple[Stored, dict[str, Any]]]) -> Finding | None:
        tile = entries[-1][1]["tile"]
        tables, now_ms = self._tables(tile["tables"]), tile["now_ms"]
        task = self._task
        if entries[0][1]["event"] == "tables.adopted":
            self._adopt(tables, now_ms, entries[0][0])
        task.process(self._batch(tile["inputs"]), now_ms)
        for covered in tile["inputs"]:
            task.passed(covered["topic"], covered["end"])
        for record, fields in entries:
            if fields["entry"] == "punctuation" and not self._fire(fields, now_ms):
                return _differs(record, "this punctuation is not due in a replay")
        written = task.close(now_ms)
        again = [output.value for output in written.outputs if output.topic == "audit"]
        task.committed()
        for (record, _), value in zip(entries, again, strict=False):
            if record.value != value:
                return _differs(record, "a replay writes another entry")
        if len(again) != len(entries):
            return _differs(entries[-1][0], f"a replay writes {len(again)} entries, not {len(entries)}")
        return None

    def _adopt(self, tables: Tables, now_ms: int, recorded: Stored) -> None:
        """As a task that goes on, or as one that has just been restored: the entry says which it was."""
        before = self._task._tables  # noqa: SLF001  # a task that is restored knows no tables
        step = self._topology.adopt(self._partition, before, tables, now_ms)
        if before is not None and step.outputs[0].value != recorded.value:
            self._task._tables = None  # noqa: SLF001
        elif before is not None and before is tables:
            self._task._tables = Tables(positions=before.positions)  # noqa: SLF001
        self._task.adopt(tables, now_ms)

    def _batch(self, inputs: Sequence[Mapping[str, Any]]) -> dict[str, list[Record]]:
        return {
            covered["topic"]: [
                Record(
                    Position(one.topic, one.partition, one.offset),
                    one.append_ms,
                    one.key,
                    one.headers,
                    one.value,
                )
                for one in self._inputs[covered["topic"]]
                if covered["start"] <= one.offset < covered["end"]
            ]
            for covered in inputs
        }

    def _fire(self, entry: Mapping[str, Any], now_ms: int) -> bool:
        """Exactly this punctuation: the earliest of its input."""
        key = pending_key(entry["agent"], entry["action_id"])
        value = self._task.stores.get(STORE, key)
        due = None if value is None else self._topology.due(STORE, key, value)
        if due is None:
            return False
        self._task._horizons = {due.source: due.at_ms}  # noqa: SLF001  # as if read up to it, and no further
        return self._task.punctuate(now_ms, 1) == 1

    def _tables(self, positions: Mapping[str, int]) -> Tables:
        place = tuple(positions[topic] for topic in TABLE_TOPICS)
        if place not in self._known:
            records = [
                Record(Position(one.topic, 0, one.offset), one.append_ms, one.key, one.headers, one.value)
                for topic in TABLE_TOPICS
                for one in self._topics.get(topic, ())
                if one.offset < positions[topic]
            ]
            self._known[place] = apply_documents(
                Tables(), records, dict(positions), frozenset(EXECUTORS), self._trust
            )
        return self._known[place]

    def _states(self) -> Iterator[Finding]:
        snapshot = self._task.stores.snapshot()
        for spec in self._topology.stores:
            kept: dict[bytes, bytes] = {}
            for record in _of(self._topics, spec.changelog, self._partition):
                if record.value is None:
                    kept.pop(record.key or b"", None)
                else:
                    kept[record.key or b""] = record.value
            if kept != snapshot[spec.name]:
                yield Finding(
                    Wrong.TORN, "I11", f"{spec.changelog}-{self._partition}", "a replay gives another state"
                )


def _of(topics: Topics, topic: str, partition: int) -> list[Stored]:
    found: dict[int, list[Stored]] = defaultdict(list)
    for record in topics.get(topic, ()):
        found[record.partition].append(record)
    return found[partition]


def _differs(record: Stored, sentence: str) -> Finding:
    return Finding(Wrong.TORN, "I11", record.place, sentence)
