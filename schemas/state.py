"""What the gate keeps per action, as written to its changelogs. Raw argument bytes only while a request waits."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from .approval import FrozenRequirement
from .decision import Choice
from .fields import Blob, Count, Digest, ExecutorName, Milliseconds, Name, Offset, Partition, Wire
from .grant import Signed


class ExportProgress(Wire):
    """How far one action's result or one standing stream has come through masking; no values.

    `next_sequence` is the only batch that may come next, and it must name `last_digest` as its previous one. Once `closed`
    nothing more is accepted. `source` is who signs, `profile` what the grant or the policy asked for. `sealed_secret` is what
    its surrogates are made with, encrypted, while it is open: nonce and secretbox. `behind` are the persons behind the action when
    the chain began, kept where the profile lets people release; `held` batches of it wait for them now.
    """

    kind: Literal["export-progress"] = "export-progress"
    action_id: Name | None = None
    lane: Name
    agent: Name | None = None
    source: ExecutorName
    profile: Name
    grant_id: Name | None = None
    grant_digest: Digest | None = None
    stream: Name | None = None
    next_sequence: Count
    last_digest: Digest
    withheld: Count = 0
    closed: bool = False
    updated_ms: Milliseconds
    sealed_secret: Blob | None = None
    behind: tuple[Name, ...] = ()
    held: Count = 0


class HeldExport(Wire):
    """A masked batch that does not leave unless people say so: what masking keeps while its `export.release` is decided.

    `action_id` and `action_digest` are that action's, `agent` is masking. `sealed` is the masked batch's exact value under a key of
    masking, `held_digest` SHA-256 of it. Whatever has become of the action, nothing is held after `until_ms`.
    """

    kind: Literal["held-export"] = "held-export"
    action_id: Name
    lane: Name
    agent: Name
    action_digest: Digest
    held_digest: Digest
    reasons: tuple[Name, ...]
    sealed: Blob
    held_ms: Milliseconds
    until_ms: Milliseconds


class Phase(StrEnum):
    """Where an action stands that is not closed yet."""

    WAITING = "waiting"
    GRANTED = "granted"
    CLAIMED = "claimed"
    UNKNOWN = "unknown"


class CountedDecision(Wire):
    """A decision that counted, with the person it resolved to and the groups they were in when they decided."""

    decision_id: Name
    person: Name
    groups: tuple[Name, ...]
    choice: Annotated[Choice, Field(strict=False)]
    signed: Signed


class Waiting(Wire):
    """A request that is open: what is needed, who decided, and the exact action it is about."""

    request_id: Name
    revision: Annotated[Count, Field(ge=1)]
    requirement: FrozenRequirement
    excluded: tuple[Name, ...]
    view_digests: tuple[Digest, ...]
    view_complete: bool
    remind_at_ms: Milliseconds | None = None
    decisions: tuple[CountedDecision, ...] = ()
    action: Signed


class Granted(Wire):
    """A grant that was written, and how far its executor has come."""

    grant_id: Name
    executor: Name
    expires_at_ms: Milliseconds
    excluded: tuple[Name, ...]
    lease_ms: Milliseconds
    request_id: Name | None = None
    claim_id: Name | None = None
    claimed_at_ms: Milliseconds | None = None


class Pending(Wire):
    """An action that is not closed. Exactly one of `waiting` and `granted` is set."""

    kind: Literal["pending"] = "pending"
    action_id: Name
    lane: Name
    agent: Name
    action_digest: Digest
    content_digest: Digest
    type: Name
    rules: tuple[str, ...]
    partition: Partition
    offset: Offset
    append_ms: Milliseconds
    phase: Annotated[Phase, Field(strict=False)]
    waiting: Waiting | None = None
    granted: Granted | None = None
