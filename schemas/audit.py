"""What the gate and masking write to `audit`: ids, digests, positions and group names; nothing that identifies a person.

One entry per consumed record (with its leaf), per punctuation, per adopted position of the global tables, and one tile per
transaction. Input trees can be recomputed from these entries alone (RFC 6962 hashing).
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from .approval import GroupCounts, ResolutionKind
from .fields import Count, Digest, Milliseconds, Name, Offset, Partition, Wire
from .outcome import OutcomeKind


class EntryKind(StrEnum):
    """What an entry stands for."""

    RECORD = "record"
    PUNCTUATION = "punctuation"
    TABLES = "tables"
    TILE = "tile"


class Leaf(Wire):
    """One consumed record: where it stood, when the broker appended it, and digests of its parts."""

    topic: str
    partition: Partition
    offset: Offset
    append_ms: Milliseconds
    key: Digest
    headers: Digest
    value: Digest


class Written(Wire):
    """One record the same transaction wrote; the input position it came from is the entry's own."""

    topic: str
    partition: Partition
    ordinal: Count
    digest: Digest


class ActionOutcome(Wire):
    """An outcome this input led to."""

    action_id: Name
    outcome: Annotated[OutcomeKind, Field(strict=False)]
    repeated: bool = False


class InputRange(Wire):
    """Consumer positions [start, end) of one input that one transaction covered; markers leave gaps between leaves."""

    topic: str
    partition: Partition
    start: Offset
    end: Offset


class Tile(Wire):
    """The range of each input that one transaction covered, and what was in force when it was processed."""

    now_ms: Milliseconds
    code_version: str
    inputs: tuple[InputRange, ...]
    tables: dict[str, Offset]
    entries: Count


class IgnoredDocument(Wire):
    """A document on a global table that did not take effect, and why (a code)."""

    topic: str
    offset: Offset
    reason: Name


class AuditEntry(Wire):
    """One entry. `event` says what happened in the words of the design; all further fields hold only where they apply.

    `processor` is who wrote it, `gate` or `masking`: both write the partition of their inputs, and a tile covers the entries of
    its own processor only.
    """

    kind: Literal["audit-entry"] = "audit-entry"
    entry_id: Name
    entry: Annotated[EntryKind, Field(strict=False)]
    event: Name
    partition: Partition
    at_ms: Milliseconds
    processor: Name = "gate"
    action_id: Name | None = None
    action_type: Name | None = None
    agent: Name | None = None
    action_digest: Digest | None = None
    request_id: Name | None = None
    decision_id: Name | None = None
    grant_id: Name | None = None
    claim_id: Name | None = None
    executor: Name | None = None
    person: Name | None = None
    counted: bool | None = None
    choice: Name | None = None
    reason: Name | None = None
    rules: tuple[str, ...] = ()
    groups: tuple[Name, ...] = ()
    requirement: GroupCounts | None = None
    quorum: Count | None = None
    deadline_ms: Milliseconds | None = None
    expires_at_ms: Milliseconds | None = None
    excluded: tuple[Name, ...] = ()
    people: tuple[Name, ...] = ()
    view_digest: Digest | None = None
    result_digest: Digest | None = None
    result_batches: Count | None = None
    batch_id: Name | None = None
    batch_digest: Digest | None = None
    sequence: Count | None = None
    stream: Name | None = None
    profile: Name | None = None
    masked: dict[Name, Count] = Field(default_factory=dict)
    reported: Count | None = None
    reasons: tuple[Name, ...] = ()
    release_id: Name | None = None
    text_length: Count | None = None
    text_digest: Digest | None = None
    supersedes: Name | None = None
    resolution: Annotated[ResolutionKind, Field(strict=False)] | None = None
    outcomes: tuple[ActionOutcome, ...] = ()
    policies: tuple[Digest, ...] = ()
    leaf: Leaf | None = None
    written: tuple[Written, ...] = ()
    tile: Tile | None = None
    tables: dict[str, Offset] | None = None
    ignored: tuple[IgnoredDocument, ...] = ()
