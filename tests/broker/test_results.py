"""What an executor returns comes back to the agent masked, on a real broker: whole, in its chain, or not at all."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kafka_world import deployment_on

from sluicegate.schemas import codec
from sluicegate.schemas.action import Action
from sluicegate.schemas.envelope import envelope_digest, payload_type_of, record_headers
from sluicegate.schemas.errors import AccessError, InvariantError, TimedOutError
from sluicegate.schemas.export import ExportBatch, MaskedBatch, WithheldBatch
from sluicegate.schemas.grant import Grant
from sluicegate.streams.clients.agent import AgentClient
from sluicegate.streams.clients.async_agent import AsyncAgentClient
from sluicegate.streams.clients.executor import Executor
from sluicegate.streams.clients.reading import read_record
from sluicegate.streams.clients.sending import Sender, acknowledged
from sluicegate.streams.clients.signed_record import SignedRecord
from sluicegate.streams.clients.topic_reader import From, TopicReader
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.local import LocalDeployment
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker

POLICY = """
version: 1
name: crm
default: deny
rules:
  - {id: all-pass, on: [crm.read, crm.list, crm.nothing], effect: allow}
  - {id: codes-pass, on: [crm.codes], effect: allow, mask: codes}
"""
CODES = """
version: 1
name: codes
extends: pii-basic
columns: {code: keep}
"""
TYPES = ("crm.read", "crm.list", "crm.nothing", "crm.codes")


class World:
    """A gate, an executor `crm` and an agent `ops`; masking only where a test starts it."""

    def __init__(self, deployment: LocalDeployment) -> None:
        self.deployment = deployment
        operator = deployment.operator
        operator.enrol_agent("ops", deployment.key("ops").public, [operator.enrol_person()])
        deployment.add_executor("crm", TYPES)
        operator.publish_profile("codes", CODES)
        operator.publish_policy("crm", POLICY)
        deployment.make_masking_keys()
        self.calls = 0

    def agent(self) -> AgentClient:
        """A client of the agent."""
        settings = self.deployment.settings
        return AgentClient(
            self.deployment.connection(Role.AGENT),
            "ops",
            self.deployment.key("ops"),
            deployment=settings.deployment,
        )

    @contextmanager
    def executor(self) -> Iterator[Executor]:
        """The executor in a thread."""
        handlers: dict[str, Callable[[Action, Grant], Any]] = {
            "crm.read": self._read,
            "crm.list": self._list,
            "crm.nothing": lambda *_: None,
            "crm.codes": lambda *_: {"email": "ann.kovac@example.org", "code": "ann.kovac@example.org"},
        }
        executor = Executor.connect("crm", handlers, settings=self.deployment.settings)
        thread = threading.Thread(target=executor.run)
        thread.start()
        try:
            assert executor.ready.wait(60)
            yield executor
        finally:
            executor.stop()
            thread.join(30)

    def _read(self, *_: Action | Grant) -> Any:
        self.calls += 1
        return {"email": "ann.kovac@example.org", "visits": 3, "note": "call Mrs. Ann Kovac at once"}

    def _list(self, action: Action, _: Grant) -> Iterator[Any]:
        for number in range(int(str(action.arguments["rows"]))):
            yield {"number": number, "email": f"person{number}@example.org", "text": "flight delayed " * 30}


class ScriptedMasking:
    """Writes to `exports.masked` what a test wants, with masking's rights, about what an executor really sent."""

    def __init__(self, deployment: LocalDeployment) -> None:
        connection = deployment.connection(Role.MASKING)
        self._reader = TopicReader(connection, "exports.raw", From.BEGINNING)
        self._sender = Sender(connection)

    def raw(self, count: int = 1) -> list[tuple[ExportBatch, bytes]]:
        """The next batches, and their digests."""
        found: list[tuple[ExportBatch, bytes]] = []
        deadline = time.monotonic() + 30
        while len(found) < count:
            assert time.monotonic() < deadline, "nothing was sent"
            for record in self._reader.poll(0.1):
                digest = envelope_digest(payload_type_of(record.headers), record.value or b"")
                found.append((read_record(record, ExportBatch), digest))
        return found

    def masked(self, batch: ExportBatch, digest: bytes, body: bytes, **fields: Any) -> None:
        """Hand a batch on, with this body."""
        values = {"media_type": batch.media_type, "body": body, "masked_at_ms": 1, **fields}
        self._send(MaskedBatch(**{**_placed(batch, digest), **values}))

    def withheld(self, batch: ExportBatch, digest: bytes, *reasons: str) -> None:
        """Say that it is in quarantine."""
        self._send(WithheldBatch(**_placed(batch, digest), reasons=reasons, withheld_at_ms=1))

    def close(self) -> None:
        """Leave."""
        self._reader.close()
        self._sender.close()

    def _send(self, model: MaskedBatch | WithheldBatch) -> None:
        encoded = codec.encode(model)
        headers = record_headers(
            kind=model.kind,
            payload_type=encoded.payload_type,
            id=model.batch_id,
            subject=model.action_id or "",
            source="/sluicegate/masking",
        )
        record = SignedRecord(
            model.kind, model.batch_id, model.action_id or "", model.lane, encoded.value, headers, bytes(32)
        )
        acknowledged(self._sender.send("exports.masked", record))


