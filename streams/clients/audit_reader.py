"""Replay `audit`: by time, by place, by agent, action and event; follow it; verify it. With an analyst's rights."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final, Self

from sluicegate.processors.contract import Record
from sluicegate.processors.story import Story, is_about, tell
from sluicegate.processors.verification import Placed, Report, Verifier
from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.errors import RecordError
from sluicegate.streams.kafka.connection import Connection, connect_as
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.lake.arrow import arrow
from sluicegate.streams.lake.columns import schema
from sluicegate.streams.lake.export import Exported, export
from sluicegate.streams.lake.rows import batch_of_placed
from sluicegate.streams.lake.source import AuditSource
from sluicegate.streams.settings import Settings, load

from .audit_export import json_line, row
from .reading import read_record
from .topic_reader import From, TopicReader

TOPIC: Final = "audit"
TABLE_ROWS: Final = 4_096
"""Entries of one table that `tables` yields."""
_POLL_S: Final = 0.5
_PROGRESS_EVERY: Final = 1_000

Progress = Callable[[int, int], None]
"""Called with how many positions were read, and of how many; markers count as positions."""


def _in_silence(done: int, of: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which entries are wanted; every condition given must hold.

    Times are log-append times of the entries, [since_ms, until_ms). `offsets` gives [start, end) by partition; partitions it
    does not name are left out. `action_id` also finds entries that end the action or take its place.
    """

    since_ms: int | None = None
    until_ms: int | None = None
    offsets: Mapping[int, tuple[int, int]] | None = None
    agent: str | None = None
    action_id: str | None = None
    events: Collection[str] = field(default_factory=frozenset)

    def holds(self, placed: Placed) -> bool:
        """Whether this entry is wanted."""
        entry = placed.entry
        return (
            (self.agent is None or entry.agent == self.agent)
            and (not self.events or entry.event in self.events)
            and (self.action_id is None or is_about(entry, self.action_id))
        )

    def covers(self, record: Record) -> bool:
        """Whether a record stands where entries are wanted; what does not is not even decoded."""
        place, at_ms = record.position, record.append_ms
        if self.since_ms is not None and at_ms < self.since_ms:
            return False
        if self.until_ms is not None and at_ms >= self.until_ms:
            return False
        if self.offsets is None:
            return True
        start, end = self.offsets.get(place.partition, (0, 0))
        return start <= place.offset < end


EVERYTHING: Final = Selection()


