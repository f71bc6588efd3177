"""Whose signature stands on a record inside a grant."""

from sluicegate.processors.directory import Signer
from sluicegate.processors.tables import Tables
from sluicegate.schemas.envelope import split_signature, verify
from sluicegate.schemas.errors import SignatureError
from sluicegate.schemas.grant import Signed


def signer_of(signed: Signed, tables: Tables, now_ms: int) -> Signer | None:
    """Whose key signed exactly these bytes; None when nobody's we know, or when the key is revoked by now."""
    try:
        key_id, _ = split_signature(signed.sig)
        signer = tables.directory.signer(key_id)
        if signer is None or tables.controls.key_revoked(key_id, now_ms):
            return None
        verify(signer.key, signed)
    except SignatureError:
        return None
    return signer
