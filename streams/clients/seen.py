"""Same id twice: the same bytes are ignored, other bytes make both doubtful. Pure and bounded."""

from collections import OrderedDict
from enum import Enum
from typing import Final

REMEMBERED: Final = 100_000


class Sighting(Enum):
    """What an id was when it was seen."""

    NEW = "new"
    COPY = "copy"
    CONFLICT = "conflict"


class Seen:
    """The last `REMEMBERED` ids and the digest of what each one stood for."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._digests: OrderedDict[str, bytes] = OrderedDict()
        self._remembered = remembered

    def sight(self, record_id: str, digest: bytes) -> Sighting:
        """Note an id; what comes first is what later ones are compared with."""
        known = self._digests.get(record_id)
        if known is not None:
            return Sighting.COPY if known == digest else Sighting.CONFLICT
        self._digests[record_id] = digest
        if len(self._digests) > self._remembered:
            self._digests.popitem(last=False)
        return Sighting.NEW

    def knows(self, record_id: str) -> bool:
        """Whether an id has been seen."""
        return record_id in self._digests
