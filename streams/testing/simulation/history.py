"""What people, agents and operators of a simulation have said: the model that the gate's answers are held against.

It shares no code with separation, quorum or the approvals of the gate: who is who is written down here a second time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Final

from sluicegate.processors.contract import Position
from sluicegate.schemas.action import Action
from sluicegate.schemas.decision import Choice

Groups = Mapping[str, frozenset[str]]

OWNERS: Final = {"one": "p-own", "two": "p-two"}
MEMBERS: Final[Groups] = {
    "security": frozenset({"p-ann", "p-bob", "p-eve", "p-own", "p-two"}),
    "privacy": frozenset({"p-cat", "p-dan", "p-eve", "p-own"}),
}
PEOPLE: Final = ("p-ann", "p-bob", "p-cat", "p-dan", "p-eve", "p-own", "p-two", "p-out")
LOGINS: Final = (*PEOPLE, "p-ann-2")
ALLOWED: Final = frozenset({"crm.read", "mail.send"})


@dataclass(frozen=True, slots=True)
class Need:
    """What an action type asks of people."""

    groups: Mapping[str, int]
    quorum: int
    within_ms: int
    reason: bool = False


REVIEWED: Final[Mapping[str, tuple[Need, ...]]] = {
    "crm.write": (
        Need({"security": 1}, 1, 60_000),
        Need({"security": 1, "privacy": 1}, 2, 30_000, reason=True),
    ),
    "crm.both": (Need({"security": 1, "privacy": 1}, 2, 30_000, reason=True),),
    "crm.trio": (Need({"security": 1}, 3, 60_000),),
}
"""What each of the published policies asks; the first one is in force at the start."""
TYPES: Final = (
    "crm.read",
    "crm.read",
    "mail.send",
    "mail.send",
    "crm.write",
    "crm.write",
    "crm.both",
    "crm.both",
    "crm.trio",
    "crm.drop",
)
_ONE: Final = "one: {groups: {security: 1}, within: 60s, remind: 20s}"
_BOTH: Final = "both: {groups: {security: 1, privacy: 1}, within: 30s, reason: required}"
_TRIO: Final = "trio: {groups: {security: 1}, quorum: 3, within: 60s}"


def policy(*, stricter: bool) -> str:
    """The policy at the start, or the stricter one that operators may put in its place."""
    return f"""
version: 1
name: simulated
default: deny
reviews:
  {_ONE}
  {_BOTH}
  {_TRIO}
rules:
  - {{id: reads, on: [crm.read, mail.send], effect: allow}}
  - {{id: writes, on: [crm.write], effect: review, review: {"both" if stricter else "one"}}}
  - {{id: pairs, on: [crm.both], effect: review, review: both}}
  - {{id: trios, on: [crm.trio], effect: review, review: trio}}
"""


@dataclass(frozen=True, slots=True)
class Submitted:
    """One record of an agent that asks for something. `bytes_digest` is that of what was signed."""

    action: Action
    bytes_digest: bytes
    append_ms: int
    position: Position


@dataclass(frozen=True, slots=True)
class Said:
    """One decision, and everything about it that decides whether it may count."""

    login: str
    choice: Choice
    request_id: str
    action_digest: bytes
    view_digest: bytes
    reason: str | None
    append_ms: int

    @property
    def person(self) -> str:
        """Who speaks."""
        return self.login.removesuffix("-2")


@dataclass(slots=True)
class History:
    """Everything that was said, as it was said."""

    first: dict[tuple[str, str], Submitted] = field(default_factory=dict)
    """The first authentic record under each id of each agent."""
    later: list[Submitted] = field(default_factory=list)
    """Everything after it under the same id: copies, and other content."""
    stale: list[Submitted] = field(default_factory=list)
    """What was an hour old when it came: refused, and it binds nobody."""
    bad: dict[Position, str] = field(default_factory=dict)
    """Records that nobody may act upon, and why."""
    spoke: dict[str, Said] = field(default_factory=dict)
    effects: list[tuple[str, str, str]] = field(default_factory=list)
    """(agent, action id, grant id) of every effect at the target."""
    tried: list[tuple[str, str, str]] = field(default_factory=list)
    """As `effects`, with calls that raised."""
    strangers: set[str] = field(default_factory=set)
    """Claims and receipts that no executor of ours wrote for itself: ids."""
    ghosts: set[Position] = field(default_factory=set)
    """Records that became visible although their transaction was abandoned, and copies that somebody made."""
    policy_changes: int = 0


def speaks_for(person: str) -> frozenset[str]:
    """The groups of a person."""
    return frozenset(group for group, members in MEMBERS.items() if person in members)


def enough(groups: Mapping[str, int], quorum: int, people: Sequence[str]) -> bool:
    """Brute force: some order of these distinct people fills every place, and they are at least `quorum`."""
    places = [group for group, count in groups.items() for _ in range(count)]
    if not places or len(people) < max(quorum, len(places)):
        return False
    spoken = [speaks_for(person) for person in people]
    return any(
        all(place in each for place, each in zip(places, order, strict=True))
        for order in permutations(spoken, len(places))
    )
