"""Kill workers of the real gate before each step of a commit, in the middle of a play: nothing is lost, doubled or unproven."""

from dataclasses import replace
from pathlib import Path

import pytest
import recorded_night
from kafka_world import deployment_on
from kill_at_each_step import KillAtEachStep
from recorded_night import APPROVE_WHEN, POLICY, Ward

from sluicegate.streams.gate_workers import gate_spec
from sluicegate.streams.kafka.embedded import EmbeddedBroker
from sluicegate.streams.local.gate_process import GateProcess
from sluicegate.streams.play.player import Player
from sluicegate.streams.play.recording import read_recording
from sluicegate.streams.play.results import COLUMNS, tallied
from sluicegate.streams.runtime.transaction import CommitStep
from sluicegate.streams.testing.cluster import Cluster

pytestmark = [pytest.mark.broker, pytest.mark.slow]


def test_a_gate_killed_before_every_step_of_a_commit_loses_and_doubles_nothing(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """Two workers, one death per step, each started again: the totals of a quiet night, each effect once, a clean log."""
    recorded = recorded_night.lines(80, seed=9)
    calls = read_recording(recorded_night.write(tmp_path / "night.jsonl", recorded))
    struck, ward = tmp_path / "struck", Ward(takes_s=0.15)
    struck.mkdir()
    with deployment_on(Cluster.fresh(broker, partitions=3)) as deployment:
        spec = replace(gate_spec(deployment.settings), fault=KillAtEachStep(struck))
        gate = GateProcess(spec, workers=2)
        gate.start()
        try:
            played = Player(
                deployment, ward.watch(calls), POLICY, approve_when=APPROVE_WHEN, timeout_s=240
            ).play()
        finally:
            gate.stop()
    assert {path.name for path in struck.iterdir()} == {step.name for step in CommitStep}
    assert sum(slot.restarts for slot in gate.status) == len(CommitStep)
    total = tallied(played.told).total
    assert {column: total[column] for column in COLUMNS} == recorded_night.expected(recorded)
    assert ward.effects == dict.fromkeys(recorded_night.executed(recorded), 1)
    assert [str(finding) for finding in played.verification.findings] == []
    assert played.verification.ok
