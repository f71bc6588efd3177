"""The agent's side of the gate: publish what is intended, learn what became of it.

Ten lines::

    from sluicegate import AgentClient

    with AgentClient.connect("clinic-ops") as agent:
        submission = agent.submit("crm.read", {"customer": "c-17"})
        answer = agent.wait(submission, timeout_s=60)
        print(answer.outcome)  # executed, denied, rejected, expired ...
        print(answer.result)  # what the executor returned, masked

        if agent.wait(agent.submit("crm.delete", {"records": 3}), until="decided").outcome == "granted":
            print("a person has approved it")

An action is sent to the one partition of the agent's lane and its outcomes come back on the same partition, which is read
from before the first action is sent. The action id is the idempotency key: to try again after any error, submit the same
content with the same id. A record that the gate cannot trust (unknown key, wrong lane) gets no outcome by design.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Self

from sluicegate.processors.contract import Position
from sluicegate.schemas.action import AccountName, Action, Withdrawal
from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.errors import RecordError
from sluicegate.schemas.fields import JsonObject
from sluicegate.schemas.ids import partition_of
from sluicegate.schemas.keys import PrivateKey
from sluicegate.schemas.outcome import Outcome
from sluicegate.streams.kafka.connection import Connection, connect_as
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.settings import Settings, load
from sluicegate.streams.state_folder import StateFolder

from .agent_link import AgentLink
from .outcome_feed import TOPIC as OUTCOMES
from .outcome_feed import OutcomeFeed
from .outcome_history import Awaited, Until
from .patience import Patience
from .reading import read_record
from .results_answer import Answer
from .seen import Seen, Sighting
from .sending import ACKNOWLEDGED_S, acknowledged
from .signed_record import SignedRecord, build, nonce, random_id, sign_json, sign_record
from .stored_key import stored_key
from .topic_reader import From, TopicReader

DEFAULT_WAIT_S: Final = 60.0
_POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Draft:
    """An action to submit; `action_id` None draws a random one."""

    type: str
    arguments: JsonObject = field(repr=False)
    action_id: str | None = None
    summary: str | None = field(default=None, repr=False)
    supersedes: str | None = None
    on_behalf_of: AccountName | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Submission:
    """A signed record on its way. Hold it for as long as its outcome matters; `digest` is the action digest."""

    agent: str
    action_id: str
    lane: str
    digest: bytes
    delivery: "Future[Position]" = field(repr=False, compare=False)
    awaited: Awaited = field(repr=False, compare=False)

    @property
    def position(self) -> Position:
        """Where the broker put the record; waits for its acknowledgement and raises what the delivery failed with."""
        return acknowledged(self.delivery)


class AgentClient:
    """One agent. Any number of threads may use it; `AsyncAgentClient` wraps it for asyncio."""

    def __init__(
        self,
        connection: Connection,
        agent: str,
        key: PrivateKey,
        *,
        deployment: str,
        lane: str | None = None,
        link: AgentLink | None = None,
    ) -> None:
        """Sign as `agent`. `lane` is what its document names (default: the agent's id).

        `link` shares a producer and a reader with other agents of the same principal; it outlives this client.
        """
        self.agent = agent
        self.lane = lane or agent
        self.deployment = deployment
        self._key = key
        self._connection = connection
        self._own_link = link is None
        self._link = link or AgentLink(connection, lane=self.lane)
        self._started = False
        self._closed = threading.Event()

    @classmethod
    def connect(
        cls,
        agent: str,
        *,
        lane: str | None = None,
        key: PrivateKey | None = None,
        settings: Settings | None = None,
    ) -> Self:
        """Connect as the settings say; the key is `keys/<agent>.ed25519` of the state folder unless given."""
        chosen = settings or load()
        signing = key or stored_key(StateFolder(chosen.state_dir), agent)
        return cls(connect_as(chosen, Role.AGENT), agent, signing, deployment=chosen.deployment, lane=lane)

    def submit(
        self,
        type: str,  # noqa: A002  # the word of the design
        arguments: JsonObject,
        *,
        action_id: str | None = None,
        summary: str | None = None,
        supersedes: str | None = None,
        on_behalf_of: AccountName | None = None,
    ) -> Submission:
        """Publish an action and return once the broker has it.

        AccessError when Kafka refuses, TimedOutError when it is unknown whether it arrived (submit the same id again),
        RecordError for arguments that are no JSON or too large.
        """
        submission = self.submit_nowait(Draft(type, arguments, action_id, summary, supersedes, on_behalf_of))
        acknowledged(submission.delivery)
        return submission

    def submit_nowait(self, draft: Draft) -> Submission:
        """Publish without waiting for the broker: `flush`, or the submission's `position`, tells whether it arrived."""
        return self._send(self._sign(draft))

    def submit_many(self, drafts: Iterable[Draft]) -> list[Submission]:
        """Publish all of them at once, return when the broker has every one; raises the first failure."""
        submissions = [self.submit_nowait(draft) for draft in drafts]
        for submission in submissions:
            acknowledged(submission.delivery)
        return submissions

    def submit_json(self, text: bytes) -> Submission:
        """Publish an action or withdrawal written as a JSON object; see `sign_json` for what may be left out."""
        record = sign_json(
            self._key,
            text,
            deployment=self.deployment,
            now_ms=_now_ms(),
            agent=self.agent,
            lane=self.lane,
        )
        return self.submit_signed(record)

    def submit_signed(self, record: SignedRecord) -> Submission:
        """Publish a record that was signed before; the lane must be this agent's."""
        if record.kind not in {"action", "withdrawal"} or record.lane != self.lane:
            raise RecordError("an agent sends actions and withdrawals on its own lane; sign the record again")
        submission = self._send(record)
        acknowledged(submission.delivery)
        return submission

    def withdraw(self, action_id: str) -> Submission:
        """Take an action back and return once the broker has it; it counts only while the action waits for people.

        Waiting for the submission tells how the action ended. Nothing is told about an id the gate does not know.
        """
        model = build(
            Withdrawal,
            deployment=self.deployment,
            withdrawal_id=random_id("wd"),
            action_id=action_id,
            agent=self.agent,
            lane=self.lane,
            nonce=nonce(),
            created_at_ms=_now_ms(),
        )
        submission = self._send(sign_record(self._key, model))
        acknowledged(submission.delivery)
        return submission

    def flush(self, timeout_s: float = ACKNOWLEDGED_S) -> None:
        """Return when the broker has answered for every record sent so far; a submission knows whether it failed."""
        self._link.sender.flush(timeout_s)

    def wait(
        self,
        action: Submission | str,
        *,
        timeout_s: float = DEFAULT_WAIT_S,
        until: Until | str = Until.FINAL,
        since_ms: int | None = None,
    ) -> Answer:
        """The outcome that ends the wait, with the masked result; TimedOutError says what is known when none came in time.

        What the executor returned comes back as `result`, or `withheld` says why it is in quarantine; waiting for it counts
        within the same time. Where people may release it, their answer is waited for too; when the time is over first, `release`
        names the actions they decide on, and waiting again goes on. `until="decided"` waits for no result. InvariantError when what came back is not what the
        outcome names. An id alone may be of another process: `outcomes` is read back to its beginning, or to `since_ms`.
        A final outcome of a crashed execution is `reconciled`, which takes a person: `latest` tells that it is `unknown`.
        """
        awaited, until = self.awaited(action, since_ms=since_ms), Until(until)
        news, patience = threading.Event(), Patience(awaited, timeout_s)
        with self.waking(awaited, news.set):
            while (answer := self.answer(awaited, until)) is None or (answer.release and patience.left_s):
                self.feed.check()
                if news.wait(patience.left_s if answer else patience.next_s()):
                    news.clear()
        return answer

    def answer(self, awaited: Awaited, until: Until = Until.FINAL) -> Answer | None:
        """What ends a wait, None while something is missing. Blocks only to read back a result of another process."""
        outcome = awaited.answer(until)
        if outcome is None:
            return None
        if outcome.result_digest is None or until is not Until.FINAL:
            return Answer.of(outcome, None)
        result = self._link.results.fetch(awaited.history, outcome)
        return None if result is None else Answer.of(outcome, result)

    @contextmanager
    def waking(self, awaited: Awaited, wake: Callable[[], None]) -> Iterator[None]:
        """Call `wake`, from a reader's thread, whenever `answer` may have more to say."""
        with self._link.results.awaiting(awaited.history), self.feed.waking(awaited.history, wake):
            yield

    def latest(self, action: Submission | str, *, since_ms: int | None = None) -> Outcome | None:
        """What has been told so far, without waiting; None when nothing has."""
        return self.awaited(action, since_ms=since_ms).latest()

    def outcomes(self, *, since_ms: int | None = None) -> Iterator[Outcome]:
        """Every outcome of this agent from now (or from a log-append time) on, until the client is closed.

        The place is taken at the call, not at the first `next`.
        """
        partition = partition_of(self.lane, self._link.sender.partitions(OUTCOMES))
        start = From.END if since_ms is None else since_ms
        return self._told(TopicReader(self._connection, OUTCOMES, start, partitions=[partition]))

    def awaited(self, action: Submission | str, *, since_ms: int | None = None) -> Awaited:
        """What a wait for this action looks at; of an id alone, what was told in the past is read first."""
        if isinstance(action, Submission):
            return action.awaited
        self.start()
        history = self.feed.history(self.agent, action)
        if history.latest(None) is None:
            self.feed.read_back(history, self.lane, From.BEGINNING if since_ms is None else since_ms)
        return Awaited(history)

    def start(self) -> None:
        """Read outcomes from here on; the first submission does it too."""
        if not self._started:
            self.feed.start(self.lane)
            self._started = True

    @property
    def feed(self) -> OutcomeFeed:
        """What follows `outcomes` for this client."""
        return self._link.feed

    def close(self) -> None:
        """Deliver what is on its way, then leave; safe to call twice."""
        self._closed.set()
        if self._own_link:
            self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _sign(self, draft: Draft) -> SignedRecord:
        model = build(
            Action,
            deployment=self.deployment,
            action_id=draft.action_id or random_id("ac"),
            agent=self.agent,
            lane=self.lane,
            type=draft.type,
            nonce=nonce(),
            created_at_ms=_now_ms(),
            arguments=draft.arguments,
            summary=draft.summary,
            supersedes=draft.supersedes,
            on_behalf_of=draft.on_behalf_of,
        )
        return sign_record(self._key, model)

    def _send(self, record: SignedRecord) -> Submission:
        # INVARIANT: reading starts before sending, and the history exists before its first outcome can.
        self.start()
        self.feed.check()
        history = self.feed.history(self.agent, record.subject)
        # An outcome told before this record was sent is no answer to it: the id may have been used and forgotten.
        awaited = Awaited(history, record.digest, after=history.end)
        history.is_own = True
        delivery = self._link.sender.send("actions", record)
        return Submission(self.agent, record.subject, self.lane, record.digest, delivery, awaited)

    def _told(self, reader: TopicReader) -> Iterator[Outcome]:
        seen = Seen()
        with reader:
            while not self._closed.is_set():
                for record in reader.poll(0.2):
                    if record.key != self.lane.encode():
                        continue
                    outcome = read_record(record, Outcome)
                    if outcome.agent != self.agent:
                        continue
                    if seen.sight(outcome.outcome_id, sha256(record.value or b"")) is Sighting.NEW:
                        yield outcome


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
