"""The key under which pseudonyms are the same in every masked file: a file of random bytes that its owner alone can read."""

import stat
from pathlib import Path
from typing import Final

from sluicegate.schemas.errors import ConfigurationError

_FEWEST_BYTES: Final = 32
_MOST_BYTES: Final = 4096
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def read_pseudonym_key(path: Path) -> bytes:
    """The bytes of a key file; `ConfigurationError` when there are too few, or others may read it."""
    try:
        with path.open("rb") as file:
            mode = path.stat().st_mode
            key = file.read(_MOST_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or "unusable").lower()
        raise ConfigurationError(f"`{path}` cannot be read as the key of pseudonyms: {reason}") from None
    if mode & _OTHERS:
        raise ConfigurationError(f"`{path}` can be read by others: run `chmod 600 {path}`")
    if not _FEWEST_BYTES <= len(key) <= _MOST_BYTES:
        raise ConfigurationError(
            f"`{path}` is no key of pseudonyms: it needs {_FEWEST_BYTES} to {_MOST_BYTES} random bytes; "
            "make one with `openssl rand -out FILE 32`"
        )
    return key
