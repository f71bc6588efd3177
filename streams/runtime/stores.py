"""The state stores of one task: a dict per store, an overlay per transaction, the due index, and expiry.

Values stay bytes; whoever needs meaning decodes on use. A step's puts go into the overlay, the overlay goes to the
changelogs in the same transaction, and only after the commit it is merged. An abort drops it and nothing has happened.

An entry of a store with retention is hidden exactly when `Topology.expired` says so at the stream time of the record at
hand, and is freed some time later; so when memory is freed can never be seen. Such entries ask for no punctuations.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from sluicegate.processors.contract import Due, Put, StoreSpec, Topology

from .dues import DueIndex

BUCKET_MS: Final = 3_600_000
"""Keys that may expire together: one hour of stream time."""

_DERIVED_PER_SLICE: Final = 500
_FREED_PER_PUT: Final = 4
_FREED_AT_LEAST: Final = 64


@dataclass(slots=True)
class _Retention:
    """Keys by the hour in which they were put, oldest first. A key put again stands in a later bucket too."""

    retention_ms: int
    buckets: deque[tuple[int, list[bytes]]] = field(default_factory=deque)

    def add(self, key: bytes, stream_ms: int) -> None:
        hour = stream_ms // BUCKET_MS
        if not self.buckets or self.buckets[-1][0] < hour:
            self.buckets.append((hour, []))
        self.buckets[-1][1].append(key)

    def ripe(self, stream_ms: int, limit: int) -> Iterator[bytes]:
        """At most `limit` keys whose whole bucket has left the window."""
        while (
            limit and self.buckets and (self.buckets[0][0] + 1) * BUCKET_MS + self.retention_ms <= stream_ms
        ):
            keys = self.buckets[0][1]
            while limit and keys:
                limit -= 1
                yield keys.pop()
            if not keys:
                self.buckets.popleft()


class Stores:
    """Committed state under one transaction's overlay; a `StoreReader` for the topology."""

    __slots__ = ("_committed", "_overlay", "_retained", "_specs", "_topology", "dues", "stream_ms")

    def __init__(self, topology: Topology[Any]) -> None:
        self._topology = topology
        self._specs: dict[str, StoreSpec] = {spec.name: spec for spec in topology.stores}
        self._committed: dict[str, dict[bytes, bytes]] = {name: {} for name in self._specs}
        self._overlay: dict[str, dict[bytes, bytes | None]] = {name: {} for name in self._specs}
        self._retained = {
            name: _Retention(spec.retention_ms)
            for name, spec in self._specs.items()
            if spec.retention_ms is not None
        }
        self.dues = DueIndex(topology.sources)
        self.stream_ms = 0
        """The largest log-append time consumed of the first source so far, this transaction included."""

    def get(self, store: str, key: bytes) -> bytes | None:
        """The value as this transaction sees it, or None."""
        overlay = self._overlay[store]
        value = overlay[key] if key in overlay else self._committed[store].get(key)
        if (
            value is not None
            and store in self._retained
            and self._topology.expired(store, value, self.stream_ms)
        ):
            return None
        return value

    def put(self, put: Put) -> None:
        """Take one change into the overlay."""
        self._overlay[put.store][put.key] = put.value

    def changes(self) -> Iterator[tuple[str, bytes, bytes | None]]:
        """(changelog, key, value or None) of every changed entry, the last value only."""
        for name, overlay in self._overlay.items():
            changelog, committed = self._specs[name].changelog, self._committed[name]
            for key, value in overlay.items():
                if value is not None or key in committed:
                    yield changelog, key, value

    def merge(self) -> None:
        """The transaction committed: make its overlay the state, and free some of what has expired."""
        self.dues.commit()
        for name, overlay in self._overlay.items():
            if overlay:
                self._merge(name, overlay)
                overlay.clear()

    def discard(self) -> None:
        """The transaction aborted: forget its overlay; what was due is due again."""
        self.dues.abort()
        for overlay in self._overlay.values():
            overlay.clear()

    def load(self, store: str, key: bytes, value: bytes | None, append_ms: int) -> None:
        """Restore one changelog record; call `loaded` after the last one."""
        if value is None:
            self._committed[store].pop(key, None)
            return
        self._committed[store][key] = value
        if store in self._retained:
            # Its changelog record was appended after the stream time of its put: freed later, never too early.
            self._retained[store].add(key, append_ms)

    def loaded(self) -> None:
        """Derive all dues from the restored state, at once."""
        for _ in self.deriving():
            pass

    def deriving(self) -> Iterator[None]:
        """Derive all dues from the restored state, a slice per step, for a process that has other work too."""
        due = self._topology.due
        dues: list[Due] = []
        for name, entries in self._committed.items():
            if name in self._retained:
                continue
            for count, (key, value) in enumerate(entries.items(), start=1):
                if (found := due(name, key, value)) is not None:
                    dues.append(found)
                if not count % _DERIVED_PER_SLICE:
                    yield
        self.dues.rebuild(dues)

    def sizes(self) -> dict[str, int]:
        """How many entries each store holds, expired ones that are not freed yet included."""
        return {name: len(entries) for name, entries in self._committed.items()}

    def put_first(self, store: str, count: int) -> list[bytes]:
        """At most so many values, those whose keys were put first; after a restore, in the order of the changelog."""
        return list(islice(self._committed[store].values(), count))

    def snapshot(self) -> dict[str, dict[bytes, bytes]]:
        """A copy of the committed state without expired entries: for tests and tools, not for the hot path."""
        return {
            name: {
                key: value
                for key, value in entries.items()
                if name not in self._retained or not self._topology.expired(name, value, self.stream_ms)
            }
            for name, entries in self._committed.items()
        }

    def _merge(self, name: str, overlay: dict[bytes, bytes | None]) -> None:
        committed, retained = self._committed[name], self._retained.get(name)
        for key, value in overlay.items():
            if value is None:
                committed.pop(key, None)
            else:
                committed[key] = value
                if retained is not None:
                    retained.add(key, self.stream_ms)
            if retained is None:
                due = None if value is None else self._topology.due(name, key, value)
                self.dues.update(name, key, due)
        if retained is not None:
            self._free(name, retained, _FREED_AT_LEAST + _FREED_PER_PUT * len(overlay))

    def _free(self, name: str, retained: _Retention, limit: int) -> None:
        committed = self._committed[name]
        for key in retained.ripe(self.stream_ms, limit):
            value = committed.get(key)
            if value is not None and self._topology.expired(name, value, self.stream_ms):
                del committed[key]
