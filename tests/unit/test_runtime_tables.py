"""How fresh the global tables are, by a wall clock that somebody sets back."""

from collections.abc import Iterable
from typing import Any

from sluicegate.processors.tables import TABLE_TOPICS, OperatorTables, Trust
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.kafka.principals import Naming
from sluicegate.streams.runtime.tables import TableReader

NOW_MS = 1_700_000_000_000
HOUR_MS = 3_600_000
FRESH_MS = 2_000


class Ends:
    """Remembers when where the tables end was asked for."""

    def __init__(self) -> None:
        self.asked_ms: list[int] = []

    def ask(self, partitions: Iterable[tuple[str, int]], now_ms: int) -> None:
        """Answered by the test."""
        del partitions
        self.asked_ms.append(now_ms)

    def partitions(self) -> dict[str, int]:
        """No topics."""
        return {}


def answer(reader: TableReader[Any], asked_ms: int) -> None:
    """Every table is empty, and was so at that time."""
    for topic in TABLE_TOPICS:
        reader.end_offset(topic, 0, asked_ms)


def test_z6_tables_are_not_fresh_by_what_a_clock_that_was_an_hour_ahead_said() -> None:
    """After the clock is set right the tables count as fresh only once their ends were asked for again."""
    ends: Any = Ends()
    nowhere = Connection("127.0.0.1:9", Naming("test."), None, {})
    reader = TableReader(
        nowhere, OperatorTables(Trust("test", {})), ends, partitions=1, fresh_ms=FRESH_MS, limit_ms=30_000
    )
    try:
        assert not reader.refresh(NOW_MS + HOUR_MS)
        answer(reader, ends.asked_ms[-1])
        assert reader.refresh(NOW_MS + HOUR_MS)
        assert not reader.refresh(NOW_MS)
        assert ends.asked_ms[-1] == NOW_MS
        answer(reader, NOW_MS + HOUR_MS)
        assert not reader.refresh(NOW_MS)
        answer(reader, NOW_MS)
        assert reader.refresh(NOW_MS)
    finally:
        reader.close()
