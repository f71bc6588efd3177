"""What is kept in the user's cache between two starts and trusted then: masking's compiled rules, vocabulary, model.

Whoever could write such a file could blind the masking (or run code in the development broker, whose start-up cache is code). So it is used only when it is a plain file of this user (or of root) in a folder
of this user (or of root), nobody else may write to either, and it begins with the SHA-256 of the rest; else it is made again. The digest
finds damage, the owner and the mode find strangers: a stranger could compute a digest too.
"""

import hashlib
import mmap
import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.logs import get_logger

DIGEST_BYTES: Final = 32
"""Bytes of a kept file before its content."""

_ROOT: Final = 0
_ELSEWHERE: Final = "correct that, or set XDG_CACHE_HOME to a folder of your own"


def kept(path: Path) -> memoryview | None:
    """What `keep` wrote, mapped read-only; None when there is nothing, or nothing to trust: a line in the log says why."""
    try:
        content = _mapped(path)
    except FileNotFoundError:
        return None
    except (OSError, ConfigurationError) as error:
        _distrusted(str(error) if isinstance(error, ConfigurationError) else _said(path, error))
        return None
    if hashlib.sha256(content[DIGEST_BYTES:]).digest() != content[:DIGEST_BYTES]:
        _distrusted(f"`{path}` is damaged")
        return None
    return content[DIGEST_BYTES:]


def is_own(path: Path) -> bool:
    """Whether there is a plain file that nobody else can have written; what another program keeps has no digest of ours."""
    try:
        _trusted(path.parent, path.parent.stat())
        status = path.lstat()
        _trusted(path, status)
    except FileNotFoundError:
        return False
    except (OSError, ConfigurationError) as error:
        _distrusted(str(error) if isinstance(error, ConfigurationError) else _said(path, error))
        return False
    return stat.S_ISREG(status.st_mode)


def keep(path: Path, *parts: bytes | bytearray | memoryview) -> None:
    """Write the parts one behind the other, so that `kept` gives them back: completely, or not at all and nothing stays behind.

    Raises ConfigurationError when that is not possible, or its folder cannot be kept from others.
    """
    make_private(path.parent)
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines((digest.digest(), *parts))
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{_said(path, error)}, so it cannot be kept: {_ELSEWHERE}") from None


def make_private(folder: Path) -> None:
    """Make a folder of mode 0700, or make one of this user so; ConfigurationError when others could write to it all the same."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
        if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) != stat.S_IRWXU:
            folder.chmod(stat.S_IRWXU)
        doubt = _doubt(folder.stat())
    except OSError as error:
        raise ConfigurationError(f"{_said(folder, error)}: {_ELSEWHERE}") from None
    if doubt:
        raise ConfigurationError(f"`{folder}` {doubt}: {_ELSEWHERE}")


def _mapped(path: Path) -> memoryview:
    """The whole file, after its folder and then itself, as opened, were looked at."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _trusted(path.parent, os.fstat(folder))
        file = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
    finally:
        os.close(folder)
    try:
        status = os.fstat(file)
        _trusted(path, status)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigurationError(f"`{path}` is no file")
        return memoryview(mmap.mmap(file, 0, access=mmap.ACCESS_READ) if status.st_size else b"")
    finally:
        os.close(file)


def _trusted(path: Path, status: os.stat_result) -> None:
    if doubt := _doubt(status):
        raise ConfigurationError(f"`{path}` {doubt}")


def _doubt(status: os.stat_result) -> str | None:
    if status.st_uid not in {os.geteuid(), _ROOT}:
        return "belongs to another user"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "can be written by others"
    return None


def _said(path: Path, error: OSError) -> str:
    return f"`{path}` is not usable ({(error.strerror or type(error).__name__).lower()})"


def _distrusted(because: str) -> None:
    get_logger("sluicegate.masking").warning("what is in the cache is not used", because=because)
