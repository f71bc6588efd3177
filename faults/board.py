"""What a process under test shows of itself, and what it is told to suffer: one small mapped file per process.

A process finds its own file by its number. Only the process writes what it shows, only the harness what it orders; a field
is eight bytes, written at once, so neither needs a lock. The file outlives the process: what it did last can still be read.
"""

import mmap
import os
import struct
import time
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final, Self

_FIELD: Final = 8
_SIZE: Final = 16 * _FIELD


class Field(IntEnum):
    """The place of each number; the first ones are the process's, the last ones the harness's."""

    STEP = 0
    """The step it is about to take, 0 for none."""
    TURNS = 1
    """Transactions or turns that it has begun."""
    HELD = 2
    """How often it has stood still because it was told to; the step it stands at is in STEP."""
    STRUCK = 3
    """The step at which it killed itself as ordered; it is written before."""
    ORDER = 8
    """What to do at a step, 0 for nothing: a member of `Order`."""
    ORDER_STEP = 9
    HOLD_MS = 10
    CLOCK_MS = 11
    """How much its wall clock is ahead; negative for behind."""


class Order(IntEnum):
    """What a process is told to do to itself at a step, once."""

    NOTHING = 0
    DIE = 1
    """SIGKILL."""
    HOLD = 2
    """Stand still for `HOLD_MS`, so that something else can break meanwhile."""


@dataclass(frozen=True, slots=True)
class Card:
    """The file of one process."""

    process: int
    _map: mmap.mmap

    @classmethod
    def open(cls, folder: Path, name: str, process: int | None = None) -> Self:
        """The card of a process, by default of this one; made when it is missing."""
        number = os.getpid() if process is None else process
        path = folder / f"{name}.{number}"
        with path.open("a+b") as file:
            file.truncate(_SIZE)
            return cls(number, mmap.mmap(file.fileno(), _SIZE))

    def read(self, field: Field) -> int:
        """One number."""
        value: int = struct.unpack_from("<q", self._map, field * _FIELD)[0]
        return value

    def write(self, field: Field, value: int) -> None:
        """One number."""
        struct.pack_into("<q", self._map, field * _FIELD, value)

    def order(self, order: Order, step: int, hold_ms: int = 0) -> None:
        """Tell the process; what it was told before is forgotten."""
        self.write(Field.ORDER, Order.NOTHING)
        self.write(Field.ORDER_STEP, step)
        self.write(Field.HOLD_MS, hold_ms)
        self.write(Field.ORDER, order)

    def take_order(self, step: int) -> Order:
        """For the process itself: what it has to do at this step, once."""
        order = Order(self.read(Field.ORDER))
        if order is Order.NOTHING or self.read(Field.ORDER_STEP) != step:
            return Order.NOTHING
        self.write(Field.ORDER, Order.NOTHING)
        return order


def wall_clock_ms(card: Card) -> int:
    """The wall clock of a process whose clock may be wrong."""
    return time.time_ns() // 1_000_000 + card.read(Field.CLOCK_MS)
