"""Everything a run left behind, as the oracle sees it; can be kept in a file and taken up again."""

import gzip
import pickle
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from .wire import Stored

INPUTS = ("actions", "decisions", "receipts")


@dataclass(frozen=True, slots=True)
class Needs:
    """What the workload's policy demands for one action type."""

    executor: str
    effect: str
    """`allow`, `review` or `deny`."""
    groups: Mapping[str, int] = field(default_factory=dict)
    quorum: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """What the harness knows beside the topics: never read from what is being judged."""

    deployment: str
    operators: Mapping[str, bytes]
    """Public keys by key id, as settings pin them."""
    types: Mapping[str, Needs]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A record that a client was told is in the log."""

    topic: str
    partition: int
    offset: int
    agent: str
    action_id: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Effect:
    """One line of the outside world."""

    grant_id: str
    agent: str
    action_id: str


@dataclass(frozen=True, slots=True)
class History:
    """The committed records of every topic, what clients were told, and what happened outside."""

    known: Known
    records: Sequence[Stored]
    acknowledged: Sequence[Acknowledged]
    effects: Sequence[Effect]

    def topics(self) -> dict[str, list[Stored]]:
        """Records by topic, each partition in its order."""
        found: dict[str, list[Stored]] = defaultdict(list)
        for record in sorted(self.records, key=lambda one: (one.topic, one.partition, one.offset)):
            found[record.topic].append(record)
        return found

    def with_records(self, records: Iterable[Stored]) -> Self:
        """The same with other records."""
        return replace(self, records=tuple(records))

    def save(self, path: Path) -> None:
        """Keep it."""
        with gzip.open(path, "wb", compresslevel=1) as file:
            pickle.dump(self, file)

    @staticmethod
    def load(path: Path) -> "History":
        """Take it up again; only what this program has written itself."""
        with gzip.open(path, "rb") as file:
            found = pickle.load(file)  # noqa: S301  # our own file
        if not isinstance(found, History):
            raise TypeError("the file holds no history")
        return found
