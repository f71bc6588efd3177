"""Readiness and metrics, from what workers said, and the server that tells them."""

import json
import urllib.error
import urllib.request
from dataclasses import replace

import pytest

from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.health import HealthServer, Readiness, Watched, Why, readiness, serving
from sluicegate.streams.health.address import Address
from sluicegate.streams.health.metrics import METRICS, Metrics
from sluicegate.streams.runtime.aside import ADVICE, Aside, Cause
from sluicegate.streams.runtime.status import PartitionStatus, SlotState, SlotStatus, WorkerStatus

NOW_MS = 1_800_000_000_000

PARTITION = PartitionStatus(
    partition=0,
    running=True,
    positions={"actions": 10, "decisions": 4},
    lags={"actions": 0, "decisions": 0},
    entries={"pending": 2, "closed": 7},
    since_ms=NOW_MS - 90_000,
    last_commit_ms=NOW_MS - 60_000,
    oldest_ms=NOW_MS - 61_500,
)
WORKER = WorkerStatus(
    slot=0,
    process=4711,
    at_ms=NOW_MS - 100,
    last_commit_ms=NOW_MS - 60_000,
    transactions=5,
    records=14,
    punctuations=1,
    aborts=2,
    epochs=3,
    tables={"policies": 1},
    tables_ms=NOW_MS - 1_000,
    partitions=(PARTITION, replace(PARTITION, partition=1, oldest_ms=None)),
)
SLOT = SlotStatus(0, SlotState.RUNNING, 0, None, WORKER, None)


class Supervised:
    """A supervisor that says what it is told to say."""

    def __init__(self, *slots: SlotStatus, idle_s: float = 0.2) -> None:
        self.status = slots
        self.idle_s = idle_s


def ready(*slots: SlotStatus, shared: bool = False) -> Readiness:
    """Readiness of two partitions."""
    return readiness(slots, NOW_MS, partitions=2, shared=shared)


def metrics_of(slot: SlotStatus) -> list[str]:
    """The lines of `/metrics`."""
    return Metrics([Watched("gate", Supervised(slot), 2)], lambda: NOW_MS).text().decode().splitlines()


def with_partition(**changes: object) -> SlotStatus:
    """A slot whose partition 0 is not as it should be."""
    worker = replace(WORKER, partitions=(replace(PARTITION, **changes), WORKER.partitions[1]))  # type: ignore[arg-type]
    return replace(SLOT, worker=worker)


def with_worker(**changes: object) -> SlotStatus:
    """A slot whose worker is not as it should be."""
    return replace(SLOT, worker=replace(WORKER, **changes))  # type: ignore[arg-type]


def test_a_gate_that_works_is_ready() -> None:
    """Every partition runs, nothing is behind: ready, however long ago the last commit was."""
    assert ready(SLOT).ready


def test_nothing_at_all_is_not_ready() -> None:
    """No slots, no partitions: not ready, also where other machines share the work."""
    assert [reason.partition for reason in ready().reasons] == [0, 1]
    assert not ready(shared=True).ready


@pytest.mark.parametrize(
    ("slot", "why", "partition"),
    [
        (with_partition(running=False), Why.RESTORING, 0),
        (with_partition(running=False, open_ms=NOW_MS - 29_000), Why.RESTORING, 0),
        (with_partition(running=False, open_ms=NOW_MS - 31_000), Why.OPEN_TRANSACTION, 0),
        (with_partition(behind_ms=NOW_MS - 31_000, lags={"actions": 3}), Why.STUCK, 0),
        (with_worker(partitions=WORKER.partitions[1:]), Why.NO_WORKER, 0),
        (with_worker(at_ms=NOW_MS - 6_000), Why.SILENT, None),
        (with_worker(tables_ms=NOW_MS - 6_000), Why.STALE_TABLES, None),
        (replace(SLOT, state=SlotState.STARTING), Why.NOT_STARTED, None),
        (replace(SLOT, state=SlotState.WAITING, last_exit=70, ended_ms=NOW_MS), Why.ENDED, None),
        (replace(SLOT, restarts=2, ended_ms=NOW_MS - 20_000), Why.CRASH_LOOP, None),
    ],
)
def test_what_is_wrong_is_named(slot: SlotStatus, why: Why, partition: int | None) -> None:
    """Each trouble is the first reason, with the partition where it is one partition's."""
    reason = ready(slot).reasons[0]
    assert (reason.why, reason.partition) == (why, partition)


