"""Workers of a gate are started again one after the other under load: no action is refused for it, none is lost."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka_world import deployment_on

from sluicegate.schemas.action import Action
from sluicegate.schemas.grant import Grant
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.clients.agent import AgentClient, Submission
from sluicegate.streams.clients.audit_reader import AuditReader
from sluicegate.streams.clients.executor import Executor
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.local import LocalDeployment
from sluicegate.streams.testing.cluster import Cluster

pytestmark = [pytest.mark.broker, pytest.mark.thorough]

AGENTS = ("roller-0", "roller-1", "roller-2", "roller-3")
EVERY_S = 0.05
POLICY = "version: 1\nname: rolling\ndefault: deny\nrules: [{id: passes, on: [chart.read], effect: allow}]\n"


@pytest.fixture
def deployment(cluster: Cluster) -> Iterator[LocalDeployment]:
    """Agents, an executor that works, a policy that lets everything pass; no gate yet."""
    with deployment_on(cluster) as deployment:
        owner = deployment.operator.enrol_person()
        for agent in AGENTS:
            deployment.operator.enrol_agent(agent, deployment.key(agent).public, [owner])
        deployment.add_executor("rolling", ["chart.read"])
        deployment.operator.publish_policy("rolling", POLICY)
        executor = Executor.connect("rolling", {"chart.read": look}, settings=deployment.settings)
        thread = threading.Thread(target=executor.run, daemon=True)
        thread.start()
        yield deployment
        executor.stop()
        thread.join()


def look(action: Action, grant: Grant) -> None:
    """Takes no time and returns nothing."""
    del action, grant


def start_gate(deployment: LocalDeployment, folder: Path) -> "subprocess.Popen[str]":
    """`sluicegate gate run --workers 2`, as a service manager starts it."""
    settings = deployment.settings
    ((key_id, key),) = settings.trust.operators.items()
    config = folder / "sluicegate.toml"
    config.write_text(
        f'bootstrap = "{settings.bootstrap}"\nprefix = "{settings.prefix}"\n'
        f'partitions = {settings.partitions}\nstate_dir = "{settings.state_dir}"\n'
        f'[trust.operators]\n{key_id} = "{key}"\n'
    )
    command = [Path(sys.executable).with_name("sluicegate"), "--config", config, "gate", "run"]
    return subprocess.Popen(
        [*command, "--workers", "2", "--log-json"],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


class Lines:
    """What a process writes to standard error, as it comes."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.seen: list[str] = []
        self._stream: Any = process.stderr
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._stream:
            self.seen.extend(iter(self._stream.readline, ""))

    def close(self) -> None:
        """After the process has ended."""
        self._thread.join(10)

    def count(self, text: str) -> int:
        """How many lines hold this."""
        return sum(text in line for line in tuple(self.seen))


def test_a_rolling_restart_refuses_nothing(
    deployment: LocalDeployment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two workers, SIGHUP, 80 actions a second: all are executed, and the longest pause is printed."""
    gate = start_gate(deployment, tmp_path)
    lines = Lines(gate)
    try:
        deployment.await_adoption()
        asked, waited_s = play_until(deployment, lines, gate)
    finally:
        gate.terminate()
        gate.wait(30)
        lines.close()
    assert lines.count("starting a worker again") == 2
    assert len(asked) > 100
    assert {latest.outcome for one in asked if (latest := one.awaited.latest())} == {OutcomeKind.EXECUTED}
    report = AuditReader(deployment.connection(Role.ANALYST)).verify()
    assert report.ok, report.findings
    assert gate.returncode == 0
    with capsys.disabled():
        print(f"\n  {len(asked)} actions, longest from submission to the end {waited_s:.2f} s")  # noqa: T201  # the figure is asked for


def play_until(
    deployment: LocalDeployment, lines: Lines, gate: "subprocess.Popen[str]"
) -> tuple[list[Submission], float]:
    """Submit again and again until both workers were started again; what was asked, and the longest wait."""
    clients = [AgentClient.connect(agent, settings=deployment.settings) for agent in AGENTS]
    began_s, longest_s, has_asked = time.monotonic(), 0.0, False
    asked: list[Submission] = []
    waiting: list[tuple[Submission, float]] = []
    while waiting or lines.count("every worker was started again") == 0:
        now_s = time.monotonic()
        assert now_s - began_s < 90, lines.seen
        if not has_asked and now_s - began_s > 1:
            gate.send_signal(signal.SIGHUP)
            has_asked = True
        if lines.count("every worker was started again") == 0:
            sent = [client.submit("chart.read", {"bed": 7}) for client in clients]
            asked += sent
            waiting += [(one, now_s) for one in sent]
        time.sleep(EVERY_S)
        ended = [since_s for one, since_s in waiting if is_final(one)]
        longest_s = max([longest_s, *(time.monotonic() - since_s for since_s in ended)])
        waiting = [(one, since_s) for one, since_s in waiting if not is_final(one)]
    for client in clients:
        client.close()
    return asked, longest_s


def is_final(submission: Submission) -> bool:
    """Whether its end was told."""
    latest = submission.awaited.latest()
    return latest is not None and latest.outcome.final
