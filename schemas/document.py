"""What operators sign onto `policies`, `identities` and `controls`: one document, one subject, the next version.

A document whose version is not the last one plus one, or that no pinned operator signed, is ignored with an audit entry.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from .action import AccountName
from .approval import GroupCounts
from .fields import Count, ExecutorName, JsonObject, Milliseconds, Name, Wire

PublicKeyText = Annotated[str, Field(min_length=43, max_length=43, pattern=r"^[A-Za-z0-9_-]+$")]
"""An Ed25519 public key: 32 bytes as base64url."""


class DocumentKind(StrEnum):
    """What a document is about; the topic it belongs on follows from it."""

    PERSON = "person"
    ACCOUNT = "account"
    GROUP = "group"
    AGENT = "agent"
    EXECUTOR = "executor"
    BRIDGE = "bridge"
    GATE = "gate"
    PIPELINE = "pipeline"
    POLICY = "policy"
    PROFILE = "profile"
    PAUSE = "pause"
    REVOCATION = "revocation"

    @property
    def topic(self) -> str:
        """The logical topic that carries documents of this kind."""
        match self:
            case DocumentKind.POLICY | DocumentKind.PROFILE:
                return "policies"
            case DocumentKind.PAUSE | DocumentKind.REVOCATION:
                return "controls"
            case _:
                return "identities"


class Document(Wire):
    """A statement of an operator about one subject (`subject`, `id`); `body` is one of the models below, as JSON."""

    kind: Literal["document"] = "document"
    deployment: Name
    subject: Annotated[DocumentKind, Field(strict=False)]
    id: Name
    version: Annotated[Count, Field(ge=1)]
    issued_at_ms: Milliseconds
    body: JsonObject


class Person(Wire):
    """A human being; the id is random and the only thing audit ever says about them."""

    name: Annotated[str, Field(max_length=256)] | None = None
    retired: bool = False


class Account(Wire):
    """One login of a person; `key` signs decisions made without a bridge."""

    account: AccountName
    person: Name
    key: PublicKeyText | None = None
    retired: bool = False


class Group(Wire):
    """Who may review as this group."""

    members: tuple[Name, ...]


class Agent(Wire):
    """An agent, the people who answer for it, and the accounts it may act for.

    `releases` says that this is masking: it alone asks for `export.release`, each time on the lane of what it holds, and behind
    such an action are the people behind what it would release.
    """

    key: PublicKeyText
    owners: Annotated[tuple[Name, ...], Field(min_length=1)]
    lane: Name | None = None
    delegators: tuple[AccountName, ...] = ()
    releases: bool = False
    retired: bool = False


class Floor(Wire):
    """The least an executor demands before it acts, whatever the policy said; an empty one demands nobody."""

    groups: GroupCounts = Field(default_factory=dict)
    quorum: Annotated[int, Field(ge=0, le=100)] = 0


class Executor(Wire):
    """A process that holds credentials, the action types routed to it, and its floor per type."""

    key: PublicKeyText
    types: tuple[Name, ...]
    floor: dict[Name, Floor] = Field(default_factory=dict)
    lease_ms: Milliseconds = 600_000
    grant_life_ms: Annotated[int, Field(ge=1, le=3_600_000)] = 300_000
    reconcilers: tuple[Name, ...] = ()
    retired: bool = False


class Bridge(Wire):
    """A program that carries decisions for people whose accounts belong to these issuers."""

    key: PublicKeyText
    issuers: tuple[str, ...]
    retired: bool = False


class Gate(Wire):
    """A gate's signing key; executors accept grants by these keys only."""

    key: PublicKeyText
    retired: bool = False


class Pipeline(Wire):
    """A program that feeds standing streams: it signs batches of the streams that a policy lets it feed.

    `owners` answer for it; nothing of a pipeline without owners is ever released by people.
    """

    key: PublicKeyText
    owners: tuple[Name, ...] = ()
    retired: bool = False


class PolicyText(Wire):
    """A policy file, exactly as the operator wrote it."""

    text: str
    retired: bool = False


class ProfileText(Wire):
    """A masking profile, exactly as the operator wrote it."""

    text: str
    retired: bool = False


class Pause(Wire):
    """Stop what matches: everything, one action type, one executor, or one agent, while `active`."""

    action_type: Name | None = None
    executor: ExecutorName | None = None
    agent: Name | None = None
    active: bool = True


class Revocation(Wire):
    """From `from_ms` (log-append time) on, records signed by this key, or this grant, count for nothing."""

    key_id: Name | None = None
    grant_id: Name | None = None
    from_ms: Milliseconds


Body = (
    Person
    | Account
    | Group
    | Agent
    | Executor
    | Bridge
    | Gate
    | Pipeline
    | PolicyText
    | ProfileText
    | Pause
    | Revocation
)

BODIES: dict[DocumentKind, type[Body]] = {
    DocumentKind.PERSON: Person,
    DocumentKind.ACCOUNT: Account,
    DocumentKind.GROUP: Group,
    DocumentKind.AGENT: Agent,
    DocumentKind.EXECUTOR: Executor,
    DocumentKind.BRIDGE: Bridge,
    DocumentKind.GATE: Gate,
    DocumentKind.PIPELINE: Pipeline,
    DocumentKind.POLICY: PolicyText,
    DocumentKind.PROFILE: ProfileText,
    DocumentKind.PAUSE: Pause,
    DocumentKind.REVOCATION: Revocation,
}
