"""Small topologies: to test the runtime, to measure it without a gate, and to show what a topology is.

They copy what they read from `actions` and `decisions` to `outcomes`, with the input position in the header `origin`. They use a gate's topics,
so they run with a gate's rights.
"""

import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sluicegate.processors.contract import (
    Due,
    Output,
    Put,
    Record,
    Step,
    StoreReader,
    StoreSpec,
    Transaction,
)

COUNT_BYTES: Final = 8
COUNTER_LIFE_MS: Final = 60_000
WINDOW_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Seen:
    """The tables of these topologies: how many records each topic had, and who can be reached."""

    positions: tuple[tuple[str, int], ...] = ()
    reachable: frozenset[str] = frozenset()


class PassThrough:
    """Copies every record and keeps no state: the cost of the runtime alone."""

    sources: tuple[str, ...] = ("actions", "decisions")
    stores: tuple[StoreSpec, ...] = ()
    table_topics: tuple[str, ...] = ("policies",)
    output_topics: tuple[str, ...] = ("outcomes", "audit")

    def no_tables(self) -> Seen:
        """Nothing read yet."""
        return Seen()

    def apply(
        self, tables: Seen, records: Sequence[Record], positions: Mapping[str, int], reachable: frozenset[str]
    ) -> Seen:
        """Note the positions."""
        del tables, records
        return Seen(tuple(sorted(positions.items())), reachable)

    def executors(self, tables: Seen) -> frozenset[str]:
        """None."""
        del tables
        return frozenset()

    def adopt(self, partition: int, before: Seen | None, tables: Seen, now_ms: int) -> Step:
        """Silently."""
        del partition, before, tables, now_ms
        return Step()

    def process(self, stores: StoreReader, tables: Seen, record: Record, now_ms: int) -> Step:
        """Copy the record."""
        del stores, tables, now_ms
        return Step(outputs=(_copy(record),))

    def due(self, store: str, key: bytes, value: bytes) -> Due | None:
        """Never."""
        del store, key, value
        return None  # the contract asks for a value

    def punctuate(self, stores: StoreReader, tables: Seen, due: Due, partition: int, now_ms: int) -> Step:
        """Never called."""
        del stores, tables, due, partition, now_ms
        return Step()

    def expired(self, store: str, value: bytes, stream_ms: int) -> bool:
        """Never."""
        del store, value, stream_ms
        return False

    def close(self, tables: Seen, transaction: Transaction) -> tuple[Output, ...]:
        """No tile."""
        del tables, transaction
        return ()


class Counter(PassThrough):
    """Counts the actions per key; a count ends `life_ms` after its first action unless a decision ended it before.

    Store `counts`: first log-append time and count, 8 bytes each. Store `ended`: log-append time of the end, for an hour.
    """

    stores = (
        StoreSpec("counts", "gate.pending.changelog"),
        StoreSpec("ended", "gate.closed.changelog", WINDOW_MS),
    )

    def __init__(self, life_ms: int = COUNTER_LIFE_MS) -> None:
        self.life_ms = life_ms

    def adopt(self, partition: int, before: Seen | None, tables: Seen, now_ms: int) -> Step:
        """Write an entry when the tables moved."""
        del partition, now_ms
        if before is None or before == tables:
            return Step()
        return Step(outputs=(Output("audit", b"tables", repr(tables.positions).encode(), ()),))

    def process(self, stores: StoreReader, tables: Seen, record: Record, now_ms: int) -> Step:
        """Count an action, or end a count."""
        del tables, now_ms
        key = record.key or b""
        found = stores.get("counts", key)
        if record.position.topic == "decisions":
            ended = (Put("counts", key, None), Put("ended", key, _number(record.append_ms))) if found else ()
            return Step(ended, (_copy(record, known=b"ended" if found else b"nothing to end"),))
        first, count = _read(found) if found else (record.append_ms, 0)
        known = stores.get("ended", key)
        put = Put("counts", key, _number(first) + _number(count + 1))
        return Step((put,), (_copy(record, known=b"again" if known else b"%d" % (count + 1)),))

    def due(self, store: str, key: bytes, value: bytes) -> Due | None:
        """`life_ms` after the first action, when every decision until then has been read."""
        return Due(_read(value)[0] + self.life_ms, key, "expiry", store, "decisions")

    def punctuate(self, stores: StoreReader, tables: Seen, due: Due, partition: int, now_ms: int) -> Step:
        """End the count."""
        del tables, partition, now_ms
        _, count = _read(stores.get(due.store, due.key) or bytes(2 * COUNT_BYTES))
        headers = (("origin", f"{due.store}/{due.kind}/{due.at_ms}".encode()),)
        return Step(
            (Put("counts", due.key, None), Put("ended", due.key, _number(due.at_ms))),
            (Output("outcomes", due.key, b"expired at %d" % count, headers),),
        )

    def expired(self, store: str, value: bytes, stream_ms: int) -> bool:
        """An hour after the end."""
        del store
        return int.from_bytes(value, "big") + WINDOW_MS <= stream_ms

    def close(self, tables: Seen, transaction: Transaction) -> tuple[Output, ...]:
        """The tile: the ranges this transaction covered."""
        del tables
        ranges = ";".join(f"{topic} {start} {end}" for topic, start, end in transaction.inputs)
        return (Output("audit", b"tile", ranges.encode(), ()),)


class Poison(StrEnum):
    """What the value of an action does to `Poisoned`."""

    RAISE = "harm-raise"
    LARGE = "harm-large"
    """It leads to a record that is larger than its topic takes."""
    ABSENT = "harm-absent"
    """It leads to a record for a topic that is not there."""
    KILL = "harm-kill"
    """The process ends as if by SIGKILL."""


class Poisoned(Counter):
    """Counts, but for actions whose value is a `Poison`: those do harm until a record on `policies` is the cure."""

    def process(self, stores: StoreReader, tables: Seen, record: Record, now_ms: int) -> Step:
        """Count, or do harm."""
        is_cured = any(position > 0 for _, position in tables.positions)
        if is_cured or record.position.topic != "actions" or record.value not in _POISONS:
            return super().process(stores, tables, record, now_ms)
        match Poison((record.value or b"").decode()):
            case Poison.RAISE:
                raise KeyError(record.value)
            case Poison.LARGE:
                return Step(outputs=(Output("outcomes", b"", bytes(_TOO_LARGE), ()),))
            case Poison.ABSENT:
                return Step(outputs=(Output("execution.absent", b"", b"", ()),))
            case Poison.KILL:
                os.kill(os.getpid(), signal.SIGKILL)
        return Step()


class Unreadable(Counter):
    """Counts, but cannot read the state of keys that are a `Poison`: a version that forgot what an earlier one wrote."""

    def due(self, store: str, key: bytes, value: bytes) -> Due | None:
        """As of a count, or an error."""
        if key in _POISONS:
            raise ValueError(value)
        return super().due(store, key, value)


_TOO_LARGE: Final = 2 * 1024 * 1024
_POISONS: Final = frozenset(poison.encode() for poison in Poison)


def _copy(record: Record, *, known: bytes = b"") -> Output:
    headers = (("origin", str(record.position).encode()), ("known", known))
    return Output("outcomes", record.key or b"", record.value or b"", headers)


def _number(value: int) -> bytes:
    return value.to_bytes(COUNT_BYTES, "big")


def _read(value: bytes) -> tuple[int, int]:
    return int.from_bytes(value[:COUNT_BYTES], "big"), int.from_bytes(value[COUNT_BYTES:], "big")
