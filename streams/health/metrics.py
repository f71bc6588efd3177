"""What workers say, as Prometheus metrics. `METRICS` is the whole list: README's table is made of it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sluicegate.streams.runtime.status import PartitionStatus, SlotState, SlotStatus, WorkerStatus

from .readiness import is_stuck, readiness
from .watched import Watched

Sample = tuple[tuple[str, ...], float]
"""Values of the labels after `processor`, and the number."""


class Kind(StrEnum):
    """Prometheus' types of metrics."""

    GAUGE = "gauge"
    COUNTER = "counter"


@dataclass(frozen=True, slots=True)
class Known:
    """One metric: its name without `_total`, what it tells, and how it is found."""

    name: str
    kind: Kind
    said: str
    labels: tuple[str, ...]
    samples: Callable[[Watched, int], Iterable[Sample]]
    """Of one processor, at this wall-clock time in milliseconds."""

    @property
    def shown(self) -> str:
        """The name as Prometheus stores it."""
        return f"{self.name}_total" if self.kind is Kind.COUNTER else self.name


def _slots(found: Callable[[SlotStatus], float]) -> Callable[[Watched, int], Iterator[Sample]]:
    def samples(watched: Watched, now_ms: int) -> Iterator[Sample]:
        del now_ms
        for slot in watched.supervisor.status:
            yield (str(slot.slot),), found(slot)

    return samples


def _workers(found: Callable[[WorkerStatus, int], float]) -> Callable[[Watched, int], Iterator[Sample]]:
    def samples(watched: Watched, now_ms: int) -> Iterator[Sample]:
        for worker in _said(watched):
            yield (str(worker.slot),), found(worker, now_ms)

    return samples


def _partitions(
    found: Callable[[PartitionStatus, int], float | None],
) -> Callable[[Watched, int], Iterator[Sample]]:
    def samples(watched: Watched, now_ms: int) -> Iterator[Sample]:
        for partition in _held(watched):
            number = found(partition, now_ms)
            if number is not None:
                yield (str(partition.partition),), number

    return samples


def _ready(watched: Watched, now_ms: int) -> Iterator[Sample]:
    found = readiness(watched.supervisor.status, now_ms, partitions=watched.partitions, shared=watched.shared)
    yield (), float(found.ready)


def _lags(watched: Watched, now_ms: int) -> Iterator[Sample]:
    del now_ms
    for partition in _held(watched):
        for topic, lag in partition.lags.items():
            yield (str(partition.partition), topic), lag


def _entries(watched: Watched, now_ms: int) -> Iterator[Sample]:
    del now_ms
    for partition in _held(watched):
        for store, entries in partition.entries.items():
            yield (str(partition.partition), store), entries


def _clock_offsets(watched: Watched, now_ms: int) -> Iterator[Sample]:
    del now_ms
    for worker in _said(watched):
        if worker.clock_offset_ms is not None:
            yield (str(worker.slot),), worker.clock_offset_ms / 1000


def _said(watched: Watched) -> Iterator[WorkerStatus]:
    for slot in watched.supervisor.status:
        if slot.worker is not None and slot.state in {SlotState.RUNNING, SlotState.DRAINING}:
            yield slot.worker


def _held(watched: Watched) -> Iterator[PartitionStatus]:
    """Every partition once: for a moment of a rebalance two workers may name it, the later word counts."""
    said = sorted(_said(watched), key=lambda worker: worker.at_ms)
    found = {partition.partition: partition for worker in said for partition in worker.partitions}
    yield from (found[number] for number in sorted(found))


def _age_s(at_ms: int | None, now_ms: int) -> float | None:
    return None if not at_ms else max(0, now_ms - at_ms) / 1000


