"""Write audit entries of one partition as gate and masking would, one record, punctuation or transaction at a time."""

from typing import Any

from sluicegate.processors.events import Event
from sluicegate.processors.verification import Placed
from sluicegate.schemas.audit import ActionOutcome, AuditEntry, EntryKind, InputRange, Leaf, Tile, Written
from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.ids import derived_id
from sluicegate.schemas.outcome import OutcomeKind

SOURCES = {"gate": ("actions", "decisions", "receipts"), "masking": ("exports.raw",)}
TABLES = {"controls": 1, "identities": 9, "policies": 2}
AGENT = "ops-agent"


class EntryWriter:
    """One partition: its clock, its inputs, its entries. `tile` ends a transaction.

    The clock stands still unless `wait` moves it; it gives the log-append time of inputs and of entries alike.
    """

    def __init__(self, partition: int = 0, now_ms: int = 1_700_000_000_000) -> None:
        self.partition = partition
        self.now_ms = now_ms
        self.placed: list[Placed] = []
        self._next = {topic: 0 for topics in SOURCES.values() for topic in topics}
        self._covered = dict(self._next)
        self._in_tile = dict.fromkeys(SOURCES, 0)
        self._adopted: set[str] = set()

    def wait(self, milliseconds: int) -> None:
        """Move the clock."""
        self.now_ms += milliseconds

    def skip(self, topic: str, offsets: int = 1) -> None:
        """Leave positions without a record, as transaction markers do."""
        self._next[topic] += offsets

    def record(
        self,
        event: Event,
        topic: str,
        *,
        action_id: str | None = None,
        outcome: OutcomeKind | None = None,
        repeated: bool = False,
        writes: tuple[str, ...] = (),
        superseded: str | None = None,
        **facts: Any,
    ) -> AuditEntry:
        """One consumed record of any kind, with whatever fields are given."""
        offset = self._next[topic]
        self._next[topic] += 1
        leaf = self._leaf(topic, offset)
        told = self._told(action_id, outcome, repeated=repeated, superseded=superseded)
        return self._write(
            event,
            EntryKind.RECORD,
            derived_id("en", topic, self.partition, offset),
            processor="masking" if topic in SOURCES["masking"] else "gate",
            leaf=leaf,
            written=_written((*writes, *("outcomes" for _ in told)), self.partition),
            outcomes=told,
            action_id=action_id,
            agent=None if action_id is None else AGENT,
            supersedes=superseded,
            **facts,
        )

    def punctuation(self, event: Event, action_id: str, outcome: OutcomeKind, **facts: Any) -> AuditEntry:
        """One punctuation: it has no leaf."""
        told = self._told(action_id, outcome, repeated=False, superseded=None)
        return self._write(
            event,
            EntryKind.PUNCTUATION,
            derived_id("en", event.value, self.partition, action_id),
            written=_written(("outcomes",), self.partition),
            outcomes=told,
            action_id=action_id,
            agent=AGENT,
            **facts,
        )

    def remind(self, action_id: str, number: int = 1) -> AuditEntry:
        """People were told that the deadline comes near, for the `number`th time."""
        return self._write(
            Event.REQUEST_REMINDED,
            EntryKind.PUNCTUATION,
            derived_id("en", "remind", self.partition, action_id, number),
            written=_written(("approvals",), self.partition),
            action_id=action_id,
            agent=AGENT,
            request_id=f"rq-{action_id}",
        )

    def adopt(self, tables: dict[str, int] | None = None, processor: str = "gate") -> AuditEntry:
        """Table positions from here on."""
        self._adopted.add(processor)
        places = TABLES if tables is None else tables
        entry_id = derived_id("en", processor, "tables", self.partition, self.now_ms, *places.values())
        return self._write(
            Event.TABLES_ADOPTED, EntryKind.TABLES, entry_id, processor=processor, tables=places
        )

    def tile(self) -> AuditEntry:
        """End the transactions: the gate's, and masking's when it has one."""
        if self._in_tile["masking"]:
            self._tile("masking")
        return self._tile("gate")

    def _tile(self, processor: str) -> AuditEntry:
        inputs = tuple(
            InputRange(
                topic=topic, partition=self.partition, start=self._covered[topic], end=self._next[topic]
            )
            for topic in SOURCES[processor]
            if self._next[topic] != self._covered[topic]
        )
        tile = Tile(
            now_ms=self.now_ms,
            code_version="test",
            inputs=inputs,
            tables=TABLES,
            entries=self._in_tile[processor],
        )
        self._covered |= {topic: self._next[topic] for topic in SOURCES[processor]}
        places = [f"{covered.topic}@{covered.end}" for covered in inputs]
        entry_id = derived_id("en", "tile", self.partition, len(self.placed), *places)
        entry = self._write(Event.TRANSACTION, EntryKind.TILE, entry_id, processor=processor, tile=tile)
        self._in_tile[processor] = 0
        return entry

    def _told(
        self, action_id: str | None, outcome: OutcomeKind | None, *, repeated: bool, superseded: str | None
    ) -> tuple[ActionOutcome, ...]:
        told = []
        if superseded is not None:
            told.append(ActionOutcome(action_id=superseded, outcome=OutcomeKind.SUPERSEDED))
        if outcome is not None and action_id is not None:
            told.append(ActionOutcome(action_id=action_id, outcome=outcome, repeated=repeated))
        return tuple(told)

    def _leaf(self, topic: str, offset: int) -> Leaf:
        place = f"{topic}-{self.partition}@{offset}".encode()
        return Leaf(
            topic=topic,
            partition=self.partition,
            offset=offset,
            append_ms=self.now_ms,
            key=sha256(b"key", place),
            headers=sha256(b"headers", place),
            value=sha256(b"value", place),
        )

    def _write(
        self, event: Event, kind: EntryKind, entry_id: str, *, processor: str = "gate", **facts: Any
    ) -> AuditEntry:
        if processor not in self._adopted:
            self.adopt(processor=processor)
        entry = AuditEntry(
            entry_id=entry_id,
            entry=kind,
            event=event.value,
            partition=self.partition,
            at_ms=self.now_ms,
            processor=processor,
            **facts,
        )
        self.placed.append(Placed(self.partition, len(self.placed), self.now_ms, entry))
        self._in_tile[processor] += kind in {EntryKind.RECORD, EntryKind.PUNCTUATION}
        return entry


def _written(topics: tuple[str, ...], partition: int) -> tuple[Written, ...]:
    return tuple(
        Written(topic=topic, partition=partition, ordinal=ordinal, digest=sha256(topic.encode()))
        for ordinal, topic in enumerate(topics)
    )
