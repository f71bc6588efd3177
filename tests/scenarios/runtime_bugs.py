"""Bugs planted into the runtime: transactions, offsets, restores, and when something is due."""

from typing import Any

import pytest

from sluicegate.streams.runtime import transaction
from sluicegate.streams.runtime.clock import BrokerClock
from sluicegate.streams.runtime.dues import DueIndex
from sluicegate.streams.runtime.producer import KafkaProducer
from sluicegate.streams.runtime.stores import Stores
from sluicegate.streams.runtime.task import Task
from sluicegate.streams.runtime.transaction import CommitStep
from sluicegate.streams.testing.simulation.client import Names, SimulatedEnds


def offsets_outside_the_transaction(patch: pytest.MonkeyPatch) -> None:
    """Offsets are committed after the transaction instead of within it."""
    real = transaction.commit

    def commit(producer: Any, tasks: Any, now_ms: int, *, key: Any, fault: Any) -> None:
        later: list[Any] = []

        def hook(step: CommitStep) -> None:
            fault(step)
            if step is CommitStep.MERGE:
                offsets = producer._cluster.offsets
                offsets.update({(each.topic, each.partition): each for each in later})

        producer.send_offsets = later.extend
        real(producer, tasks, now_ms, key=key, fault=hook)

    patch.setattr(transaction, "commit", commit)


def overlay_merged_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    """The overlay becomes the state when it is written, not when the transaction has committed."""
    real = Task.close

    def close(self: Task[Any], now_ms: int) -> Any:
        written = real(self, now_ms)
        self.stores.merge()
        return written

    patch.setattr(Task, "close", close)


def random_transactional_id(patch: pytest.MonkeyPatch) -> None:
    """Every process makes up a transactional id, so it ends nothing that its predecessor left open."""
    count = iter(range(1_000_000))
    patch.setattr(Names, "transactional_id", lambda _self, _slot: f"made-up-{next(count)}")


def restore_to_the_end_of_committed_records(patch: pytest.MonkeyPatch) -> None:
    """A restore ends where committed records end now, not at the high watermark."""

    def wait(self: SimulatedEnds, partitions: Any) -> Any:
        return {each: (0, self._cluster.read(*each)[1]) for each in partitions}

    patch.setattr(SimulatedEnds, "wait", wait)


def timers_lost_after_a_restore(patch: pytest.MonkeyPatch) -> None:
    """Nothing is due after a restore."""
    patch.setattr(Stores, "deriving", lambda _self: iter(()))


def timers_lost_after_an_abort(patch: pytest.MonkeyPatch) -> None:
    """What was due in a transaction that was aborted is not due again."""
    patch.setattr(DueIndex, "abort", lambda self: self._popped.clear())


def producer_kept_after_a_call_that_timed_out(patch: pytest.MonkeyPatch) -> None:
    """A producer that had to repeat a call is used for the next transaction."""

    def begin(self: KafkaProducer) -> None:
        self._failed.clear()
        self._producer.begin_transaction()

    patch.setattr(KafkaProducer, "begin", begin)


def group_metadata_asked_once(patch: pytest.MonkeyPatch) -> None:
    """The metadata of the group are asked for once and kept."""
    real = KafkaProducer.send_offsets

    def send_offsets(self: Any, progress: Any) -> None:
        kept = self.__dict__.setdefault("kept", self._group_metadata())
        self._group_metadata = lambda: kept
        real(self, progress)

    patch.setattr(KafkaProducer, "send_offsets", send_offsets)


def offsets_without_the_group(patch: pytest.MonkeyPatch) -> None:
    """Offsets are sent without the member's epoch, so nobody who was evicted is refused."""
    real = KafkaProducer.send_offsets

    def send_offsets(self: Any, progress: Any) -> None:
        self._group_metadata = lambda: None
        real(self, progress)

    patch.setattr(KafkaProducer, "send_offsets", send_offsets)


def failed_deliveries_ignored(patch: pytest.MonkeyPatch) -> None:
    """A transaction is committed although one of its records was not delivered."""
    patch.setattr(KafkaProducer, "flush", lambda self: self._unacknowledged())


def headers_dropped(patch: pytest.MonkeyPatch) -> None:
    """Records are produced without their headers."""
    real = KafkaProducer.produce
    patch.setattr(KafkaProducer, "produce", lambda self, t, n, k, v, _headers: real(self, t, n, k, v, ()))


def positions_kept_after_an_abort(patch: pytest.MonkeyPatch) -> None:
    """After an abort a task reads on where it was instead of where the last commit was."""
    real = Task.aborted

    def aborted(self: Task[Any]) -> None:
        kept = dict(self._positions)
        real(self)
        self._positions.update(kept)

    patch.setattr(Task, "aborted", aborted)


def overlay_kept_after_an_abort(patch: pytest.MonkeyPatch) -> None:
    """An abort leaves the overlay as it is."""
    patch.setattr(Stores, "discard", lambda self: self.dues.abort())


def expiry_before_the_decisions_are_read(patch: pytest.MonkeyPatch) -> None:
    """What is due by the wall clock fires, whatever was not read yet."""
    _fires_by_the_clock(patch, ("decisions", "receipts"))


def lapsed_by_wall_clock(patch: pytest.MonkeyPatch) -> None:
    """A grant lapses by the wall clock, whatever claims were not read yet."""
    _fires_by_the_clock(patch, ("receipts",))


def _fires_by_the_clock(patch: pytest.MonkeyPatch, sources: tuple[str, ...]) -> None:
    punctuate, move_horizons, told = Task.punctuate, Task._move_horizons, [0]

    def punctuate_now(self: Task[Any], now_ms: int, limit: int = 500) -> int:
        told[0] = now_ms
        return punctuate(self, now_ms, limit)

    def move_all(self: Task[Any]) -> None:
        move_horizons(self)
        self._horizons.update(dict.fromkeys(sources, told[0]))

    patch.setattr(Task, "punctuate", punctuate_now)
    patch.setattr(Task, "_move_horizons", move_all)


def punctuations_by_the_wall_clock(patch: pytest.MonkeyPatch) -> None:
    """A worker believes its machine's clock, whatever the brokers say."""
    patch.setattr(BrokerClock, "now_ms", lambda self: self._wall())
