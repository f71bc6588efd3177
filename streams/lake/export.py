"""Export `audit` into a folder, from where the last run ended to where the topic ends as the run begins.

Partitions one after the other: what is in memory does not grow with the log or with the number of partitions.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from sluicegate.processors.contract import Record
from sluicegate.schemas.errors import ConfigurationError, InvariantError

from .arrow import arrow
from .collector import collector_at_rest
from .columns import UNREADABLE
from .day_file import BATCH_ROWS, DayFile, batches_of
from .folder import Before, ExportFolder, Sealed, digest_of, forget
from .manifest import File, path_of
from .rows import batch_of

DAY_MS: Final = 86_400_000
_BEFORE_ALL: Final = -(1 << 62)
_SEALED_AT_ONCE: Final = 64
"""Files that are committed together: a manifest per file would be written anew for every day of a long log."""

Progress = Callable[[int, int], None]
"""Called with how many positions were read, and of how many; markers count as positions."""


class Source(Protocol):
    """Where records of `audit` come from."""

    topic: str
    """Its name on the cluster."""
    topic_id: str
    """What the cluster calls this topic and never another one."""

    def marks(self) -> Mapping[int, tuple[int, int]]:
        """The first offset that is still there, and the one after the last committed record, of every partition."""
        ...

    def records(self, partition: int, start: int, end: int) -> Iterator[list[Record]]:
        """Committed records with offsets in [start, end), in their order, and what was read at a time."""
        ...


@dataclass(frozen=True, slots=True)
class Exported:
    """What one run did, and what the folder holds now."""

    entries: int
    unreadable: int
    written: tuple[str, ...]
    """Files that are new or have more rows."""
    files: int
    rows: int
    size: int
    digest: str
    """Of the manifest."""

    def to_json(self) -> dict[str, Any]:
        """As JSON writes it."""
        return {
            "exported": self.entries,
            "unreadable": self.unreadable,
            "written": list(self.written),
            "files": self.files,
            "rows": self.rows,
            "size": self.size,
            "digest": self.digest,
        }


def _in_silence(done: int, of: int) -> None:
    """Tell nobody."""


def _never(step: object) -> None:
    """No fault."""


def export(
    source: Source, folder: Path, progress: Progress = _in_silence, before: Before = _never
) -> Exported:
    """One run; ConfigurationError or InvariantError when the folder and the topic do not belong together."""
    arrow()  # what is missing is said before anything is made
    with ExportFolder.open(folder, source.topic, source.topic_id, before) as opened:
        run = _Run(source, opened, progress)
        with collector_at_rest():
            run.work()
        files = opened.manifest.files
        return Exported(
            entries=run.entries,
            unreadable=run.unreadable,
            written=tuple(run.written),
            files=len(files),
            rows=sum(file.rows for file in files),
            size=sum(file.size for file in files),
            digest=opened.manifest.digest,
        )


@dataclass
class _Run:
    source: Source
    folder: ExportFolder
    progress: Progress
    entries: int = 0
    unreadable: int = 0
    written: list[str] = field(default_factory=list)
    _done: int = 0

    def work(self) -> None:
        marks = self.source.marks()
        starts = {partition: self._start(partition, *mark) for partition, mark in sorted(marks.items())}
        total = sum(marks[partition][1] - start for partition, start in starts.items())
        for partition, start in starts.items():
            end, done = marks[partition][1], self._done
            if start < end:
                for seen in self._partition(partition, start, end):
                    self.progress(min(total, done + seen + 1 - start), total)
            self._done = done + end - start
        self.progress(total, total)

    def _start(self, partition: int, low: int, end: int) -> int:
        last = self.folder.manifest.last_of(partition)
        if last is None:
            return low
        start = last.last + 1
        if low > start:
            raise InvariantError(
                f"offsets {start} to {low - 1} of partition {partition} were deleted from `{self.source.topic}` before they "
                "were exported: keep this folder, export what is left into a new one"
            )
        if end < start:
            raise InvariantError(
                f"`{self.source.topic}` ends at {end} in partition {partition}, this folder holds more: the cluster lost "
                "records that were committed; keep this folder as evidence, export into a new one"
            )
        return start

    def _partition(self, partition: int, start: int, end: int) -> Iterator[int]:
        """Write one partition; yields the offsets that were reached."""
        sealed: list[Sealed] = []
        last = self.folder.manifest.last_of(partition)
        growing: _Growing | None = None
        try:
            for records in self.source.records(partition, start, end):
                for day, of_day in _by_day(records, growing.day if growing else last.day if last else ""):
                    if growing is None or growing.day != day:
                        if growing is not None:
                            last = self._seal(growing, sealed)
                        growing = _Growing.begin(self.folder, partition, day, last)
                    growing.take(of_day)
                if records:
                    yield records[-1].position.offset
            if growing is not None:
                self._seal(growing, sealed)
                growing = None
            self._commit(sealed)
        finally:
            if growing is not None:
                growing.abandon()

    def _seal(self, growing: "_Growing", sealed: list[Sealed]) -> File:
        one = growing.end()
        self.entries += growing.taken
        self.unreadable += growing.unreadable
        sealed.append(one)
        if len(sealed) >= _SEALED_AT_ONCE:
            self._commit(sealed)
        return one.file

    def _commit(self, sealed: list[Sealed]) -> None:
        self.folder.commit(sealed)
        self.written += [one.file.path for one in sealed]
        sealed.clear()


@dataclass
class _Growing:
    """The file of one day and partition while rows come."""

    folder: ExportFolder
    partition: int
    day: str
    after: int | None
    file: DayFile
    first: int | None = None
    taken: int = 0
    unreadable: int = 0
    _last: int = -1
    _records: list[Record] = field(default_factory=list)

    @classmethod
    def begin(cls, folder: ExportFolder, partition: int, day: str, last: File | None) -> "_Growing":
        """A new file, or the one of this day again with the rows that it has."""
        path = folder.hidden(path_of(day, partition))
        if last is None or last.day != day:
            return cls(folder, partition, day, None if last is None else last.last, DayFile(path))
        known = folder.checked(last)
        growing = cls(folder, partition, day, last.after, DayFile(path), first=last.first)
        try:
            for batch in batches_of(known):
                growing.file.add(batch)
        except KeyError:
            growing.abandon()
            raise ConfigurationError(
                f"`{known}` has columns of a newer version: update this installation"
            ) from None
        except BaseException:
            growing.abandon()
            raise
        return growing

    def take(self, records: list[Record]) -> None:
        """More records of this day."""
        self._records += records
        while len(self._records) >= BATCH_ROWS:
            self._write(self._records[:BATCH_ROWS])
            del self._records[:BATCH_ROWS]

    def end(self) -> Sealed:
        """The whole file, sealed."""
        if self._records:
            self._write(self._records)
        self.file.close()
        path = self.file.path
        if self.first is None:
            raise InvariantError("a file without rows is never begun")
        file = File(
            day=self.day,
            partition=self.partition,
            rows=self.file.rows,
            first=self.first,
            last=self._last,
            after=self.after,
            size=path.stat().st_size,
            sha256=digest_of(path),
        )
        return self.folder.seal(file, path)

    def abandon(self) -> None:
        """Leave nothing of it."""
        self.file.abandon()
        forget(self.file.path)

    def _write(self, records: list[Record]) -> None:
        batch = batch_of(records)
        if self.first is None:
            self.first = records[0].position.offset
        self._last = records[-1].position.offset
        self.taken += batch.num_rows
        self.unreadable += batch.num_rows - batch.column(UNREADABLE).null_count
        self.file.add(batch)


def _by_day(records: Iterable[Record], day: str) -> Iterator[tuple[str, list[Record]]]:
    """Neighbours of one UTC day together.

    INVARIANT: days of a partition never go back, also where the broker's clock did: offsets of its files would interlace.
    """
    until_ms, group = _end_of(day), list[Record]()
    for record in records:
        if record.append_ms >= until_ms:
            if group:
                yield day, group
            day = datetime.fromtimestamp(record.append_ms / 1000, UTC).date().isoformat()
            until_ms, group = _end_of(day), []
        group.append(record)
    if group:
        yield day, group


def _end_of(day: str) -> int:
    return (
        int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()) * 1000 + DAY_MS
        if day
        else _BEFORE_ALL
    )
