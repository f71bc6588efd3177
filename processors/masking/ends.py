"""Read what the gate tells of an `export.release` that ended without being executed.

Source: execution.masking.  Only a gate's signature counts, as on a grant: anybody's word could destroy what people may still release.
"""

from sluicegate.processors.contract import Record
from sluicegate.processors.directory import SignerKind
from sluicegate.processors.events import Reason
from sluicegate.processors.grant_signature import verify_grant
from sluicegate.processors.tables import Tables
from sluicegate.schemas import codec
from sluicegate.schemas.envelope import PATH_HEADER, header, signed_part, split_signature
from sluicegate.schemas.errors import RecordError, SignatureError
from sluicegate.schemas.ids import partition_of
from sluicegate.schemas.outcome import Outcome


def told_end(record: Record, tables: Tables, partitions: int) -> Outcome | Reason:
    """The outcome that a gate has signed, or why it does not count."""
    try:
        signed = signed_part(record.headers, record.value or b"")
        path = (header(record.headers, PATH_HEADER) or b"").decode("ascii")
        key_id, _ = split_signature(signed.sig)
        signer = tables.directory.signer(key_id)
        if signer is None or signer.kind is not SignerKind.GATE:
            return Reason.UNKNOWN_KEY
        if tables.controls.key_revoked(key_id, record.append_ms):
            return Reason.REVOKED_KEY
        verify_grant(signer.key, signed.payload_type, signed.value, signed.sig, path)
        outcome = codec.decode(signed.payload_type, signed.value, {"outcome"})
    except (SignatureError, UnicodeDecodeError):
        return Reason.BAD_SIGNATURE
    except RecordError:
        return Reason.UNREADABLE
    assert isinstance(outcome, Outcome)  # noqa: S101  # decode was told this kind
    if (
        record.key != outcome.lane.encode()
        or partition_of(outcome.lane, partitions) != record.position.partition
    ):
        return Reason.WRONG_PARTITION
    return outcome
