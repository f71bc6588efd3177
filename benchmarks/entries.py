"""Entries of the gate's stores as it writes them, in any number: one real one of each kind, with other ids put in."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sluicegate.processors.gate import closed, pending
from sluicegate.schemas.canonical import sha256
from sluicegate.streams.testing import GateDriver

from .material import ACTION_TYPE, AGENT, EXECUTOR, arguments, policy

DIGITS: Final = 9
REVIEWED: Final = "crm.delete"
_ID: Final = "ac-" + "0" * DIGITS


@dataclass(frozen=True, slots=True)
class Kind:
    """Store, and the value of one entry."""

    name: str
    store: str
    changelog: str
    value: bytes

    def entries(self, count: int, first: int = 0) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values of so many entries, each about an action of its own."""
        old = _ID.encode()
        for number in range(first, first + count):
            new = b"ac-%0*d" % (DIGITS, number)
            key = pending.pending_key(AGENT, new.decode())
            if self.store == closed.STORE:
                # A marker names no action: without a content digest of its own (bytes 2 to 34), all would share one value in memory.
                yield sha256(key)[:16], self.value[:2] + sha256(new) + self.value[34:]
            else:
                yield key, self.value.replace(old, new)


def granted() -> Kind:
    """An allowed action whose grant nobody has used, as most pending ones are; its grant lives for an hour."""
    return _kind("granted", ACTION_TYPE, pending.STORE, pending.CHANGELOG)


def waiting() -> Kind:
    """An action that waits for people: its request and its arguments are kept."""
    return _kind("waiting for people", REVIEWED, pending.STORE, pending.CHANGELOG)


def marker() -> Kind:
    """What an ended action leaves for the closing window."""
    return _kind("closed", "crm.unknown", closed.STORE, closed.CHANGELOG)


def _kind(name: str, action_type: str, store: str, changelog: str) -> Kind:
    text = policy(1).replace(
        "rules:\n", f"rules:\n  - {{id: deletes, on: [{REVIEWED}], effect: review, review: one}}\n"
    )
    gate = GateDriver(text, partitions=1)
    gate.person("p-own")
    gate.person("p-ann", groups=["security"])
    gate.agent(AGENT, owners=["p-own"])
    gate.executor(EXECUTOR, types=[ACTION_TYPE, REVIEWED], grant_life_ms=3_600_000)
    gate.driver.now_ms = time.time_ns() // 1_000_000
    gate.submit(AGENT, action_type, arguments(7), action_id=_ID)
    gate.run()
    (value,) = gate.driver.state()[0][store].values()
    return Kind(name, store, changelog, value)
