"""A folder of Parquet files and its manifest: what is in it is committed, one rename at a time.

The steps of a commit, in this order (a crash before any of them loses nothing that cannot be made again):

1. WRITE    each file whole, under a hidden name
2. SEAL     on disk, and named after its digest
3. COMMIT   the manifest that lists them replaces the one before: from here on they belong to the folder
4. PLACE    each one into its place, where the version before it stood
5. DONE     the names are on disk

Opening the folder ends what a crash left: hidden files that the manifest lists go to their places, all others go away.
"""

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from hashlib import file_digest
from pathlib import Path
from typing import Final, Self

from sluicegate.schemas.errors import ConfigurationError, InvariantError, RecordError

from .manifest import FILE_NAME, File, Manifest, read_manifest

_WRITING: Final = ".writing"
_NAMED: Final = 16
"""Hex digits of the digest in the name of a sealed file."""


class FolderStep(Enum):
    """The numbered steps of a commit."""

    WRITE = 1
    SEAL = 2
    COMMIT = 3
    PLACE = 4
    DONE = 5


Before = Callable[[FolderStep], None]
"""Called before each step; tests end the run there."""


def _go_on(step: FolderStep) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A file that is whole and on disk, under its hidden name."""

    file: File
    hidden: Path


class ExportFolder:
    """The folder of one export, held by one process at a time; `open` is the way to have one."""

    def __init__(self, path: Path, manifest: Manifest, before: Before) -> None:
        self.path = path
        self.manifest = manifest
        self._before = before

    @classmethod
    @contextmanager
    def open(cls, path: Path, topic: str, topic_id: str, before: Before = _go_on) -> Iterator[Self]:
        """Hold the folder, made when it is not there.

        ConfigurationError when another export holds it, when it holds something else or another topic's log, when a file is
        missing, and for whatever the disk says meanwhile.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            with held(path, fcntl.LOCK_EX):
                folder = cls(path, _manifest_for(path, topic, topic_id), before)
                folder._recover()
                yield folder
        except OSError as error:
            raise unusable(path, error) from None

    def hidden(self, file_path: str) -> Path:
        """Where a file is written (step 1); its day's folder is made."""
        self._before(FolderStep.WRITE)
        place = self.path / file_path
        place.parent.mkdir(exist_ok=True)
        return place.with_name(f".{place.name}{_WRITING}")

    def seal(self, file: File, hidden: Path) -> Sealed:
        """A file that was written whole (step 2)."""
        self._before(FolderStep.SEAL)
        _sync(hidden)
        sealed = sealed_path(self.path, file)
        hidden.replace(sealed)
        _sync(sealed.parent)
        return Sealed(file, sealed)

    def commit(self, sealed: Iterable[Sealed]) -> None:
        """Take sealed files into the folder (steps 3 to 5)."""
        files = list(sealed)
        if not files:
            return
        manifest = self.manifest.having(one.file for one in files)
        self._before(FolderStep.COMMIT)
        _replace(self.path / FILE_NAME, manifest.to_bytes())
        self.manifest = manifest
        for one in files:
            self._before(FolderStep.PLACE)
            one.hidden.replace(self.path / one.file.path)
        self._before(FolderStep.DONE)
        for day in sorted({one.hidden.parent for one in files}):
            _sync(day)
        _sync(self.path)

    def checked(self, file: File) -> Path:
        """The path of a file whose rows are about to be copied; InvariantError when it is not what was written.

        INVARIANT: rows of a file that somebody changed never get a digest from us.
        """
        path = self.path / file.path
        if digest_of(path) != file.sha256:
            raise InvariantError(
                f"`{path}` is not the file that was exported: look at `sluicegate verify`, then export into a new folder"
            )
        return path

    def _recover(self) -> None:
        for file in self.manifest.files:
            sealed = sealed_path(self.path, file)
            if sealed.is_file() and digest_of(sealed) == file.sha256:
                sealed.replace(self.path / file.path)
        for left in hidden_files(self.path):
            left.unlink()
        for file in self.manifest.files:
            place = self.path / file.path
            if not place.is_file() or place.stat().st_size != file.size:
                raise ConfigurationError(
                    f"`{place}` is missing or was changed: look at `sluicegate verify`, then export into a new folder"
                )


def sealed_path(path: Path, file: File) -> Path:
    """Where a sealed file waits for its place."""
    place = path / file.path
    return place.with_name(f".{place.name}.{file.sha256[:_NAMED]}")


def hidden_files(path: Path) -> Iterator[Path]:
    """What a run leaves when it is ended in the middle."""
    yield from path.glob(f".{FILE_NAME}{_WRITING}")
    yield from path.glob("day=*/.partition=*.parquet.*")


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


@contextmanager
def held(path: Path, how: int) -> Iterator[None]:
    """Hold a folder, alone or with other readers, until the end or the death of this process (flock(2))."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"another process works in `{path}`: wait for its end, or choose another folder"
            ) from None
        yield
    finally:
        os.close(handle)


def unusable(path: Path, error: OSError) -> ConfigurationError:
    """What the disk said, and that nothing was lost by it."""
    reason = (os.strerror(error.errno) if error.errno else "the file system refused").lower()
    return ConfigurationError(
        f"`{path}` cannot be used ({reason}): what was exported before is whole; mend it and export again"
    )


def _manifest_for(path: Path, topic: str, topic_id: str) -> Manifest:
    try:
        manifest = read_manifest((path / FILE_NAME).read_bytes())
    except FileNotFoundError:
        _check_empty(path)
        return Manifest(topic, topic_id)
    except RecordError as error:
        raise ConfigurationError(f"`{path / FILE_NAME}`: {error}; export into a new folder") from None
    if manifest.topic != topic:
        raise ConfigurationError(
            f"`{path}` holds an export of `{manifest.topic}`, this is `{topic}`: choose another folder"
        )
    if manifest.topic_id != topic_id:
        raise ConfigurationError(
            f"`{path}` holds an export of an earlier topic `{topic}`, which was made anew since: keep that folder and "
            "export into a new one"
        )
    return manifest


def _check_empty(path: Path) -> None:
    # What an export leaves that was ended before its first commit: hidden files in folders of days.
    left = set(hidden_files(path))
    others = [one for one in path.rglob("*") if one not in left and not _is_day(path, one)]
    if others:
        raise ConfigurationError(
            f"`{path}` is not empty and has no `{FILE_NAME}`, so it is no export: choose another folder"
        )


def _is_day(path: Path, one: Path) -> bool:
    return one.parent == path and one.name.startswith("day=") and one.is_dir()


def _replace(path: Path, content: bytes) -> None:
    hidden = path.with_name(f".{path.name}{_WRITING}")
    with hidden.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    hidden.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def forget(path: Path) -> None:
    """Remove a file that was not finished; what cannot be removed is removed by the next run."""
    with suppress(OSError):
        path.unlink(missing_ok=True)
