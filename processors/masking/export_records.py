"""The records that masking writes: masked batches, notices, sealed batches, dead letters, audit entries.

Sinks: exports.masked, exports.quarantine, audit, dlq.exports.raw.
"""

from typing import Any, Final

from sluicegate.processors import audit
from sluicegate.processors.burial import dead_letter
from sluicegate.processors.contract import Output, Record
from sluicegate.processors.events import Reason
from sluicegate.processors.ruling import Cause
from sluicegate.schemas import codec
from sluicegate.schemas.codec import Encoded
from sluicegate.schemas.envelope import PayloadType, record_headers
from sluicegate.schemas.export import ExportBatch, MaskedBatch, QuarantinedBatch, WithheldBatch

from .masking import Masked
from .sealing import Recipient

PROCESSOR: Final = "masking"
"""What entries name as their processor."""
SOURCE: Final = "/sluicegate/masking"
"""`ce_source` of everything masking writes."""

__all__ = [
    "PROCESSOR",
    "SOURCE",
    "encode_quarantined",
    "encode_withheld",
    "entry_output",
    "masked_batch",
    "output",
    "put_aside",
]


def masked_batch(batch: ExportBatch, digest: bytes, profile: str, masked: Masked, now_ms: int) -> MaskedBatch:
    """The batch as it may leave."""
    return MaskedBatch(
        **_placed(batch, digest),
        **_chained(batch),
        profile=profile,
        media_type=batch.media_type,
        body=masked.body,
        masked={str(kind): count for kind, count in masked.counts.items()},
        reported=masked.reported,
        masked_at_ms=now_ms,
    )


def encode_withheld(
    batch: ExportBatch,
    digest: bytes,
    profile: str,
    reasons: tuple[str, ...],
    now_ms: int,
    release_id: str | None,
) -> Encoded:
    """The notice in its place: who reads the chain learns that this link is missing, whether people decide, and no more."""
    return codec.encode(
        WithheldBatch(
            **_placed(batch, digest),
            **_chained(batch),
            profile=profile,
            reasons=reasons,
            withheld_at_ms=now_ms,
            release_id=release_id,
        )
    )


def encode_quarantined(
    batch: ExportBatch,
    digest: bytes,
    profile: str,
    reasons: tuple[str, ...],
    recipient: Recipient,
    sealed: bytes,
    now_ms: int,
    release_id: str | None,
) -> Encoded:
    """The batch for the privacy office alone."""
    return codec.encode(
        QuarantinedBatch(
            **_placed(batch, digest),
            profile=profile,
            reasons=reasons,
            recipient=recipient.key_id,
            sealed=sealed,
            quarantined_at_ms=now_ms,
            release_id=release_id,
        )
    )


def output(
    topic: str,
    batch: ExportBatch | MaskedBatch,
    encoded: Encoded,
    cause: Cause,
    ordinal: int,
    trace: bytes | None,
) -> Output:
    """One record about a batch, keyed by its lane."""
    headers = record_headers(
        kind=PayloadType.parse(encoded.payload_type).kind,
        payload_type=encoded.payload_type,
        id=cause.id("mb", ordinal),
        subject=batch.action_id or batch.stream or batch.batch_id,
        source=SOURCE,
        origin=cause.origin,
        ordinal=ordinal,
        traceparent=trace,
    )
    return Output(topic, batch.lane.encode(), encoded.value, headers)


def entry_output(entry: audit.Fields, key: str, *, as_json: bool) -> Output:
    """An entry on its way to `audit`."""
    return audit.entry_output(entry, key, SOURCE, as_json=as_json)


def put_aside(record: Record, reason: Reason) -> Output:
    """The original bytes as a dead letter: what is refused is not lost."""
    return dead_letter(record, reason.value)


def _placed(batch: ExportBatch, digest: bytes) -> dict[str, Any]:
    return {
        "batch_id": batch.batch_id,
        "action_id": batch.action_id,
        "lane": batch.lane,
        "agent": batch.agent,
        "source": batch.source,
        "grant_id": batch.grant_id,
        "stream": batch.stream,
        "sequence": batch.sequence,
        "source_digest": digest,
    }


def _chained(batch: ExportBatch) -> dict[str, Any]:
    return {"previous": batch.previous, "count": batch.count}
