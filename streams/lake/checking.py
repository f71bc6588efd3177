"""Check a folder without Kafka: its files against the manifest, then the gate's promises on the rows.

A file that is not what was exported is read as far as it can be, so that the place of the damage is known.
"""

import fcntl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from sluicegate.processors.verification import Placed, Report, Verifier
from sluicegate.schemas.errors import ConfigurationError, RecordError

from .arrow import arrow, parquet
from .collector import collector_at_rest
from .day_file import BATCH_ROWS, conformed
from .folder import digest_of, held, sealed_path, unusable
from .manifest import FILE_NAME, File, Manifest, read_manifest
from .rows import Unreadable, entries_of

MAX_PROBLEMS: Final = 1_000
"""Problems kept; all of them are counted."""

Progress = Callable[[int, int], None]
"""Called with how many rows were read, and of how many."""


def _in_silence(done: int, of: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was exported: which file, which offset where that is known, in one sentence."""

    path: str
    sentence: str
    partition: int | None = None
    offset: int | None = None

    def __str__(self) -> str:
        """`path, audit-2@17: sentence`."""
        where = (
            "" if self.partition is None or self.offset is None else f", audit-{self.partition}@{self.offset}"
        )
        return f"{self.path}{where}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class FolderReport:
    """What the files are, and what the entries in them prove."""

    report: Report
    problems: tuple[Problem, ...]
    problem_count: int
    files: int
    digest: str | None
    """Of the manifest; None when there is none that can be read."""

    @property
    def ok(self) -> bool:
        """Whether the files are those that were exported, and the entries were verified and nothing is wrong."""
        return self.report.ok and not self.problem_count

    @property
    def verdict(self) -> str:
        """The whole result in one or two sentences."""
        if not self.problem_count:
            return self.report.verdict
        return f"{self.problem_count} problems with the files; {self.report.verdict}"

    def to_json(self) -> dict[str, Any]:
        """As JSON writes it: the report on the entries, and the folder."""
        return self.report.to_json() | {
            "ok": self.ok,
            "verdict": self.verdict,
            "folder": {
                "files": self.files,
                "digest": self.digest,
                "problems": self.problem_count,
                "findings": [
                    {"path": p.path, "partition": p.partition, "offset": p.offset, "sentence": p.sentence}
                    for p in self.problems
                ],
            },
        }


def check_folder(path: Path, progress: Progress = _in_silence) -> FolderReport:
    """Read all of a folder; ConfigurationError when there is none, or an export works in it."""
    arrow()
    if not path.is_dir():
        raise ConfigurationError(f"`{path}` is no folder: name one that `sluicegate audit export` made")
    try:
        with held(path, fcntl.LOCK_SH), collector_at_rest():
            return _Check(path, progress).run()
    except OSError as error:
        raise unusable(path, error) from None


@dataclass
class _Check:
    path: Path
    progress: Progress
    verifier: Verifier = field(default_factory=Verifier)
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0
    _read: int = 0
    _rows: int = 0
    _next: dict[int, int] = field(default_factory=dict)

    def run(self) -> FolderReport:
        manifest = self._manifest()
        found = {one.relative_to(self.path).as_posix() for one in self.path.rglob("*.parquet")}
        files = () if manifest is None else manifest.files
        self._rows = sum(file.rows for file in files)
        if manifest is not None:
            self._compare(files, found)
        by_partition = groupby(
            sorted(files, key=lambda file: (file.partition, file.first)), lambda file: file.partition
        )
        for partition, of_partition in by_partition:
            self._partition(partition, list(of_partition), found)
        if manifest is None:
            self._unlisted(found)
        self.progress(self._rows, self._rows)
        digest = None if manifest is None else manifest.digest
        return FolderReport(
            self.verifier.report(), tuple(self.problems), self.problem_count, len(found), digest
        )

    def _manifest(self) -> Manifest | None:
        try:
            return read_manifest((self.path / FILE_NAME).read_bytes())
        except FileNotFoundError:
            self._find(FILE_NAME, "it is missing, so nothing says which files there were")
        except RecordError as error:
            self._find(FILE_NAME, str(error))
        return None

    def _compare(self, files: tuple[File, ...], found: set[str]) -> None:
        listed = {file.path for file in files}
        for strange in sorted(found - listed):
            self._find(strange, "no export wrote this file: the manifest does not list it")

    def _partition(self, partition: int, files: list[File], found: set[str]) -> None:
        before: File | None = None
        for file in files:
            if file.after != (None if before is None else before.last):
                self._find(
                    file.path, "the manifest lists no file for what stood before", partition, file.first
                )
            if before is not None and file.day <= before.day:
                self._find(file.path, "its day is not after that of the file before", partition, file.first)
            self._listed(file, found)
            before = file

    def _listed(self, file: File, found: set[str]) -> None:
        sealed = sealed_path(self.path, file)
        if sealed.is_file() and _is_whole(sealed, file):
            self._find(
                file.path, "the last export was ended in the middle: export again", file.partition, file.first
            )
            self._rows_of(sealed, file.path, file.partition)
        elif file.path in found:
            self._file(file)
        else:
            told = f"it is missing, with {file.rows} entries up to {file.last}"
            self._find(file.path, told, file.partition, file.first)

    def _file(self, file: File) -> None:
        path = self.path / file.path
        is_whole = _is_whole(path, file)
        if not is_whole:
            told = f"it is not the file that was exported (offsets {file.first} to {file.last}): its digest differs"
            self._find(file.path, told, file.partition, file.first)
        there = self._rows_of(path, file.path, file.partition)
        if is_whole and there != (file.rows, file.first, file.last):
            told = f"{file.rows} rows up to {file.last} were exported, {there[0]} up to {there[2]} are there"
            self._find(file.path, told, file.partition, file.first)

    def _unlisted(self, found: set[str]) -> None:
        """Without a manifest: what is there, in the order that its names give."""
        for name in sorted(found, key=lambda name: (name.rpartition("/")[2], name)):
            number = name.rpartition("=")[2].removesuffix(".parquet")
            self._rows_of(self.path / name, name, int(number) if number.isdecimal() else None)

    def _rows_of(self, path: Path, name: str, partition: int | None) -> tuple[int, int, int]:
        """Judge the rows of a file; how many they are, and the first and the last offset (-1 without rows)."""
        rows, first, last = 0, -1, -1
        for batch in self._batches(path, name, partition):
            for one in batch:
                rows += 1
                if one.offset <= last or (partition is not None and one.partition != partition):
                    told = "the row stands in another place than it was exported to"
                    self._find(name, told, one.partition, one.offset)
                    continue
                first, last = (one.offset if first < 0 else first), one.offset
                self._take(name, one)
            self.progress(min(self._rows, self._read + rows), self._rows)
        self._read += rows
        return rows, first, last

    def _take(self, name: str, one: Placed | Unreadable) -> None:
        if isinstance(one, Unreadable):
            self._find(name, f"the record is no audit entry: {one.reason}", one.partition, one.offset)
            return
        if one.offset < self._next.get(one.partition, 0):
            self._find(
                name, "an entry of this offset, or of a later one, came before", one.partition, one.offset
            )
            return
        self._next[one.partition] = one.offset + 1
        self.verifier.take_placed(one)

    def _batches(self, path: Path, name: str, partition: int | None) -> Iterator[list[Placed | Unreadable]]:
        """The rows of a file, row group by row group: one that cannot be read is a problem, the others are read."""
        try:
            file = parquet().ParquetFile(path, page_checksum_verification=True)
        except Exception:  # noqa: BLE001  # foreign code on bytes that may be anything: whatever it raises, it is no Parquet
            self._find(name, "it cannot be read as Parquet at all")
            return
        with file:
            for group in range(file.num_row_groups):
                try:
                    for batch in file.iter_batches(BATCH_ROWS, row_groups=[group]):
                        yield list(entries_of(conformed(batch)))
                except KeyError:
                    self._find(
                        name, "it has columns that this version does not know: update this installation"
                    )
                    return
                except Exception:  # noqa: BLE001  # as above
                    first, last = _offsets(file, group)
                    told = "a page of it is damaged" + (
                        f", offsets {first} to {last}" if first is not None else ""
                    )
                    self._find(name, told, partition, first)

    def _find(
        self, path: str, sentence: str, partition: int | None = None, offset: int | None = None
    ) -> None:
        self.problem_count += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(path, sentence, partition, offset))


def _is_whole(path: Path, file: File) -> bool:
    return path.stat().st_size == file.size and digest_of(path) == file.sha256


def _offsets(file: Any, group: int) -> tuple[int | None, int | None]:
    """The offsets of a row group as its statistics say, which stand apart from its pages."""
    try:
        told = file.metadata.row_group(group)
        columns = (told.column(number) for number in range(told.num_columns))
        offsets = next(column for column in columns if column.path_in_schema == "audit_offset").statistics
        return int(offsets.min), int(offsets.max)
    except Exception:  # noqa: BLE001  # as above: the footer may be what was damaged
        return None, None
