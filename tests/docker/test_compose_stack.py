"""`docker compose up --wait`, then an operator, an agent, a reviewer and an executor on the host."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from compose_stack import Stack
from container_engine import docker

from sluicegate.schemas.action import Action
from sluicegate.schemas.grant import Grant
from sluicegate.streams.clients.agent import AgentClient
from sluicegate.streams.clients.executor import Executor
from sluicegate.streams.settings import Settings, load

pytestmark = pytest.mark.docker
LIMIT_S = 120.0
"""From `up` on a warm image cache to the first approved action."""


@pytest.fixture(scope="module")
def stack(own_image: str, kafka_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all tests of this file, from nothing."""
    del kafka_image
    stack = Stack(own_image, tmp_path_factory.mktemp("host") / "operator")
    try:
        stack.up()
        stack.take_home()
        stack.sluicegate("identity", "apply")
        stack.sluicegate("policy", "publish")
        stack.sluicegate("executor", "add", "crm", "--types", "crm.read,crm.delete")
        yield stack
    finally:
        stack.down()


@contextmanager
def executor_at_work(settings: Settings, done: list[str]) -> Iterator[None]:
    """The process that holds the credentials, as a thread here."""

    def delete(action: Action, grant: Grant) -> dict[str, Any]:
        del grant
        done.append(action.action_id)
        return {"deleted": action.arguments["records"], "note": "told dana.doe@example.com"}

    executor = Executor.connect("crm", {"crm.read": delete, "crm.delete": delete}, settings=settings)
    thread = threading.Thread(target=executor.run, daemon=True)
    thread.start()
    try:
        assert executor.ready.wait(30)
        yield
    finally:
        executor.stop()
        thread.join(30)


def approved_and_executed(stack: Stack) -> None:
    """One action from its submission over an approval to its end, everybody on the host."""
    settings = load(stack.folder / "sluicegate.toml")
    done: list[str] = []
    with executor_at_work(settings, done), AgentClient.connect("ops-agent", settings=settings) as agent:
        submission = agent.submit("crm.delete", {"records": 3})
        stack.await_in_inbox(submission.action_id)
        stack.sluicegate("approve", submission.action_id, "--as", "robin")
        answer = agent.wait(submission, timeout_s=60)
    assert (answer.outcome, answer.withheld) == ("executed", ())
    # It came back, and not as the executor wrote it.
    assert answer.result is not None
    assert "dana.doe" not in json.dumps(answer.result)
    assert done == [submission.action_id]


def test_from_nothing_to_an_approved_action_in_under_two_minutes(stack: Stack) -> None:
    """Containers, keys, topics, rights, identities, a policy, an executor, an approval: counted from before `up`."""
    approved_and_executed(stack)
    assert stack.seconds < LIMIT_S


def test_the_log_of_the_stack_verifies(stack: Stack) -> None:
    """From the host, with an analyst's rights."""
    assert json.loads(stack.sluicegate("verify", "--json"))["ok"] is True


def test_each_container_holds_the_keys_of_its_role_only(stack: Stack) -> None:
    """Who takes over the gate's container cannot sign as an operator, nor link masked data; nor the other way round."""
    for role in ("gate", "masking"):
        files = stack.inside(role, "find", "/var/lib/sluicegate", "-type", "f").split()
        assert sorted(name.removeprefix(f"/var/lib/sluicegate/{role}/") for name in files) == [
            f".sluicegate/keys/{role}.ed25519",
            f".sluicegate/secrets/{role}",
            "sluicegate.toml",
        ]


def test_nothing_runs_as_root_and_nothing_is_published_but_one_port_on_loopback(stack: Stack) -> None:
    """As the engine sees the running containers, whatever the file says."""
    published = []
    for name in stack.containers():
        (found,) = json.loads(docker("inspect", name).stdout)
        assert found["Config"]["User"].partition(":")[0] not in {"", "0", "root"}
        assert not found["HostConfig"]["Privileged"]
        published += [
            place for places in (found["HostConfig"]["PortBindings"] or {}).values() for place in places
        ]
    assert published == [{"HostIp": "127.0.0.1", "HostPort": str(stack.port)}]


def test_the_stack_goes_on_after_its_kafka_was_restarted(stack: Stack) -> None:
    """The others keep their network, wait, and work on without being touched; what was handed out before still holds."""
    before = {service: stack.started(service) for service in ("gate", "masking")}
    stack.compose("restart", "kafka")
    stack.compose("up", "--wait", "--pull", "never", "--no-build")
    approved_and_executed(stack)
    assert {service: stack.started(service) for service in before} == before


def test_down_leaves_nothing(stack: Stack) -> None:
    """No container and no volume of it stays behind; the last test of this file."""
    assert stack.volumes()
    stack.down()
    assert (stack.containers(), stack.volumes()) == ([], [])
