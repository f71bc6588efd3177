"""What travels on `exports.*`: results of actions and standing streams, before and after masking."""

from typing import Literal

from .fields import Blob, Count, Digest, Milliseconds, Name, Wire


class ExportBatch(Wire):
    """Raw records that an action returned, or one slice of a standing stream. `grant_id` or `stream` says which."""

    kind: Literal["export-batch"] = "export-batch"
    deployment: Name
    batch_id: Name
    lane: Name
    action_id: Name | None = None
    grant_id: Name | None = None
    stream: Name | None = None
    sequence: Count
    last: bool
    media_type: str
    body: Blob
    created_at_ms: Milliseconds


class MaskedBatch(Wire):
    """The same batch after masking and after the independent look at the bytes."""

    kind: Literal["masked-batch"] = "masked-batch"
    batch_id: Name
    lane: Name
    action_id: Name | None = None
    grant_id: Name | None = None
    stream: Name | None = None
    sequence: Count
    last: bool
    profile: Name
    media_type: str
    body: Blob
    source_digest: Digest
    masked_at_ms: Milliseconds


class QuarantinedBatch(Wire):
    """A batch that did not pass: sealed to the privacy office, with the reasons (codes)."""

    kind: Literal["quarantined-batch"] = "quarantined-batch"
    batch_id: Name
    lane: Name
    action_id: Name | None = None
    grant_id: Name | None = None
    stream: Name | None = None
    profile: Name
    reasons: tuple[Name, ...]
    sealed: Blob
    source_digest: Digest
    quarantined_at_ms: Milliseconds
