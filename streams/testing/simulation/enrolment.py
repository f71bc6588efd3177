"""Who takes part in a simulation, and under which policy: the documents that operators have signed before it begins."""

from functools import cache
from typing import Final

from sluicegate.schemas import document
from sluicegate.schemas.document import DocumentKind
from sluicegate.streams.testing.gate_driver import GateDriver

from .history import MEMBERS, OWNERS, PEOPLE, policy

PARTITIONS: Final = 2
LEASE_MS: Final = 30_000
"""How long an executor may take; `mailer` has one second for everything."""
CRM_TYPES: Final = ("crm.read", "crm.write", "crm.both", "crm.trio", "crm.drop")


@cache
def enrolled() -> GateDriver:
    """Everybody's documents, signed once: every simulation begins with the same."""
    people = GateDriver(partitions=PARTITIONS)
    for person in PEOPLE:
        people.person(person, accounts=2 if person == "p-ann" else 1)
    for group, members in MEMBERS.items():
        people.publish(DocumentKind.GROUP, group, document.Group(members=tuple(sorted(members))))
    for agent, owner in OWNERS.items():
        people.agent(agent, owners=[owner])
    people.executor("crm", types=CRM_TYPES, reconcilers=("privacy",), lease_ms=LEASE_MS)
    people.executor(
        "mailer", types=("mail.send",), reconcilers=("privacy",), grant_life_ms=1_000, lease_ms=1_000
    )
    people.policy("policy", policy(stricter=False))
    return people
