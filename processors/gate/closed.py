"""The store `closed`: what an ended action leaves behind for the closing window, so that a copy finds its answer.

A value is packed: format, outcome, content digest, time, result digest, then reason, request and grant as text. Markers expire
by stream time (the log-append times a task has consumed of `actions`), never by wall clock: a gate that was away forgets nothing for it.
"""

import struct
from dataclasses import dataclass

from sluicegate.processors.contract import Put, StoreReader
from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.outcome import Outcome, OutcomeKind

from .pending import pending_key

STORE = "closed"
CHANGELOG = "gate.closed.changelog"

_FORMAT = 1
_HEAD = struct.Struct(">BB32sQ32s")
_KINDS = tuple(OutcomeKind)
_NOTHING = bytes(32)


@dataclass(frozen=True, slots=True)
class Marker:
    """How an action ended: what a copy of it is told again.

    The digest of the result stays, so a copy's sender can still read it; its place on `exports.raw` is not worth the bytes.
    """

    content_digest: bytes
    outcome: OutcomeKind
    closed_ms: int
    reason: str | None = None
    request_id: str | None = None
    grant_id: str | None = None
    result_digest: bytes | None = None

    @classmethod
    def of(cls, outcome: Outcome, content_digest: bytes, closed_ms: int) -> "Marker":
        """The marker of an action that ended with this outcome."""
        return cls(
            content_digest,
            outcome.outcome,
            closed_ms,
            outcome.reason,
            outcome.request_id,
            outcome.grant_id,
            outcome.result_digest,
        )


def put_marker(agent: str, action_id: str, marker: Marker) -> Put:
    """Leave a marker."""
    head = _HEAD.pack(
        _FORMAT,
        _KINDS.index(marker.outcome),
        marker.content_digest,
        marker.closed_ms,
        marker.result_digest or _NOTHING,
    )
    names = (marker.reason or "", marker.request_id or "", marker.grant_id or "")
    return Put(STORE, _key(agent, action_id), head + "\0".join(names).encode())


def read_marker(stores: StoreReader, agent: str, action_id: str) -> Marker | None:
    """The marker of an action that ended within the window."""
    value = stores.get(STORE, _key(agent, action_id))
    if value is None:
        return None
    _, outcome, content_digest, at_ms, result = _HEAD.unpack_from(value)
    reason, request_id, grant_id = (name or None for name in value[_HEAD.size :].decode().split("\0"))
    result_digest = None if result == _NOTHING else result
    return Marker(content_digest, _KINDS[outcome], at_ms, reason, request_id, grant_id, result_digest)


def closed_ms(value: bytes) -> int:
    """When a marker was left."""
    return int(_HEAD.unpack_from(value)[3])


def _key(agent: str, action_id: str) -> bytes:
    return sha256(pending_key(agent, action_id))[:16]