class AuditReader:
    """Replay what the gate wrote down; reads committed entries only, joins no group, commits nothing.

    ::

        from sluicegate.streams.clients.audit_reader import AuditReader, Selection

        reader = AuditReader.connect()
        for placed in reader.entries(Selection(agent="ops-agent", events={"action.denied"})):
            print(placed.offset, placed.entry.action_id, placed.entry.reason)
        for story in reader.stories("restart-7"):
            print(story.headline)
            for step in story.steps:
                print("  ", step.sentence)
        report = reader.verify()
        print(report.verdict, report.ok)

    Entries of one partition come in their order; partitions are mixed. Every call reads with a consumer of its own, so calls
    may overlap. An entry that cannot be read is a RecordError that names its place: nothing is skipped.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    def connect(cls, *, settings: Settings | None = None) -> Self:
        """Connect as the settings say, with an analyst's rights."""
        return cls(connect_as(settings or load(), Role.ANALYST))

    def entries(self, selection: Selection = EVERYTHING) -> Iterator[Placed]:
        """Entries from the oldest, or from `since_ms`, to the committed end as of the call."""
        with self._open(selection, From.BEGINNING) as reader:
            yield from self._to_end(reader, selection, _in_silence)

    def rows(self, selection: Selection = EVERYTHING) -> Iterator[dict[str, Any]]:
        """As `entries`, as plain values: digests in hex, fields that do not apply left out."""
        return map(row, self.entries(selection))

    def json_lines(self, selection: Selection = EVERYTHING) -> Iterator[str]:
        """As `entries`, one line of JSON each, without the line break; `verify_json_lines` takes them back."""
        return map(json_line, self.entries(selection))

    def tables(self, selection: Selection = EVERYTHING, *, rows: int = TABLE_ROWS) -> Iterator[Any]:
        """As `entries`, as pyarrow Tables of at most `rows` rows, with the columns of an export (`sluicegate.streams.lake`).

        ConfigurationError without pyarrow, which the extra `lake` installs.
        """
        table, found = arrow().Table, self.entries(selection)
        while taken := list(islice(found, rows)):
            yield table.from_batches([batch_of_placed(taken)])

    def to_arrow(self, selection: Selection = EVERYTHING) -> Any:
        """As `tables`, as one pyarrow Table in memory; without entries it has columns and no rows."""
        pa = arrow()
        return pa.concat_tables([pa.Table.from_batches([], schema()), *self.tables(selection)])

    def export(self, folder: Path, progress: Progress = _in_silence) -> Exported:
        """Write to `folder`, as Parquet, what is committed as of the call and not there yet.

        Here a record that is no entry is a row like any other: it is kept as its bytes.
        """
        return export(AuditSource(self._connection), folder, progress)

    def tail(self, selection: Selection = EVERYTHING, *, idle_s: float | None = None) -> Iterator[Placed]:
        """Follow: what comes after the first `next` of the iterator, or from `since_ms` or `offsets` on.

        Ends only after `idle_s` without any record, when that is given; closing the iterator closes the consumer.
        """
        start = From.END if selection.offsets is None else From.BEGINNING
        with self._open(selection, start) as reader:
            waited_s = 0.0
            while idle_s is None or waited_s < idle_s:
                batch = reader.poll(_POLL_S)
                waited_s = 0.0 if batch else waited_s + _POLL_S
                yield from _wanted(batch, selection)

    def stories(self, action_id: str, names: Mapping[str, str] | None = None) -> tuple[Story, ...]:
        """Everything `audit` knows about an action, one story per agent that used the id; empty when nothing is."""
        found = self.entries(Selection(action_id=action_id))
        return tell(action_id, (placed.entry for placed in found), names or {})

    def verify(self, progress: Progress = _in_silence) -> Report:
        """Check the invariants on everything that is committed as of the call."""
        verifier = Verifier()
        with self._open(EVERYTHING, From.BEGINNING) as reader:
            for placed in self._to_end(reader, EVERYTHING, progress):
                verifier.take_placed(placed)
        return verifier.report()

    def _open(self, selection: Selection, otherwise: From) -> TopicReader:
        start = otherwise if selection.since_ms is None else selection.since_ms
        return TopicReader(self._connection, TOPIC, start)

    def _to_end(self, reader: TopicReader, selection: Selection, progress: Progress) -> Iterator[Placed]:
        ends, begun = reader.ends(), sum(reader.positions().values())
        total = max(0, sum(ends.values()) - begun)
        for number, record in enumerate(reader.to_end()):
            place = record.position
            # INVARIANT: nothing after the end as of the call: it could be half of a transaction, whose tile is missing.
            if place.offset < ends[place.partition]:
                yield from _wanted([record], selection)
            if number % _PROGRESS_EVERY == 0:
                progress(min(total, sum(reader.positions().values()) - begun), total)
        progress(total, total)


def _wanted(records: Collection[Record], selection: Selection) -> Iterator[Placed]:
    for record in records:
        if selection.covers(record):
            placed = placed_of(record)
            if selection.holds(placed):
                yield placed


def placed_of(record: Record) -> Placed:
    """A record of `audit` as an entry at its place; RecordError names the place of one that cannot be read."""
    place = record.position
    try:
        entry = read_record(record, AuditEntry)
    except RecordError as error:
        raise RecordError(
            f"the record at `{place}` is no audit entry this version can read: {error}"
        ) from None
    return Placed(place.partition, place.offset, record.append_ms, entry)
