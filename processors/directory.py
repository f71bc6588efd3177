"""Who is who: persons, their accounts and groups, agents, executors, bridges, gates, pipelines, and whose key is whose.

Built from operator-signed documents on `identities`. Every question has an answer that refuses: unknown means None or empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sluicegate.schemas.action import AccountName
from sluicegate.schemas.document import Account, Agent, Bridge, Executor, Gate, Group, Person, Pipeline
from sluicegate.schemas.keys import PublicKey


class SignerKind(StrEnum):
    """Whose key a key is."""

    ACCOUNT = "account"
    AGENT = "agent"
    BRIDGE = "bridge"
    EXECUTOR = "executor"
    GATE = "gate"
    PIPELINE = "pipeline"


@dataclass(frozen=True, slots=True)
class Signer:
    """A key and the subject it belongs to."""

    kind: SignerKind
    id: str
    key: PublicKey


AccountKey = tuple[str, str]
"""(issuer, subject): compared as the exact text, never folded."""


def account_key(account: AccountName) -> AccountKey:
    """The pair under which the directory knows an account."""
    return account.issuer, account.subject


@dataclass(frozen=True, slots=True)
class Directory:
    """What the documents say now. Maps are never changed in place."""

    persons: Mapping[str, Person] = field(default_factory=dict)
    accounts: Mapping[str, Account] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    agents: Mapping[str, Agent] = field(default_factory=dict)
    executors: Mapping[str, Executor] = field(default_factory=dict)
    bridges: Mapping[str, Bridge] = field(default_factory=dict)
    gates: Mapping[str, Gate] = field(default_factory=dict)
    pipelines: Mapping[str, Pipeline] = field(default_factory=dict)
    signers: Mapping[str, Signer] = field(default_factory=dict)
    logins: Mapping[AccountKey, str] = field(default_factory=dict)
    routes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    releasing: frozenset[str] = frozenset()
    """The agents that are masking: they may ask for `export.release`, on any lane."""

    def signer(self, key_id: str) -> Signer | None:
        """Who owns the key of this id."""
        return self.signers.get(key_id)

    def person_of(self, account: AccountName) -> str | None:
        """The person behind an account; None when account or person is unknown or retired."""
        found = self.accounts.get(self.logins.get(account_key(account), ""))
        if found is None or found.retired:
            return None
        person = self.persons.get(found.person)
        return found.person if person is not None and not person.retired else None

    def groups_of(self, person: str) -> frozenset[str]:
        """The groups a person is in."""
        return frozenset(name for name, group in self.groups.items() if person in group.members)

    def members(self, group: str) -> frozenset[str]:
        """The known, active members of a group; empty for a group nobody defined."""
        found = self.groups.get(group)
        return frozenset(p for p in found.members if self._active(p)) if found else frozenset()

    def executors_for(self, action_type: str) -> tuple[str, ...]:
        """Executors an action type is routed to: exactly one is a route."""
        return self.routes.get(action_type, ())

    def _active(self, person: str) -> bool:
        found = self.persons.get(person)
        return found is not None and not found.retired
