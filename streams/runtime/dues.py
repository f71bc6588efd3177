"""Which punctuation comes next: heaps of `Due`, one per source, derived from state and rebuilt from it.

Deletion is lazy: the index knows the one due that counts per store entry, and a heap entry that is no longer that one is
dropped when it comes up. Popped dues come back when their transaction aborts.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sluicegate.processors.contract import Due
from sluicegate.schemas.errors import InvariantError

_SLACK: Final = 64


class DueIndex:
    """The dues of one task. A due of a source that the topology does not consume is an InvariantError."""

    __slots__ = ("_current", "_heaps", "_popped")

    def __init__(self, sources: Sequence[str]) -> None:
        self._heaps: dict[str, list[Due]] = {source: [] for source in sources}
        # By store and key: a tuple of both for every entry would take a tenth of what a pending action takes.
        self._current: dict[str, dict[bytes, Due]] = {}
        self._popped: list[Due] = []

    def __len__(self) -> int:
        """How many entries wait for a punctuation."""
        return sum(map(len, self._current.values()))

    def rebuild(self, dues: Iterable[Due]) -> None:
        """Start over from state."""
        self._popped.clear()
        self._current = {}
        for due in dues:
            self._current.setdefault(due.store, {})[due.key] = due
        self._compact()

    def update(self, store: str, key: bytes, due: Due | None) -> None:
        """The entry changed; None when it asks for nothing (any more)."""
        current = self._current.setdefault(store, {})
        if due is None:
            current.pop(key, None)
        elif current.get(key) != due:
            current[key] = due
            heapq.heappush(self._heap(due.source), due)
            if sum(map(len, self._heaps.values())) > 2 * len(self) + _SLACK:
                self._compact()

    def first(self, source: str) -> Due | None:
        """The earliest due that waits for this source."""
        heap = self._heaps[source]
        while heap and not self._counts(heap[0]):
            heapq.heappop(heap)
        return heap[0] if heap else None

    def pop(self, horizons: Mapping[str, int]) -> Due | None:
        """Take the earliest due, by (due, key), whose source has been read up to it: `at_ms` <= its horizon."""
        best: Due | None = None
        for source, horizon_ms in horizons.items():
            due = self.first(source)
            if due is not None and due.at_ms <= horizon_ms and (best is None or due < best):
                best = due
        if best is not None:
            heapq.heappop(self._heaps[best.source])
            self._popped.append(best)
        return best

    def commit(self) -> None:
        """What was popped is done; call before the updates of the same transaction."""
        for due in self._popped:
            if self._counts(due):
                del self._current[due.store][due.key]
        self._popped.clear()

    def abort(self) -> None:
        """What was popped is due again."""
        for due in self._popped:
            heapq.heappush(self._heaps[due.source], due)
        self._popped.clear()

    def _counts(self, due: Due) -> bool:
        """Whether it is the one that its entry asks for now."""
        return self._current.get(due.store, {}).get(due.key) == due

    def _heap(self, source: str) -> list[Due]:
        try:
            return self._heaps[source]
        except KeyError:
            raise InvariantError(
                f"a due waits for `{source}`, which this topology does not consume"
            ) from None

    def _compact(self) -> None:
        for heap in self._heaps.values():
            heap.clear()
        for current in self._current.values():
            for due in current.values():
                self._heap(due.source).append(due)
        for heap in self._heaps.values():
            heapq.heapify(heap)
