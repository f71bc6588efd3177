"""I13 of held batches: one leaves only after it was withheld with a release asked, by a grant for that release, once; else it is gone."""

from typing import Final

from sluicegate.processors.events import Event
from sluicegate.processors.export_release import EXPORT_RELEASE, RELEASER
from sluicegate.schemas.audit import AuditEntry

from .findings import Invariant, Ledger
from .placed import Placed

_ENDS: Final = frozenset({Event.EXPORT_RELEASED, Event.EXPORT_DESTROYED, Event.EXPORT_FORGOTTEN})
_WRITES: Final = {
    Event.EXPORT_RELEASED: (["receipts", "receipts", "exports.masked"],),
    # Of what does not open any more, because masking's key was exchanged, nobody can say where its notice stands.
    Event.EXPORT_DESTROYED: (["exports.masked"], []),
    Event.EXPORT_FORGOTTEN: (["exports.masked"], []),
    Event.RELEASE_REFUSED: (["receipts"],),
    Event.RELEASE_IGNORED: ([],),
}
RELEASES: Final = frozenset(_WRITES)
"""Events of masking about what it holds."""


class Held:
    """What is held on one partition, by release, and the grants for releases; of ended ones the id alone."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._held: dict[str, bytes | None] = {}
        self._ended: set[str] = set()
        self._grants: dict[str, str | None] = {}

    def take(self, placed: Placed, event: Event, *, is_whole: bool) -> None:
        """One entry in its order. `is_whole`: a release, or grant, that is not known was never there."""
        entry = placed.entry
        if event is Event.BATCH_WITHHELD and entry.release_id is not None:
            self._hold(placed, entry.release_id)
        elif entry.grant_id is not None and entry.action_type == EXPORT_RELEASE and event in _GRANTING:
            if entry.executor == RELEASER and entry.people:
                self._grants[entry.grant_id] = entry.action_id
        elif event in RELEASES:
            self._ledger.count(Invariant.I13, event.value.replace(".", " "))
            if [record.topic for record in entry.written] not in _WRITES[event]:
                self._find(placed, f"`{event}` wrote something else than it must")
            if event in _ENDS:
                self._end(placed, event, entry, is_whole=is_whole)

    def _hold(self, placed: Placed, release_id: str) -> None:
        if release_id in self._held or release_id in self._ended:
            self._find(placed, "a release of this id was asked for before")
        self._held[release_id] = placed.entry.batch_digest

    def _end(self, placed: Placed, event: Event, entry: AuditEntry, *, is_whole: bool) -> None:
        release_id = entry.release_id or ""
        if release_id in self._ended:
            self._find(placed, "a held batch was released or destroyed a second time")
        elif release_id not in self._held and is_whole:
            self._find(placed, "a batch was released or destroyed that nobody held")
        digest = self._held.pop(release_id, entry.batch_digest)
        self._ended.add(release_id)
        if entry.batch_digest not in {None, digest}:
            self._find(placed, "another batch was held under this release")
        if event is Event.EXPORT_RELEASED:
            self._released(placed, release_id, is_whole=is_whole)

    def _released(self, placed: Placed, release_id: str, *, is_whole: bool) -> None:
        grant_id = placed.entry.grant_id or ""
        if grant_id not in self._grants:
            if is_whole:
                self._find(placed, "a batch was released without a grant that rests on people")
        elif self._grants.pop(grant_id) != release_id:
            self._find(placed, "a batch was released by the grant of another release")

    def _find(self, placed: Placed, sentence: str) -> None:
        self._ledger.find(Invariant.I13, placed, sentence)


_GRANTING: Final = frozenset({Event.ACTION_GRANTED, Event.DECISION_COUNTED})
