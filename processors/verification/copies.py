"""Entries: each id stands for one entry, and each entry is of a form that the other checks can judge.

The same id with the same content twice is what a broker may do to an abandoned transaction: tolerated, counted, and not
judged again. With other content it is an alarm, because ids derive from input positions.
"""

from hashlib import blake2b

from sluicegate.processors.events import Event
from sluicegate.schemas.audit import AuditEntry, EntryKind

from .chains import BATCHES
from .findings import Invariant, Ledger
from .held import RELEASES
from .placed import Placed

_KINDS = {
    Event.REQUEST_REMINDED: EntryKind.PUNCTUATION,
    Event.REQUEST_EXPIRED: EntryKind.PUNCTUATION,
    Event.GRANT_LAPSED: EntryKind.PUNCTUATION,
    Event.CLAIM_UNKNOWN: EntryKind.PUNCTUATION,
    Event.EXPORT_FORGOTTEN: EntryKind.PUNCTUATION,
    Event.TABLES_ADOPTED: EntryKind.TABLES,
    Event.TRANSACTION: EntryKind.TILE,
}
_EITHERS = frozenset({Event.DEAD_LETTER, Event.TABLES_ADOPTED, Event.TRANSACTION})
"""What gate and masking may both write; every other event is the gate's, or about batches masking's."""
_EVENTS = {event.value: event for event in Event}


class Copies:
    """Remembers a short digest per entry id: the only memory that grows with every entry."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._seen: dict[str, bytes] = {}
        self.copies = 0

    def is_new(self, placed: Placed) -> bool:
        """Whether this id was not seen before; an entry that was is not judged again."""
        content, entry_id = _content(placed.entry), placed.entry.entry_id
        known = self._seen.setdefault(entry_id, content)
        if known is content:
            self._ledger.count(Invariant.ENTRIES, "entries")
            return True
        if known == content:
            self.copies += 1
            self._ledger.count(Invariant.ENTRIES, "copies")
        else:
            self._ledger.find(
                Invariant.ENTRIES, placed, "the same entry id came before with other content", alarm=True
            )
        return False

    def event(self, placed: Placed) -> Event | None:
        """What the entry says happened; None, and a violation, when that cannot be judged."""
        entry = placed.entry
        event = _EVENTS.get(entry.event)
        if event is None:
            self._ledger.find(
                Invariant.ENTRIES, placed, "the entry names an event this version does not know"
            )
            return None
        if entry.partition != placed.partition:
            self._ledger.find(Invariant.ENTRIES, placed, "the entry was written for another partition")
        writer = "masking" if event in BATCHES | RELEASES else "gate"
        if entry.processor != writer and not (event in _EITHERS and entry.processor == "masking"):
            self._ledger.find(Invariant.ENTRIES, placed, f"`{event}` is not for `{entry.processor}` to write")
        kind = _KINDS.get(event, EntryKind.RECORD)
        if entry.entry != kind:
            self._ledger.find(Invariant.ENTRIES, placed, f"`{event}` belongs to an entry of kind `{kind}`")
        for wanted, there in (
            (EntryKind.RECORD, entry.leaf),
            (EntryKind.TILE, entry.tile),
            (EntryKind.TABLES, entry.tables),
        ):
            if (there is not None) is not (kind is wanted):
                self._ledger.find(
                    Invariant.ENTRIES, placed, f"an entry of kind `{kind}` lacks or has too many parts"
                )
        return event


def _content(entry: AuditEntry) -> bytes:
    # Through the serializer at once: `model_dump_json` costs twice as much per entry, and there may be millions.
    text = entry.__pydantic_serializer__.to_json(entry, exclude_defaults=True)
    return blake2b(text, digest_size=16).digest()
