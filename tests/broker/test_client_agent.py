"""An agent's client against real Kafka; the gate is a few lines here that answer as it would."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, Protocol

import pytest

from sluicegate.processors.contract import Record
from sluicegate.schemas import codec
from sluicegate.schemas.action import Action, Withdrawal
from sluicegate.schemas.envelope import record_headers, signed_part, verify
from sluicegate.schemas.errors import AccessError, TimedOutError
from sluicegate.schemas.ids import partition_of
from sluicegate.schemas.keys import PrivateKey
from sluicegate.schemas.outcome import Outcome, OutcomeKind
from sluicegate.streams.clients.agent import AgentClient, Draft
from sluicegate.streams.clients.agent_link import AgentLink
from sluicegate.streams.clients.async_agent import AsyncAgentClient
from sluicegate.streams.clients.reading import read_record
from sluicegate.streams.clients.results_answer import Answer
from sluicegate.streams.clients.sending import Sender, acknowledged
from sluicegate.streams.clients.signed_record import SignedRecord, random_id
from sluicegate.streams.clients.topic_reader import From, TopicReader
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.kafka.embedded import EmbeddedBroker
from sluicegate.streams.kafka.principals import Naming
from sluicegate.streams.settings import Settings

pytestmark = pytest.mark.broker

KEY = PrivateKey.generate()
Open = Callable[..., AgentClient]


class Cluster(Protocol):
    """What these tests use of the shared fixture."""

    broker: EmbeddedBroker
    settings: Settings

    def connection(self, user: str) -> Connection:
        """The connection of a SASL user."""
        ...


class ScriptedGate:
    """Reads `actions` and writes the outcomes it is told to, with the gate's rights and the real codec."""

    def __init__(self, cluster: Cluster) -> None:
        connection = cluster.connection("gate")
        self._reader = TopicReader(connection, "actions", From.BEGINNING)
        self._sender = Sender(connection)

    def read(self) -> list[Record]:
        """Everything that stands on `actions` and was not read before."""
        return list(self._reader.to_end())

    def tell(
        self, agent: str, action_id: str, kind: OutcomeKind, digest: bytes = bytes(32), **fields: Any
    ) -> None:
        """Write one outcome."""
        given: dict[str, Any] = {"outcome_id": random_id("oc")} | fields
        outcome = Outcome(
            **given,
            action_id=action_id,
            action_digest=digest,
            lane=agent,
            agent=agent,
            outcome=kind,
            at_ms=1,
        )
        encoded = codec.encode(outcome)
        headers = record_headers(
            kind="outcome",
            payload_type=encoded.payload_type,
            id=outcome.outcome_id,
            subject=action_id,
            source="/sluicegate/gate",
        )
        record = SignedRecord(
            "outcome", outcome.outcome_id, action_id, agent, encoded.value, headers, bytes(32)
        )
        acknowledged(self._sender.send("outcomes", record))

    def close(self) -> None:
        """Leave."""
        self._reader.close()
        self._sender.close()


@pytest.fixture
def gate(cluster: Cluster) -> Iterator[ScriptedGate]:
    """The other side."""
    scripted = ScriptedGate(cluster)
    yield scripted
    scripted.close()


@pytest.fixture
def open_client(cluster: Cluster) -> Iterator[Open]:
    """Make clients that are closed after the test."""
    with ExitStack() as stack:
        yield lambda agent="ops", **options: stack.enter_context(
            AgentClient(
                cluster.connection("agent-local"),
                agent,
                KEY,
                deployment=cluster.settings.deployment,
                **options,
            )
        )


def test_a_submission_is_signed_keyed_and_placed_where_the_gate_looks(
    gate: ScriptedGate, open_client: Open
) -> None:
    """The record on `actions` verifies, has the lane as key, and stands on the partition of its lane."""
    submission = open_client().submit("crm.read", {"n": 1}, action_id="a-1", summary="why")
    (record,) = gate.read()
    signed = signed_part(record.headers, record.value or b"")
    verify(KEY.public, signed)
    action = read_record(record, Action)
    assert (action.action_id, action.agent, action.lane, action.arguments) == ("a-1", "ops", "ops", {"n": 1})
    assert record.key == b"ops"
    assert record.position == submission.position
    assert record.position.partition == partition_of("ops", 2)


def test_wait_returns_the_final_outcome_and_decided_returns_earlier(
    gate: ScriptedGate, open_client: Open
) -> None:
    """`pending` ends no wait, `granted` ends one for a decision, `executed` ends both."""
    client = open_client()
    submission = client.submit("crm.read", {}, action_id="a-1")
    gate.tell("ops", "a-1", OutcomeKind.PENDING)
    with pytest.raises(TimedOutError, match="is `pending` after"):
        client.wait(submission, timeout_s=1.0, until="decided")
    gate.tell("ops", "a-1", OutcomeKind.GRANTED)
    assert client.wait(submission, timeout_s=10, until="decided").outcome is OutcomeKind.GRANTED
    gate.tell("ops", "a-1", OutcomeKind.EXECUTED)
    assert client.wait(submission, timeout_s=10).outcome is OutcomeKind.EXECUTED
    assert client.wait("a-1", timeout_s=10).outcome is OutcomeKind.EXECUTED


def test_the_outcome_of_another_copy_is_not_taken_for_this_one(gate: ScriptedGate, open_client: Open) -> None:
    """A conflict that names another digest is somebody else's; one that names this submission ends the wait."""
    client = open_client()
    submission = client.submit("crm.read", {}, action_id="a-1")
    gate.tell("ops", "a-1", OutcomeKind.DENIED, reason="conflict")
    with pytest.raises(TimedOutError):
        client.wait(submission, timeout_s=1.0)
    gate.tell("ops", "a-1", OutcomeKind.DENIED, submission.digest, reason="conflict")
    assert client.wait(submission, timeout_s=10).reason == "conflict"


