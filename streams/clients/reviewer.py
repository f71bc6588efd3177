"""A person's side of the gate, or a bridge's that carries decisions for people: see what waits, decide, see that it counted.

Ten lines::

    from sluicegate import ReviewerClient

    with ReviewerClient.connect("https://login.example", "dana") as reviewer:
        for request in reviewer.pending():
            print(request.agent, request.type, request.whys)
            print(request.view.text)
            tally = reviewer.decide(request, "approve", reason="checked with the ward")
            print(tally.people, "of", tally.needed, tally.reason)

A decision names the digests of the action and of the view that was shown, so it counts for exactly that. What cannot count
is refused here already; whether it counts is the gate's answer, the tally. Everything is rebuilt from `approvals` at the
start; nothing is kept and no group is joined.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import Final, Self

from sluicegate.processors.contract import Position, Record
from sluicegate.schemas.action import AccountName
from sluicegate.schemas.approval import ApprovalRequest, Tally
from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.decision import Choice, Decision, Reconciliation, Settled
from sluicegate.schemas.errors import ConfigurationError, RecordError, RefusedError, TimedOutError
from sluicegate.schemas.keys import PrivateKey
from sluicegate.streams.kafka.connection import Connection, connect_as
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.logs import get_logger
from sluicegate.streams.settings import Settings, load
from sluicegate.streams.state_folder import StateFolder

from .follower import Follower
from .inbox import ASKED, Alarm, AlarmReason, Asked, Event, Inbox, Listener, view_holds
from .reading import read_record
from .sending import Sender, acknowledged
from .signed_record import build, nonce, random_id, sign_record
from .stored_key import stored_key
from .topic_reader import From, TopicReader

TOPIC: Final = "approvals"
DEFAULT_WAIT_S: Final = 30.0
_POLL_S: Final = 0.2

_log = get_logger("sluicegate.clients")


class ReviewerClient:
    """Reads all of `approvals` in a thread of its own; any number of threads may use the client.

    A bridge signs with its own key and names the account of the person each time; a person signs with the account's key.
    """

    def __init__(
        self,
        connection: Connection,
        key: PrivateKey,
        *,
        deployment: str,
        account: AccountName | None = None,
        since_ms: int | None = None,
    ) -> None:
        """Start to read `approvals` from its beginning, or from a log-append time; `account` is whose decisions they are."""
        self.deployment = deployment
        self._key = key
        self._account = account
        self._lock = threading.Lock()
        self._inbox = Inbox()
        self._listeners: list[Listener] = []
        self._closed = threading.Event()
        reader = TopicReader(connection, TOPIC, From.BEGINNING if since_ms is None else since_ms)
        self._sender = Sender(connection)
        self._follower = Follower(reader, self._take)

    @classmethod
    def connect(
        cls,
        issuer: str,
        subject: str,
        *,
        key: PrivateKey | None = None,
        settings: Settings | None = None,
        since_ms: int | None = None,
    ) -> Self:
        """Connect as the settings say; the key is `keys/<subject>.ed25519` of the state folder unless given."""
        chosen = settings or load()
        return cls(
            connect_as(chosen, Role.REVIEWER),
            key or stored_key(StateFolder(chosen.state_dir), subject),
            deployment=chosen.deployment,
            account=AccountName(issuer=issuer, subject=subject),
            since_ms=since_ms,
        )

    def pending(self, timeout_s: float = DEFAULT_WAIT_S) -> tuple[ApprovalRequest, ...]:
        """Every request that waits as of now, earliest deadline first; each in its latest revision."""
        self._follower.catch_up(timeout_s)
        with self._lock:
            waiting = tuple(self._inbox.open.values())
        return tuple(
            sorted(waiting, key=lambda request: (request.requirement.deadline_ms, request.request_id))
        )

    def watch(self) -> Iterator[Event]:
        """What waits now, then all that happens: requests (also raised), tallies, reminders, resolutions, alarms.

        Ends when the client is closed; raises when reading ends for another reason. Listening starts at the call.
        """
        events: SimpleQueue[Event] = SimpleQueue()
        with self._lock:
            for request in self._inbox.open.values():
                events.put(request)
            self._listeners.append(events.put)
        return self._watched(events)

    def decide(
        self,
        request: ApprovalRequest,
        choice: Choice | str,
        reason: str | None = None,
        *,
        account: AccountName | None = None,
        timeout_s: float = DEFAULT_WAIT_S,
    ) -> Tally:
        """Approve or reject exactly what `request` shows, and return the gate's tally: counted or not, and why.

        RefusedError, before anything is sent, for what could not count or must not: a view whose text is not what its
        digest says, a request of which two versions exist, an approval of an incomplete view, a missing reason.
        TimedOutError when no tally came: look at `pending` before deciding again, the decision may have counted.
        """
        chosen = Choice(choice)
        self._follower.check()
        self._refuse_what_cannot_count(request, chosen, reason)
        decision = build(
            Decision,
            deployment=self.deployment,
            decision_id=random_id("de"),
            request_id=request.request_id,
            action_id=request.action_id,
            action_digest=request.action_digest,
            view_digest=request.view.digest,
            lane=request.lane,
            agent=request.agent,
            account=self._person(account),
            choice=chosen,
            reason=reason,
            decided_at_ms=_now_ms(),
            nonce=nonce(),
        )
        return self._tally_of(decision, timeout_s)

    def reconcile(
        self,
        agent: str,
        action_id: str,
        grant_id: str,
        settled: Settled | str,
        reason: str,
        *,
        lane: str | None = None,
        account: AccountName | None = None,
    ) -> Position:
        """Say what really happened to an execution whose end is unknown; where the broker put the record.

        It counts for people of the executor's `reconcilers` groups outside the origin set; the agent is then told
        `reconciled`. `lane` is the agent's (default: its id).
        """
        self._follower.check()
        reconciliation = build(
            Reconciliation,
            deployment=self.deployment,
            reconciliation_id=random_id("rc"),
            action_id=action_id,
            grant_id=grant_id,
            lane=lane or agent,
            agent=agent,
            account=self._person(account),
            settled=Settled(settled),
            reason=reason,
            decided_at_ms=_now_ms(),
            nonce=nonce(),
        )
        return acknowledged(self._sender.send("decisions", sign_record(self._key, reconciliation)))

    def close(self) -> None:
        """Deliver what is on its way, then leave; safe to call twice."""
        self._closed.set()
        self._sender.close()
        self._follower.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _refuse_what_cannot_count(self, request: ApprovalRequest, choice: Choice, reason: str | None) -> None:
        with self._lock:
            doubtful = self._inbox.is_refused(request.request_id)
        if doubtful or not view_holds(request):
            raise RefusedError(
                f"request `{request.request_id}` is not what it claims to be; decide nothing and call the operators"
            )
        if choice is Choice.APPROVE and not request.view.complete:
            raise RefusedError(
                f"the view of `{request.request_id}` is not complete, so it cannot be approved; reject it"
            )
        if request.requirement.reason_required and not (reason or "").strip():
            raise RefusedError(f"`{request.request_id}` demands a reason; give one")

    def _person(self, account: AccountName | None) -> AccountName:
        chosen = account or self._account
        if chosen is None:
            raise ConfigurationError("whose decision is it? give the `account` of the person")
        return chosen

    def _tally_of(self, decision: Decision, timeout_s: float) -> Tally:
        answers: SimpleQueue[Event] = SimpleQueue()

        def listen(event: Event) -> None:
            if isinstance(event, Tally) and event.decision_id == decision.decision_id:
                answers.put(event)

        # INVARIANT: listening starts before sending.
        with self._lock:
            self._listeners.append(listen)
        try:
            acknowledged(self._sender.send("decisions", sign_record(self._key, decision)))
            return self._next_tally(answers, timeout_s, decision)
        finally:
            with self._lock:
                self._listeners.remove(listen)

    def _next_tally(self, answers: "SimpleQueue[Event]", timeout_s: float, decision: Decision) -> Tally:
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            self._follower.check()
            try:
                event = answers.get(timeout=_POLL_S)
            except Empty:
                continue
            if isinstance(event, Tally):
                return event
        raise TimedOutError(
            f"no tally for the decision on `{decision.request_id}` in {timeout_s:g} s: look at what is pending before "
            "deciding again; the decision may count, or be a dead letter (unknown key), or no gate runs"
        )

    def _watched(self, events: "SimpleQueue[Event]") -> Iterator[Event]:
        try:
            while not self._closed.is_set():
                try:
                    yield events.get(timeout=_POLL_S)
                except Empty:
                    if not self._closed.is_set():
                        self._follower.check()
        finally:
            with self._lock:
                self._listeners.remove(events.put)

    def _take(self, records: Sequence[Record]) -> None:
        for record in records:
            # Under one lock, so that a watcher that starts now gets each event once.
            with self._lock:
                event = self._event(record)
                if event is not None:
                    for listen in self._listeners:
                        listen(event)
            if isinstance(event, Alarm):
                _log.error("not to be believed", alarm=True, why=event.reason, position=str(event.position))

    def _event(self, record: Record) -> Event | None:
        try:
            model = read_record(record, *ASKED)
        except RecordError:
            return Alarm(AlarmReason.UNREADABLE, record.position)
        assert isinstance(model, Asked)  # noqa: S101  # one of them was asked for
        return self._inbox.take(model, sha256(record.value or b""), record.position)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
