"""Agents and reviewers by script, at a steady rate, from a seed; what they were told is kept for the oracle."""

import random
import re
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from sluicegate.processors.contract import Position
from sluicegate.schemas.action import AccountName
from sluicegate.schemas.approval import ApprovalRequest
from sluicegate.schemas.decision import Choice
from sluicegate.schemas.errors import SluicegateError
from sluicegate.schemas.fields import JsonObject
from sluicegate.schemas.outcome import Outcome, OutcomeKind
from sluicegate.streams.clients.agent import AgentClient, Draft, Submission
from sluicegate.streams.clients.agent_link import AgentLink
from sluicegate.streams.clients.reading import read_record
from sluicegate.streams.clients.reviewer import ReviewerClient
from sluicegate.streams.clients.topic_reader import From, TopicReader
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.local import LocalDeployment

from .oracle.history import Acknowledged
from .policy import AGENTS, ISSUER, LEASE_MS, OWNER, RECONCILER

_SHARES: Final = {
    "allow": 38, "mail": 18, "fail": 4, "one": 8, "pair": 6, "both": 5, "reject": 3, "own": 1,
    "deny": 3, "expire": 3, "withdraw": 3, "supersede": 3, "copy": 3, "conflict": 1, "forged": 1,
}  # fmt: skip
"""How many of a hundred actions follow each script."""
_TYPES: Final = {
    "allow": "crm.read", "mail": "mail.send", "fail": "crm.fail", "one": "role.grant", "pair": "role.admin",
    "both": "data.export", "reject": "role.admin", "own": "role.grant", "deny": "data.drop", "expire": "door.open",
    "withdraw": "role.grant", "supersede": "role.grant", "copy": "crm.read", "conflict": "role.grant", "forged": "crm.read",
}  # fmt: skip
_LEFT_ALONE: Final = frozenset({"expire", "withdraw"})
_PAUSE_S: Final = 0.5
_LATER_S: Final = 0.3
_HANDS: Final = 6
"""Decisions of one person that wait for their tally at once."""


@dataclass(slots=True)
class Told:
    """What clients were told, and what went wrong in them."""

    sent: Counter[str] = field(default_factory=Counter)
    tallies: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    submissions: list[tuple[str, str, bytes, "Future[Position]"]] = field(default_factory=list)

    def note_trouble(self, who: str, error: Exception) -> None:
        """A client raised; names and numbers in what it said are left out, so that the same is counted together."""
        said = re.sub(r"`[^`]*`|[0-9.]+ s", "...", str(error))
        self.troubles[f"{who}: {type(error).__name__}: {said[:100]}"] += 1

    def acknowledged(self) -> list[Acknowledged]:
        """Records that the broker has answered for."""
        return [
            Acknowledged("actions", place.partition, place.offset, agent, action_id, digest)
            for agent, action_id, digest, delivery in self.submissions
            if delivery.done() and delivery.exception() is None
            for place in (delivery.result(),)
        ]


class Agents:
    """All agents, from one thread."""

    def __init__(self, deployment: LocalDeployment, told: Told, *, seed: int, rate: float) -> None:
        self._deployment = deployment
        self._told = told
        self._chance = random.Random(seed)  # noqa: S311  # a script, not a secret
        self._rate = rate
        self._number = 0
        self._link: AgentLink | None = None
        self._left: list[AgentLink] = []
        self._clients: dict[str, AgentClient] = {}
        self._later: list[tuple[float, Callable[[], object]]] = []

    def run(self, ending: threading.Event) -> None:
        """Submit at the rate until told to end."""
        began = time.monotonic()
        while not ending.is_set():
            wait_s = began + self._number / self._rate - time.monotonic()
            if wait_s > 0:
                time.sleep(min(wait_s, 0.05))
            else:
                self._number += 1
                self._do(self._script)
            due = [one for one in self._later if one[0] <= time.monotonic()]
            self._later = [one for one in self._later if one not in due]
            for _, what in due:
                self._do(what)
            if wait_s < -1:
                began = (
                    time.monotonic() - self._number / self._rate
                )  # what was missed in an outage stays missed

    def close(self, limit_s: float) -> None:
        """Do what was still to be done, wait for the broker's answers, then leave."""
        for _, what in self._later:
            self._do(what)
        for link in (*self._left, *((self._link,) if self._link else ())):
            try:
                link.sender.flush(limit_s)
            except SluicegateError as error:
                self._trouble("flush", error)
            link.close()

    def _do(self, what: Callable[[], object]) -> None:
        try:
            what()
        except SluicegateError as error:
            self._trouble("agent", error)
            self._clients.clear()
            if self._link is not None:
                self._left.append(self._link)  # what was sent is still delivered by it
                self._link = None
            time.sleep(_PAUSE_S)

    def _trouble(self, who: str, error: Exception) -> None:
        self._told.note_trouble(who, error)

    def _script(self) -> None:
        script = self._chance.choices(list(_SHARES), list(_SHARES.values()))[0]
        agent = self._chance.choice(AGENTS)
        action_id = f"ac-{self._number:06}-{script}"
        self._told.sent[script] += 1
        arguments: JsonObject = {"number": self._number, "text": "x" * self._chance.randrange(400)}
        draft = Draft(_TYPES[script], arguments, action_id)
        if script == "forged":
            self._send(agent, draft, other=self._chance.choice([one for one in AGENTS if one != agent]))
            return
        self._send(agent, draft)
        match script:
            case "withdraw":
                self._after(lambda: self._client(agent).withdraw(action_id))
            case "supersede":
                edit = Draft("role.grant", arguments, f"{action_id}-edit", supersedes=action_id)
                self._after(lambda: self._send(agent, edit))
            case "copy":
                self._after(lambda: self._send(agent, draft))
            case "conflict":
                other = Draft("role.grant", {"number": -self._number}, action_id)
                self._after(lambda: self._send(agent, other))
            case _:
                pass

    def _after(self, what: Callable[[], object]) -> None:
        self._later.append((time.monotonic() + self._chance.random() * 2 * _LATER_S, what))

    def _send(self, agent: str, draft: Draft, other: str | None = None) -> None:
        submission: Submission = self._client(agent, other).submit_nowait(draft)
        self._told.submissions.append((agent, submission.action_id, submission.digest, submission.delivery))

    def _client(self, agent: str, signed_by: str | None = None) -> AgentClient:
        if self._link is None:
            self._link = AgentLink(self._deployment.connection(Role.AGENT))
        name = agent if signed_by is None else f"{agent} by {signed_by}"
        if name not in self._clients:
            self._clients[name] = AgentClient(
                self._link.connection,
                agent,
                self._deployment.key(signed_by or agent),
                deployment=self._deployment.settings.deployment,
                link=self._link,
            )
        return self._clients[name]


