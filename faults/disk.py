"""A disk of its own for a broker, small enough to be filled: a mount in memory over the broker's data folder.

Only on Linux and only for who may mount (root with CAP_SYS_ADMIN, as in many containers). Where that is not so, it is
said with the reason, as an error: a run that was to fill a disk must not pass without having done it.
"""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sluicegate.schemas.errors import SluicegateError
from sluicegate.streams.state_folder import StateFolder

MIB: Final = 1 << 20
SMALLEST_MIB: Final = 64
"""An empty broker with a deployment's topics takes about half of it."""
_FILLER: Final = "filler"
_SOURCE: Final = "sluicegate-faults-"
"""Followed by the number of the process whose mount it is: one that was killed could not take it away itself."""
_CHUNK: Final = bytes(64 * 1024)
_COMMAND_S: Final = 10.0


class NoMountError(SluicegateError):
    """A disk that can be full cannot be made here; the message says why."""


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """The mounted folder."""

    path: Path

    @property
    def free_bytes(self) -> int:
        """What may still be written."""
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def fill(self) -> int:
        """Take every byte that is free now; how many were."""
        taken = 0
        handle = os.open(self.path / _FILLER, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            while True:
                taken += os.write(handle, _CHUNK)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
        finally:
            os.close(handle)
        return taken

    def free(self) -> None:
        """Give back what `fill` took."""
        (self.path / _FILLER).unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, size_mib: int = 128) -> Iterator[SmallDisk]:
    """Mount one over `folder` for the block; `NoMountError` where that cannot be done.

    What it held is gone with the block: end first whoever uses it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    unmount_left_behind()
    _mount(folder, max(size_mib, SMALLEST_MIB))
    try:
        yield SmallDisk(folder)
    finally:
        _unmount(folder)


@contextmanager
def small_disk_for(state: StateFolder, size_mib: int = 128) -> Iterator[SmallDisk]:
    """The same for the data of the broker of a state folder that has not been started yet."""
    state.create()
    with small_disk(state.broker / "data", size_mib) as disk:
        yield disk


def unmount_left_behind() -> tuple[Path, ...]:
    """Take away the mounts of processes that are no more, as every `small_disk` does first; which they were."""
    if why_not() is not None:
        return ()
    mounts = (line.split() for line in Path("/proc/mounts").read_text("utf-8").splitlines())
    # proc(5): a space in a path is written `\\040`.
    left = [
        Path(fields[1].encode("latin-1", "backslashreplace").decode("unicode_escape"))
        for fields in mounts
        if fields[0].startswith(_SOURCE) and not _is_running(fields[0].removeprefix(_SOURCE))
    ]
    for path in left:
        _unmount(path)
    return tuple(left)


def _is_running(process: str) -> bool:
    return Path(f"/proc/{process}").exists()


def why_not() -> str | None:
    """Why no disk can be mounted here; None when it can. Found out by trying nothing: the mount itself may still fail."""
    if not sys.platform.startswith("linux"):
        return f"a small disk is a tmpfs mount, which {sys.platform} does not have"
    if os.geteuid() != 0:
        return f"mounting a small disk needs root, and this is user {os.geteuid()}"
    if not _may_administrate():
        return "mounting a small disk needs CAP_SYS_ADMIN, which this container's root does not have"
    return None


def _may_administrate() -> bool:
    # proc(5) and capabilities(7): the effective set as hexadecimal mask, CAP_SYS_ADMIN is bit 21.
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        name, _, mask = line.partition(":")
        if name == "CapEff":
            return bool(int(mask, 16) >> 21 & 1)
    return False


def _mount(folder: Path, size_mib: int) -> None:
    if (reason := why_not()) is not None:
        raise NoMountError(reason)
    options = f"size={size_mib}m,mode=0700,nosuid,nodev,noexec"
    _run("mount", "-t", "tmpfs", "-o", options, f"{_SOURCE}{os.getpid()}", str(folder))


def _unmount(folder: Path) -> None:
    # Lazily: a broker that is still ending must not leave the mount behind for ever.
    _run("umount", "--lazy", str(folder))


def _run(*command: str) -> None:
    try:
        ran = subprocess.run(  # noqa: S603 - our own command line
            command, capture_output=True, text=True, timeout=_COMMAND_S, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise NoMountError(f"`{command[0]}` could not be run here ({type(error).__name__})") from None
    if ran.returncode:
        raise NoMountError(f"`{command[0]}` was refused here: {ran.stderr.strip()}")
