"""Processes of a gate on a real broker: fenced slots, a supervisor that dies, two SIGTERMs."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from confluent_kafka import Producer

from sluicegate.streams.runtime.process import EXIT_KILLED, EXIT_UNCLEAR
from sluicegate.streams.runtime.spec import WorkerSpec
from sluicegate.streams.runtime.status import SlotState
from sluicegate.streams.runtime.supervisor import Supervisor
from sluicegate.streams.runtime.transaction import CommitStep
from sluicegate.streams.testing import Counter
from sluicegate.streams.testing.cluster import Cluster
from sluicegate.streams.testing.faults import HangOnce

pytestmark = pytest.mark.broker

SUPERVISE = """
import sys
from pathlib import Path
from sluicegate.streams.kafka.connection import connect
from sluicegate.streams.kafka.principals import Principal
from sluicegate.streams.runtime.spec import WorkerSpec
from sluicegate.streams.runtime.supervisor import Supervisor
from sluicegate.streams.settings import load
from sluicegate.streams.testing import Counter

bootstrap, prefix, state_dir = sys.argv[1:]
settings = load(bootstrap=bootstrap, prefix=prefix, partitions=2, state_dir=Path(state_dir))
supervisor = Supervisor(WorkerSpec(Counter, connect(settings, Principal.parse("gate")), 2))


def say(supervisor):
    worker = supervisor.status[0].worker
    if worker is not None and len(worker.partitions) == 2:
        print(worker.process, flush=True)


sys.exit(supervisor.run(say))
"""


def write(cluster: Cluster, count: int) -> None:
    """Append actions."""
    connection = cluster.super_user().connection
    writer = Producer(connection.producer_config())
    for number in range(count):
        writer.produce(connection.topic("actions"), b"%d" % number, b"key", number % 2)
    assert writer.flush(10) == 0


def spec(cluster: Cluster) -> WorkerSpec:
    """Workers that count."""
    return WorkerSpec(Counter, cluster.connection("gate"), 2)


def watch_until_running(*supervisors: Supervisor) -> None:
    """Return when every first slot has said how it is."""
    deadline = time.monotonic() + 15
    while not all(supervisor.status[0].state is SlotState.RUNNING for supervisor in supervisors):
        assert time.monotonic() < deadline
        for supervisor in supervisors:
            supervisor.watch(0.02)


def is_running(process: int) -> bool:
    """Whether a process is there and no zombie."""
    answer = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip()[:1] not in {"", "Z"}


def test_a_second_worker_on_the_same_slot_fences_the_first(cluster: Cluster) -> None:
    """The first ends at once with the unclear status, and says that slots must differ."""
    first, second = Supervisor(spec(cluster)), Supervisor(spec(cluster))
    first.start()
    watch_until_running(first)
    second.start()
    watch_until_running(second)
    deadline = time.monotonic() + 15
    while first.status[0].restarts == 0:
        assert time.monotonic() < deadline, first.status
        write(cluster, 5)
        first.watch(0.05)
    ended = first.status[0]
    for supervisor in (first, second):
        supervisor.stop()
        supervisor.join()
    assert ended.last_exit == EXIT_UNCLEAR
    assert "slots of its own" in (ended.failure or "")


def test_workers_end_when_their_supervisor_is_killed(cluster: Cluster) -> None:
    """An orphan drains and ends on its own: nobody would ever stop it."""
    arguments = [cluster.broker.bootstrap, cluster.settings.prefix, str(cluster.state.path)]
    parent = subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, *arguments], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.kill()
    parent.wait(10)
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while is_running(worker):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_sigterm_to_the_supervisor_drains_and_exits_with_0(cluster: Cluster) -> None:
    """One SIGTERM reaches every worker, and the exit code says that all drained."""
    arguments = [cluster.broker.bootstrap, cluster.settings.prefix, str(cluster.state.path)]
    parent = subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, *arguments], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(15) == 0
    parent.stdout.close()
    assert not is_running(worker)


def test_a_second_sigterm_ends_a_worker_at_once(cluster: Cluster, tmp_path: Path) -> None:
    """A worker that cannot finish its transaction survives the first SIGTERM and not the second."""
    hang = HangOnce(CommitStep.COMMIT, tmp_path / "hung")
    supervisor = Supervisor(WorkerSpec(Counter, cluster.connection("gate"), 2, fault=hang))
    supervisor.start()
    write(cluster, 5)
    deadline = time.monotonic() + 15
    while not hang.done.exists():
        assert time.monotonic() < deadline
        supervisor.watch(0.05)
    supervisor.stop()
    supervisor.watch(0.5)
    assert not supervisor.ended
    supervisor.stop()
    assert supervisor.join(5) == EXIT_KILLED
