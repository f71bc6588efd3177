"""What a batch belongs to: a grant of a gate, or a standing stream of a policy in force; and its place in the chain.

Source: exports.raw.  Store: exports.

A batch is authentic by now: its source signed it, its lane and partition hold. Here nothing is masked yet; whatever belongs
nowhere, or not there, is refused with a code.
"""

from dataclasses import dataclass
from typing import Final

from sluicegate.processors.directory import SignerKind
from sluicegate.processors.events import Reason
from sluicegate.processors.grant_signature import verify_grant
from sluicegate.processors.tables import Tables
from sluicegate.schemas import codec
from sluicegate.schemas.envelope import envelope_digest, split_signature
from sluicegate.schemas.errors import RecordError
from sluicegate.schemas.export import CarriedGrant, ExportBatch
from sluicegate.schemas.grant import Grant
from sluicegate.schemas.state import ExportProgress

from .export_progress import OPEN_MS

DEFAULT_PROFILE: Final = "pii-basic"
"""Of a grant that names none."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """The last batch of the chain again."""


@dataclass(frozen=True, slots=True)
class Belongs:
    """The batch is the next of its chain; `progress` is the chain with it, not withheld yet."""

    progress: ExportProgress


def place(
    batch: ExportBatch,
    digest: bytes,
    progress: ExportProgress | None,
    tables: Tables,
    *,
    append_ms: int,
    skew_ms: int,
) -> Belongs | Repeated | Reason:
    """Where an authentic batch belongs, or why nowhere; `digest` is its own, `append_ms` its log-append time."""
    if (batch.grant_id is None) is (batch.stream is None):
        return Reason.NOT_A_BATCH
    if progress is not None:
        if _names(progress) != _names(batch):
            return Reason.OTHER_GRANT
        if digest == progress.last_digest:
            return Repeated()
        if progress.closed:
            return Reason.CHAIN_CLOSED
    if batch.stream is not None:
        profile = _stream_profile(batch, tables, append_ms, skew_ms)
    elif progress is None:
        profile = _grant_profile(batch, tables, append_ms)
    else:
        revoked = tables.controls.grant_revoked(progress.grant_id or "")
        profile = Reason.REVOKED_GRANT if revoked else progress.profile
    if isinstance(profile, Reason):
        return profile
    return _broken(batch, progress) or Belongs(_after(batch, digest, progress, profile, append_ms))


def _names(of: ExportProgress | ExportBatch) -> tuple[str | None, ...]:
    return of.action_id, of.lane, of.agent, of.source, of.grant_id, of.stream


def _stream_profile(batch: ExportBatch, tables: Tables, append_ms: int, skew_ms: int) -> str | Reason:
    if batch.grant is not None or batch.action_id is not None or batch.agent is not None:
        return Reason.NOT_A_BATCH
    # A stream has no last batch: a policy ends it.
    if batch.count is not None:
        return Reason.WRONG_COUNT
    # One chain per stream and pipeline: entries name no lane, and whoever reads them must tell chains apart.
    if batch.lane != batch.source:
        return Reason.WRONG_LANE
    stream = tables.policies.stream(batch.stream or "")
    if stream is None:
        return Reason.UNKNOWN_STREAM
    if batch.source not in stream.pipelines:
        return Reason.NOT_THE_STREAMS
    if batch.created_at_ms + OPEN_MS < append_ms:
        return Reason.TOO_LATE
    return Reason.FROM_THE_FUTURE if batch.created_at_ms > append_ms + skew_ms else stream.mask


def _grant_profile(batch: ExportBatch, tables: Tables, append_ms: int) -> str | Reason:
    if batch.grant is None:
        return Reason.NO_GRANT
    grant = _genuine(batch.grant, tables, append_ms)
    if isinstance(grant, Reason):
        return grant
    named = (grant.grant_id, grant.action_id, grant.agent, grant.lane, grant.executor)
    if named != (batch.grant_id, batch.action_id, batch.agent, batch.lane, batch.source):
        return Reason.OTHER_GRANT
    if grant.deployment != batch.deployment:
        return Reason.WRONG_DEPLOYMENT
    if tables.controls.grant_revoked(grant.grant_id):
        return Reason.REVOKED_GRANT
    return Reason.TOO_LATE if grant.expires_at_ms + OPEN_MS < append_ms else grant.mask or DEFAULT_PROFILE


def _genuine(carried: CarriedGrant, tables: Tables, append_ms: int) -> Grant | Reason:
    """Verify the gate's signature, then parse the same bytes."""
    try:
        key_id, _ = split_signature(carried.sig)
        signer = tables.directory.signer(key_id)
        if signer is None or signer.kind is not SignerKind.GATE:
            return Reason.NOT_A_GRANT
        if tables.controls.key_revoked(key_id, append_ms):
            return Reason.REVOKED_KEY
        path = (carried.sig_path or b"").decode("ascii")
        verify_grant(signer.key, carried.payload_type, carried.value, carried.sig, path)
        grant = codec.decode(carried.payload_type, carried.value, {"grant"})
    except (RecordError, UnicodeDecodeError):
        return Reason.NOT_A_GRANT
    assert isinstance(grant, Grant)  # noqa: S101  # decode was told this kind
    return grant


def _broken(batch: ExportBatch, progress: ExportProgress | None) -> Reason | None:
    """Why the batch cannot be the next of its chain."""
    if batch.sequence != (0 if progress is None else progress.next_sequence):
        return Reason.OUT_OF_SEQUENCE
    if batch.previous != (None if progress is None else progress.last_digest):
        return Reason.OTHER_CHAIN
    return Reason.WRONG_COUNT if batch.count not in {None, batch.sequence + 1} else None


def _after(
    batch: ExportBatch, digest: bytes, progress: ExportProgress | None, profile: str, append_ms: int
) -> ExportProgress:
    begun = progress or ExportProgress(
        action_id=batch.action_id,
        lane=batch.lane,
        agent=batch.agent,
        source=batch.source,
        profile=profile,
        grant_id=batch.grant_id,
        grant_digest=None
        if batch.grant is None
        else envelope_digest(batch.grant.payload_type, batch.grant.value),
        stream=batch.stream,
        next_sequence=0,
        last_digest=digest,
        updated_ms=append_ms,
    )
    return begun.model_copy(
        update={
            "profile": profile,
            "next_sequence": batch.sequence + 1,
            "last_digest": digest,
            "closed": batch.count is not None,
            "updated_ms": max(begun.updated_ms, append_ms),
        }
    )
