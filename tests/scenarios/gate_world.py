"""What a scenario of the gate may do and see, whatever world it plays in: the driver in memory, or a real Kafka.

Everybody is there from the start: `mara` and `dara` of security, `ines` of privacy, and `olu` of both, who owns every agent.
`mara` and `olu` have a second login each. Every scenario takes agents of its own, so scenarios of one world do not meet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from sluicegate.processors.contract import Position, Record
from sluicegate.processors.story import Story
from sluicegate.processors.verification import Report
from sluicegate.schemas import document
from sluicegate.schemas.action import AccountName
from sluicegate.schemas.approval import ApprovalRequest, Reminder, Tally
from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.decision import Choice, Settled
from sluicegate.schemas.document import Body, DocumentKind
from sluicegate.schemas.envelope import Headers
from sluicegate.schemas.keys import PrivateKey
from sluicegate.schemas.outcome import Outcome, OutcomeKind
from sluicegate.streams.clients.outcome_history import Awaited

ISSUER: Final = "https://login.test"
PERSONS: Final = {"mara": 2, "ines": 1, "dara": 1, "olu": 2}
"""Person id to number of logins: `mara`, `mara-2`, ..."""
GROUPS: Final = {"security": ("mara", "dara", "olu"), "privacy": ("ines", "olu")}
OWNER: Final = "olu"
AGENTS: Final = tuple(f"agent-{number:02}" for number in range(80))

POLICY: Final = """
version: 1
name: scenarios
default: deny
reviews:
  one: {groups: {security: 1}, within: 2m}
  pair: {groups: {security: 2}, within: 2m}
  both: {groups: {security: 1, privacy: 1}, within: 2m, reason: required}
  at-once: {groups: {security: 1}, within: 1s}
  reminding: {groups: {security: 2}, within: 30s, remind: 28s}
rules:
  - {id: reads-pass, on: [ward.read], effect: allow}
  - {id: roles-wait, on: [role.grant], effect: review, review: one}
  - {id: admins-wait, on: [role.admin], effect: review, review: pair}
  - {id: exports-wait, on: [data.export], effect: review, review: both}
  - {id: wipes-remind, on: [device.wipe], effect: review, review: reminding}
  - {id: reboots-at-once, on: [device.reboot], effect: review, review: at-once}
  - {id: drops-never, on: [data.drop], effect: deny}
  - {id: the-rest-passes, on: [pump.start, door.open, gas.open, steam.open, roof.open], effect: allow}
show:
  role.grant: [role]
"""

EXECUTORS: Final[Mapping[str, Mapping[str, Any]]] = {
    "ward": {
        "types": (
            "ward.read",
            "role.grant",
            "role.admin",
            "data.export",
            "device.reboot",
            "device.wipe",
            "data.drop",
        )
    },
    "pump": {"types": ("pump.start",), "lease_ms": 1_000, "reconcilers": ("privacy",)},
    "door": {"types": ("door.open",), "grant_life_ms": 120_000},
    "gas": {"types": ("gas.open",), "grant_life_ms": 1_000},
    "steam": {"types": ("steam.open",), "grant_life_ms": 1_000},
}
"""`ward` is always at work. `pump` too, but its process dies between its first claim and the act. The others are away."""
AT_WORK: Final = ("ward", "pump")
CRASHES_ONCE: Final = "pump"


@dataclass(frozen=True, slots=True)
class Asked:
    """An action somebody has submitted; `digest` is that of the record."""

    agent: str
    action_id: str
    digest: bytes
    awaited: Awaited = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Raw:
    """A record as it is written, whoever may or may not write such a thing; by default where its key belongs."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int | None = None


