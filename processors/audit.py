"""Write down every input: an entry with its leaf, an entry per punctuation and adoption, a tile per transaction.

Sinks: audit.  Entries hold ids, digests, positions and group names only.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sluicegate.schemas import codec
from sluicegate.schemas.audit import (
    ActionOutcome,
    AuditEntry,
    EntryKind,
    InputRange,
    Leaf,
    Tile,
    Written,
)
from sluicegate.schemas.codec import Encoded
from sluicegate.schemas.envelope import headers_digest, part_digest, written_digest
from sluicegate.schemas.fields import unchecked
from sluicegate.schemas.ids import derived_id
from sluicegate.schemas.outcome import Outcome

from .contract import Output, Record, Transaction
from .events import Event
from .ruling import Cause, Ruling
from .tables import Tables

MAX_IGNORED = 16
"""Ignored documents one adoption entry names; the rest shows as a gap between versions."""

GATE = "gate"
"""Who writes most entries; masking is the other one."""

MAX_BYTES = 2_048
"""Largest entry, as Avro; of a longer one the names of rules are left out from the end, which outcome and request still tell."""

MAX_JSON_BYTES = 8_192
"""Largest entry as JSON."""


def leaf_of(record: Record) -> Leaf:
    """The leaf of a consumed record."""
    place = record.position
    return unchecked(
        Leaf,
        topic=place.topic,
        partition=place.partition,
        offset=place.offset,
        append_ms=record.append_ms,
        key=part_digest(record.key),
        headers=headers_digest(record.headers),
        value=part_digest(record.value),
    )


def written(outputs: Sequence[Output], partition: int) -> tuple[Written, ...]:
    """What a step wrote, in order. Signatures are added later and are no part of the digests."""
    return tuple(
        unchecked(
            Written,
            topic=output.topic,
            partition=partition,
            ordinal=ordinal,
            digest=written_digest(output.topic, output.key, output.headers, output.value),
        )
        for ordinal, output in enumerate(outputs)
    )


def entry_for(
    ruling: Ruling, cause: Cause, partition: int, outputs: Sequence[Output], leaf: Leaf | None
) -> AuditEntry:
    """The entry of one record (with its leaf) or one punctuation (without)."""
    return unchecked(
        AuditEntry,
        entry_id=cause.id("en"),
        entry=EntryKind.PUNCTUATION if leaf is None else EntryKind.RECORD,
        event=ruling.event.value,
        partition=partition,
        at_ms=cause.now_ms,
        outcomes=tuple(_told(outcome) for outcome in ruling.outcomes),
        leaf=leaf,
        written=written(outputs, partition),
        **_present(ruling.facts),
    )


def adoption(
    partition: int, before: Tables | None, tables: Tables, now_ms: int, processor: str = GATE
) -> AuditEntry:
    """From here on the task uses these positions of the global tables."""
    since: Mapping[str, int] = before.positions if before is not None else {}
    ignored = tuple(entry for entry in tables.ignored if entry.offset >= since.get(entry.topic, 0))
    # A task that starts tells of every ignored document, one that goes on of the new ones: two entries, two ids.
    places = [
        f"{topic}@{offset}" for held in (since, tables.positions) for topic, offset in sorted(held.items())
    ]
    return AuditEntry(
        entry_id=derived_id("en", *_by(processor), "tables", partition, now_ms, *places),
        entry=EntryKind.TABLES,
        event=Event.TABLES_ADOPTED.value,
        partition=partition,
        at_ms=now_ms,
        processor=processor,
        tables=dict(tables.positions),
        policies=tuple(policy.digest for policy in tables.loaded.values())[:MAX_IGNORED],
        ignored=ignored[-MAX_IGNORED:],
    )


def tile(tables: Tables, transaction: Transaction, code_version: str, processor: str = GATE) -> AuditEntry:
    """What one transaction covered."""
    partition = transaction.partition
    ranges = tuple(
        InputRange(topic=topic, partition=partition, start=start, end=end)
        for topic, start, end in transaction.inputs
    )
    # Two transactions of one millisecond may cover no input: then they differ by what they adopted or worked on.
    places = [f"{r.topic}@{r.start}-{r.end}" for r in ranges]
    places += [f"{topic}@{offset}" for topic, offset in sorted(tables.positions.items())]
    return AuditEntry(
        entry_id=derived_id(
            "en", *_by(processor), "tile", partition, transaction.now_ms, transaction.entries, *places
        ),
        entry=EntryKind.TILE,
        event=Event.TRANSACTION.value,
        partition=partition,
        at_ms=transaction.now_ms,
        processor=processor,
        tile=Tile(
            now_ms=transaction.now_ms,
            code_version=code_version,
            inputs=ranges,
            tables=dict(tables.positions),
            entries=transaction.entries,
        ),
    )


def encode_small(entry: AuditEntry, *, as_json: bool = False) -> Encoded:
    """The bytes of an entry, with as many of its rules as fit; `payload_type` is what its header `content-type` says.

    The same rules are left out either way, so that an entry says the same in both encodings. JSON names its fields and is
    longer: at most about four times as long, `MAX_JSON_BYTES`.
    """
    encoded = codec.encode(entry)
    while len(encoded.value) > MAX_BYTES and entry.rules:
        entry = entry.model_copy(update={"rules": entry.rules[:-1]})
        encoded = codec.encode(entry)
    return codec.encode_as(entry, as_json=True) if as_json else encoded


def _by(processor: str) -> tuple[str, ...]:
    """What keeps apart the ids of two processors that adopt or commit in the same millisecond."""
    return () if processor == GATE else (processor,)


def _told(outcome: Outcome) -> ActionOutcome:
    return unchecked(
        ActionOutcome, action_id=outcome.action_id, outcome=outcome.outcome, repeated=outcome.repeated
    )


def _present(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}
