"""What the gate writes to `outcomes`: what the agent is told. No arguments, no values."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from .fields import Digest, Milliseconds, Name, Wire
from .receipt import ResultPlace


class OutcomeKind(StrEnum):
    """What has become of an action so far."""

    PENDING = "pending"
    GRANTED = "granted"
    DENIED = "denied"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"
    LAPSED = "lapsed"
    EXECUTED = "executed"
    FAILED = "failed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    RECONCILED = "reconciled"

    @property
    def final(self) -> bool:
        """Whether no later outcome can follow (an unknown one can still be reconciled)."""
        return self not in {OutcomeKind.PENDING, OutcomeKind.GRANTED, OutcomeKind.UNKNOWN}


class Outcome(Wire):
    """What has become of one action. `reason` is a code, `rules` name the policy's rules that decided.

    `action_digest` is that of the record this answers: a conflict names the copy that was refused, not the first record.
    `result_digest` and `result` are the receipt's: what was returned comes masked on `exports.masked`, where the chain of
    batches ends in this digest.
    """

    kind: Literal["outcome"] = "outcome"
    outcome_id: Name
    action_id: Name
    lane: Name
    agent: Name
    action_digest: Digest
    outcome: Annotated[OutcomeKind, Field(strict=False)]
    reason: Name | None = None
    rules: tuple[str, ...] = ()
    request_id: Name | None = None
    grant_id: Name | None = None
    result_digest: Digest | None = None
    result: ResultPlace | None = None
    repeated: bool = False
    at_ms: Milliseconds
