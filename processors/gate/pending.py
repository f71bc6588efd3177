"""The store `pending`: every action that is not closed, under (agent, action id).

A value is one byte of format, one that says which punctuation comes next, eight of its due time, then the Avro frame: the
runtime asks for the due time of every entry it puts or restores, and must not pay a decode for it.
"""

import struct
from typing import Final

from sluicegate.processors.contract import Due, Put, StoreReader
from sluicegate.schemas import codec
from sluicegate.schemas.state import Pending, Phase

STORE = "pending"
CHANGELOG = "gate.pending.changelog"

_FORMAT = 1
_HEAD = struct.Struct(">BBQ")
_PUNCTUATIONS: Final = (
    ("deadline", "decisions"),
    ("lapse", "receipts"),
    ("lease", "receipts"),
    None,
    ("reminder", "decisions"),
)
"""Kind of the punctuation that comes next, and the input that must be read up to it first, by the second byte of a value.

The first four are those of the phases in their order (an unknown end waits for people); a request that is to be reminded
of comes last, because the numbers of the others stand in changelogs that were written before there were reminders.
"""
_PHASES: Final = tuple(Phase)
_REMINDER: Final = 4


def pending_key(agent: str, action_id: str) -> bytes:
    """The key of an action; both parts are ASCII names, so the separator cannot occur in them."""
    return f"{agent}\0{action_id}".encode()


def read_pending(stores: StoreReader, agent: str, action_id: str) -> Pending | None:
    """The action's pending state, if it has one."""
    value = stores.get(STORE, pending_key(agent, action_id))
    return None if value is None else unpack_pending(value)


def put_pending(pending: Pending) -> Put:
    """Write the state."""
    head = _HEAD.pack(_FORMAT, *_next(pending))
    return Put(STORE, pending_key(pending.agent, pending.action_id), head + codec.encode(pending).value)


def delete_pending(agent: str, action_id: str) -> Put:
    """Forget the state."""
    return Put(STORE, pending_key(agent, action_id), None)


def unpack_pending(value: bytes) -> Pending:
    """Decode a value of the store."""
    return codec.decode_own(value[_HEAD.size :], Pending)


def pending_due(key: bytes, value: bytes) -> Due | None:
    """When this entry must be looked at again, and what must have been read by then."""
    _, number, at_ms = _HEAD.unpack_from(value)
    punctuation = _PUNCTUATIONS[number]
    return None if punctuation is None else Due(at_ms, key, punctuation[0], STORE, punctuation[1])


def _next(pending: Pending) -> tuple[int, int]:
    """The number of the punctuation that comes next, and when."""
    waiting = pending.waiting
    if waiting is not None and waiting.remind_at_ms is not None:
        return _REMINDER, waiting.remind_at_ms
    return _PHASES.index(Phase(pending.phase)), _due_ms(pending)


def _due_ms(pending: Pending) -> int:
    if pending.waiting is not None:
        return pending.waiting.requirement.deadline_ms
    granted = pending.granted
    if granted is None:
        return 0
    if granted.claimed_at_ms is not None:
        return granted.claimed_at_ms + granted.lease_ms
    return granted.expires_at_ms
