"""The global tables of one process, apart from how their records are read.

Tables change in whole steps: new records, in the order of `Folded.table_topics`, or executors that became reachable.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Generic, TypeVar

from sluicegate.processors.contract import Folded, Record

Tables = TypeVar("Tables")

EXECUTION: Final = "execution."
"""The topic of an executor is this and its name."""

Reachable = Callable[[frozenset[str]], frozenset[str]]
"""Of these executors, those whose topic exists with as many partitions as the inputs have."""


class GlobalTables(Generic[Tables]):
    """`current` is replaced, never changed, so whoever holds an older one can compare."""

    __slots__ = ("_folded", "current", "positions", "reachable")

    def __init__(self, folded: Folded[Tables]) -> None:
        self._folded = folded
        self.current: Tables = folded.no_tables()
        self.positions: dict[str, int] = dict.fromkeys(folded.table_topics, 0)
        self.reachable: frozenset[str] = frozenset()

    def take(self, records: Mapping[str, Sequence[Record]], positions: Mapping[str, int]) -> bool:
        """Apply what was read of each topic up to these positions; whether the tables changed."""
        self.positions.update(positions)
        ordered = [record for topic in self._folded.table_topics for record in records.get(topic, ())]
        if ordered:
            self._apply(ordered)
        return bool(ordered)

    def reach(self, check: Reachable) -> bool:
        """Find out which executors can be reached now; whether that changed the tables."""
        wanted = self._folded.executors(self.current)
        found = check(wanted) & wanted if wanted else wanted
        if found == self.reachable:
            return False
        self.reachable = found
        self._apply(())
        return True

    @property
    def unreachable(self) -> frozenset[str]:
        """Executors that routes lead to and whose topic is missing."""
        return self._folded.executors(self.current) - self.reachable

    def _apply(self, records: Sequence[Record]) -> None:
        self.current = self._folded.apply(self.current, records, dict(self.positions), self.reachable)
