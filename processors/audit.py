"""Write down every input: an entry with its leaf, an entry per punctuation and adoption, a tile per transaction.

Sinks: audit.  Entries hold ids, digests, positions and group names only.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sluicegate.schemas import codec
from sluicegate.schemas.audit import AuditEntry, EntryKind
from sluicegate.schemas.codec import Encoded
from sluicegate.schemas.envelope import headers_digest, part_digest, record_headers, written_digest
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


Fields = Mapping[str, Any]
"""The fields of an `AuditEntry`, or of a part of one, that hold: few of many, and every input has an entry."""


def leaf_of(record: Record) -> Fields:
    """The leaf of a consumed record."""
    place = record.position
    return {
        "topic": place.topic,
        "partition": place.partition,
        "offset": place.offset,
        "append_ms": record.append_ms,
        "key": part_digest(record.key),
        "headers": headers_digest(record.headers),
        "value": part_digest(record.value),
    }


def written(outputs: Sequence[Output], partition: int) -> tuple[Fields, ...]:
    """What a step wrote, in order. Signatures are added later and are no part of the digests."""
    return tuple([
        {
            "topic": output.topic,
            "partition": partition,
            "ordinal": ordinal,
            "digest": written_digest(output.topic, output.key, output.headers, output.value),
        }
        for ordinal, output in enumerate(outputs)
    ])  # fmt: skip


def entry_for(
    ruling: Ruling, cause: Cause, partition: int, outputs: Sequence[Output], leaf: Fields | None
) -> Fields:
    """The entry of one record (with its leaf) or one punctuation (without)."""
    return {
        "entry_id": cause.id("en"),
        "entry": EntryKind.PUNCTUATION if leaf is None else EntryKind.RECORD,
        "event": ruling.event.value,
        "partition": partition,
        "at_ms": cause.now_ms,
        "outcomes": tuple([_told(outcome) for outcome in ruling.outcomes]),
        "leaf": leaf,
        "written": written(outputs, partition),
        **ruling.facts,
    }


def adoption(
    partition: int, before: Tables | None, tables: Tables, now_ms: int, processor: str = GATE
) -> Fields:
    """From here on the task uses these positions of the global tables."""
    since: Mapping[str, int] = before.positions if before is not None else {}
    ignored = tuple(entry for entry in tables.ignored if entry.offset >= since.get(entry.topic, 0))
    # A task that starts tells of every ignored document, one that goes on of the new ones: two entries, two ids.
    places = [
        f"{topic}@{offset}" for held in (since, tables.positions) for topic, offset in sorted(held.items())
    ]
    return {
        "entry_id": derived_id("en", *_by(processor), "tables", partition, now_ms, *places),
        "entry": EntryKind.TABLES,
        "event": Event.TABLES_ADOPTED.value,
        "partition": partition,
        "at_ms": now_ms,
        "processor": processor,
        "tables": tables.positions,
        "policies": tuple(policy.digest for policy in tables.loaded.values())[:MAX_IGNORED],
        "ignored": tuple(entry.model_dump() for entry in ignored[-MAX_IGNORED:]),
    }


def tile(tables: Tables, transaction: Transaction, code_version: str, processor: str = GATE) -> Fields:
    """What one transaction covered."""
    partition = transaction.partition
    # Two transactions of one millisecond may cover no input: then they differ by what they adopted or worked on.
    places = [f"{topic}@{start}-{end}" for topic, start, end in transaction.inputs]
    places += [f"{topic}@{offset}" for topic, offset in sorted(tables.positions.items())]
    return {
        "entry_id": derived_id(
            "en", *_by(processor), "tile", partition, transaction.now_ms, transaction.entries, *places
        ),
        "entry": EntryKind.TILE,
        "event": Event.TRANSACTION.value,
        "partition": partition,
        "at_ms": transaction.now_ms,
        "processor": processor,
        "tile": {
            "now_ms": transaction.now_ms,
            "code_version": code_version,
            "inputs": tuple(
                {"topic": topic, "partition": partition, "start": start, "end": end}
                for topic, start, end in transaction.inputs
            ),
            "tables": tables.positions,
            "entries": transaction.entries,
        },
    }


def entry_output(entry: Fields, key: str, source: str, *, as_json: bool) -> Output:
    """An entry on its way to `audit`; `source` is who writes it."""
    encoded = encode_small(entry, as_json=as_json)
    headers = record_headers(
        kind="audit-entry",
        payload_type=encoded.payload_type,
        id=entry["entry_id"],
        subject=entry.get("action_id") or entry["event"],
        source=source,
    )
    return Output("audit", key.encode(), encoded.value, headers)


def encode_small(entry: Fields, *, as_json: bool = False) -> Encoded:
    """The bytes of an entry, with as many of its rules as fit; `payload_type` is what its header `content-type` says.

    The same rules are left out either way, so that an entry says the same in both encodings. JSON names its fields and is
    longer: at most about four times as long, `MAX_JSON_BYTES`.
    """
    held = {name: value for name, value in entry.items() if value is not None}
    encoded = codec.encode_fields(AuditEntry, held)
    while len(encoded.value) > MAX_BYTES and held.get("rules"):
        held["rules"] = held["rules"][:-1]
        encoded = codec.encode_fields(AuditEntry, held)
    return (
        codec.encode_as(AuditEntry.model_validate(held, strict=False), as_json=True) if as_json else encoded
    )


def _by(processor: str) -> tuple[str, ...]:
    """What keeps apart the ids of two processors that adopt or commit in the same millisecond."""
    return () if processor == GATE else (processor,)


def _told(outcome: Outcome) -> Fields:
    return {"action_id": outcome.action_id, "outcome": outcome.outcome, "repeated": outcome.repeated}
