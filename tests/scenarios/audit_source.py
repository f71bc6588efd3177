"""Records of `audit` without a cluster, as an export takes them."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sluicegate.processors.contract import Position, Record
from sluicegate.processors.verification import Placed
from sluicegate.schemas import codec
from sluicegate.schemas.envelope import record_headers
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.testing.audit_history import AuditHistory

MIDNIGHT_MS = 1_700_006_400_000
"""2023-11-15T00:00:00Z."""
HOUR_MS = 3_600_000


@dataclass
class Listed:
    """What stands on the topic: a source of records in a list. `lows` are first offsets that retention has left."""

    kept: list[Record]
    partitions: int = 2
    topic: str = "test.audit"
    topic_id: str = "topic-1"
    lows: dict[int, int] = field(default_factory=dict)
    at_a_time: int = 7

    def marks(self) -> dict[int, tuple[int, int]]:
        """First offset and end of every partition."""
        return {p: (self.lows.get(p, 0), self._end(p)) for p in range(self.partitions)}

    def records(self, partition: int, start: int, end: int) -> Iterator[list[Record]]:
        """A few at a time."""
        found = [one for one in self._of(partition) if start <= one.position.offset < end]
        for first in range(0, len(found), self.at_a_time):
            yield found[first : first + self.at_a_time]

    def _of(self, partition: int) -> list[Record]:
        return [one for one in self.kept if one.position.partition == partition]

    def _end(self, partition: int) -> int:
        found = self._of(partition)
        return found[-1].position.offset + 1 if found else 0


def record_of(placed: Placed, *, as_json: bool = False) -> Record:
    """The record that a gate writes for an entry at this place."""
    entry = placed.entry
    encoded = codec.encode_json(entry) if as_json else codec.encode(entry)
    headers = record_headers(
        kind=entry.kind,
        payload_type=encoded.payload_type,
        id=entry.entry_id,
        subject=entry.action_id or entry.event,
        source="/gate/test",
        ordinal=0,
    )
    return Record(
        Position("audit", placed.partition, placed.offset), placed.append_ms, b"lane", headers, encoded.value
    )


def placed_history(partition: int = 0, actions: int = 10, *, gap: int = 1) -> list[Placed]:
    """Actions of every kind around a midnight (UTC), an hour apart; behind each transaction a marker leaves a gap."""
    history = AuditHistory(partition, now_ms=MIDNIGHT_MS - actions // 2 * HOUR_MS)
    found: list[Placed] = []
    markers = 0
    for number in range(actions):
        _action(history, f"ac-{partition}-{number}", number)
        history.tile()
        fresh = history.placed[len(found) :]
        found += [Placed(one.partition, one.offset + markers, one.append_ms, one.entry) for one in fresh]
        markers += gap
        history.wait(HOUR_MS)
    return found


def _action(history: AuditHistory, action_id: str, number: int) -> None:
    match number % 5:
        case 0:
            history.deny(action_id)
        case 1:
            history.ask(action_id)
            history.wait(90_000)
            history.approve_last(action_id, "p-1")
            history.claim(action_id)
            history.receive(action_id)
        case 2:
            history.allow(action_id)
            history.claim(action_id)
            history.lose(action_id)
        case 3:
            history.ask(action_id)
            history.wait(30_000)
            history.reject(action_id, "p-2")
        case _:
            history.allow(action_id)
            history.claim(action_id)
            history.receive(action_id, OutcomeKind.FAILED)


def unreadable(partition: int, offset: int, append_ms: int, value: bytes | None = b"no entry") -> Record:
    """A record that is no entry."""
    headers = (("content-type", b"text/plain"), ("odd", None))
    return Record(Position("audit", partition, offset), append_ms, None, headers, value)


def records_of(placed: Sequence[Placed], *, as_json: bool = False) -> list[Record]:
    """All of them."""
    return [record_of(one, as_json=as_json) for one in placed]


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder, hidden ones too, with the digest of its bytes."""
    return {
        one.relative_to(folder).as_posix(): hashlib.sha256(one.read_bytes()).hexdigest()
        for one in sorted(folder.rglob("*"))
        if one.is_file()
    }
