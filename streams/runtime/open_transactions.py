"""Partitions that wait for a transaction which somebody has left open: since when, and what people can do.

Readers of committed records stop before the first open transaction, and committed offsets cannot be learned while one
holds them. Ours end by themselves: their producer does it, its successor, or the broker after their timeout. One that
stays was opened by a program with a long timeout, or the broker has lost what would have ended it, and nobody ends it
unless people do. Kafka 4.3 loses it when the transaction ends in the moment in which a partition has no leader, as when
its only broker stood still for longer than its session: it takes the partition for deleted (KAFKA-20734).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

OPEN_MS: Final = 30_000
"""Longer than a transaction of ours can stay open: its timeout of 10 s, and up to 10 s until the broker looks."""
OFFSETS: Final = "committed-offsets"
TO_DO: Final = (
    "`sluicegate doctor` names the command of `kafka-transactions.sh` that ends one which nobody else ends; "
    "the partition goes on by itself then"
)
"""What people can do."""


@dataclass(frozen=True, slots=True)
class Held:
    """Where a partition stands still: a changelog or another topic, or `OFFSETS`, and the offset of the open transaction."""

    at: str
    offset: int = 0


class OpenTransactions:
    """Which partitions of one worker wait, and since when: for as long as each waits at the same place."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self._waiting: dict[int, tuple[Held, int]] = {}
        self._said: set[int] = set()

    def look(self, held: Mapping[int, Held], now_ms: int) -> None:
        """Those wait now and no others; says so once of each that has waited for too long, and once that it is over."""
        for partition in [each for each in self._waiting if each not in held]:
            del self._waiting[partition]
            if partition in self._said:
                self._said.discard(partition)
                self._log.info("the open transaction has ended", partition=partition)
        for partition, at in held.items():
            before = self._waiting.get(partition)
            if before is None or before[0] != at:
                self._waiting[partition] = at, now_ms
            elif now_ms - before[1] > OPEN_MS and partition not in self._said:
                self._said.add(partition)
                self._log.error(
                    "a partition waits for an open transaction",
                    partition=partition,
                    at=f"{at.at}-{partition}@{at.offset}" if at.at != OFFSETS else OFFSETS,
                    text=TO_DO,
                )

    def since_ms(self, partition: int) -> int | None:
        """Since when it waits; None when it does not."""
        found = self._waiting.get(partition)
        return None if found is None else found[1]
