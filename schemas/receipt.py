"""What executors write to `receipts`: "I take this grant", then "this is what happened". Digests, no values."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from .fields import Count, Digest, ExecutorName, Milliseconds, Name, Offset, Partition, Wire


class Claim(Wire):
    """The executor takes a grant: committed before it acts, at most once per grant."""

    kind: Literal["claim"] = "claim"
    deployment: Name
    claim_id: Name
    grant_id: Name
    action_id: Name
    lane: Name
    agent: Name
    action_digest: Digest
    executor: ExecutorName
    claimed_at_ms: Milliseconds


class Happened(StrEnum):
    """What a receipt reports."""

    EXECUTED = "executed"
    FAILED = "failed"
    REFUSED = "refused"


class NoResult(StrEnum):
    """What `Receipt.failure` says of an executed action whose result does not come back; the action happened all the same."""

    NOT_JSON = "result-not-json"
    TOO_LARGE = "result-too-large"
    TOO_SLOW = "result-too-slow"
    """Kafka did not take all of it while one transaction lasts."""


class ResultPlace(Wire):
    """Where the raw result stands on `exports.raw`: the offset of its first batch, and how many batches there are."""

    partition: Partition
    offset: Offset
    batches: Count


class Receipt(Wire):
    """What happened to a grant. `check` names the first check that failed, `failure` the class of the handler's error.

    Of an executed action `failure` is a `NoResult` when what it returned does not come back.

    `result_digest` is the digest of the result's last batch (see `export`), `result` where the batches stand; both are None
    when nothing was returned.
    """

    kind: Literal["receipt"] = "receipt"
    deployment: Name
    receipt_id: Name
    grant_id: Name
    claim_id: Name | None
    action_id: Name
    lane: Name
    agent: Name
    executor: ExecutorName
    happened: Annotated[Happened, Field(strict=False)]
    check: Name | None = None
    failure: Name | None = None
    result_digest: Digest | None = None
    result: ResultPlace | None = None
    created_at_ms: Milliseconds
