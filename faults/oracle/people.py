"""Who is who, from the documents that operators signed: keys, accounts, groups, owners."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .history import Known
from .wire import Stored, key_id, read, signed_bytes, signer, unbase64

Account = tuple[str, str]


@dataclass(slots=True)
class People:
    """The last word about everybody; the workload changes nobody while it runs."""

    accounts: dict[Account, str] = field(default_factory=dict)
    """Issuer and subject to person."""
    account_keys: dict[str, Account] = field(default_factory=dict)
    """Key id to the account that signs with it."""
    keys: dict[str, bytes] = field(default_factory=dict)
    """Every enrolled public key by its id."""
    groups: dict[str, frozenset[str]] = field(default_factory=dict)
    owners: dict[str, frozenset[str]] = field(default_factory=dict)
    """Agent to the persons behind it."""
    agents: dict[str, str] = field(default_factory=dict)
    """Key id to agent."""
    executors: dict[str, str] = field(default_factory=dict)
    """Key id to executor."""
    gates: frozenset[str] = frozenset()
    """Key ids of gates."""


def people(identities: Iterable[Stored], known: Known) -> People:
    """Fold every document that a pinned operator signed."""
    found = People()
    for record in identities:
        covered = signed_bytes(record.payload_type, record.value or b"")
        if signer(record.header("sig"), covered, known.operators) is None:
            continue
        document = read(record)
        _take(found, document["subject"], document["id"], json.loads(document["body"]))
    return found


def _take(found: People, subject: str, name: str, body: Mapping[str, Any]) -> None:
    number = ""
    if body.get("key"):
        public = unbase64(body["key"])
        number = key_id(public)
        found.keys[number] = public
    match subject:
        case "account":
            account = (body["account"]["issuer"], body["account"]["subject"])
            found.accounts[account] = body["person"]
            found.account_keys[number] = account
        case "group":
            found.groups[name] = frozenset(body["members"])
        case "agent":
            found.owners[name] = frozenset(body["owners"])
            found.agents[number] = name
        case "executor":
            found.executors[number] = name
        case "gate":
            found.gates |= {number}