def _placed(batch: ExportBatch, digest: bytes) -> dict[str, Any]:
    names = ("batch_id", "action_id", "lane", "agent", "source", "grant_id", "sequence", "previous", "count")
    return {
        **{name: getattr(batch, name) for name in names},
        "profile": "pii-basic",
        "source_digest": digest,
    }


@pytest.fixture
def world(cluster: Cluster) -> Iterator[World]:
    """A world whose gate works."""
    with deployment_on(cluster) as deployment:
        world = World(deployment)
        deployment.start_gate(1)
        yield world


@pytest.fixture
def masking(world: World) -> Iterator[ScriptedMasking]:
    """In the place of masking."""
    scripted = ScriptedMasking(world.deployment)
    yield scripted
    scripted.close()


def test_results_come_back_masked_whole_and_in_order(world: World) -> None:
    """A value, thousands of records in several batches, nothing at all; sync, async, twice, and from another process."""
    world.deployment.start_masking()
    with world.executor(), world.agent() as agent:
        read = agent.submit("crm.read", {})
        answer = agent.wait(read, timeout_s=90)
        assert (answer.outcome, answer.profile, answer.withheld) == ("executed", "pii-basic", ())
        assert answer.result["visits"] == 3
        assert "Kovac" not in str(answer.result)
        assert "example.org" not in str(answer.result)
        assert sum(answer.masked.values()) >= 2
        assert answer.told.result is not None
        again = agent.wait(read)
        assert again.result == answer.result
        nothing = agent.wait(agent.submit("crm.nothing", {}))
        assert (nothing.outcome, nothing.result, nothing.result_digest) == ("executed", None, None)
        listed = agent.wait(agent.submit("crm.list", {"rows": 4_000}), timeout_s=90)
        assert listed.withheld == ()
        assert [row["number"] for row in listed.result] == list(range(4_000))
        assert "@example.org" not in str(listed.result)
        assert listed.told.result is not None
        assert listed.told.result.batches > 3
        codes = agent.wait(agent.submit("crm.codes", {}), timeout_s=90)
        # The profile keeps the column, and the batch itself says that it holds an address.
        assert (codes.outcome, codes.profile, codes.result) == ("executed", "codes", None)
        assert codes.withheld

    async def elsewhere() -> tuple[Any, Any]:
        async with AsyncAgentClient(world.agent()) as other:
            return await other.wait(read.action_id), await other.wait(listed.action_id)

    one, many = asyncio.run(elsewhere())
    assert (one.result, many.result) == (answer.result, listed.result)
    assert world.calls == 1


def test_a_result_that_does_not_come_is_said_to_be_missing(world: World, masking: ScriptedMasking) -> None:
    """The time is over: executed, and the result is on its way; waited for again it is there. A copy changes nothing."""
    with world.executor(), world.agent() as agent:
        sent = agent.submit("crm.read", {})
        with pytest.raises(TimedOutError, match="is `executed`, but its masked result has not come back"):
            agent.wait(sent, timeout_s=5)
        ((batch, digest),) = masking.raw()
        masking.masked(batch, digest, b'{"visits":3}')
        masking.masked(batch, digest, b'{"visits":3}')
        assert agent.wait(sent).result == {"visits": 3}


def test_a_withheld_batch_withholds_the_result(world: World, masking: ScriptedMasking) -> None:
    """The agent learns the reasons and nothing else; the action stays executed."""
    with world.executor(), world.agent() as agent:
        sent = agent.submit("crm.list", {"rows": 2_500})
        first, *rest = masking.raw(3)
        masking.withheld(*first, "known-value")
        for batch, digest in rest:
            masking.masked(batch, digest, batch.body)
        answer = agent.wait(sent)
    assert (answer.outcome, answer.result, answer.withheld) == ("executed", None, ("known-value",))


def test_a_tampered_chain_is_refused(world: World, masking: ScriptedMasking) -> None:
    """Whoever can write to `exports.masked` can keep a result back, and cannot pass another one for it."""
    with world.executor(), world.agent() as agent:
        for change, why in (
            ({"source_digest": bytes(32)}, "does not end in the digest"),
            ({"count": 2}, "another number of batches"),
        ):
            sent = agent.submit("crm.read", {})
            ((batch, digest),) = masking.raw()
            masking.masked(batch, digest, b'{"visits":4}', **change)
            with pytest.raises(InvariantError, match=why):
                agent.wait(sent)
        sent = agent.submit("crm.read", {})
        ((batch, digest),) = masking.raw()
        masking.masked(batch, digest, b'{"visits":4}', grant_id="gr-other")
        masking.masked(batch, digest, b'{"visits":5}', agent="eve")
        masking.masked(batch, digest, b'{"visits":3}')
        assert agent.wait(sent).result == {"visits": 3}


@pytest.mark.parametrize("user", ["reviewer-local", "executor-crm", "gate", "analyst-local"])
def test_masked_results_are_for_agents_alone(cluster: Cluster, user: str) -> None:
    """Reviewers, executors, analysts and the gate may not read what comes back."""
    cluster.add_executor("crm")
    with pytest.raises(AccessError, match=r"may not read `exports\.masked`"):
        TopicReader(cluster.connection(user), "exports.masked", From.BEGINNING)