_SLOT, _PARTITION = ("slot",), ("partition",)
METRICS: Final = (
    Known("sluicegate_ready", Kind.GAUGE, "1 when `/readyz` has nothing to say against it", (), _ready),
    Known(
        "sluicegate_worker_up",
        Kind.GAUGE,
        "1 while the worker runs",
        _SLOT,
        _slots(lambda slot: slot.state in {SlotState.RUNNING, SlotState.DRAINING}),
    ),
    Known(
        "sluicegate_worker_restarts",
        Kind.COUNTER,
        "workers that ended by themselves and were started again",
        _SLOT,
        _slots(lambda slot: slot.restarts),
    ),
    Known(
        "sluicegate_transactions",
        Kind.COUNTER,
        "committed transactions",
        _SLOT,
        _workers(lambda worker, _: worker.transactions),
    ),
    Known(
        "sluicegate_transactions_aborted",
        Kind.COUNTER,
        "transactions that were aborted and done again",
        _SLOT,
        _workers(lambda worker, _: worker.aborts),
    ),
    Known(
        "sluicegate_producer_epochs",
        Kind.COUNTER,
        "producers so far: one at the start, one more whenever a call had to be repeated",
        _SLOT,
        _workers(lambda worker, _: worker.epochs),
    ),
    Known(
        "sluicegate_records",
        Kind.COUNTER,
        "records processed",
        _SLOT,
        _workers(lambda worker, _: worker.records),
    ),
    Known(
        "sluicegate_punctuations",
        Kind.COUNTER,
        "deadlines, lapses and leases that came due",
        _SLOT,
        _workers(lambda worker, _: worker.punctuations),
    ),
    Known(
        "sluicegate_worker_silence_seconds",
        Kind.GAUGE,
        "since the worker said how it is; it does so twice a second",
        _SLOT,
        _workers(lambda worker, now_ms: max(0, now_ms - worker.at_ms) / 1000),
    ),
    Known(
        "sluicegate_tables_age_seconds",
        Kind.GAUGE,
        "age of the newest moment for which policies, identities and controls are known to be complete",
        _SLOT,
        _workers(lambda worker, now_ms: max(0, now_ms - worker.tables_ms) / 1000),
    ),
    Known(
        "sluicegate_clock_offset_seconds",
        Kind.GAUGE,
        "how far the worker's wall clock is ahead of the brokers', by which it decides; absent until it is known",
        _SLOT,
        _clock_offsets,
    ),
    Known(
        "sluicegate_partition_running",
        Kind.GAUGE,
        "1 when the partition works, 0 while it is restored",
        _PARTITION,
        _partitions(lambda partition, _: partition.running),
    ),
    Known(
        "sluicegate_partition_stuck",
        Kind.GAUGE,
        "1 when it is set aside, has waited for an open transaction for 30 s, or records wait and nothing was committed "
        "for 30 s",
        _PARTITION,
        _partitions(is_stuck),
    ),
    Known(
        "sluicegate_lag_records",
        Kind.GAUGE,
        "offsets appended to an input and not processed yet, as of the last fetch",
        ("partition", "topic"),
        _lags,
    ),
    Known(
        "sluicegate_last_commit_age_seconds",
        Kind.GAUGE,
        "since the last transaction of the partition on its present worker",
        _PARTITION,
        _partitions(lambda partition, now_ms: _age_s(partition.last_commit_ms, now_ms)),
    ),
    Known(
        "sluicegate_oldest_pending_age_seconds",
        Kind.GAUGE,
        "how long the longest-waiting action has been pending; absent when none is",
        _PARTITION,
        _partitions(lambda partition, now_ms: _age_s(partition.oldest_ms, now_ms)),
    ),
    Known(
        "sluicegate_store_entries",
        Kind.GAUGE,
        "entries of a state store; `pending` holds the actions that have not ended",
        ("partition", "store"),
        _entries,
    ),
)
"""Every metric, in the order in which they are told; each also carries the label `processor`."""


class Metrics:
    """The metrics of some processors as text, in a registry of their own: nothing of other libraries comes along."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, watched: Sequence[Watched], now_ms: Callable[[], int]) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Statuses(watched, now_ms))

    def text(self) -> bytes:
        """Every metric as it is now, in Prometheus' text format."""
        return generate_latest(self._registry)


class _Statuses(Collector):
    """Asked at every scrape."""

    def __init__(self, watched: Sequence[Watched], now_ms: Callable[[], int]) -> None:
        self._watched = watched
        self._now_ms = now_ms

    def collect(self) -> Iterator[Metric]:
        """Every metric of `METRICS`."""
        now_ms = self._now_ms()
        for known in METRICS:
            family = CounterMetricFamily if known.kind is Kind.COUNTER else GaugeMetricFamily
            metric = family(known.name, known.said, labels=("processor", *known.labels))
            for watched in self._watched:
                for labels, number in known.samples(watched, now_ms):
                    metric.add_metric((watched.processor, *labels), number)
            yield metric
