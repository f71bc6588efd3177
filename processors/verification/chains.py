"""I13: what leaves was masked or withheld, once, in the chain of its grant or stream, to the end its receipt names.

A receipt and its batches are written together, and the gate and masking consume them apart: either may come first here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sluicegate.processors.events import Event
from sluicegate.schemas.audit import AuditEntry

from .findings import Invariant, Ledger
from .placed import Placed

FORGOTTEN_MS: Final = 48 * 3_600_000
"""A stream that has been silent for this long may begin again; a result never."""
_WRITES: Final = {
    Event.BATCH_MASKED: ["exports.masked"],
    Event.BATCH_WITHHELD: ["exports.quarantine", "exports.masked"],
    Event.BATCH_REPEATED: [],
    Event.BATCH_REFUSED: ["dlq.exports.raw"],
}
BATCHES: Final = frozenset(_WRITES)
"""Events of masking alone."""


@dataclass(slots=True)
class _Chain:
    """How far a result or stream has come. `end` is the digest of its last batch and their number, once it is closed."""

    sequence: int = 0
    append_ms: int = 0
    end: tuple[bytes | None, int | None] | None = None


class Chains:
    """The chains of one partition, the grants that were issued on it, and what receipts say of results."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._grants: dict[str, tuple[str | None, str | None, str | None]] = {}
        self._told: dict[str, tuple[bytes | None, int | None]] = {}
        self._chains: dict[tuple[str | None, ...], _Chain] = {}
        self._digests: set[bytes] = set()
        self._is_whole = True
        self._steps: dict[Event, Callable[[Placed], None]] = {
            Event.ACTION_GRANTED: self._issue,
            Event.DECISION_COUNTED: self._issue,
            Event.RECEIPT_COUNTED: self._receipt,
            Event.BATCH_MASKED: self._batch,
            Event.BATCH_WITHHELD: self._batch,
            Event.BATCH_REPEATED: self._repeat,
        }

    def take(self, placed: Placed, event: Event, *, is_whole: bool) -> None:
        """One entry in its order. `is_whole`: a grant, or batch, that is not known was never there."""
        self._is_whole = is_whole
        if event in BATCHES:
            self._ledger.count(Invariant.I13, event.value.removeprefix("batch."))
            asked = ["actions"] if placed.entry.release_id is not None else []
            if [record.topic for record in placed.entry.written] != [*_WRITES[event], *asked]:
                self._find(placed, f"`{event}` wrote something else than it must")
        step = self._steps.get(event)
        if step is not None:
            step(placed)

    def _issue(self, placed: Placed) -> None:
        entry = placed.entry
        if entry.grant_id is not None:
            self._grants[entry.grant_id] = (entry.agent, entry.action_id, entry.executor)

    def _receipt(self, placed: Placed) -> None:
        entry = placed.entry
        if entry.grant_id is None or entry.result_digest is None:
            return
        self._ledger.count(Invariant.I13, "results told")
        self._told[entry.grant_id] = (entry.result_digest, entry.result_batches)
        chain = self._chains.get((entry.grant_id,))
        if chain is not None and chain.end is not None:
            self._compare(placed, entry.grant_id, chain.end)

    def _batch(self, placed: Placed) -> None:
        entry = placed.entry
        if entry.batch_digest is None or entry.sequence is None or entry.profile is None:
            self._find(placed, "the entry does not say which batch, which place or which profile")
            return
        if entry.event == Event.BATCH_WITHHELD and not entry.reasons:
            self._find(placed, "a batch was withheld without a reason")
        if entry.batch_digest in self._digests:
            self._find(placed, "the same batch was handed on a second time")
        self._digests.add(entry.batch_digest)
        if (entry.grant_id is None) is (entry.stream is None):
            self._find(placed, "the batch belongs to neither one grant nor one stream")
        elif entry.grant_id is not None:
            self._granted(placed, entry.grant_id)
        self._follow(placed, entry)

    def _granted(self, placed: Placed, grant_id: str) -> None:
        entry = placed.entry
        issued = self._grants.get(grant_id)
        if issued is None:
            if self._is_whole:
                self._find(placed, "no grant was issued for this result")
            else:
                self._ledger.count(Invariant.I13, "before history")
        elif issued != (entry.agent, entry.action_id, entry.executor):
            self._find(placed, "the grant was issued for another action or executor")

    def _follow(self, placed: Placed, entry: AuditEntry) -> None:
        key = (entry.grant_id,) if entry.grant_id is not None else (entry.stream, entry.executor)
        arrived_ms = entry.leaf.append_ms if entry.leaf is not None else placed.append_ms
        chain = self._chains.get(key)
        begins = chain is None or (entry.grant_id is None and arrived_ms - chain.append_ms >= FORGOTTEN_MS)
        if chain is None or (begins and entry.sequence == 0):
            chain = self._chains[key] = _Chain(0 if self._is_whole else entry.sequence or 0)
        if chain.end is not None:
            self._find(placed, "a batch was added to a result that was complete")
        elif entry.sequence != chain.sequence:
            self._find(placed, f"batch {entry.sequence} follows where {chain.sequence} was due")
        chain.sequence, chain.append_ms = (entry.sequence or 0) + 1, arrived_ms
        if entry.result_batches is not None:
            self._close(placed, entry, chain)

    def _close(self, placed: Placed, entry: AuditEntry, chain: _Chain) -> None:
        self._ledger.count(Invariant.I13, "results complete")
        if entry.result_batches != chain.sequence:
            self._find(placed, "the last batch names another number of batches than there are")
        chain.end = (entry.batch_digest, entry.result_batches)
        if entry.grant_id in self._told:
            self._compare(placed, entry.grant_id, chain.end)

    def _compare(self, placed: Placed, grant_id: str, end: tuple[bytes | None, int | None]) -> None:
        self._ledger.count(Invariant.I13, "results compared")
        if self._told[grant_id] != end:
            self._find(placed, "the receipt names another end of the result than masking saw")

    def _repeat(self, placed: Placed) -> None:
        if self._is_whole and placed.entry.batch_digest not in self._digests:
            self._find(placed, "a batch was called a repetition of one that never came")

    def _find(self, placed: Placed, sentence: str) -> None:
        self._ledger.find(Invariant.I13, placed, sentence)
