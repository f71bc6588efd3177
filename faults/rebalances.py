"""Count rebalances by what workers say they hold: a partition that has got another owner was moved."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

from sluicegate.streams.runtime.status import SlotStatus

_LOOK_S: Final = 0.1
_ONE_S: Final = 1.5
"""Moves this close to each other belong to one rebalance."""


class Rebalances:
    """Ownership of partitions by process, as last said; `look` is called again and again."""

    def __init__(self) -> None:
        self.count = 0
        self._owner: dict[int, int] = {}
        self._moved_s = 0.0

    def look(self, statuses: Iterable[SlotStatus], now_s: float) -> None:
        """Take in what workers say; a partition with two claimants keeps its owner until one lets go."""
        holding: dict[int, set[int]] = {}
        for status in statuses:
            if status.worker is not None:
                for each in status.worker.partitions:
                    holding.setdefault(each.partition, set()).add(status.worker.process)
        moved = False
        for partition, claimants in holding.items():
            owner = self._owner.get(partition)
            if owner in claimants:
                continue
            self._owner[partition] = min(claimants)
            moved = moved or owner is not None
        if moved:
            if now_s - self._moved_s > _ONE_S:
                self.count += 1
            self._moved_s = now_s


def follow(
    rebalances: Rebalances, statuses: Callable[[], Iterable[SlotStatus]], ending: threading.Event
) -> None:
    """Look until told to end."""
    while not ending.wait(_LOOK_S):
        rebalances.look(statuses(), time.monotonic())
