"""A reviewer's client against real Kafka; the gate is a few lines here that ask and answer as it would."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Protocol

import pytest

from sluicegate.processors.contract import Record
from sluicegate.schemas import codec
from sluicegate.schemas.action import AccountName
from sluicegate.schemas.approval import (
    ApprovalRequest,
    FrozenRequirement,
    Resolution,
    ResolutionKind,
    Tally,
    View,
)
from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.decision import Choice, Decision, Reconciliation
from sluicegate.schemas.envelope import record_headers, signed_part, verify
from sluicegate.schemas.errors import RefusedError, TimedOutError
from sluicegate.schemas.keys import PrivateKey
from sluicegate.streams.clients.inbox import Alarm, AlarmReason
from sluicegate.streams.clients.reading import read_record
from sluicegate.streams.clients.reviewer import ReviewerClient
from sluicegate.streams.clients.sending import Sender, acknowledged
from sluicegate.streams.clients.signed_record import SignedRecord
from sluicegate.streams.clients.topic_reader import From, TopicReader
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.settings import Settings

pytestmark = pytest.mark.broker

KEY = PrivateKey.generate()
DANA = AccountName(issuer="https://login.test", subject="dana")


class Cluster(Protocol):
    """What these tests use of the shared fixture."""

    settings: Settings

    def connection(self, user: str) -> Connection:
        """The connection of a SASL user."""
        ...


class ScriptedGate:
    """Asks on `approvals` and answers every decision with a tally, with the gate's rights and the real codec."""

    def __init__(self, cluster: Cluster) -> None:
        connection = cluster.connection("gate")
        self._reader = TopicReader(connection, "decisions", From.BEGINNING)
        self._sender = Sender(connection)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.decided: list[Record] = []

    def write(self, model: ApprovalRequest | Tally | Resolution) -> None:
        """Write one record to `approvals`."""
        encoded = codec.encode(model)
        headers = record_headers(
            kind=model.kind,
            payload_type=encoded.payload_type,
            id="x",
            subject=model.action_id,
            source="/sluicegate/gate",
        )
        record = SignedRecord(model.kind, "x", model.action_id, model.lane, encoded.value, headers, bytes(32))
        acknowledged(self._sender.send("approvals", record))

    def answer(self) -> None:
        """From now on every decision counts."""
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def read(self) -> list[Record]:
        """Everything that stands on `decisions` and was not read before."""
        return list(self._reader.to_end())

    def close(self) -> None:
        """Leave."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        self._reader.close()
        self._sender.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            for record in self._reader.poll(0.1):
                self.decided.append(record)
                decision = read_record(record, Decision)
                self.write(
                    Tally(
                        decision_id=decision.decision_id,
                        request_id=decision.request_id,
                        action_id=decision.action_id,
                        lane=decision.lane,
                        agent=decision.agent,
                        person="p-1",
                        counted=True,
                        people=1,
                        needed=1,
                    )
                )


def request(number: int = 1, **changes: Any) -> ApprovalRequest:
    """A request that waits."""
    text = '{"type":"data.export"}'
    fields: dict[str, Any] = {
        "request_id": f"rq-{number}",
        "action_id": f"a-{number}",
        "action_digest": bytes([number]) * 32,
        "lane": f"ops-{number}",
        "agent": f"ops-{number}",
        "type": "data.export",
        "requirement": FrozenRequirement(
            groups={"privacy": 1},
            quorum=1,
            deadline_ms=1000 - number,
            reason_required=False,
            mask="pii-basic",
        ),
        "excluded": (),
        "rules": (),
        "whys": (),
        "policies": (),
        "view": View(text=text, digest=sha256(text.encode()), complete=True),
        "requested_at_ms": 1,
    }
    return ApprovalRequest(**fields | changes)


def resolution(number: int) -> Resolution:
    """The end of a request."""
    return Resolution(
        request_id=f"rq-{number}",
        action_id=f"a-{number}",
        lane=f"ops-{number}",
        agent=f"ops-{number}",
        resolution=ResolutionKind.EXPIRED,
        people=(),
        resolved_at_ms=2,
    )


@pytest.fixture
def gate(cluster: Cluster) -> Iterator[ScriptedGate]:
    """The other side."""
    scripted = ScriptedGate(cluster)
    yield scripted
    scripted.close()


Open = Callable[..., ReviewerClient]


@pytest.fixture
def open_client(cluster: Cluster) -> Iterator[Open]:
    """Make clients that are closed after the test."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(
            ReviewerClient(
                cluster.connection("reviewer-local"),
                KEY,
                **{"deployment": cluster.settings.deployment, "account": DANA} | options,
            )
        )


def test_pending_is_requests_minus_resolutions_in_their_latest_revision(
    gate: ScriptedGate, open_client: Open
) -> None:
    """Rebuilt from the topic, for a client that comes late and for one that was there; earliest deadline first."""
    early = open_client()
    for number in (1, 2, 3):
        gate.write(request(number))
    gate.write(request(3, revision=2))
    gate.write(resolution(1))
    for client in (early, open_client()):
        assert [(one.request_id, one.revision) for one in client.pending()] == [("rq-3", 2), ("rq-2", 1)]


