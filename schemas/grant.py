"""What the gate writes to `execution.<executor>`: permission to execute one action, once, soon."""

from typing import Literal

from pydantic import Field

from .approval import FrozenRequirement
from .fields import Blob, Digest, ExecutorName, Milliseconds, Name, Offset, Wire


class Signed(Wire):
    """A signed record inside another one, exactly as it was received."""

    payload_type: str
    value: Blob
    sig: str


class Grant(Wire):
    """Single-use permission for one executor to execute exactly these bytes before `expires_at_ms`."""

    kind: Literal["grant"] = "grant"
    deployment: Name
    grant_id: Name
    action_id: Name
    lane: Name
    agent: Name
    action_digest: Digest
    executor: ExecutorName
    type: Name
    issued_at_ms: Milliseconds
    expires_at_ms: Milliseconds
    action: Signed
    request_id: Name | None = None
    requirement: FrozenRequirement | None = None
    view_digests: tuple[Digest, ...] = ()
    decisions: tuple[Signed, ...] = ()
    excluded: tuple[Name, ...] = ()
    mask: Name | None = None
    policies: tuple[Digest, ...] = ()
    tables: dict[str, Offset] = Field(default_factory=dict)
