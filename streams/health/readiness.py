"""Is a processor ready, and if not: which worker or partition, and why? Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sluicegate.streams.runtime.aside import ADVICE, Aside
from sluicegate.streams.runtime.open_transactions import OPEN_MS, TO_DO
from sluicegate.streams.runtime.status import PartitionStatus, SlotState, SlotStatus, WorkerStatus

STUCK_MS: Final = 30_000
"""Behind for so long without a commit: longer than an open transaction of somebody else can hold readers up."""
SILENT_MS: Final = 5_000
"""A worker says how it is twice a second; one that is silent for so long waits for a call, most likely to the broker."""
STALE_MS: Final = 5_000
"""Above the default of `tables_fresh_ms`: the cluster has not told for so long where the tables end."""
CRASH_LOOP_MS: Final = 30_000
"""A worker that ended so recently, not for the first time, may end again."""
_FEW_RESTARTS: Final = 2


class Why(StrEnum):
    """What keeps a processor from being ready."""

    NOT_STARTED = "not-started"
    ENDED = "worker-ended"
    CRASH_LOOP = "crash-loop"
    SILENT = "worker-silent"
    STALE_TABLES = "stale-tables"
    NO_WORKER = "no-worker"
    RESTORING = "restoring"
    OPEN_TRANSACTION = "open-transaction"
    STUCK = "stuck"


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is wrong; `said` is a sentence for people."""

    why: Why
    said: str
    slot: int | None = None
    partition: int | None = None
    code: str | None = None
    """Of a partition that is set aside: a value of `Cause`."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Ready when there is no reason against it."""

    reasons: tuple[Reason, ...]

    @property
    def ready(self) -> bool:
        """Whether everything works."""
        return not self.reasons


def readiness(
    slots: Sequence[SlotStatus], now_ms: int, *, partitions: int, shared: bool = False
) -> Readiness:
    """Look at every slot and every partition; no slots are not ready. `shared` as in `Watched`."""
    reasons = [reason for slot in slots for reason in _of_slot(slot, now_ms)]
    held = [partition for worker in _working(slots) for partition in worker.partitions]
    reasons += [reason for partition in held for reason in _of_partition(partition, now_ms)]
    reasons += _unheld({partition.partition for partition in held}, partitions, shared=shared)
    return Readiness(tuple(reasons))


def is_stuck(partition: PartitionStatus, now_ms: int) -> bool:
    """Whether it is set aside, waits for an open transaction, or is behind and has committed nothing for too long."""
    return partition.aside is not None or _is_held(partition, now_ms) or _hangs(partition, now_ms)


def _is_held(partition: PartitionStatus, now_ms: int) -> bool:
    return partition.open_ms is not None and now_ms - partition.open_ms > OPEN_MS


def _hangs(partition: PartitionStatus, now_ms: int) -> bool:
    return partition.behind_ms is not None and now_ms - partition.behind_ms > STUCK_MS


def _working(slots: Sequence[SlotStatus]) -> Iterator[WorkerStatus]:
    for slot in slots:
        if slot.worker is not None and slot.state in {SlotState.RUNNING, SlotState.DRAINING}:
            yield slot.worker


def _of_slot(slot: SlotStatus, now_ms: int) -> Iterator[Reason]:
    because = f": {slot.failure}" if slot.failure else ""
    if slot.state in {SlotState.WAITING, SlotState.ENDED}:
        said = f"the worker has ended with status {slot.last_exit}{because}"
        yield Reason(Why.ENDED if slot.ended_ms else Why.NOT_STARTED, said, slot=slot.slot)
    elif slot.state is SlotState.STARTING:
        yield Reason(Why.NOT_STARTED, f"the worker has not said anything yet{because}", slot=slot.slot)
    if slot.restarts >= _FEW_RESTARTS and 0 <= now_ms - (slot.ended_ms or 0) < CRASH_LOOP_MS:
        said = f"the worker was started again {slot.restarts} times{because}"
        yield Reason(Why.CRASH_LOOP, said, slot=slot.slot)
    for worker in _working([slot]):
        yield from _of_worker(worker, now_ms)


def _of_worker(worker: WorkerStatus, now_ms: int) -> Iterator[Reason]:
    silent_ms = now_ms - worker.at_ms
    if silent_ms > SILENT_MS:
        said = (
            f"the worker has said nothing for {silent_ms // 1000} s; most likely the broker does not answer"
        )
        yield Reason(Why.SILENT, said, slot=worker.slot)
    elif worker.at_ms - worker.tables_ms > STALE_MS:
        said = "the cluster does not tell where the tables end; nothing is decided until it does"
        yield Reason(Why.STALE_TABLES, said, slot=worker.slot)


def _of_partition(partition: PartitionStatus, now_ms: int) -> Iterator[Reason]:
    number = partition.partition
    if partition.aside is not None:
        yield _of_aside(partition.aside, now_ms)
    elif partition.open_ms is not None and _is_held(partition, now_ms):
        said = (
            f"for {(now_ms - partition.open_ms) // 1000} s it has waited for a transaction that somebody has left open; "
            f"nothing is lost and nothing skipped; {TO_DO}"
        )
        yield Reason(Why.OPEN_TRANSACTION, said, partition=number)
    elif not partition.running:
        yield Reason(Why.RESTORING, "its state is being restored", partition=number)
    elif _hangs(partition, now_ms):
        said = f"{partition.lag} records wait and nothing was committed for {STUCK_MS // 1000} s"
        yield Reason(Why.STUCK, said, partition=number)


def _of_aside(aside: Aside, now_ms: int) -> Reason:
    again = (
        "it is being tried again"
        if aside.trying
        else f"it is tried again in {max(0, aside.again_ms - now_ms) // 1000} s"
    )
    said = (
        f"set aside for {max(0, now_ms - aside.since_ms) // 1000} s, nothing is skipped, the others go on: "
        f"{aside.because}; {ADVICE[aside.cause]}; {again}"
    )
    return Reason(Why.STUCK, said, partition=aside.partition, code=aside.cause.value)


def _unheld(held: set[int], partitions: int, *, shared: bool) -> Iterator[Reason]:
    if shared and held:
        return
    for number in sorted(set(range(partitions)) - held):
        yield Reason(Why.NO_WORKER, "no worker of this machine has it", partition=number)