def test_a_decision_is_signed_names_what_was_shown_and_returns_the_tally(
    gate: ScriptedGate, open_client: Open
) -> None:
    """The record on `decisions` verifies, has the lane as key, and names both digests, account and choice."""
    gate.write(request())
    gate.answer()
    client = open_client()
    (shown,) = client.pending()
    tally = client.decide(shown, "approve", "checked")
    assert (tally.counted, tally.people, tally.person) == (True, 1, "p-1")
    (record,) = gate.decided
    verify(KEY.public, signed_part(record.headers, record.value or b""))
    decision = read_record(record, Decision)
    assert record.key == b"ops-1"
    assert (decision.action_digest, decision.view_digest) == (shown.action_digest, shown.view.digest)
    assert (decision.account, decision.choice, decision.reason) == (DANA, Choice.APPROVE, "checked")


def test_a_bridge_decides_for_the_person_it_names(gate: ScriptedGate, open_client: Open) -> None:
    """The account is given with each decision."""
    gate.write(request())
    gate.answer()
    client = open_client(account=None)
    robin = AccountName(issuer="slack", subject="U1")
    client.decide(client.pending()[0], Choice.REJECT, account=robin)
    assert read_record(gate.decided[0], Decision).account == robin


def test_what_cannot_count_is_refused_before_anything_is_sent(gate: ScriptedGate, open_client: Open) -> None:
    """A cut view, a missing reason, a view that is not what its digest says."""
    client = open_client()
    cut = request(view=View(text="{}", digest=sha256(b"{}"), complete=False))
    forged = request(view=View(text="{}", digest=bytes(32), complete=True))
    demanding = request(
        requirement=FrozenRequirement(
            groups={"privacy": 1}, quorum=1, deadline_ms=1, reason_required=True, mask="pii-basic"
        )
    )
    with pytest.raises(RefusedError, match="not complete"):
        client.decide(cut, "approve")
    with pytest.raises(RefusedError, match="demands a reason"):
        client.decide(demanding, "approve", "  ")
    with pytest.raises(RefusedError, match="not what it claims"):
        client.decide(forged, "reject")
    assert gate.read() == []


def test_two_versions_of_a_request_are_both_refused_with_an_alarm(
    gate: ScriptedGate, open_client: Open
) -> None:
    """Same id and revision, other content: it leaves the inbox, watchers hear of it, nobody can decide on it."""
    client = open_client()
    events = client.watch()
    gate.write(request())
    gate.write(request(type="data.delete"))
    assert next(events) == request()
    alarm = next(events)
    assert isinstance(alarm, Alarm)
    assert (alarm.reason, alarm.id) == (AlarmReason.TWO_VERSIONS, "rq-1")
    assert client.pending() == ()
    with pytest.raises(RefusedError):
        client.decide(request(), "approve")


def test_watch_begins_with_what_waits_and_ends_with_the_client(gate: ScriptedGate, open_client: Open) -> None:
    """Each event comes once, copies not at all."""
    client = open_client()
    gate.write(request(1))
    client.pending()
    events = client.watch()
    gate.write(request(1))
    gate.write(resolution(1))
    assert next(events) == request(1)
    assert next(events) == resolution(1)
    client.close()
    assert list(events) == []


def test_a_decision_without_tally_says_that_it_may_count(gate: ScriptedGate, open_client: Open) -> None:
    """Nobody answers: the error says what to look at, and the decision stands on the topic."""
    with pytest.raises(TimedOutError, match="may count"):
        open_client().decide(request(), "reject", timeout_s=0.5)
    assert len(gate.read()) == 1


def test_a_reconciliation_is_signed_and_stands_on_the_lane_of_the_agent(
    gate: ScriptedGate, open_client: Open
) -> None:
    """It names grant, settlement and person."""
    place = open_client().reconcile("ops-1", "a-1", "gr-1", "executed", "seen in the system")
    (record,) = gate.read()
    found = read_record(record, Reconciliation)
    assert (record.position, record.key) == (place, b"ops-1")
    assert (found.grant_id, found.settled, found.account) == ("gr-1", "executed", DANA)


def test_ten_thousand_copies_of_a_request_are_one(gate: ScriptedGate, open_client: Open) -> None:
    """A client that starts late reads the whole topic, and copies count once."""
    encoded = codec.encode(request())
    headers = record_headers(
        kind="approval-request", payload_type=encoded.payload_type, id="x", subject="a", source="/test"
    )
    record = SignedRecord("approval-request", "x", "a", "ops-1", encoded.value, headers, bytes(32))
    deliveries = [gate._sender.send("approvals", record) for _ in range(10_000)]
    acknowledged(deliveries[-1])
    assert len(open_client().pending()) == 1
