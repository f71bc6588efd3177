"""Kill the gate in the middle of a play, again and again: the totals are those of a quiet night, and nothing happens twice."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import night_executor
import pytest
import recorded_night
from kafka_world import deployment_on
from night_executor import counted
from recorded_night import APPROVE_WHEN, POLICY, Ward

from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.clients.agent import AgentClient, Draft
from sluicegate.streams.clients.audit_reader import AuditReader
from sluicegate.streams.kafka.embedded import EmbeddedBroker
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.local import LocalDeployment
from sluicegate.streams.play.player import Played, Player
from sluicegate.streams.play.recording import Call, read_recording
from sluicegate.streams.play.results import COLUMNS, tallied
from sluicegate.streams.runtime.status import SlotState
from sluicegate.streams.testing.cluster import Cluster

pytestmark = [pytest.mark.broker, pytest.mark.slow]

KILLS = 10
SEED = 20260
AIRLINE = Path(__file__).resolve().parents[3] / "shared" / "data" / "agent-runs" / "airline.jsonl"
AIRLINE_POLICY = Path(__file__).resolve().parents[2] / "examples" / "airline-policy.yaml"


@pytest.fixture
def deployment(broker: EmbeddedBroker) -> Iterator[LocalDeployment]:
    """Topics, rights and keys; a test starts the gate."""
    with deployment_on(Cluster.fresh(broker, partitions=3)) as deployment:
        yield deployment


def play(
    deployment: LocalDeployment, calls: Sequence[Call], policy: str = POLICY, when: str = APPROVE_WHEN
) -> Played:
    """Play to the end."""
    return Player(deployment, calls, policy, approve_when=when, timeout_s=240).play()


@contextmanager
def playing(
    deployment: LocalDeployment, calls: Sequence[Call], policy: str = POLICY, when: str = APPROVE_WHEN
) -> Iterator["Future[Played]"]:
    """A play in a thread of its own."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(play, deployment, calls, policy, when)


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def kill_workers(deployment: LocalDeployment, played: "Future[Played]", kills: int, seed: int) -> None:
    """SIGKILL one running worker after another, at random moments while the play goes on."""
    rng, gate = random.Random(seed), deployment.gate  # noqa: S311  # moments, no secrets
    assert gate is not None
    killed: set[int] = set()
    for number in range(kills):
        time.sleep(rng.uniform(0.05, 1.5))

        def alive() -> list[int]:
            running = [slot.worker for slot in gate.status if slot.state is SlotState.RUNNING]
            found = [worker.process for worker in running if worker is not None]
            return [process for process in found if process not in killed]

        until(lambda: bool(alive()))
        assert not played.done(), f"the play was over before kill {number + 1}"
        victim = rng.choice(alive())
        os.kill(victim, signal.SIGKILL)
        killed.add(victim)
    until(lambda: sum(slot.restarts for slot in gate.status) == kills)


def totals(played: Played) -> dict[str, int]:
    """The integers that `play --json` prints."""
    total = tallied(played.told).total
    return {column: total[column] for column in COLUMNS}


def assert_clean(played: Played) -> None:
    """The verifier finds nothing."""
    assert [str(finding) for finding in played.verification.findings] == []
    assert played.verification.ok


def test_ten_kills_of_gate_workers_change_nothing(deployment: LocalDeployment, tmp_path: Path) -> None:
    """Each killed at a random moment and started again: same totals, each effect once; played again, none more."""
    recorded = recorded_night.lines()
    calls = read_recording(recorded_night.write(tmp_path / "night.jsonl", recorded))
    ward = Ward(takes_s=0.2)
    deployment.start_gate(3)
    with playing(deployment, ward.watch(calls)) as future:
        until(lambda: sum(ward.effects.values()) > 3)
        kill_workers(deployment, future, KILLS, SEED)
        played = future.result()
    assert totals(played) == recorded_night.expected(recorded)
    assert ward.effects == dict.fromkeys(recorded_night.executed(recorded), 1)
    assert_clean(played)
    again = play(deployment, ward.watch(calls))
    assert [told.last for told in again.told] == [told.last for told in played.told]
    assert set(ward.effects.values()) == {1}
    assert_clean(again)


def test_a_killed_supervisor_and_its_successor_change_nothing(
    deployment: LocalDeployment, tmp_path: Path
) -> None:
    """SIGKILL takes the supervisor; a new one on the same slots starts at once, while the orphans still work."""
    recorded = recorded_night.lines(seed=8)
    calls = read_recording(recorded_night.write(tmp_path / "night.jsonl", recorded))
    ward = Ward(takes_s=0.05)
    config = write_settings(deployment, tmp_path)
    gates = [start_gate(config)]
    try:
        with playing(deployment, ward.watch(calls)) as future:
            until(lambda: sum(ward.effects.values()) > 3)
            gates[0].kill()
            gates.append(start_gate(config))
            played = future.result()
    finally:
        stop(gates)
    assert totals(played) == recorded_night.expected(recorded)
    assert ward.effects == dict.fromkeys(recorded_night.executed(recorded), 1)
    assert_clean(played)
    assert gates[1].returncode == 0


