"""What people say on `decisions`: approve or reject a request, or settle what became of an unknown execution."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from .action import AccountName
from .fields import Digest, Milliseconds, Name, Nonce, Wire


class Choice(StrEnum):
    """What a person decided."""

    APPROVE = "approve"
    REJECT = "reject"


Reason = Annotated[str, Field(min_length=1, max_length=4096)]


class Decision(Wire):
    """One person's answer to one request, bound to the exact action and to the view that was shown."""

    kind: Literal["decision"] = "decision"
    deployment: Name
    decision_id: Name
    request_id: Name
    action_id: Name
    lane: Name
    agent: Name
    action_digest: Digest
    view_digest: Digest
    account: AccountName
    choice: Annotated[Choice, Field(strict=False)]
    reason: Reason | None = None
    decided_at_ms: Milliseconds
    nonce: Nonce


class Settled(StrEnum):
    """What a person found out about an execution whose end was unknown."""

    EXECUTED = "executed"
    FAILED = "failed"


class Reconciliation(Wire):
    """A person of the executor's `reconcilers` groups says what really happened to a claimed grant."""

    kind: Literal["reconciliation"] = "reconciliation"
    deployment: Name
    reconciliation_id: Name
    action_id: Name
    grant_id: Name
    lane: Name
    agent: Name
    account: AccountName
    settled: Annotated[Settled, Field(strict=False)]
    reason: Reason
    decided_at_ms: Milliseconds
    nonce: Nonce
