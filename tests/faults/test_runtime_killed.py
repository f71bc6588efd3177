"""SIGKILL before every step of a commit, a call that hangs, and a broker that stalls, on a real broker."""

import time
from collections import Counter as Tally
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.kafka.embedded import EmbeddedBroker
from sluicegate.streams.runtime.spec import WorkerSpec
from sluicegate.streams.runtime.supervisor import Supervisor
from sluicegate.streams.runtime.transaction import CommitStep
from sluicegate.streams.runtime.watchdog import EXIT_STUCK
from sluicegate.streams.testing import Counter
from sluicegate.streams.testing.cluster import Cluster
from sluicegate.streams.testing.faults import FreezeOnce, HangOnce, KillOnce

pytestmark = [pytest.mark.broker, pytest.mark.slow]

RECORDS = 300


class Case:
    """One deployment, its worker, and what readers see of it."""

    def __init__(
        self,
        broker: EmbeddedBroker,
        fault: KillOnce | HangOnce | FreezeOnce,
        *,
        workers: int = 1,
        **settings: Any,
    ) -> None:
        cluster = Cluster.fresh(broker, partitions=1)
        self.fault = fault
        self.connection: Connection = cluster.connection("gate")
        self._super = cluster.super_user().connection
        self._reader = Consumer(self._super.reader_config())
        self._reader.assign(
            [TopicPartition(self.connection.topic(topic), 0, 0) for topic in ("outcomes", "audit")]
        )
        self._seen: list[Message] = []
        spec = WorkerSpec(Counter, self.connection, 1, transaction_records=20, fault=fault, **settings)
        self.supervisor = Supervisor(spec, workers=workers)

    def write(self) -> None:
        """All inputs at once: several transactions."""
        writer = Producer(self._super.producer_config())
        for number in range(RECORDS):
            writer.produce(self.connection.topic("actions"), b"%d" % number, b"key", 0)
        assert writer.flush(10) == 0

    def turn(self) -> bool:
        """Let the worker work; whether everything is visible."""
        self.supervisor.watch(0)
        self._seen += self._reader.consume(1_000, 0.02)
        return len(self.outcomes()) >= RECORDS

    def outcomes(self) -> list[Message]:
        """Visible outcomes."""
        return [message for message in self._seen if message.topic() == self.connection.topic("outcomes")]

    def tiles(self) -> list[tuple[int, int]]:
        """The ranges of `actions` that visible tiles cover."""
        values = [message.value() or b"" for message in self._seen if message.key() == b"tile"]
        ranges = [value.decode().split(";")[0].split() for value in values if value.startswith(b"actions")]
        return [(int(start), int(end)) for _, start, end in ranges]

    def check(self) -> None:
        """Nothing lost, nothing doubled, the state in step, the tiles without gap or overlap."""
        self._seen += self._reader.consume(1_000, 0.3)
        origins = Tally(header_of(message, "origin") for message in self.outcomes())
        assert set(origins.values()) == {1}
        counts = [header_of(message, "known") for message in self.outcomes()]
        assert counts == [b"%d" % number for number in range(1, RECORDS + 1)]
        tiles = self.tiles()
        assert [start for start, _ in tiles] == [0, *(end for _, end in tiles[:-1])]
        assert tiles[-1][1] == RECORDS


def header_of(message: Message, name: str) -> bytes:
    """The value of a header."""
    headers: Any = message.headers()
    return bytes(dict(headers)[name])


def run(cases: list[Case], limit_s: float) -> None:
    """Start all, let all finish, stop all."""
    for case in cases:
        case.write()
        case.supervisor.start()
    deadline = time.monotonic() + limit_s
    try:
        while not all([case.turn() for case in cases]):  # noqa: C419  # every one must have its turn
            assert time.monotonic() < deadline, [case.supervisor.status for case in cases]
    finally:
        for case in cases:
            case.supervisor.stop()
    assert [case.supervisor.join() for case in cases] == [0] * len(cases)


def test_a_kill_before_any_step_loses_and_doubles_nothing(broker: EmbeddedBroker, tmp_path: Path) -> None:
    """One worker per step is killed in its third commit, all at once, and started again by its supervisor."""
    cases = [Case(broker, KillOnce(step, 3, tmp_path / step.name)) for step in CommitStep]
    run(cases, limit_s=60)
    for case in cases:
        assert case.fault.done.exists()
        assert case.supervisor.status[0].restarts == 1
        case.check()


def test_a_worker_that_wakes_up_after_its_partition_has_moved_writes_nothing(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """Z1: frozen in mid-transaction for longer than the group waits; another takes over, the sleeper aborts."""
    freeze = FreezeOnce(CommitStep.OFFSETS, None, 8.0, tmp_path / "frozen")
    case = Case(broker, freeze, workers=2)
    run([case], limit_s=40)
    assert freeze.done.exists()
    case.check()
    aborted = [slot.worker is not None and slot.worker.aborts > 0 for slot in case.supervisor.status]
    ended = [slot.restarts > 0 for slot in case.supervisor.status]
    assert any(aborted + ended)


def test_a_worker_that_hangs_in_a_commit_is_ended_and_its_work_is_done(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """The watchdog ends it with its own status, and its successor goes on with nothing lost or doubled."""
    case = Case(broker, HangOnce(CommitStep.COMMIT, tmp_path / "hung"), watchdog_ms=3_000)
    statuses: list[int | None] = []
    case.write()
    case.supervisor.start()
    deadline = time.monotonic() + 40
    while not case.turn():
        statuses.append(case.supervisor.status[0].last_exit)
        assert time.monotonic() < deadline, case.supervisor.status
    case.supervisor.stop()
    assert case.supervisor.join() == 0
    assert EXIT_STUCK in statuses
    case.check()


@pytest.mark.parametrize("step", [CommitStep.FLUSH, CommitStep.OFFSETS, CommitStep.COMMIT])
def test_a_stalled_broker_is_waited_for_and_the_producer_replaced(
    broker: EmbeddedBroker, tmp_path: Path, step: CommitStep
) -> None:
    """Calls that time out are repeated until they succeed; the process lives on with a new producer epoch."""
    freeze = FreezeOnce(step, broker.mark.pid, 2.0, tmp_path / "frozen")
    case = Case(broker, freeze, call_ms=500)
    run([case], limit_s=30)
    case.check()
    assert freeze.done.exists()
    assert case.supervisor.status[0].restarts == 0
    worker = case.supervisor.status[0].worker
    assert worker is not None
    if step is CommitStep.COMMIT:
        assert worker.epochs > 1
