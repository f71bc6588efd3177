"""Who is there and what is allowed: the policy as operators publish it, and the same as the oracle knows it."""

from typing import Final

from .oracle.history import Needs

ISSUER: Final = "https://login.faults"
PERSONS: Final = ("mara", "dara", "ines", "rita", "olu")
GROUPS: Final = {"security": ("mara", "dara", "olu"), "privacy": ("ines",), "ops": ("rita",)}
OWNER: Final = "olu"
"""Behind every agent, and a member of security: may never decide."""
RECONCILER: Final = "rita"
AGENTS: Final = tuple(f"agent-{number}" for number in range(12))
GRANT_LIFE_MS: Final = 45_000
LEASE_MS: Final = 15_000
WITHIN_S: Final = 45
QUICK_S: Final = 3

EXECUTORS: Final = {
    "crm": ("crm.read", "crm.fail", "role.grant", "role.admin", "data.drop"),
    "mail": ("mail.send", "data.export", "door.open"),
}
TYPES: Final = {
    "crm.read": Needs("crm", "allow"),
    "crm.fail": Needs("crm", "allow"),
    "mail.send": Needs("mail", "allow"),
    "role.grant": Needs("crm", "review", {"security": 1}, 1),
    "role.admin": Needs("crm", "review", {"security": 2}, 2),
    "data.export": Needs("mail", "review", {"security": 1, "privacy": 1}, 2),
    "door.open": Needs("mail", "review", {"security": 1}, 1),
    "data.drop": Needs("crm", "deny"),
}
POLICY: Final = f"""
version: 1
name: faults
default: deny
reviews:
  one: {{groups: {{security: 1}}, within: {WITHIN_S}s}}
  pair: {{groups: {{security: 2}}, within: {WITHIN_S}s}}
  both: {{groups: {{security: 1, privacy: 1}}, within: {WITHIN_S}s}}
  quick: {{groups: {{security: 1}}, within: {QUICK_S}s}}
rules:
  - {{id: reads-pass, on: [crm.read, crm.fail, mail.send], effect: allow}}
  - {{id: roles-wait, on: [role.grant], effect: review, review: one}}
  - {{id: admins-wait, on: [role.admin], effect: review, review: pair}}
  - {{id: exports-wait, on: [data.export], effect: review, review: both}}
  - {{id: doors-wait, on: [door.open], effect: review, review: quick}}
  - {{id: drops-never, on: [data.drop], effect: deny}}
"""
