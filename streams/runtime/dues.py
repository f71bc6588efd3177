"""Which punctuation comes next: heaps of `Due`, one per source, derived from state and rebuilt from it.

Deletion is lazy: the index knows the one due that counts per store entry, and a heap entry that is no longer that one is
dropped when it comes up. Popped dues come back when their transaction aborts.

A due that waits is a plain tuple, which the garbage collector does not go through again once it has seen that it holds no
containers: with a hundred thousand objects of any class every full collection would take tens of milliseconds.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sluicegate.processors.contract import Due
from sluicegate.schemas.errors import InvariantError

_SLACK: Final = 64

_Waiting = tuple[int, bytes, tuple[str, str, str]]
"""(due, key, (kind, store, source)) in the order of `Due`; the last part is shared."""


def _unpacked(waiting: _Waiting) -> Due:
    at_ms, key, (kind, store, source) = waiting
    return Due(at_ms, key, kind, store, source)


class DueIndex:
    """The dues of one task. A due of a source that the topology does not consume is an InvariantError."""

    __slots__ = ("_current", "_heaps", "_popped", "_shared")

    def __init__(self, sources: Sequence[str]) -> None:
        self._heaps: dict[str, list[_Waiting]] = {source: [] for source in sources}
        # By store and key: a tuple of both for every entry would take a tenth of what a pending action takes.
        self._current: dict[str, dict[bytes, _Waiting]] = {}
        self._popped: list[_Waiting] = []
        self._shared: dict[tuple[str, str, str], tuple[str, str, str]] = {}

    def __len__(self) -> int:
        """How many entries wait for a punctuation."""
        return sum(map(len, self._current.values()))

    def rebuild(self, dues: Iterable[Due]) -> None:
        """Start over from state."""
        self._popped.clear()
        self._current = {}
        for due in dues:
            self._current.setdefault(due.store, {})[due.key] = self._packed(due)
        self._compact()

    def update(self, store: str, key: bytes, due: Due | None) -> None:
        """The entry changed; None when it asks for nothing (any more)."""
        current = self._current.setdefault(store, {})
        if due is None:
            current.pop(key, None)
        elif current.get(key) != (waiting := self._packed(due)):
            current[key] = waiting
            heapq.heappush(self._heap(due.source), waiting)
            if sum(map(len, self._heaps.values())) > 2 * len(self) + _SLACK:
                self._compact()

    def first(self, source: str) -> Due | None:
        """The earliest due that waits for this source."""
        waiting = self._first(source)
        return None if waiting is None else _unpacked(waiting)

    def pop(self, horizons: Mapping[str, int]) -> Due | None:
        """Take the earliest due, by (due, key), whose source has been read up to it: `at_ms` <= its horizon."""
        best: _Waiting | None = None
        for source, horizon_ms in horizons.items():
            waiting = self._first(source)
            if waiting is not None and waiting[0] <= horizon_ms and (best is None or waiting < best):
                best = waiting
        if best is None:
            return None
        due = _unpacked(best)
        heapq.heappop(self._heaps[due.source])
        self._popped.append(best)
        return due

    def commit(self) -> None:
        """What was popped is done; call before the updates of the same transaction."""
        for waiting in self._popped:
            if self._counts(waiting):
                _, key, (_, store, _) = waiting
                del self._current[store][key]
        self._popped.clear()

    def abort(self) -> None:
        """What was popped is due again."""
        for waiting in self._popped:
            heapq.heappush(self._heaps[waiting[2][2]], waiting)
        self._popped.clear()

    def _first(self, source: str) -> _Waiting | None:
        heap = self._heaps[source]
        while heap and not self._counts(heap[0]):
            heapq.heappop(heap)
        return heap[0] if heap else None

    def _packed(self, due: Due) -> _Waiting:
        what = (due.kind, due.store, due.source)
        return due.at_ms, due.key, self._shared.setdefault(what, what)

    def _counts(self, waiting: _Waiting) -> bool:
        """Whether it is the one that its entry asks for now."""
        _, key, (_, store, _) = waiting
        return self._current.get(store, {}).get(key) == waiting

    def _heap(self, source: str) -> list[_Waiting]:
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
            for waiting in current.values():
                self._heap(waiting[2][2]).append(waiting)
        for heap in self._heaps.values():
            heapq.heapify(heap)
