"""What agents write to `actions`: the operation they intend, or that they no longer intend it."""

from typing import Annotated, Literal

from pydantic import Field

from .fields import JsonObject, Milliseconds, Name, Nonce, Wire


class AccountName(Wire):
    """One login of a person: compared byte by byte as (issuer, subject)."""

    issuer: Annotated[str, Field(min_length=1, max_length=256)]
    subject: Annotated[str, Field(min_length=1, max_length=256)]


class Action(Wire):
    """An operation an agent intends; nothing runs because this record exists.

    (`agent`, `action_id`) names it: the id is the agent's idempotency key, and no agent can take another's. `nonce` keeps the digest from being guessed. `supersedes` makes this an edit
    of an earlier action of the same agent. `on_behalf_of` is a claim of the agent, never proof.
    """

    kind: Literal["action"] = "action"
    deployment: Name
    action_id: Name
    agent: Name
    lane: Name
    type: Name
    nonce: Nonce
    created_at_ms: Milliseconds
    arguments: JsonObject
    summary: Annotated[str, Field(max_length=4096)] | None = None
    supersedes: Name | None = None
    on_behalf_of: AccountName | None = None


class Withdrawal(Wire):
    """The agent no longer intends `action_id`; it changes nothing once the action does not wait any more."""

    kind: Literal["withdrawal"] = "withdrawal"
    deployment: Name
    withdrawal_id: Name
    action_id: Name
    agent: Name
    lane: Name
    nonce: Nonce
    created_at_ms: Milliseconds
