"""Replay dead letters: write their original bytes once more, as new records of the topic they stood on.

A replay carries the original key, value and headers, signature included, and the header `replay-of` with the position of
the dead letter. Nothing is trusted for being replayed: whoever reads the topic judges it like any record, and what is still
bad becomes a dead letter again. The original stays where it is.

Least rights: the privacy office reads the dead letter, a principal that may write to the topic anyway writes it, an analyst's
rights tell whether the same bytes were read before. No principal gets more for replaying.
"""

import re
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from sluicegate.processors.burial import CUT_HEADER
from sluicegate.processors.contract import Position, Record
from sluicegate.processors.intake import KINDS
from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.envelope import Headers, part_digest
from sluicegate.schemas.errors import RecordError, RefusedError
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.kafka.principals import NAME, Role

from .dead_letters import ORIGIN_HEADER, PREFIX, header_text
from .reading import read_record
from .sending import Sender
from .signed_record import SignedRecord
from .topic_reader import TopicReader

REPLAY_HEADER: Final = "replay-of"
EXECUTION: Final = "execution."
WRITERS: Final = {
    "actions": Role.AGENT,
    "decisions": Role.REVIEWER,
    "receipts": Role.EXECUTOR,
    "exports.raw": Role.PIPELINE,
    "policies": Role.OPERATOR,
    "identities": Role.OPERATOR,
    "controls": Role.OPERATOR,
}
"""Who writes to a topic that has dead letters; to `execution.<name>` only the gate does."""
IN_AUDIT: Final = frozenset({"actions", "decisions", "receipts", "exports.raw"})
"""Topics of which every record that was read has an entry."""

_TYPE: Final = re.compile(r"sluicegate\.(?P<kind>[a-z-]+)\.v1")
_ORIGIN: Final = re.compile(r"(?P<topic>[a-z0-9.-]+)-(?P<partition>\d{1,9})@(?P<offset>\d{1,18})")


@dataclass(frozen=True, slots=True)
class Replay:
    """What would be written: the dead letter's position, the topic it goes to, and the record."""

    letter: Position
    topic: str
    origin: Position | None
    append_ms: int
    record: SignedRecord

    @property
    def writer(self) -> Role:
        """Whose rights it takes to write it."""
        return writer_of(self.topic)


@dataclass(frozen=True, slots=True)
class Reading:
    """The same bytes were read at this place too, and what came of it (an event of audit)."""

    position: Position
    event: str


def writer_of(topic: str) -> Role:
    """The role that may write to a topic; RefusedError when its records become no dead letters."""
    if topic.startswith(EXECUTION) and NAME.fullmatch(topic.removeprefix(EXECUTION)):
        return Role.GATE
    if topic not in WRITERS:
        raise RefusedError(f"`{topic}` is no topic that dead letters are replayed to; leave out `--to`")
    return WRITERS[topic]


def prepare(letter: Record, to: str | None = None) -> Replay:
    """The replay of a dead letter, to the topic it stood on or to `to`.

    RefusedError when it names no topic of ours as its origin, another one than its own dead-letter topic is for, or has a key
    that is no text: nobody would take such a record. To another topic goes only a kind of record that is read there.
    """
    stood_on = letter.position.topic.removeprefix(PREFIX)
    origin = _origin(header_text(letter.headers, ORIGIN_HEADER))
    if origin is None or origin.topic != stood_on:
        raise RefusedError(
            f"`{letter.position}` does not say where on `{stood_on}` it stood; it cannot be replayed"
        )
    if header_text(letter.headers, CUT_HEADER) is not None:
        raise RefusedError(
            f"`{letter.position}` was too large to be kept; the original is at `{origin}` while its topic keeps it"
        )
    topic = stood_on if to is None else to
    writer_of(topic)
    if topic != stood_on and _kind(letter.headers) not in _kinds_on(topic):
        # What a topic could never take would only lie there: raw values, for longer and before other eyes than they may.
        raise RefusedError(f"`{letter.position}` is no record for `{topic}`; leave out `--to`")
    try:
        lane = (letter.key or b"").decode()
    except UnicodeDecodeError:
        raise RefusedError(
            f"the key of `{letter.position}` is no text; nobody would take the record"
        ) from None
    kept = tuple(one for one in letter.headers if not one[0].startswith("dlq-") and one[0] != REPLAY_HEADER)
    headers = (*kept, (REPLAY_HEADER, str(letter.position).encode()))
    record = SignedRecord("", "", "", lane, letter.value or b"", headers, b"")
    return Replay(letter.position, topic, origin, letter.append_ms, record)


def send(connection: Connection, replays: list[Replay]) -> list["Future[Position]"]:
    """Write them, with a connection that may; each future holds where the broker put the record."""
    sender = Sender(connection)
    try:
        return [sender.send(replay.topic, replay.record) for replay in replays]
    finally:
        sender.close()


def earlier_readings(connection: Connection, replay: Replay) -> Iterator[Reading]:
    """Where the same bytes have been read besides the place they stood at: an earlier replay, or a copy of their sender.

    Needs an analyst's rights. Of topics that `audit` does not cover nothing can be told.
    """
    if replay.topic not in IN_AUDIT:
        return
    value = part_digest(replay.record.value)
    with TopicReader(connection, "audit", replay.append_ms) as reader:
        for record in reader.to_end():
            entry = _entry(record)
            leaf = entry.leaf if entry is not None else None
            if entry is None or leaf is None or leaf.topic != replay.topic or leaf.value != value:
                continue
            place = Position(leaf.topic, leaf.partition, leaf.offset)
            if place != replay.origin:
                yield Reading(place, entry.event)


def _kind(headers: Headers) -> str | None:
    """What the record says it is."""
    found = _TYPE.fullmatch(header_text(headers, "ce_type") or "")
    return found["kind"] if found else None


def _kinds_on(topic: str) -> frozenset[str]:
    other = "grant" if topic.startswith(EXECUTION) else "document"
    return KINDS.get(topic, frozenset({other}))


def _entry(record: Record) -> AuditEntry | None:
    try:
        return read_record(record, AuditEntry)
    except RecordError:
        return None


def _origin(text: str | None) -> Position | None:
    found = _ORIGIN.fullmatch(text or "")
    return Position(found["topic"], int(found["partition"]), int(found["offset"])) if found else None
