"""A gated function with a real gate and masking on a real broker: it waits, runs once, returns; or it does not run at all."""

import asyncio
import secrets
import threading
from collections.abc import Iterator
from typing import Any, Self
from unittest.mock import ANY

import pytest

from sluicegate.schemas.decision import Choice
from sluicegate.schemas.errors import (
    ConfigurationError,
    RecordError,
    RefusedError,
    TimedOutError,
    WithheldError,
)
from sluicegate.schemas.keys import PrivateKey
from sluicegate.streams.clients.gated import Gated
from sluicegate.streams.clients.operator import Operator
from sluicegate.streams.clients.privacy_key import privacy_key_or_new
from sluicegate.streams.clients.reviewer import ReviewerClient
from sluicegate.streams.clients.stored_key import key_or_new
from sluicegate.streams.gate_workers import gate_spec
from sluicegate.streams.local.adoption import await_adoption
from sluicegate.streams.masking_workers import MASKING_KEY, masking_spec
from sluicegate.streams.runtime.supervisor import Supervisor
from sluicegate.streams.settings import Settings, TrustSettings
from sluicegate.streams.state_folder import StateFolder, write_private
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker

POLICY = """
version: 1
name: iam
default: deny
reviews:
  security: {groups: {security: 1}, within: 30m}
rules:
  - {id: looks-pass, on: [iam.look, iam.fail, iam.half, iam.nest, iam.mail, iam.bytes, iam.nothing], effect: allow}
  - {id: grants-wait, on: [iam.grant], effect: review, review: security}
"""


class World:
    """A gate at work, an agent with its owner, a reviewer, and the executor `iam`."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.state = StateFolder(cluster.settings.state_dir)
        self.operator_key = PrivateKey.generate()
        self.agent = f"agent-{secrets.token_hex(4)}"
        self.executor = f"iam-{secrets.token_hex(4)}"
        trust = TrustSettings(operators={self.operator_key.key_id: self.operator_key.public.text})
        self.settings: Settings = cluster.settings.model_copy(update={"trust": trust})
        self.reviewer_key = PrivateKey.generate()
        cluster.add_executor(self.executor)
        self._enrol()
        key_or_new(self.state, MASKING_KEY)
        privacy_key_or_new(self.state)
        self.supervisors = Supervisor(gate_spec(self.settings)), Supervisor(masking_spec(self.settings))
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _enrol(self) -> None:
        with Operator.connect(self.operator_key, settings=self.settings) as operator:
            owner, reviewer = operator.enrol_person(), operator.enrol_person()
            operator.enrol_account("https://login.test", "rhea", reviewer, key=self.reviewer_key.public)
            operator.enrol_group("security", [reviewer])
            operator.enrol_agent(self.agent, self._key(self.agent).public, [owner])
            names = ["look", "fail", "half", "nest", "grant", "denied", "mail", "bytes", "nothing"]
            types = [f"iam.{name}" for name in names]
            operator.enrol_executor(self.executor, self._key(self.executor).public, types)
            operator.enrol_gate("gate", self._key("gate").public)
            operator.publish_policy("iam", POLICY)
            operator.refresh()
            self._published = dict(operator.tables.positions)

    def _key(self, name: str) -> PrivateKey:
        """A new key in the state folder; the gate's is shared by all deployments of a test session."""
        write_private(self.state.key_path(name), PrivateKey.generate().secret_text().encode(), replace=False)
        return PrivateKey.from_text(self.state.key_path(name).read_text())

    def gated(self, **settings: Any) -> Gated:
        """Functions of this agent and executor."""
        return Gated(agent=self.agent, executor=self.executor, settings=self.settings, **settings)

    def start(self) -> None:
        """Let gate and masking work; returns when both do."""
        for supervisor in self.supervisors:
            supervisor.start()
        self._thread.start()
        analyst = self._cluster.connection("analyst-local")
        partitions = self.settings.partitions
        await_adoption(analyst, partitions, self._published, 60, ["gate", "masking"])

    def stop(self) -> None:
        """End both."""
        self._stopped.set()
        self._thread.join(30)
        for supervisor in self.supervisors:
            supervisor.stop()

    def _watch(self) -> None:
        while not self._stopped.is_set():
            for supervisor in self.supervisors:
                supervisor.watch(0.05)


