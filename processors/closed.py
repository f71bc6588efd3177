"""The store `closed`: what an ended action leaves behind for the closing window, so that a copy finds its answer.

A value is packed: content digest, outcome, position of the input that closed it, time, reason. Markers expire by stream time
(the log-append times a task has consumed), never by wall clock: a gate that was away forgets nothing for it.
"""

import struct
from dataclasses import dataclass

from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.outcome import OutcomeKind

from .contract import Put, StoreReader
from .pending import pending_key

STORE = "closed"
CHANGELOG = "gate.closed.changelog"

_FORMAT = 1
_HEAD = struct.Struct(">BB32sQ")
_KINDS = tuple(OutcomeKind)


@dataclass(frozen=True, slots=True)
class Marker:
    """How an action ended."""

    content_digest: bytes
    outcome: OutcomeKind
    reason: str | None
    closed_ms: int


def put_marker(agent: str, action_id: str, marker: Marker) -> Put:
    """Leave a marker."""
    head = _HEAD.pack(_FORMAT, _KINDS.index(marker.outcome), marker.content_digest, marker.closed_ms)
    return Put(STORE, _key(agent, action_id), head + (marker.reason or "").encode())


def read_marker(stores: StoreReader, agent: str, action_id: str) -> Marker | None:
    """The marker of an action that ended within the window."""
    value = stores.get(STORE, _key(agent, action_id))
    if value is None:
        return None
    _, outcome, content_digest, closed_ms = _HEAD.unpack_from(value)
    reason = value[_HEAD.size :].decode() or None
    return Marker(content_digest, _KINDS[outcome], reason, closed_ms)


def closed_ms(value: bytes) -> int:
    """When a marker was left."""
    return int(_HEAD.unpack_from(value)[3])


def _key(agent: str, action_id: str) -> bytes:
    return sha256(pending_key(agent, action_id))[:16]