class Person:
    """One reviewer who looks at what waits, and decides as the action's script says."""

    def __init__(self, deployment: LocalDeployment, told: Told, name: str) -> None:
        self._deployment = deployment
        self._told = told
        self.name = name
        self._client: ReviewerClient | None = None
        self._decided: set[str] = set()
        self._hands = threading.Semaphore(_HANDS)

    def run(self, ending: threading.Event) -> None:
        """Decide until told to end, through every outage."""
        while not ending.wait(_LATER_S):
            try:
                self._look(ending)
            except SluicegateError as error:
                self._told.note_trouble("reviewer", error)
                self._leave()
        self._leave()

    def _leave(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _look(self, ending: threading.Event) -> None:
        if self._client is None:
            self._client = ReviewerClient(
                self._deployment.connection(Role.REVIEWER),
                self._deployment.key(self.name),
                deployment=self._deployment.settings.deployment,
                account=AccountName(issuer=ISSUER, subject=self.name),
            )
        for request in self._client.pending(10.0):
            if ending.is_set():
                return
            if request.request_id not in self._decided and self._wants(request):
                self._decided.add(request.request_id)
                # A thread that still waits for its tally when everything is over must not keep the program alive.
                threading.Thread(target=self._decide, args=(self._client, request), daemon=True).start()

    def _wants(self, request: ApprovalRequest) -> bool:
        script = script_of(request.action_id)
        groups = request.requirement.groups
        if self.name == OWNER:
            return script == "own"
        if script in _LEFT_ALONE:
            return False
        if self.name == "ines":
            return "privacy" in groups
        # Where one is enough, one of the two looks at it; now and then both do.
        alone = groups.get("security") == 1 and zlib.crc32(request.action_id.encode()) % 8
        return "security" in groups and (not alone or (alone % 2 == 0) == (self.name == "mara"))

    def _decide(self, client: ReviewerClient, request: ApprovalRequest) -> None:
        rejects = script_of(request.action_id) == "reject"
        choice = Choice.REJECT if rejects else Choice.APPROVE
        try:
            with self._hands:
                tally = client.decide(request, choice, "looked at it", timeout_s=20.0)
        except SluicegateError as error:
            self._told.note_trouble("reviewer", error)
            return
        self._told.tallies["counted" if tally.counted else str(tally.reason)] += 1


class Settler:
    """Settles every execution whose end nobody knows, as a reconciler does who has looked at the target."""

    def __init__(self, deployment: LocalDeployment, told: Told, did: Callable[[str], bool]) -> None:
        self._deployment = deployment
        self._told = told
        self._did = did
        self._unknown: dict[tuple[str, str], tuple[float, Outcome]] = {}

    def run(self, ending: threading.Event) -> None:
        """Until told to end, through every outage."""
        while not ending.wait(_LATER_S):
            try:
                self._work(ending)
            except SluicegateError as error:
                self._told.note_trouble("reconciler", error)

    def _work(self, ending: threading.Event) -> None:
        account = AccountName(issuer=ISSUER, subject=RECONCILER)
        connection = self._deployment.connection(Role.REVIEWER)
        with (
            TopicReader(connection, "outcomes", From.BEGINNING) as outcomes,
            ReviewerClient(
                connection,
                self._deployment.key(RECONCILER),
                deployment=self._deployment.settings.deployment,
                account=account,
            ) as reviewer,
        ):
            while not ending.is_set():
                for record in outcomes.poll(0.3):
                    self._note(read_record(record, Outcome))
                for name, (at_s, outcome) in list(self._unknown.items()):
                    if at_s <= time.monotonic():
                        settled = "executed" if self._did(outcome.grant_id or "") else "failed"
                        agent, action_id = name
                        reviewer.reconcile(agent, action_id, outcome.grant_id or "", settled, "looked there")
                        self._told.tallies[f"settled as {settled}"] += 1
                        self._unknown[name] = (time.monotonic() + LEASE_MS / 1_000, outcome)

    def _note(self, outcome: Outcome) -> None:
        name = (outcome.agent, outcome.action_id)
        if outcome.outcome is OutcomeKind.UNKNOWN and not outcome.repeated:
            self._unknown[name] = (time.monotonic() + 1.0, outcome)
        elif outcome.outcome.final and outcome.reason != "conflict":
            self._unknown.pop(name, None)


def script_of(action_id: str) -> str:
    """Which script an action follows, by its own name."""
    return action_id.split("-")[2]
