"""Kill workers of masking before each step of a commit, under a load of results: each batch is handed on exactly once."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from kafka_world import KafkaWorld
from kill_at_each_step import KillAtEachStep
from masked_results import handed_on, places, sent

from sluicegate.processors.verification import Invariant
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.kafka.embedded import EmbeddedBroker
from sluicegate.streams.local.gate_process import GateProcess
from sluicegate.streams.masking_workers import masking_spec
from sluicegate.streams.runtime.transaction import CommitStep
from sluicegate.streams.testing.cluster import Cluster

pytestmark = [pytest.mark.broker, pytest.mark.slow]

LONGEST_S = 180.0
AT_ONCE = 4


def test_masking_killed_before_every_step_of_a_commit_loses_and_doubles_nothing(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """Two workers, one death per step, results all the while: every batch once, in its chain, and a clean log."""
    struck = tmp_path / "struck"
    struck.mkdir()
    with KafkaWorld(Cluster.fresh(broker, partitions=3), workers=1) as world:
        world.local.make_masking_keys()
        spec = replace(masking_spec(world.settings), fault=KillAtEachStep(struck))
        masking = GateProcess(spec, workers=2)
        masking.start()
        agents = [world.agent() for _ in range(AT_ONCE)]
        deadline = time.monotonic() + LONGEST_S
        try:
            asked = 0
            while len(list(struck.iterdir())) < len(CommitStep):
                assert time.monotonic() < deadline, sorted(path.name for path in struck.iterdir())
                batch = [world.submit(agent, "ward.read", {"ward": asked}) for agent in agents]
                for one in batch:
                    world.outcome(one, OutcomeKind.EXECUTED)
                asked += len(batch)
            raw = sent(world)
            assert len(raw) == asked
            while sum(places(handed_on(world)).values()) < len(raw):
                assert time.monotonic() < deadline, "masking did not come to the end"
                time.sleep(0.2)
        finally:
            masking.stop()
        report = world.verify()
        found = handed_on(world)
    assert sum(slot.restarts for slot in masking.status) == len(CommitStep)
    assert places(found) == raw
    assert {batch.kind for batch in found} == {"masked-batch"}
    assert [str(finding) for finding in report.findings] == []
    assert report.check(Invariant.I13).checked["masked"] == len(raw)
    assert report.check(Invariant.I13).checked["results compared"] == len(raw)
