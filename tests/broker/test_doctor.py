"""The doctor on a real broker: well, and with one thing wrong at a time."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from crashing_client import crash
from kafka_world import deployment_on

from sluicegate.schemas.errors import BrokerError
from sluicegate.streams.doctor import Finding, Grade, child, examine
from sluicegate.streams.doctor import transactions as promises
from sluicegate.streams.kafka.conformance import Check, Conformance
from sluicegate.streams.kafka.principals import Principal
from sluicegate.streams.kafka.rights import Right
from sluicegate.streams.local import LocalDeployment
from sluicegate.streams.settings import Settings
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker

POLICY = "version: 1\nname: none\ndefault: deny\nrules: [{id: passes, on: [chart.read], effect: allow}]\n"


@pytest.fixture
def deployment(cluster: Cluster) -> Iterator[LocalDeployment]:
    """Everything but a running gate."""
    with deployment_on(cluster) as deployment:
        deployment.operator.publish_policy("none", POLICY)
        yield deployment


def bad(found: list[Finding]) -> list[Finding]:
    """What is not well."""
    return [finding for finding in found if finding.grade is not Grade.OK]


def of_another_test(finding: Finding) -> bool:
    """Passwords of principals that other tests made lie in the same folder: their rights are in other deployments."""
    about = finding.about
    return about.startswith("rights of ") and "-" in about and not about.endswith("-local")


def test_a_deployment_as_it_should_be_is_well(deployment: LocalDeployment) -> None:
    """No warning, no failure; every question has its answer."""
    found = list(examine(deployment.settings))
    assert [finding for finding in bad(found) if not of_another_test(finding)] == []
    about = {finding.about for finding in found}
    assert about >= {"versions", "operators", "private files", "gate key", "topics", "documents", "policy"}
    assert about >= {"gate enrolled", "rights of gate", "rights of agent-local", "transactions", "clock"}


def test_what_is_wrong_on_the_cluster_is_found(cluster: Cluster, deployment: LocalDeployment) -> None:
    """A changed topic, a right too much and a right missing, each with what to do."""
    admin, prefix = cluster.super_user(), cluster.settings.prefix
    admin.configure_topics({"outcomes": {"retention.ms": "1000"}})
    admin.add_rights([Right("agent-local", "topic", f"{prefix}decisions", "write")])
    gate = Principal.parse("gate").user
    admin.remove_rights([Right(gate, "topic", f"{prefix}outcomes", "write")])
    found = {finding.about: finding for finding in bad(list(examine(deployment.settings)))}
    assert "retention.ms: 1000" in found["topic outcomes"].said
    assert "write decisions" in found["rights of agent-local"].said
    assert "write outcomes" in found["rights of gate"].said
    assert all(finding.todo for finding in found.values())


def test_what_is_wrong_on_the_machine_is_found(deployment: LocalDeployment) -> None:
    """A key that others can read, and no operator pinned."""
    key = deployment.state.key_path("gate")
    key.chmod(0o644)
    try:
        settings = deployment.settings.model_copy(
            update={"trust": deployment.settings.trust.model_copy(update={"operators": {}})}
        )
        found = {finding.about for finding in bad(list(examine(settings)))}
    finally:
        key.chmod(0o600)
    assert {"private files", "operators"} <= found


def test_the_command_prints_json_and_ends_with_1_when_something_fails(
    cluster: Cluster, deployment: LocalDeployment, tmp_path: Path
) -> None:
    """As an operator types it: well with 0, with a shortened audit log 1."""
    settings = deployment.settings
    ((key_id, key),) = settings.trust.operators.items()
    config = tmp_path / "sluicegate.toml"
    config.write_text(
        f'bootstrap = "{settings.bootstrap}"\nprefix = "{settings.prefix}"\npartitions = {settings.partitions}\n'
        f'state_dir = "{settings.state_dir}"\n[trust.operators]\n{key_id} = "{key}"\n'
    )
    cluster.super_user().configure_topics({"outcomes": {"retention.ms": "1000"}})
    command = [Path(sys.executable).with_name("sluicegate"), "--config", config, "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1, done.stderr
    said = json.loads(done.stdout)
    assert not said["well"]
    assert "topic outcomes" in {found["about"] for found in said["findings"] if found["grade"] == "fail"}


def test_a_broker_that_breaks_a_promise_runs_no_gate(
    deployment: LocalDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`gate run` refuses exactly-once there and names the promise."""
    del deployment
    broken = Conformance((Check("an aborted record is hidden under read_committed", held=False),))
    monkeypatch.setattr(promises, "check_transactions", lambda *_: broken)
    with pytest.raises(BrokerError, match="aborted record is hidden"):
        promises.require_transactions(None)  # type: ignore[arg-type]  # never used


def test_a_client_that_crashes_is_a_finding() -> None:
    """The child is gone, the doctor is not."""
    (finding,) = child.ask_apart(crash, Settings(), 30)
    assert finding.grade is Grade.FAIL
    assert "134" in finding.said
