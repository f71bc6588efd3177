"""Claims and receipts as an executor signs them: ids, bytes, headers. Pure.

A claim's id and a refusal's id derive from the exact bytes of the grant, an end's id from its claim: written twice, they are
the same record.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from sluicegate.processors.contract import Record
from sluicegate.processors.release import STRAY, Check
from sluicegate.schemas import codec
from sluicegate.schemas.envelope import Headers, record_headers, sign, signed_part, split_signature, verify
from sluicegate.schemas.errors import RecordError
from sluicegate.schemas.grant import Grant
from sluicegate.schemas.ids import derived_id
from sluicegate.schemas.keys import PrivateKey
from sluicegate.schemas.receipt import Claim, Happened, NoResult, Receipt, ResultPlace

from .claim_book import claim_id, refusal_id

SOURCE: Final = "/sluicegate/executor"
"""`ce_source` of what executors write; which one it was is what the signature says."""
_FAILURE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._]{0,127}")


@dataclass(frozen=True, slots=True)
class ReadGrant:
    """A grant as it was read; `digest` is SHA-256 over its envelope."""

    record: Record
    grant: Grant
    digest: bytes


@dataclass(frozen=True, slots=True)
class OwnRecord:
    """A signed record for `receipts`, and the model it says."""

    model: Claim | Receipt
    value: bytes
    headers: Headers

    @property
    def key(self) -> bytes:
        """The record key: the lane."""
        return self.model.lane.encode()


@dataclass(frozen=True, slots=True)
class Scribe:
    """Writes and recognises the records of one executor."""

    deployment: str
    executor: str
    key: PrivateKey = field(repr=False)

    def claim(self, read: ReadGrant, now_ms: int) -> OwnRecord:
        """This executor takes the grant."""
        grant = read.grant
        claim = Claim(
            deployment=self.deployment,
            claim_id=claim_id(grant.grant_id, read.digest),
            grant_id=grant.grant_id,
            action_id=grant.action_id,
            action_digest=grant.action_digest,
            lane=grant.lane,
            agent=grant.agent,
            executor=self.executor,
            claimed_at_ms=now_ms,
        )
        return self._sign(claim, claim.claim_id)

    def refusal(self, read: ReadGrant, check: Check, now_ms: int, *, claimed: str | None = None) -> OwnRecord:
        """The grant is not executed; `claimed` names the claim when it was taken before."""
        here = str(read.record.position)
        if check in STRAY:
            # INVARIANT: it names a claim that never was, so the gate writes it down and the real grant stays as it is.
            claimed, receipt_id = derived_id("cl", "stray", here), derived_id("rc", "stray", here)
        elif claimed is not None:
            receipt_id = derived_id("rc", claimed)
        elif check is Check.USED_BEFORE:
            # Not the id of a refusal: the grant itself was used and stays so.
            receipt_id = derived_id("rc", here, now_ms)
        else:
            receipt_id = refusal_id(read.grant.grant_id, read.digest)
        return self._receipt(read, receipt_id, claimed, Happened.REFUSED, now_ms, check=check)

    def executed(
        self,
        read: ReadGrant,
        claimed: str,
        now_ms: int,
        *,
        result_digest: bytes | None = None,
        result: ResultPlace | None = None,
        no_result: NoResult | None = None,
    ) -> OwnRecord:
        """The action happened: what it returned stands at `result`, was nothing, or does not come back (`no_result`)."""
        return self._receipt(
            read,
            derived_id("rc", claimed),
            claimed,
            Happened.EXECUTED,
            now_ms,
            failure=no_result,
            result_digest=result_digest,
            result=result,
        )

    def failed(self, read: ReadGrant, claimed: str, now_ms: int, error: BaseException) -> OwnRecord:
        """The handler raised; of the error only its class is told."""
        name = type(error).__name__.lstrip("_")
        failure = name if _FAILURE.fullmatch(name) else "Exception"
        return self._receipt(
            read, derived_id("rc", claimed), claimed, Happened.FAILED, now_ms, failure=failure
        )

    def own(self, record: Record) -> Claim | Receipt | None:
        """A record of `receipts` that this executor signed; None for anything else."""
        try:
            signed = signed_part(record.headers, record.value or b"")
            if split_signature(signed.sig)[0] != self.key.key_id:
                return None
            verify(self.key.public, signed)
            model = codec.decode(signed.payload_type, signed.value, {"claim", "receipt"})
        except RecordError:
            return None
        assert isinstance(model, Claim | Receipt)  # noqa: S101  # decode was told these kinds
        return model if (model.deployment, model.executor) == (self.deployment, self.executor) else None

    def _receipt(
        self,
        read: ReadGrant,
        receipt_id: str,
        claimed: str | None,
        happened: Happened,
        now_ms: int,
        *,
        check: Check | None = None,
        failure: str | None = None,
        result_digest: bytes | None = None,
        result: ResultPlace | None = None,
    ) -> OwnRecord:
        grant = read.grant
        receipt = Receipt(
            deployment=self.deployment,
            receipt_id=receipt_id,
            grant_id=grant.grant_id,
            claim_id=claimed,
            action_id=grant.action_id,
            lane=grant.lane,
            agent=grant.agent,
            executor=self.executor,
            happened=happened,
            check=check,
            failure=failure,
            result_digest=result_digest,
            result=result,
            created_at_ms=now_ms,
        )
        return self._sign(receipt, receipt_id)

    def _sign(self, model: Claim | Receipt, record_id: str) -> OwnRecord:
        encoded = codec.encode(model)
        headers = record_headers(
            kind=model.kind,
            payload_type=encoded.payload_type,
            id=record_id,
            subject=model.action_id,
            source=SOURCE,
            sig=sign(self.key, encoded.payload_type, encoded.value),
        )
        return OwnRecord(model, encoded.value, headers)
