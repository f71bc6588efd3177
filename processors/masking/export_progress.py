"""The store `exports`: how far each result and each standing stream has come, so that nothing is masked twice or slipped in.

A value is one byte of format and eight of time, then the Avro frame. Entries stay for `KEPT_MS` of stream time after their last
batch, closed or not. INVARIANT: what could begin a chain again is refused for its age before the chain is forgotten: a grant
`OPEN_MS` after its expiry, a stream's batch `OPEN_MS` after it was made. So nothing can be added to what was closed.
"""

import struct
from typing import Final

from sluicegate.processors.contract import Put, StoreReader
from sluicegate.schemas import codec
from sluicegate.schemas.export import ExportBatch, MaskedBatch
from sluicegate.schemas.state import ExportProgress

STORE: Final = "exports"
CHANGELOG: Final = "masking.exports.changelog"

HOUR_MS: Final = 3_600_000
OPEN_MS: Final = 24 * HOUR_MS
"""As long as `exports.raw` keeps a batch."""
KEPT_MS: Final = 2 * OPEN_MS + HOUR_MS
"""Longer than `OPEN_MS` and the longest life of a grant (one hour)."""

_FORMAT: Final = 1
_HEAD: Final = struct.Struct(">BQ")


def progress_key(of: ExportBatch | MaskedBatch | ExportProgress) -> bytes:
    """Of a result its grant, of a stream its name and source; names are ASCII, so no separator occurs in them."""
    if of.grant_id is not None:
        return f"grant\0{of.grant_id}".encode()
    return f"stream\0{of.stream}\0{of.source}".encode()


def read_progress(stores: StoreReader, batch: ExportBatch | MaskedBatch) -> ExportProgress | None:
    """How far the chain of this batch has come; None before its first one."""
    value = stores.get(STORE, progress_key(batch))
    return None if value is None else codec.decode_own(value[_HEAD.size :], ExportProgress)


def put_progress(batch: ExportBatch | MaskedBatch, progress: ExportProgress) -> Put:
    """Write it."""
    head = _HEAD.pack(_FORMAT, progress.updated_ms)
    return Put(STORE, progress_key(batch), head + codec.encode(progress).value)


def has_expired(value: bytes, stream_ms: int) -> bool:
    """Whether a chain may be forgotten at this stream time."""
    return int(_HEAD.unpack_from(value)[1]) + KEPT_MS < stream_ms
