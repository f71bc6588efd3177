"""The global tables an executor lives by: who is who, and what is stopped. It reads no policy."""

import time
from typing import Final

from sluicegate.processors.release import OWN_TABLES
from sluicegate.processors.tables import OperatorTables, Tables, Trust
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.kafka.outage import Outage
from sluicegate.streams.runtime.end_offsets import EndOffsets
from sluicegate.streams.runtime.tables import TableReader
from sluicegate.streams.runtime.watchdog import Watchdog

FRESH_MS: Final = 2_000
LIMIT_MS: Final = 600_000
"""Without fresh tables nothing is claimed; for this long, and the executor stops instead of waiting on."""
_PAUSE_S: Final = 0.005


class OwnTables:
    """Reads `identities` and `controls`; nothing is decided on tables older than `FRESH_MS`."""

    def __init__(self, connection: Connection, trust: Trust, ends: EndOffsets, watchdog: Watchdog) -> None:
        self._ends = ends
        self._watchdog = watchdog
        self._outage = Outage("identities and controls")
        self._reader: TableReader[Tables] = TableReader(
            connection,
            _Own(trust),
            ends,
            partitions=1,
            fresh_ms=FRESH_MS,
            limit_ms=LIMIT_MS,
        )
        self._reader.read_to_end(_now_ms, lambda: watchdog.beat("read the tables"))

    @property
    def current(self) -> Tables:
        """The tables as read so far."""
        return self._reader.current

    def freshen(self) -> Tables:
        """Fresh tables, waiting for them when need be; TimedOutError when they cannot be had."""
        while not self._refresh():
            self._outage.waits()
            self._watchdog.beat("read the tables")
            time.sleep(_PAUSE_S)
        self._outage.answered()
        return self.current

    def read_on(self, for_s: float) -> bool:
        """Take in what operators say within this time; True as soon as something new was said."""
        before, until = self.current, time.monotonic() + for_s
        while time.monotonic() < until:
            self._refresh()
            if self.current is not before:
                return True
            time.sleep(_PAUSE_S)
        return False

    def close(self) -> None:
        """Stop reading."""
        self._reader.close()

    def _refresh(self) -> bool:
        for end in self._ends.answers():
            self._reader.end_offset(end.topic, end.offset, end.asked_ms)
        return self._reader.refresh(_now_ms())


class _Own(OperatorTables):
    """Without policies."""

    table_topics = OWN_TABLES


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
