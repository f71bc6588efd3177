"""Batches that have arrived and that nobody has read yet, by action. Pure, and bounded by their bytes.

What is dropped to make room is remembered as dropped, so that it is read back from Kafka when somebody asks. What somebody
waits for is never dropped: the result that they will hold is as large.
"""

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import Final

from .results_chain import Arrived

KEPT_BYTES: Final = 128 * 1024 * 1024
BATCH_BYTES: Final = 2_500
"""What a batch takes as an object beside its bytes: most results are a few bytes long."""
_REMEMBERED: Final = 100_000

Key = tuple[str, str]
"""Agent and action id."""


@dataclass(slots=True)
class _Held:
    batches: dict[bytes, Arrived] = field(default_factory=dict)
    size: int = 0


class Shelf:
    """One lock's worth: whoever shares it guards it."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self.size = 0
        self._kept_bytes = kept_bytes
        self._held: OrderedDict[Key, _Held] = OrderedDict()
        self._gone: OrderedDict[Key, None] = OrderedDict()
        self._pins: Counter[Key] = Counter()
        self._whole: set[Key] = set()

    def put(self, key: Key, digest: bytes, batch: Arrived, size: int) -> None:
        """Add a batch; `digest` is that of its exact bytes, so the same record twice is one. `size` is how many they are."""
        held = self._held.setdefault(key, _Held())
        if digest in held.batches:
            return
        held.batches[digest] = batch
        held.size += size + BATCH_BYTES
        self.size += size + BATCH_BYTES
        self._make_room()

    def batches(self, key: Key) -> tuple[Arrived, ...]:
        """What has arrived for an action."""
        held = self._held.get(key)
        return tuple(held.batches.values()) if held is not None else ()

    def forget(self, key: Key) -> None:
        """Let go of an action's batches; asked again they are read back."""
        held = self._held.pop(key, None)
        if held is not None:
            self.size -= held.size
        self._whole.discard(key)
        self._gone[key] = None
        if len(self._gone) > _REMEMBERED:
            self._gone.popitem(last=False)

    def is_gone(self, key: Key) -> bool:
        """Whether batches of this action were here and are no more."""
        return key in self._gone

    def is_whole(self, key: Key) -> bool:
        """Whether they were read back, and kept since."""
        return key in self._whole

    def read_back(self, key: Key) -> None:
        """An action's batches have been read back."""
        self._gone.pop(key, None)
        if key in self._pins:
            self._whole.add(key)

    def pin(self, key: Key) -> None:
        """Somebody waits for this action's batches."""
        self._pins[key] += 1

    def unpin(self, key: Key) -> None:
        """They wait no more."""
        self._pins[key] -= 1
        if self._pins[key] <= 0:
            del self._pins[key]
            self._whole.discard(key)

    def is_pinned(self, key: Key) -> bool:
        """Whether somebody waits."""
        return key in self._pins

    def _make_room(self) -> None:
        for key in list(self._held) if self.size > self._kept_bytes else ():
            if self.size <= self._kept_bytes:
                return
            if key not in self._pins:
                self.forget(key)
