"""The hooks that travel into the processes under test: they show each step, and strike when they are told to."""

import multiprocessing
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from sluicegate.streams.clients.executor_steps import ExecutorStep
from sluicegate.streams.runtime.transaction import CommitStep

from .board import Card, Field, Order, wall_clock_ms

OPEN_STEPS = frozenset(
    {CommitStep.OUTPUTS, CommitStep.CHANGELOGS, CommitStep.FLUSH, CommitStep.OFFSETS, CommitStep.COMMIT}
)
"""Before each of these a worker's transaction is open; before BEGIN it is not yet, before MERGE no longer."""
OPEN_EXECUTOR_STEPS = frozenset(
    {ExecutorStep.CLAIM_COMMIT, ExecutorStep.RECEIPT_WRITE, ExecutorStep.RECEIPT_COMMIT}
)
CLAIMED_STEPS = frozenset(
    {ExecutorStep.APPEND_TIME, ExecutorStep.ACT, ExecutorStep.RESULT, ExecutorStep.RECEIPT}
)
"""Before each of these an executor has claimed, and not yet told."""

_cards: dict[Path, Card] = {}


@dataclass(slots=True)
class StepHook:
    """A `FaultHook` of worker or executor; sent to the process by its folder alone."""

    folder: Path
    first: int
    """The step that begins a turn."""
    last: int
    """The step after which nothing is open; what the process shows is set back when it begins anew."""
    seen: int = field(default=0, init=False)

    def __call__(self, step: int) -> None:
        """Show the step, then do what was ordered for it."""
        card = card_of(self.folder)
        card.write(Field.STEP, step)
        if step == self.first:
            self.seen += 1
            card.write(Field.TURNS, self.seen)
        order = card.take_order(step)
        if order is Order.DIE:
            card.write(Field.STRUCK, step)
            os.kill(os.getpid(), signal.SIGKILL)
        if order is Order.HOLD:
            card.write(Field.HELD, card.read(Field.HELD) + 1)
            time.sleep(card.read(Field.HOLD_MS) / 1_000)


@dataclass(frozen=True, slots=True)
class WrongClock:
    """The wall clock of a worker, as wrong as its card says."""

    folder: Path

    def __call__(self) -> int:
        """Milliseconds since the epoch."""
        return wall_clock_ms(card_of(self.folder))


def card_of(folder: Path) -> Card:
    """This process's own card, under the name that its parent gave the process."""
    if folder not in _cards:
        _cards[folder] = Card.open(folder, multiprocessing.current_process().name)
    return _cards[folder]
