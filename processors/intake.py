"""Trust nothing: a record counts only when its signature, signer, lane, key and partition all hold.

Source: actions, decisions, receipts, exports.raw.  Sinks: dlq.<source>, audit.

Until then it touches no state and no outcome, so nobody can close or block another's action.
"""

from dataclasses import dataclass
from functools import lru_cache

from sluicegate.schemas import codec
from sluicegate.schemas.action import Action, Withdrawal
from sluicegate.schemas.canonical import pre_authentication_encoding, sha256
from sluicegate.schemas.decision import Decision, Reconciliation
from sluicegate.schemas.envelope import signed_part, split_signature
from sluicegate.schemas.errors import RecordError, SignatureError
from sluicegate.schemas.export import ExportBatch
from sluicegate.schemas.fields import Wire
from sluicegate.schemas.grant import Signed
from sluicegate.schemas.ids import partition_of
from sluicegate.schemas.receipt import Claim, Receipt

from .contract import Record
from .directory import Signer, SignerKind
from .events import Reason
from .ruling import DeadLetter
from .standing import is_on_its_lane
from .tables import Tables

Trusted = Action | Withdrawal | Decision | Reconciliation | Claim | Receipt

KINDS: dict[str, frozenset[str]] = {
    "actions": frozenset({"action", "withdrawal"}),
    "decisions": frozenset({"decision", "reconciliation"}),
    "receipts": frozenset({"claim", "receipt"}),
    "exports.raw": frozenset({"export-batch"}),
}
"""Which kinds of record may stand on which input."""

SIZE_LIMITS = {
    "actions": 256 * 1024,
    "decisions": 64 * 1024,
    "receipts": 64 * 1024,
    "exports.raw": 4 * 1024 * 1024,
}
"""Bytes of a value the parser will look at."""

_lane_partition = lru_cache(maxsize=65_536)(partition_of)


@dataclass(frozen=True, slots=True)
class Authentic:
    """A record whose bytes, signer and place hold. `digest` is SHA-256 over what the signature covers."""

    model: Trusted
    signed: Signed
    signer: Signer
    digest: bytes


@dataclass(frozen=True, slots=True)
class AuthenticBatch:
    """A batch whose bytes, signer and place hold; whether it belongs to anything is not said yet. `digest` likewise."""

    model: ExportBatch
    signed: Signed
    digest: bytes


def authenticate(record: Record, tables: Tables, deployment: str, partitions: int) -> Authentic | DeadLetter:
    """Verify the signature, then parse the same bytes, then check who signed and where the record stands."""
    opened = _open(record, tables)
    if isinstance(opened, DeadLetter):
        return opened
    model, signed, signer, digest = opened
    assert isinstance(model, Trusted)  # noqa: S101  # decode was told these kinds
    reason = _misplaced(record, model, deployment, partitions) or _wrong_signer(model, signer, tables)
    return DeadLetter(reason) if reason else Authentic(model, signed, signer, digest)


def authenticate_batch(
    record: Record, tables: Tables, deployment: str, partitions: int
) -> AuthenticBatch | DeadLetter:
    """The same for a batch on `exports.raw`: its source, an executor's or a pipeline's, must have signed it."""
    opened = _open(record, tables)
    if isinstance(opened, DeadLetter):
        return opened
    batch, signed, signer, digest = opened
    assert isinstance(batch, ExportBatch)  # noqa: S101  # decode was told this kind
    reason = _misplaced(record, batch, deployment, partitions)
    # An executor and a pipeline may share a name: results are for the one, streams for the other.
    wanted = SignerKind.PIPELINE if batch.stream is not None else SignerKind.EXECUTOR
    if reason is None and (signer.kind, signer.id) != (wanted, batch.source):
        reason = Reason.WRONG_SIGNER
    return DeadLetter(reason) if reason else AuthenticBatch(batch, signed, digest)


def _open(record: Record, tables: Tables) -> tuple[Wire, Signed, Signer, bytes] | DeadLetter:
    value = record.value or b""
    if len(value) > SIZE_LIMITS[record.position.topic]:
        return DeadLetter(Reason.OVERSIZE)
    try:
        signed = signed_part(record.headers, value)
        key_id, signature = split_signature(signed.sig)
    except SignatureError:
        return DeadLetter(Reason.UNSIGNED)
    except RecordError:
        return DeadLetter(Reason.UNREADABLE)
    signer = tables.directory.signer(key_id)
    if signer is None:
        return DeadLetter(Reason.UNKNOWN_KEY)
    if tables.controls.key_revoked(key_id, record.append_ms):
        return DeadLetter(Reason.REVOKED_KEY)
    covered = pre_authentication_encoding(signed.payload_type, value)
    try:
        signer.key.verify(covered, signature)
    except SignatureError:
        return DeadLetter(Reason.BAD_SIGNATURE)
    try:
        model = codec.decode(signed.payload_type, value, KINDS[record.position.topic])
    except RecordError:
        return DeadLetter(Reason.UNREADABLE)
    return model, signed, signer, sha256(covered)


def _misplaced(
    record: Record, model: Trusted | ExportBatch, deployment: str, partitions: int
) -> Reason | None:
    if model.deployment != deployment:
        return Reason.WRONG_DEPLOYMENT
    if record.key != model.lane.encode():
        return Reason.WRONG_LANE
    if _lane_partition(model.lane, partitions) != record.position.partition:
        return Reason.WRONG_PARTITION
    return None


def _wrong_signer(model: Trusted, signer: Signer, tables: Tables) -> Reason | None:
    match model:
        case Action() | Withdrawal():
            if (signer.kind, signer.id) != (SignerKind.AGENT, model.agent):
                return Reason.WRONG_SIGNER
            is_its = is_on_its_lane(tables.directory, model.agent, model.lane)
            return None if is_its else Reason.WRONG_LANE
        case Decision() | Reconciliation():
            # A bridge or a person's own key; never an agent's, an executor's or a gate's.
            return None if signer.kind in {SignerKind.ACCOUNT, SignerKind.BRIDGE} else Reason.WRONG_SIGNER
        case Claim() | Receipt():
            own = (signer.kind, signer.id) == (SignerKind.EXECUTOR, model.executor)
            return None if own else Reason.WRONG_SIGNER