class Answering:
    """A person who answers every request with `choice`, and not at all while it is None."""

    def __init__(self, world: World) -> None:
        self.choice: Choice | None = None
        self._client = ReviewerClient.connect(
            "https://login.test", "rhea", key=world.reviewer_key, settings=world.settings
        )
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._answer)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(30)
        self._client.close()

    def _answer(self) -> None:
        while not self._stopped.wait(0.05):
            for request in self._client.pending() if self.choice else ():
                if self.choice:
                    self._client.decide(request, self.choice, reason="asked for")


@pytest.fixture
def world(cluster: Cluster) -> Iterator[World]:
    """A world of its own, ended with the test."""
    world = World(cluster)
    world.start()
    try:
        yield world
    finally:
        world.stop()


def test_an_allowed_function_runs_once_and_returns(world: World) -> None:
    """The call returns what the function returned, masked; it ran with the arguments of the action."""
    calls = []
    with world.gated() as iam:

        @iam.function("iam.look")
        def look(user: str, *, deep: bool = False, **rest: Any) -> dict[str, Any]:
            """Look at a user."""
            calls.append(user)
            return {"user": user, "deep": deep, **rest}

        @iam.function("iam.fail")
        def fail() -> None:
            raise KeyError("who")

        @iam.function("iam.half")
        def half() -> Iterator[int]:
            yield 1
            raise KeyError("half way")

        @iam.function("iam.nest")
        def nest() -> Any:
            return look("inside")

        @iam.function("iam.denied")
        def denied() -> None:
            calls.append("denied")

        assert look("ann", deep=True, rows=[1, 2]) == {"user": ANY, "deep": True, "rows": [1, 2]}
        assert calls == ["ann"]
        assert look.__doc__ == "Look at a user."
        with pytest.raises(KeyError, match="who"):
            fail()
        with pytest.raises(KeyError, match="half way"):
            half()
        with pytest.raises(ConfigurationError, match="one after the other"):
            nest()
        with pytest.raises(RefusedError, match="was not run: denied"):
            denied()
        with pytest.raises(RecordError, match="are no JSON"):
            look("ann", what=object())
        with pytest.raises(TypeError):
            look()  # pyright: ignore[reportCallIssue]  # the mistake this is about
        assert calls == ["ann"]


def test_a_reviewed_function_waits_for_people(world: World) -> None:
    """Approved it runs, sync and async alike; rejected it does not; unanswered it is withdrawn and does not run."""
    calls: list[str] = []
    with world.gated(timeout_s=10) as iam, Answering(world) as answers:

        @iam.function("iam.grant")
        async def grant(user: str, role: str) -> str:
            await asyncio.sleep(0)
            calls.append(user)
            return f"now {role}"

        async def both() -> list[Any]:
            return list(await asyncio.gather(grant("ann", "viewer"), grant("bob", "viewer")))

        answers.choice = Choice.APPROVE
        assert asyncio.run(both()) == ["now viewer", "now viewer"]
        answers.choice = Choice.REJECT
        with pytest.raises(RefusedError, match="was not run: rejected"):
            asyncio.run(grant("cay", "owner"))
        answers.choice = None
        with pytest.raises(TimedOutError, match="withdrawn"):
            asyncio.run(grant("dan", "owner"))
    assert sorted(calls) == ["ann", "bob"]


def test_the_caller_gets_what_may_leave_and_not_what_the_function_returned(world: World) -> None:
    """The result goes by way of masking; one that cannot come back is an error that says that the function has run."""
    calls: list[str] = []
    with world.gated(timeout_s=30) as iam:

        @iam.function("iam.mail")
        def mail() -> dict[str, Any]:
            return {"note": "write to ann.kovac@example.org", "rows": 3}

        @iam.function("iam.bytes", timeout_s=20)
        def as_bytes() -> bytes:
            calls.append("bytes")
            return b"no JSON"

        @iam.function("iam.nothing")
        def nothing() -> None:
            calls.append("nothing")

        found = mail()
        assert found["rows"] == 3
        assert "ann.kovac" not in found["note"]
        with pytest.raises(
            WithheldError, match=r"has run, and its result does not come back \(result-not-json"
        ):
            as_bytes()
        assert nothing() is None  # type: ignore[func-returns-value]  # that it returns nothing is the claim
        assert calls == ["bytes", "nothing"]