@pytest.mark.skipif(not AIRLINE.exists(), reason="the recorded agent runs are not part of the project")
def test_ten_kills_in_the_recorded_airline_runs_change_nothing(deployment: LocalDeployment) -> None:
    """572 calls of real agents: 451 reads executed, 46 of 121 writes approved and executed, none twice."""
    calls, ward = read_recording(AIRLINE), Ward(takes_s=0.04)
    deployment.start_gate(3)
    policy, when = AIRLINE_POLICY.read_text(), "in_reference_solution"
    with playing(deployment, ward.watch(calls), policy, when) as future:
        until(lambda: sum(ward.effects.values()) > 10)
        kill_workers(deployment, future, KILLS, SEED + 1)
        played = future.result()
    found = totals(played)
    assert (found["actions"], found["reviewed"], found["executed"]) == (572, 121, 451 + 46)
    assert (found["approved"], found["rejected"], found["unknown"]) == (46, 75, 0)
    assert sum(ward.effects.values()) == 451 + 46
    assert set(ward.effects.values()) == {1}
    assert_clean(played)


def test_a_killed_executor_does_nothing_twice(deployment: LocalDeployment, tmp_path: Path) -> None:
    """Killed twice in mid-work: what it had claimed ends as executed or unknown, and all the rest is executed."""
    effects, agent = tmp_path / "effects", "night-agent"
    enrol_night(deployment, agent)
    deployment.start_gate(2)
    executors = [start_executor(deployment, effects)]
    with AgentClient.connect(agent, settings=deployment.settings) as client:
        asked = client.submit_many(Draft(night_executor.TYPE, {"bed": number}) for number in range(100))
        for at in (5, 30):
            until(lambda at=at: sum(counted(effects).values()) >= at)
            executors[-1].kill()
            executors.append(start_executor(deployment, effects))
        wanted = {OutcomeKind.EXECUTED, OutcomeKind.UNKNOWN}
        until(lambda: all((told := client.latest(one)) and told.outcome in wanted for one in asked), 90)
        ended = {one.action_id: one.awaited.latest() for one in asked}
    executors[-1].terminate()
    executors[-1].join(30)
    assert executors[-1].exitcode == 0
    done = counted(effects)
    assert set(done.values()) == {1}
    executed = {name for name, told in ended.items() if told and told.outcome is OutcomeKind.EXECUTED}
    assert executed <= set(done)
    # The one in the act at each kill was done, and nobody knows: no receipt says so.
    assert len(executed) < len(asked)
    report = AuditReader(deployment.connection(Role.ANALYST)).verify()
    assert report.ok, report.findings


def enrol_night(deployment: LocalDeployment, agent: str) -> None:
    """An agent whose reads pass, and the executor of them, with a short lease."""
    operator = deployment.operator
    owner = operator.enrol_person()
    operator.enrol_agent(agent, deployment.key(agent).public, [owner])
    deployment.add_executor(night_executor.NAME, [night_executor.TYPE])
    key = deployment.key(night_executor.NAME).public
    operator.enrol_executor(night_executor.NAME, key, [night_executor.TYPE], lease_ms=3_000)
    operator.publish_policy("night", POLICY)


def start_executor(deployment: LocalDeployment, effects: Path) -> Any:
    """One more process of the executor, on the same slot."""
    process = multiprocessing.get_context("spawn").Process(
        target=night_executor.serve, args=(deployment.settings, effects), daemon=True
    )
    process.start()
    return process


def write_settings(deployment: LocalDeployment, folder: Path) -> Path:
    """A settings file for commands of this deployment."""
    settings = deployment.settings
    ((key_id, key),) = settings.trust.operators.items()
    path = folder / "sluicegate.toml"
    path.write_text(
        f'bootstrap = "{settings.bootstrap}"\nprefix = "{settings.prefix}"\n'
        f'partitions = {settings.partitions}\nstate_dir = "{settings.state_dir}"\n'
        f'[trust.operators]\n{key_id} = "{key}"\n[gate]\nskew_ms = {settings.gate.skew_ms}\n'
    )
    return path


def start_gate(config: Path) -> "subprocess.Popen[Any]":
    """`sluicegate gate run`, as an operator would start it."""
    command = [Path(sys.executable).with_name("sluicegate"), "--config", config, "gate", "run"]
    return subprocess.Popen([*command, "--workers", "2", "--quiet"])


def stop(gates: Sequence["subprocess.Popen[Any]"]) -> None:
    """Drain what still runs."""
    for gate in gates:
        gate.terminate()
        gate.wait(30)
