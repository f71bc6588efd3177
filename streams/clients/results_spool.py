"""Hold the batches of one result until their transaction is over: in memory while short, then in a file without a name.

What lies in the file is encrypted under a key that exists in this process only, so that neither a backup of the disk nor a
crash leaves raw values behind.
"""

import tempfile
from collections.abc import Iterator
from typing import Final

from nacl.secret import SecretBox
from nacl.utils import random

from sluicegate.schemas.receipt import NoResult

from .results_slices import UnsendableError

IN_MEMORY_BYTES: Final = 4 * 1024 * 1024


class Spool:
    """Append once, read as often as it takes, close."""

    def __init__(self) -> None:
        """Nothing is opened before `IN_MEMORY_BYTES` are reached."""
        self.size = 0
        self._lengths: list[int] = []
        self._box = SecretBox(random(SecretBox.KEY_SIZE))
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115  # closed by `close`

    def append(self, value: bytes) -> None:
        """Add one value behind the others; UnsendableError when the disk takes no more."""
        sealed = self._box.encrypt(value)
        try:
            self._file.write(sealed)
        except OSError:
            raise UnsendableError(NoResult.TOO_LARGE) from None
        self._lengths.append(len(sealed))
        self.size += len(value)

    def __iter__(self) -> Iterator[bytes]:
        """Every value, from the first one."""
        self._file.seek(0)
        for length in self._lengths:
            yield self._box.decrypt(self._file.read(length))

    def __len__(self) -> int:
        """How many values there are."""
        return len(self._lengths)

    def close(self) -> None:
        """Forget everything; safe to call twice."""
        self._file.close()