def test_an_id_of_another_process_is_found_by_reading_back(gate: ScriptedGate, open_client: Open) -> None:
    """A client that never sent the action still tells what became of it; other agents' actions stay apart."""
    gate.tell("ops", "a-1", OutcomeKind.EXECUTED)
    assert open_client().wait("a-1", timeout_s=10).outcome is OutcomeKind.EXECUTED
    with pytest.raises(TimedOutError, match="not even `pending`"):
        open_client("other").wait("a-1", timeout_s=0.5)


def test_a_thousand_actions_share_one_connection(
    gate: ScriptedGate, cluster: Cluster, open_client: Open
) -> None:
    """Pipelined submissions of several agents are all acknowledged, and outcomes find the agent they are for."""
    with AgentLink(cluster.connection("agent-local")) as link:
        clients = [open_client(f"ops-{number}", link=link) for number in range(4)]
        submissions = [
            client.submit_many(Draft("crm.read", {"n": n}) for n in range(250))[-1] for client in clients
        ]
        assert len(gate.read()) == 1000
        for last in submissions:
            gate.tell(last.agent, last.action_id, OutcomeKind.EXECUTED)
        for client, last in zip(clients, submissions, strict=True):
            assert client.wait(last, timeout_s=20).outcome is OutcomeKind.EXECUTED


def test_a_withdrawal_names_the_action_and_its_wait_ends_with_it(
    gate: ScriptedGate, open_client: Open
) -> None:
    """A withdrawal is a signed record of its own on the same lane."""
    client = open_client()
    client.submit("crm.read", {}, action_id="a-1")
    withdrawal = client.withdraw("a-1")
    records = gate.read()
    assert read_record(records[1], Withdrawal).action_id == "a-1"
    gate.tell("ops", "a-1", OutcomeKind.WITHDRAWN)
    assert client.wait(withdrawal, timeout_s=10).outcome is OutcomeKind.WITHDRAWN


def test_json_written_by_hand_is_completed_signed_and_sent(gate: ScriptedGate, open_client: Open) -> None:
    """What is absent is filled in; the value that is signed is the JSON itself."""
    submission = open_client().submit_json(b'{"type": "crm.read", "arguments": {"n": 1}}')
    (record,) = gate.read()
    verify(KEY.public, signed_part(record.headers, record.value or b""))
    action = read_record(record, Action)
    assert action.action_id == submission.action_id
    assert (record.value or b"").startswith(b"{")


def test_outcomes_are_told_from_the_call_on_and_end_with_the_client(
    gate: ScriptedGate, open_client: Open
) -> None:
    """Nothing between the call and the first `next` is missed; closing ends the iteration."""
    client = open_client()
    told = client.outcomes()
    gate.tell("neighbour", "x", OutcomeKind.EXECUTED)
    gate.tell("ops", "a-1", OutcomeKind.EXECUTED)
    assert next(told).action_id == "a-1"
    client.close()
    assert list(told) == []


def test_closing_a_client_ends_its_waits_at_once(open_client: Open) -> None:
    """Nobody waits for a thread that is gone."""
    client = open_client()
    submission = client.submit("crm.read", {})
    with ThreadPoolExecutor(1) as pool:
        wait = pool.submit(client.wait, submission, timeout_s=60)
        client.close()
        with pytest.raises(AccessError, match="is closed"):
            wait.result(10)


def test_silence_is_called_a_possible_dead_letter_after_ten_seconds(open_client: Open) -> None:
    """A record the gate cannot trust gets no outcome by design; the error says where to look."""
    client = open_client()
    with pytest.raises(TimedOutError, match="may be a dead letter"):
        client.wait(client.submit("crm.read", {}), timeout_s=10.2)


def test_asyncio_waits_for_many_without_threads(gate: ScriptedGate, open_client: Open) -> None:
    """Two hundred waits at once end with their own outcomes."""

    async def scenario() -> list[Answer]:
        async with AsyncAgentClient(open_client()) as agent:
            submissions = await agent.submit_many([Draft("crm.read", {"n": n}) for n in range(200)])
            waits = [asyncio.create_task(agent.wait(one, timeout_s=30)) for one in submissions]
            await asyncio.sleep(0.1)
            for one in submissions:
                await asyncio.to_thread(gate.tell, "ops", one.action_id, OutcomeKind.EXECUTED)
            return await asyncio.gather(*waits)

    assert len({outcome.action_id for outcome in asyncio.run(scenario())}) == 200


def test_a_principal_without_rights_is_told_what_it_may_not_do(cluster: Cluster) -> None:
    """An analyst's connection cannot submit: the error names the right that is missing."""
    with (
        AgentClient(cluster.connection("analyst-local"), "ops", KEY, deployment="x") as client,
        pytest.raises(AccessError, match="may not read `outcomes`"),
    ):
        client.submit("crm.read", {"ssn": "123-45-6789"})


def test_a_topic_that_is_not_there_is_named(cluster: Cluster) -> None:
    """Without topics the error says how to make them."""
    settings = cluster.settings.model_copy(update={"prefix": f"none{secrets.token_hex(2)}."})
    connection = cluster.broker.super_user(Naming(settings.prefix))
    with (
        AgentClient(connection, "ops", KEY, deployment="x") as client,
        pytest.raises(AccessError, match="topics apply"),
    ):
        client.submit("crm.read", {})
