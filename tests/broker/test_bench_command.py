"""`sluicegate bench` on a running deployment, as somebody types it: load, table, clean-up, and its refusals."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sluicegate.schemas.document import DocumentKind, Executor, PolicyText
from sluicegate.schemas.keys import PrivateKey
from sluicegate.streams.bench.target import ACTION_TYPE, EXECUTOR, POLICY
from sluicegate.streams.cli import bench as bench_command
from sluicegate.streams.cli.bars import bar
from sluicegate.streams.cli.bench import _prepared
from sluicegate.streams.cli.failures import INTERRUPTED
from sluicegate.streams.clients.operator import Statement
from sluicegate.streams.clients.stored_key import key_or_new
from sluicegate.streams.gate_workers import GATE_KEY
from sluicegate.streams.local import LocalDeployment
from sluicegate.streams.local.deployment import OPERATOR
from sluicegate.streams.settings import TrustSettings
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker

SLUICEGATE = Path(sys.executable).with_name("sluicegate")


@pytest.fixture
def deployment(cluster: Cluster) -> Iterator[LocalDeployment]:
    """An operator, and nobody enrolled."""
    key, _ = key_or_new(cluster.state, OPERATOR)
    trust = TrustSettings(operators={key.key_id: key.public.text})
    with LocalDeployment(cluster.settings.model_copy(update={"trust": trust})) as running:
        running.operator.enrol_gate(GATE_KEY, key_or_new(cluster.state, GATE_KEY)[0].public)
        yield running


def environment(deployment: LocalDeployment) -> dict[str, str]:
    """Of a shell in which this deployment is meant."""
    settings = deployment.settings
    return {
        **os.environ,
        "SLUICEGATE_BOOTSTRAP": str(settings.bootstrap),
        "SLUICEGATE_PREFIX": settings.prefix,
        "SLUICEGATE_PARTITIONS": str(settings.partitions),
        "SLUICEGATE_STATE_DIR": str(settings.state_dir),
        "SLUICEGATE_TRUST__OPERATORS": json.dumps(dict(settings.trust.operators)),
    }


def bench(
    deployment: LocalDeployment, folder: Path, *options: str, **changed: str
) -> "subprocess.CompletedProcess[str]":
    """The command, with this deployment in the environment."""
    return subprocess.run(
        [SLUICEGATE, "bench", *options],
        cwd=folder,
        env={**environment(deployment), **changed},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_a_prepared_load_is_granted_counted_and_taken_back(
    deployment: LocalDeployment, tmp_path: Path
) -> None:
    """Every action has its outcome, the figures are in the JSON, and what was made counts for nothing afterwards."""
    deployment.start_gate(1)
    ran = bench(
        deployment, tmp_path, "--prepare", "--rate", "40", "--seconds", "3", "--warm-up", "0", "--json"
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert (told["submitted"], told["missing"], told["told"]) == (120, 0, {"granted": 120})
    assert told["type"] == ACTION_TYPE
    assert 0 < told["latency_ms"]["p50"] <= told["latency_ms"]["p99"] <= told["latency_ms"]["worst"]
    deployment.operator.refresh()
    for subject, name in (
        (DocumentKind.EXECUTOR, EXECUTOR),
        (DocumentKind.POLICY, POLICY),
        (DocumentKind.AGENT, "bench-0"),
    ):
        body = deployment.operator.current(subject, name)
        assert body is not None
        assert body.model_dump()["retired"]


def test_without_documents_it_says_what_is_missing(deployment: LocalDeployment, tmp_path: Path) -> None:
    """Nobody named, an agent without a key here, a prefix without a deployment: a line that helps, and no load."""
    nobody = bench(deployment, tmp_path)
    assert nobody.returncode == 2
    assert "--prepare" in nobody.stderr
    unknown = bench(deployment, tmp_path, "--agent", "nobody", "--type", "crm.read")
    assert unknown.returncode == 2
    assert "key" in unknown.stderr
    elsewhere = bench(deployment, tmp_path, "--prepare", SLUICEGATE_PREFIX="elsewhere.")
    assert elsewhere.returncode == 2
    assert "sluicegate:" in elsewhere.stderr
    assert "Traceback" not in elsewhere.stderr


def test_what_is_not_its_own_is_left_alone(deployment: LocalDeployment, tmp_path: Path) -> None:
    """An executor of theirs that happens to be called like ours keeps its key, and no load is put on."""
    theirs = PrivateKey.generate().public
    deployment.operator.enrol_executor(EXECUTOR, theirs, ["crm.read"])
    ran = bench(deployment, tmp_path, "--prepare")
    assert ran.returncode == 2
    assert f"executor `{EXECUTOR}`" in ran.stderr
    deployment.operator.refresh()
    kept = deployment.operator.current(DocumentKind.EXECUTOR, EXECUTOR)
    assert isinstance(kept, Executor)
    assert (kept.key, kept.retired) == (theirs.text, False)
    assert deployment.operator.current(DocumentKind.POLICY, POLICY) is None


def test_a_preparation_that_is_interrupted_is_taken_back(
    deployment: LocalDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the middle of it leaves nothing in force: what was published is retired, what was not is not made."""
    operator = deployment.operator
    real = operator.ensure_many

    def interrupted(statements: list[Statement]) -> list[int]:
        del operator.ensure_many  # type: ignore[method-assign]
        real(statements[:3])
        raise KeyboardInterrupt

    operator.ensure_many = interrupted  # type: ignore[assignment, method-assign]
    monkeypatch.setattr(bench_command, "ADOPTED_S", 1.0)  # no gate runs that could adopt anything
    with (
        bar() as progress,
        pytest.raises(KeyboardInterrupt),
        _prepared(deployment.settings, operator, deployment.admin, progress, keep=False),
    ):
        pytest.fail("it was not prepared")
    operator.refresh()
    executor, policy = (
        operator.current(kind, name)
        for kind, name in ((DocumentKind.EXECUTOR, EXECUTOR), (DocumentKind.POLICY, POLICY))
    )
    assert isinstance(executor, Executor)
    assert isinstance(policy, PolicyText)
    assert (executor.retired, policy.retired) == (True, True)
    assert operator.current(DocumentKind.AGENT, "bench-0") is None


def test_a_run_that_is_terminated_takes_back_what_it_made(
    deployment: LocalDeployment, tmp_path: Path
) -> None:
    """As Ctrl-C does: a job that takes too long is ended with SIGTERM."""
    deployment.start_gate(1)
    operator = deployment.operator
    command = [SLUICEGATE, "bench", "--prepare", "--rate", "1", "--seconds", "600"]
    running = subprocess.Popen(
        command, cwd=tmp_path, env=environment(deployment), stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while operator.current(DocumentKind.AGENT, "bench-1") is None:
        assert time.monotonic() < deadline
        operator.refresh()
    running.terminate()
    _, said = running.communicate(timeout=150)
    assert running.returncode == INTERRUPTED, said
    operator.refresh()
    executor = operator.current(DocumentKind.EXECUTOR, EXECUTOR)
    assert isinstance(executor, Executor)
    assert executor.retired
