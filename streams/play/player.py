"""Play a recording through a gate: enrol, submit, decide, execute, count.

1. the operator's part: agents, reviewers, executor, policy; wait until every partition uses them
2. submit every call, in file order
3. scripted reviewers decide, the executor returns recorded results
4. wait until every action has ended, then until its result has come back masked
5. verify the audit log
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Event
from typing import Final

from sluicegate.processors.policy import load
from sluicegate.processors.verification import Report
from sluicegate.schemas import document
from sluicegate.schemas.approval import ApprovalRequest
from sluicegate.schemas.document import DocumentKind
from sluicegate.schemas.errors import TimedOutError
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.clients.agent import AgentClient, Draft, Submission
from sluicegate.streams.clients.agent_link import AgentLink
from sluicegate.streams.clients.audit_reader import AuditReader
from sluicegate.streams.clients.operator import Statement
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.local import LocalDeployment

from .executions import RecordedExecutions
from .recording import Call
from .results import Told
from .reviewers import ScriptedReviewers, cast, enrolments

OWNER: Final = "p-play-owner"
EXECUTOR: Final = "play"
RESULTS_S: Final = 60.0
"""For results, once every action has ended: without masking none comes, and a play is counted all the same."""

Progress = Callable[[str, int, int], None]
"""(what is being done, done, of how many)"""


@dataclass(frozen=True, slots=True)
class Played:
    """What became of every call, how long it took, and what the verifier found."""

    told: tuple[Told, ...]
    seconds: float
    verification: Report


class Player:
    """One play of one recording."""

    def __init__(
        self,
        deployment: LocalDeployment,
        calls: Sequence[Call],
        policy: str,
        *,
        approve_when: str | None,
        progress: Progress = lambda *_: None,
        timeout_s: float = 600.0,
    ) -> None:
        """`approve_when` names the field of a call that says whether scripted reviewers approve it; None: people decide."""
        self._deployment = deployment
        self._calls = {(call.agent_id, call.action_id): call for call in calls}
        self._policy = policy_for(policy, sorted({call.agent for call in calls}))
        self._approve_when = approve_when
        self._progress = progress
        self._timeout_s = timeout_s

    def play(self) -> Played:
        """Everything, in order; TimedOutError when actions have not ended in time."""
        since_ms = _now_ms()
        people = self._set_up()
        with ExitStack() as stack:
            stack.enter_context(RecordedExecutions(self._deployment, EXECUTOR, self._calls))
            reviewers = self._reviewers(people, since_ms)
            if reviewers is not None:
                stack.enter_context(reviewers)
            link = stack.enter_context(AgentLink(self._deployment.connection(Role.AGENT)))
            started = time.perf_counter()
            waits = self._submit(link, stack)
            self._await(waits, reviewers)
            self._await_results(waits)
            seconds = time.perf_counter() - started
            told = tuple(wait.told() for wait in waits)
        return Played(told, seconds, self._verify())

    def _set_up(self) -> Mapping[str, tuple[str, ...]]:
        self._progress("enrolling agents, reviewers and the executor", 0, 1)
        deployment, operator = self._deployment, self._deployment.operator
        policy = load(self._policy, source="policy")
        people = cast(policy.groups) if self._approve_when else {}
        operator.ensure_many((*self._agents(), *enrolments(deployment, people)))
        deployment.add_executor(EXECUTOR, sorted({call.tool for call in self._calls.values()}))
        operator.publish_policy(policy.name, self._policy)
        deployment.await_adoption()
        self._progress("enrolling agents, reviewers and the executor", 1, 1)
        return people

    def _agents(self) -> list[Statement]:
        """The documents of the one who answers for the recorded agents, and of the agents."""
        owner = document.Person(name="the one who answers for recorded agents")
        agents = sorted({call.agent_id for call in self._calls.values()})
        keys = {agent: self._deployment.key(agent).public.text for agent in agents}
        return [
            Statement(DocumentKind.PERSON, OWNER, owner),
            *(
                Statement(DocumentKind.AGENT, name, document.Agent(key=key, owners=(OWNER,)))
                for name, key in keys.items()
            ),
        ]

    def _reviewers(self, people: Mapping[str, tuple[str, ...]], since_ms: int) -> ScriptedReviewers | None:
        if self._approve_when is None:
            return None
        return ScriptedReviewers(self._deployment, people, self._concerns, self._approves, since_ms)

    def _concerns(self, request: ApprovalRequest) -> bool:
        return (request.agent, request.action_id) in self._calls

    def _approves(self, request: ApprovalRequest) -> bool:
        call = self._calls[request.agent, request.action_id]
        return call.fields.get(self._approve_when or "") is True

    def _submit(self, link: AgentLink, stack: ExitStack) -> list["_Wait"]:
        deployment = self._deployment
        clients: dict[str, AgentClient] = {}
        waits = []
        for number, call in enumerate(self._calls.values(), start=1):
            client = clients.get(call.agent_id)
            if client is None:
                client = clients[call.agent_id] = AgentClient(
                    link.connection,
                    call.agent_id,
                    deployment.key(call.agent_id),
                    deployment=deployment.settings.deployment,
                    link=link,
                )
            draft = Draft(call.tool, call.arguments, action_id=call.action_id)
            wait = _Wait(call, client, client.submit_nowait(draft))
            stack.enter_context(client.feed.waking(wait.submission.awaited.history, wait.news))
            wait.news()
            waits.append(wait)
            self._progress("submitted", number, len(self._calls))
        link.sender.flush(self._timeout_s)
        return waits

    def _await(self, waits: Sequence["_Wait"], reviewers: ScriptedReviewers | None) -> None:
        deadline = time.monotonic() + self._timeout_s
        for number, wait in enumerate(waits, start=1):
            while not wait.ended.wait(0.2):
                if reviewers is not None:
                    reviewers.check()
                if time.monotonic() > deadline:
                    left = sum(not other.ended.is_set() for other in waits)
                    raise TimedOutError(
                        f"{left} actions have not ended after {self._timeout_s:g} s; see `sluicegate inbox`"
                    )
            self._progress("ended", number, len(waits))

    def _await_results(self, waits: Sequence["_Wait"]) -> None:
        deadline = time.monotonic() + RESULTS_S
        for number, wait in enumerate(waits, start=1):
            wait.collect(max(0.0, deadline - time.monotonic()))
            self._progress("results", number, len(waits))

    def _verify(self) -> Report:
        reader = AuditReader(self._deployment.connection(Role.ANALYST))
        return reader.verify(lambda done, of: self._progress("verifying the audit log", done, of))


class _Wait:
    """One submitted call, when it ended, and what became of its result."""

    def __init__(self, call: Call, client: AgentClient, submission: Submission) -> None:
        self.call = call
        self.client = client
        self.submission = submission
        self.ended = Event()
        self._started = time.perf_counter()
        self._ended_after_ms: float | None = None
        self._result: str | None = None

    def news(self) -> None:
        """Look whether it has ended; called from the reader's thread too."""
        latest = self.submission.awaited.latest()
        if latest is None or self.ended.is_set():
            return
        if latest.outcome.final or latest.outcome is OutcomeKind.UNKNOWN:
            self._ended_after_ms = (time.perf_counter() - self._started) * 1000
            self.ended.set()

    def collect(self, timeout_s: float) -> None:
        """Take what came back; it is counted and let go."""
        latest = self.submission.awaited.latest()
        if latest is None or latest.result_digest is None:
            return
        try:
            answer = self.client.wait(self.submission, timeout_s=timeout_s)
        except TimedOutError:
            self._result = "missing"
        else:
            self._result = "withheld" if answer.withheld else "returned"

    def told(self) -> Told:
        """What the agent was told."""
        return Told(self.call.tool, self.submission.awaited.told(), self._ended_after_ms, self._result)


def policy_for(text: str, agents: Sequence[str]) -> str:
    """The policy, made to name the recorded agents when it names none itself."""
    if re.search(r"^agents\s*:", text, re.MULTILINE):
        return text
    patterns = ", ".join(f'"{agent}/*"' for agent in agents)
    return f"{text.rstrip()}\nagents: [{patterns}]\n"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
