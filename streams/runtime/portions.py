"""Records of a partition that are worked on one per transaction, to get as far as possible and no further.

A transaction that fails does not say which of its records is to blame. So the records of a partition in which something
fails are held back and handed out one by one: those before the one that fails are done, and it is found.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from sluicegate.processors.contract import Record

Batch = Mapping[str, Sequence[Record]]

_NOTHING: Final[Batch] = {}


class Portions:
    """What is held back, by partition; records of each source in their order."""

    def __init__(self) -> None:
        self._careful: set[int] = set()
        self._begun: set[int] = set()
        """Of these, something was handed out."""
        self._held: dict[int, dict[str, list[Record]]] = {}

    @property
    def holding(self) -> bool:
        """Whether there is anything to hand out without reading more."""
        return bool(self._held)

    def careful(self, partition: int) -> bool:
        """Whether its records are worked on one by one, each in a transaction with nothing of other partitions."""
        return partition in self._careful

    def holds(self, partition: int) -> bool:
        """Whether more of its records wait here."""
        return partition in self._held

    def divide(self, partition: int) -> None:
        """From here on, until what is held back has been handed out, one record at a time."""
        self._careful.add(partition)
        self._begun.discard(partition)

    def keep(self, partition: int, batch: Batch) -> None:
        """Hold back records that were handed out and not worked on."""
        self._held[partition] = {source: list(records) for source, records in batch.items()}

    def next(self, partition: int, sources: Sequence[str], batch: Batch) -> Batch:
        """What to work on now: everything, or the next record alone; the rest is held back."""
        if partition not in self._careful or not (batch or partition in self._held):
            return batch
        held = self._held.setdefault(partition, {})
        for source, records in batch.items():
            held.setdefault(source, []).extend(records)
        for source in sources:
            if held.get(source):
                first = held[source].pop(0)
                self._begun.add(partition)
                if not any(held.values()):
                    del self._held[partition]
                return {source: [first]}
        del self._held[partition]
        return _NOTHING

    def done(self, partition: int) -> bool:
        """After a commit: whether everything held back is worked on, so that care is no longer needed."""
        if partition not in self._begun or partition in self._held:
            return False
        self.forget(partition)
        return True

    def drop(self, partition: int) -> None:
        """Its records will be read again."""
        self._held.pop(partition, None)

    def forget(self, partition: int) -> None:
        """It is not worked on here any more."""
        self._held.pop(partition, None)
        self._careful.discard(partition)
        self._begun.discard(partition)