@pytest.mark.parametrize("trying", [False, True])
def test_a_partition_that_is_set_aside_is_stuck_and_says_why_and_until_when(*, trying: bool) -> None:
    """Also while it is tried again; the code is for programs, the sentence says what to do."""
    because = "the topology raised KeyError at actions-0@2"
    aside = Aside(0, Cause.RAISED, because, 7, NOW_MS - 61_000, NOW_MS + 8_000, 4, trying)
    slot = with_partition(running=False, aside=aside)
    [reason] = ready(slot).reasons
    assert (reason.why, reason.partition, reason.code) == (Why.STUCK, 0, "raised")
    assert reason.said.startswith(f"set aside for 61 s, nothing is skipped, the others go on: {because}; ")
    assert ADVICE[Cause.RAISED] in reason.said
    assert reason.said.endswith("it is being tried again" if trying else "it is tried again in 8 s")
    assert [line for line in metrics_of(slot) if line.startswith("sluicegate_partition_stuck{")] == [
        'sluicegate_partition_stuck{partition="0",processor="gate"} 1.0',
        'sluicegate_partition_stuck{partition="1",processor="gate"} 0.0',
    ]


def test_being_behind_for_a_moment_is_no_trouble() -> None:
    """Records that have just arrived wait for their transaction, not for an operator."""
    assert ready(with_partition(behind_ms=NOW_MS - 1_000, lags={"actions": 3})).ready


def test_an_end_that_is_still_to_come_by_the_clock_is_no_crash_loop() -> None:
    """The clock was set back since: else the processor would not be ready for as long as it was set back."""
    assert ready(replace(SLOT, restarts=2, ended_ms=NOW_MS + 3_600_000)).ready


def test_partitions_of_other_machines_need_no_worker_here() -> None:
    """With workers elsewhere too, this machine is ready with the partitions it has."""
    slot = with_worker(partitions=WORKER.partitions[1:])
    assert not ready(slot).ready
    assert ready(slot, shared=True).ready


def test_why_a_worker_ended_is_told() -> None:
    """The worker's own last word is in the sentence."""
    slot = replace(SLOT, state=SlotState.WAITING, last_exit=1, ended_ms=NOW_MS, failure="no such topic")
    assert "no such topic" in ready(slot).reasons[0].said


@pytest.mark.parametrize("text", ["9464", "localhost", ":9464", "127.0.0.1:x", "127.0.0.1:70000", ""])
def test_nonsense_is_no_address(text: str) -> None:
    """Host and port, both, or our error."""
    with pytest.raises(ConfigurationError):
        Address.parse(text)


def test_other_machines_reach_it_only_when_that_is_asked_for() -> None:
    """Loopback as it is; anything else only with the setting that says so."""
    assert Address.parse("[::1]:9464") == Address("::1", 9464)
    with pytest.raises(ConfigurationError, match="other machines"):
        Address.parse("0.0.0.0:9464")
    assert Address.parse("0.0.0.0:9464", beyond_loopback=True).host == "0.0.0.0"  # noqa: S104  # the claim


def get(server: HealthServer, path: str) -> tuple[int, str]:
    """Status and body of a real request."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def now(slot: SlotStatus) -> SlotStatus:
    """The same, said a moment ago by today's clock."""
    import time  # noqa: PLC0415

    moved = time.time_ns() // 1_000_000 - NOW_MS
    worker = slot.worker
    assert worker is not None
    return replace(
        slot, worker=replace(worker, at_ms=worker.at_ms + moved, tables_ms=worker.tables_ms + moved)
    )


def test_the_server_tells_health_readiness_and_metrics() -> None:
    """200 with everything well; the metrics carry processor, partition and topic."""
    with serving("127.0.0.1:0", [Watched("gate", Supervised(now(SLOT)), 2)]) as server:
        assert server is not None
        assert get(server, "/healthz")[0] == 200
        assert get(server, "/readyz") == (200, '{"ready": true, "reasons": []}\n')
        status, text = get(server, "/metrics?x=1")
        assert status == 200
        assert 'sluicegate_lag_records{partition="0",processor="gate",topic="actions"} 0.0' in text
        assert 'sluicegate_transactions_total{processor="gate",slot="0"} 5.0' in text
        assert 'sluicegate_ready{processor="gate"} 1.0' in text
        assert get(server, "/other")[0] == 404


def test_the_server_says_503_and_why() -> None:
    """A restoring partition and a supervisor that hangs are told by status and in JSON."""
    slot = with_partition(running=False)
    with serving("127.0.0.1:0", [Watched("gate", Supervised(now(slot), idle_s=60), 2)]) as server:
        assert server is not None
        status, text = get(server, "/readyz")
        assert status == 503
        assert json.loads(text)["reasons"] == [
            {
                "processor": "gate",
                "why": "restoring",
                "said": "its state is being restored",
                "partition": 0,
            }
        ]
        assert get(server, "/healthz")[0] == 503


def test_without_an_address_nothing_is_served() -> None:
    """No setting, no server."""
    with serving(None, []) as server:
        assert server is None


def test_every_metric_has_its_unit_in_its_name_and_bounded_labels() -> None:
    """Labels name slots, partitions, topics and stores: never an action, an agent or a person."""
    assert {label for known in METRICS for label in known.labels} <= {"slot", "partition", "topic", "store"}
    assert all(known.name.startswith("sluicegate_") for known in METRICS)
    assert all("age" not in known.name or known.name.endswith("_seconds") for known in METRICS)
    assert len({known.name for known in METRICS}) == len(METRICS)
