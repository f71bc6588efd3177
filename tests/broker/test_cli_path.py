"""What a newcomer types, from `init` to `verify`, on a real Apache Kafka of its own."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from sluicegate.streams.cli import app

pytestmark = pytest.mark.broker

SLUICEGATE = ("-m", "sluicegate")
DRAIN_S = 30


def call(*words: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, list(words))


def said(*words: str) -> Any:
    """What a command that must succeed prints as JSON."""
    done = call(*words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@contextmanager
def running(*words: str, until: str) -> Iterator[None]:
    """A Python program in a process of its own, from the line that says it is ready until SIGTERM, which it obeys."""
    process = subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    try:
        seen = []
        for line in process.stdout:
            seen.append(line)
            if until in line:
                break
        else:
            pytest.fail("".join(seen))
        # The rest is read too, so that a full pipe stops nobody.
        rest = threading.Thread(target=process.stdout.read, daemon=True)
        rest.start()
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(DRAIN_S) == 0
        rest.join(DRAIN_S)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


EXECUTOR = """
import sys
from sluicegate import Executor

def delete(action, grant):
    with open(sys.argv[1], "a") as done:
        print(action.arguments["records"], file=done)

Executor.connect("crm", {"crm.delete": delete}).serve()
"""


def test_from_an_empty_folder_to_a_verified_execution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command of the way works with its defaults; the owner's approval is refused, a reviewer's executes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLUICEGATE_PARTITIONS", "2")
    assert call("init").exit_code == 0
    with running(*SLUICEGATE, "broker", "start", "--foreground", until="Ctrl-C stops it"):
        set_up()
        with running(*SLUICEGATE, "gate", "run", until="partition=1"):
            request = ask()
            refuse_the_owner(request)
            with running("-c", EXECUTOR, str(tmp_path / "deleted"), until="started"):
                approve_and_execute(request, tmp_path / "deleted")
            look_back(request)
    assert call("broker", "status").exit_code == 1


def set_up() -> None:
    """Everything that is there already is found to be so; what is published twice is published once."""
    assert said("broker", "status")["running"] is True
    assert said("topics", "plan")["clean"] is True
    assert said("acl", "plan")["clean"] is True
    assert {one["published"] for one in said("identity", "apply")} == {True}
    assert {one["published"] for one in said("identity", "apply")} == {False}
    assert said("policy", "publish")["version"] == 1
    words = ("executor", "add", "crm", "--types", "crm.read,crm.delete", "--floor", "crm.delete=security:1")
    assert "execution.crm" in said(*words)["added"]
    again = said("executor", "add", "crm", "--types", "crm.read,crm.delete")
    assert (again["added"], again["document_version"]) == ([], 1)
    assert said("topics", "plan")["clean"] is True
    assert said("acl", "plan")["clean"] is True


def ask() -> str:
    """The agent submits; the request appears, masked, with who may not decide."""
    sent = said("submit", "crm.delete", "--arg", "records=3", "--arg", "customer=Jane Doe", "--id", "del-1")
    assert sent["agent"] == "ops-agent"
    waiting: list[dict[str, Any]] = []
    for _ in range(20):
        waiting = said("inbox")
        if waiting:
            break
    (request,) = waiting
    assert request["action_id"] == "del-1"
    shown = call("inbox")
    assert "Jane" not in shown.output
    assert "records   3" in shown.stdout
    assert "Olga, who answers for the agent (behind the action)" in shown.stdout
    return str(request["request_id"])


def refuse_the_owner(request: str) -> None:
    """Nobody behind an action decides about it, and the command says why."""
    done = call("approve", request, "--as", "olga")
    assert done.exit_code == 1
    assert "not counted (own-action)" in done.stdout
    assert call("approve", "rq-nonsense").exit_code == 1


def approve_and_execute(request: str, deleted: Path) -> None:
    """A beginning of the id is enough; the same action submitted again is told how it ended, and runs once."""
    done = call("approve", request[:10], "--reason", "checked")
    assert done.exit_code == 0, done.output
    assert "approve as robin: counted, 1 of 1" in done.stdout
    again = said(
        "submit", "crm.delete", "--arg", "records=3", "--arg", "customer=Jane Doe", "--id", "del-1", "--wait"
    )
    assert again["outcome"]["outcome"] == "executed"
    assert deleted.read_text() == "3\n"
    assert call("submit", "crm.rename", "--wait").exit_code == 1


def look_back(request: str) -> None:
    """The story names people for the operator, says why the owner did not count, and the evidence is whole."""
    (story,) = said("show", "del-1")
    assert story["outcome"] == "executed"
    told = " ".join(step["sentence"] for step in story["steps"])
    assert "nobody may approve their own action" in told
    assert "Robin, the reviewer" in told
    assert call("show", "nonsense").exit_code == 1
    assert said("inbox") == []
    assert call("approve", request).exit_code == 1
    report = said("verify")
    assert report["ok"] is True
    assert report["invariants"]["I3"]["checked"]
    lines = call("audit", "replay", "--action", "del-1", "--json").stdout.splitlines()
    assert all("Jane" not in line for line in lines)
    assert {json.loads(line)["entry"]["event"] for line in lines} >= {"action.waiting", "receipt.counted"}
    assert said("dlq", "list") == []
