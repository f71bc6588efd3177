"""Kill workers of masking before each step of a commit while people release what it holds: every batch leaves exactly once."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from kafka_world import deployment_on
from kill_at_each_step import KillAtEachStep
from release_clinic import PATIENCE_S, at_work, enrolled, held, places, request_of

from sluicegate.processors.verification import Invariant
from sluicegate.schemas.decision import Choice
from sluicegate.schemas.export import MaskedBatch, WithheldBatch
from sluicegate.streams.clients.audit_reader import AuditReader
from sluicegate.streams.kafka.embedded import EmbeddedBroker
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.local.gate_process import GateProcess
from sluicegate.streams.masking_workers import masking_spec
from sluicegate.streams.runtime.transaction import CommitStep
from sluicegate.streams.testing.cluster import Cluster

pytestmark = [pytest.mark.broker, pytest.mark.slow]

LONGEST_S = 240.0


def test_masking_killed_before_every_step_releases_every_batch_once(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """One death per step while it holds and releases: the agent gets every result, no batch stands there twice, `audit` verifies."""
    struck = tmp_path / "struck"
    struck.mkdir()
    cluster = Cluster.fresh(broker)
    with deployment_on(cluster) as deployment:
        clinic = enrolled(cluster, deployment)
        masking = GateProcess(
            replace(masking_spec(deployment.settings), fault=KillAtEachStep(struck)), workers=1
        )
        masking.start()
        deployment.start_gate(1)
        released: list[str] = []
        deadline = time.monotonic() + LONGEST_S
        try:
            with at_work(deployment), clinic.agent() as agent, clinic.reviewer("pri") as office:
                while len(list(struck.iterdir())) < len(CommitStep):
                    assert time.monotonic() < deadline, sorted(path.name for path in struck.iterdir())
                    sent, release = held(agent)
                    assert office.decide(request_of(office, release), Choice.APPROVE, "rooms only").counted
                    assert agent.wait(sent, timeout_s=PATIENCE_S).released == (release,)
                    released.append(sent.action_id)
        finally:
            masking.stop()
        for action_id in released:
            assert [type(batch) for batch in places(clinic, action_id)] == [WithheldBatch, MaskedBatch]
        report = AuditReader(deployment.connection(Role.ANALYST)).verify()
    assert sum(slot.restarts for slot in masking.status) == len(CommitStep)
    assert [str(finding) for finding in report.findings] == []
    assert report.check(Invariant.I13).checked["export released"] == len(released)
