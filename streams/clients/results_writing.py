"""Make the chain of signed batches of one result: the first carries the grant, the last says how many there are.

Each names the digest of the one before it; the receipt names the digest of the last. Nothing can be added, dropped or
exchanged later. A random nonce in each keeps its digest from telling what it says.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from sluicegate.schemas import codec
from sluicegate.schemas.envelope import (
    PATH_HEADER,
    Headers,
    envelope_digest,
    header,
    record_headers,
    sign,
    signed_part,
)
from sluicegate.schemas.export import CarriedGrant, ExportBatch
from sluicegate.schemas.ids import derived_id
from sluicegate.schemas.receipt import NoResult

from .execution_records import SOURCE, ReadGrant, Scribe
from .results_slices import Slice, UnsendableError
from .results_spool import Spool
from .signed_record import nonce

TOPIC: Final = "exports.raw"
LARGEST_BATCH_BYTES: Final = 4 * 1024 * 1024 - 64 * 1024
"""What `exports.raw` takes, less the headers."""


@dataclass(frozen=True, slots=True)
class WrittenResult:
    """A result that is ready to be sent; `digest` is that of its last batch. Close it when its transaction is over."""

    digest: bytes
    size: int
    first: bytes = field(repr=False)
    headers: tuple[Headers, ...] = field(repr=False)
    values: Spool = field(repr=False)

    @property
    def count(self) -> int:
        """How many batches there are."""
        return len(self.headers)

    def records(self) -> Iterator[tuple[bytes, Headers]]:
        """Value and headers of every batch, in order."""
        return zip(self.values, self.headers, strict=True)

    def close(self) -> None:
        """Forget the batches."""
        self.values.close()


def write_result(
    scribe: Scribe, read: ReadGrant, bodies: Iterator[Slice], now_ms: int
) -> WrittenResult | None:
    """The chain of what a handler returned, None for nothing; UnsendableError, or what an iterator raises."""
    chain = _Chain(scribe, read, now_ms)
    try:
        # One behind, because only the last batch says how many there are.
        held: Slice | None = None
        for body in bodies:
            if held is not None:
                chain.add(held, is_last=False)
            held = body
        if held is None:
            chain.spool.close()
            return None
        chain.add(held, is_last=True)
    except BaseException:
        chain.spool.close()
        raise
    return chain.written()


class _Chain:
    """The batches so far."""

    def __init__(self, scribe: Scribe, read: ReadGrant, now_ms: int) -> None:
        self.spool = Spool()
        self._scribe = scribe
        self._read = read
        self._now_ms = now_ms
        self._previous: bytes | None = None
        self._first = b""
        self._headers: list[Headers] = []

    def add(self, body: Slice, *, is_last: bool) -> None:
        sequence, grant = len(self._headers), self._read.grant
        batch = ExportBatch(
            deployment=self._scribe.deployment,
            batch_id=derived_id("ba", grant.grant_id, self._read.digest.hex(), sequence),
            action_id=grant.action_id,
            lane=grant.lane,
            agent=grant.agent,
            source=self._scribe.executor,
            grant_id=grant.grant_id,
            grant=_carried(self._read) if sequence == 0 else None,
            sequence=sequence,
            previous=self._previous,
            count=sequence + 1 if is_last else None,
            media_type=body.media_type,
            nonce=nonce(),
            body=body.body,
            created_at_ms=self._now_ms,
        )
        encoded = codec.encode(batch)
        if len(encoded.value) > LARGEST_BATCH_BYTES:
            raise UnsendableError(NoResult.TOO_LARGE)
        headers = record_headers(
            kind=batch.kind,
            payload_type=encoded.payload_type,
            id=batch.batch_id,
            subject=grant.action_id,
            source=SOURCE,
            sig=sign(self._scribe.key, encoded.payload_type, encoded.value),
        )
        self._previous = envelope_digest(encoded.payload_type, encoded.value)
        self._first = self._first or encoded.value
        self._headers.append(headers)
        self.spool.append(encoded.value)

    def written(self) -> WrittenResult:
        assert self._previous is not None  # noqa: S101  # there is at least one batch
        return WrittenResult(self._previous, self.spool.size, self._first, tuple(self._headers), self.spool)


def _carried(read: ReadGrant) -> CarriedGrant:
    signed = signed_part(read.record.headers, read.record.value or b"")
    return CarriedGrant(
        payload_type=signed.payload_type,
        value=signed.value,
        sig=signed.sig,
        sig_path=header(read.record.headers, PATH_HEADER),
    )
