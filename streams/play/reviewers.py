"""Scripted reviewers: people of every group the policy asks, who decide through the normal reviewer client."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event, Thread
from typing import Final, Self

from sluicegate.schemas import document
from sluicegate.schemas.action import AccountName
from sluicegate.schemas.approval import ApprovalRequest
from sluicegate.schemas.decision import Choice
from sluicegate.schemas.document import DocumentKind
from sluicegate.streams.clients.operator import Operator, Statement
from sluicegate.streams.clients.reviewer import ReviewerClient
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.local import LocalDeployment

ISSUER: Final = "play"
REASON: Final = "scripted by the recording"
PATIENCE_S: Final = 600.0
"""How long a scripted person waits for the tally: a broker may be away for minutes."""
_AT_ONCE: Final = 8

Approves = Callable[[ApprovalRequest], bool]
"""Whether the recording says that a request should be approved."""


def cast(groups: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """Person ids per group: as many as any request can need, and nobody in two groups."""
    return {
        group: tuple(f"p-play-{group}-{number}" for number in range(1, count + 1))
        for group, count in sorted(groups.items())
    }


def enrolments(deployment: LocalDeployment, people: Mapping[str, tuple[str, ...]]) -> list[Statement]:
    """Person, account with a key of its own, and group, as documents; members that are there already stay."""
    statements = []
    for group, names in people.items():
        for name in names:
            account = document.Account(
                account=AccountName(issuer=ISSUER, subject=name),
                person=name,
                key=deployment.key(name).public.text,
            )
            statements.append(
                Statement(DocumentKind.PERSON, name, document.Person(name=f"{name} (scripted)"))
            )
            statements.append(Statement(DocumentKind.ACCOUNT, name, account))
        members = (*_others(deployment.operator, group, names), *names)
        statements.append(Statement(DocumentKind.GROUP, group, document.Group(members=members)))
    return statements


class ScriptedReviewers:
    """Decide on every request about the actions at hand, as soon as it appears."""

    def __init__(
        self,
        deployment: LocalDeployment,
        people: Mapping[str, tuple[str, ...]],
        concerns: Callable[[ApprovalRequest], bool],
        approves: Approves,
        since_ms: int,
    ) -> None:
        """Connect one client per person."""
        self._people = people
        self._concerns = concerns
        self._approves = approves
        self._stack = ExitStack()
        self._stopping = Event()
        self._failures: list[BaseException] = []
        connection = deployment.connection(Role.REVIEWER)
        self._clients = {
            name: self._stack.enter_context(
                ReviewerClient(
                    connection,
                    deployment.key(name),
                    deployment=deployment.settings.deployment,
                    account=AccountName(issuer=ISSUER, subject=name),
                    since_ms=since_ms,
                )
            )
            for names in people.values()
            for name in names
        }
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="play-reviewer")
        self._watcher = Thread(target=self._watch, name="play-reviewers", daemon=True)

    def check(self) -> None:
        """Raise what ended a reviewer, if anything did."""
        if self._failures:
            raise self._failures[0]

    def __enter__(self) -> Self:
        if self._clients:
            self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._pool.shutdown()
        self._stack.close()
        if self._clients:
            self._watcher.join()

    def _watch(self) -> None:
        asked: set[tuple[str, int]] = set()
        first = next(iter(self._clients.values()))
        for event in first.watch():
            if self._stopping.is_set():
                return
            if not isinstance(event, ApprovalRequest) or not self._concerns(event):
                continue
            if (event.request_id, event.revision) not in asked:
                asked.add((event.request_id, event.revision))
                self._pool.submit(self._decide, event).add_done_callback(self._note)

    def _decide(self, request: ApprovalRequest) -> None:
        approved = self._approves(request)
        for group, count in request.requirement.groups.items():
            for name in self._people.get(group, ())[:count]:
                choice = Choice.APPROVE if approved else Choice.REJECT
                self._clients[name].decide(request, choice, REASON, timeout_s=PATIENCE_S)
                if not approved:
                    return  # one rejection is final

    def _note(self, done: "Future[None]") -> None:
        error = done.exception()
        if error is not None:
            self._failures.append(error)


def _others(operator: Operator, group: str, names: tuple[str, ...]) -> tuple[str, ...]:
    found = operator.tables.directory.groups.get(group)
    return tuple(member for member in found.members if member not in names) if found else ()