class World(Protocol):
    """One gate with everything around it. Every method waits until the gate has answered."""

    deployment: str

    def agent(self) -> str:
        """An agent nobody has used yet."""
        ...

    def key(self, name: str) -> PrivateKey:
        """The key of an agent, a login or an executor."""
        ...

    def now_ms(self) -> int:
        """The wall clock of this world."""
        ...

    def submit(
        self,
        agent: str,
        action_type: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        action_id: str | None = None,
        supersedes: Asked | None = None,
    ) -> Asked:
        """An agent publishes what it intends."""
        ...

    def withdraw(self, asked: Asked) -> None:
        """The agent takes it back."""
        ...

    def request(self, asked: Asked) -> ApprovalRequest:
        """The open request about an action."""
        ...

    def reminder(self, asked: Asked) -> Reminder:
        """What people are told before the deadline, waiting for it."""
        ...

    def decide(
        self, login: str, request: ApprovalRequest, choice: Choice = Choice.APPROVE, reason: str = "looked"
    ) -> Tally:
        """A person decides through a login; the gate's answer."""
        ...

    def reconcile(self, login: str, asked: Asked, settled: Settled) -> AuditEntry:
        """A person says what became of an unknown execution; the entry about it."""
        ...

    def outcome(self, asked: Asked, *wanted: OutcomeKind) -> Outcome:
        """Wait until the last outcome told is one of these; an error names the last one after half a minute."""
        ...

    def told(self, asked: Asked) -> list[OutcomeKind]:
        """Everything told since the submission, up to now."""
        ...

    def effects(self, asked: Asked) -> int:
        """How often the action was really done."""
        ...

    def arrive(self, executor: str) -> None:
        """An executor that was away, or died, starts to work."""
        ...

    def grant_of(self, asked: Asked, executor: str) -> Record:
        """The record of its grant, waiting for it."""
        ...

    def write(self, raw: Raw) -> Position:
        """Append a record; no right binds."""
        ...

    def pass_until(self, at_ms: int) -> None:
        """Let time pass until a moment."""
        ...

    def entry_of(self, position: Position) -> AuditEntry:
        """The audit entry of a consumed record, waiting for it."""
        ...

    def dead_letter(self, position: Position) -> Record:
        """The dead letter a record became, waiting for it."""
        ...

    def stories(self, asked: Asked) -> Sequence[Story]:
        """What `show` tells about the action id, one story per agent."""
        ...

    def verify(self) -> Report:
        """What the verifier says about everything so far."""
        ...


def logins(person: str) -> list[str]:
    """The logins of a person."""
    return [person, *(f"{person}-{number}" for number in range(2, PERSONS[person] + 1))]


def account_of(login: str) -> AccountName:
    """The account behind a login."""
    return AccountName(issuer=ISSUER, subject=login)


def bodies(keys: Mapping[str, str]) -> list[tuple[DocumentKind, str, Body]]:
    """Everybody's documents, by `keys` of the public keys; the policy is the last."""
    agents = [(DocumentKind.AGENT, name, document.Agent(key=keys[name], owners=(OWNER,))) for name in AGENTS]
    executors = [
        (DocumentKind.EXECUTOR, name, document.Executor(key=keys[name], **settings))
        for name, settings in EXECUTORS.items()
    ]
    groups = [(DocumentKind.GROUP, name, document.Group(members=of)) for name, of in GROUPS.items()]
    policy = (DocumentKind.POLICY, "scenarios", document.PolicyText(text=POLICY))
    return [*_people(keys), *groups, *agents, *executors, policy]


def _people(keys: Mapping[str, str]) -> list[tuple[DocumentKind, str, Body]]:
    found: list[tuple[DocumentKind, str, Body]] = []
    for person in PERSONS:
        found.append((DocumentKind.PERSON, person, document.Person()))
        found += [
            (
                DocumentKind.ACCOUNT,
                login,
                document.Account(account=account_of(login), person=person, key=keys[login]),
            )
            for login in logins(person)
        ]
    return found


def everybody() -> list[str]:
    """Everyone who has a key."""
    return [*(login for person in PERSONS for login in logins(person)), *AGENTS, *EXECUTORS]
