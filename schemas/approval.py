"""What the gate writes to `approvals`: what is asked, how each decision counted, how it ended. Masked only."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from .fields import Count, Digest, Milliseconds, Name, Wire

GroupCounts = dict[Name, Annotated[int, Field(ge=1, le=20)]]


class FrozenRequirement(Wire):
    """Who must decide, copied into the request so that a later policy cannot weaken it.

    Every group needs its count, all by distinct people; `quorum` distinct people in total.
    """

    groups: GroupCounts
    quorum: Annotated[int, Field(ge=1, le=100)]
    deadline_ms: Milliseconds
    reason_required: bool
    mask: Name


class View(Wire):
    """The masked rendering of an action; `text` is canonical JSON and `digest` its SHA-256.

    An incomplete view (cut, or not maskable) cannot be approved.
    """

    text: str
    digest: Digest
    complete: bool


class ApprovalRequest(Wire):
    """Reviewers are asked about one action. A raised request has the same id and the next revision."""

    kind: Literal["approval-request"] = "approval-request"
    request_id: Name
    revision: Annotated[Count, Field(ge=1)] = 1
    action_id: Name
    lane: Name
    agent: Name
    action_digest: Digest
    type: Name
    requirement: FrozenRequirement
    excluded: tuple[Name, ...]
    rules: tuple[str, ...]
    whys: tuple[str, ...]
    policies: tuple[Digest, ...]
    view: View
    requested_at_ms: Milliseconds


class Tally(Wire):
    """The gate's answer to one decision: counted (`people` of `needed`), or not, and why (a code)."""

    kind: Literal["tally"] = "tally"
    decision_id: Name
    request_id: Name
    action_id: Name
    lane: Name
    agent: Name
    person: Name | None
    counted: bool
    reason: Name | None = None
    people: Count
    needed: Count
    open_groups: tuple[Name, ...] = ()


class Reminder(Wire):
    """A request still waits and its deadline comes near: told once, to whoever carries reviews to people.

    `people` have decided of `needed`; `open_groups` still lack somebody.
    """

    kind: Literal["reminder"] = "reminder"
    request_id: Name
    action_id: Name
    lane: Name
    agent: Name
    type: Name
    revision: Annotated[Count, Field(ge=1)] = 1
    deadline_ms: Milliseconds
    people: Count
    needed: Count
    open_groups: tuple[Name, ...] = ()
    reminded_at_ms: Milliseconds


class ResolutionKind(StrEnum):
    """How a request ended."""

    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"
    DENIED = "denied"  # a policy that came later forbids the action


class Resolution(Wire):
    """The end of one request."""

    kind: Literal["resolution"] = "resolution"
    request_id: Name
    action_id: Name
    lane: Name
    agent: Name
    resolution: Annotated[ResolutionKind, Field(strict=False)]
    people: tuple[Name, ...]
    reason: Name | None = None
    resolved_at_ms: Milliseconds
