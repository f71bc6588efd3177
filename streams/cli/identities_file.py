"""`identities.toml`: who is who, as an operator writes it; `identity apply` signs and publishes what differs.

::

    [persons.p-4fj2]            # a random id: the only thing that audit ever says about a person
    name = "Ada"

    [accounts.ada]              # one login; its key decides without a bridge
    issuer = "local"
    subject = "ada"
    person = "p-4fj2"

    [groups]
    security = ["p-4fj2"]

    [agents.ops-agent]
    owners = ["p-9k1x"]

    [agents.masking]            # asks people to release what it held back; its owner may not decide on it
    owners = ["p-9k1x"]
    releases = true

    [gates.gate]

A public `key` that is not written down is that of `keys/<id>.ed25519` in the state folder; the keys of masking, which is the executor
of releases too, derive from its secret.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from sluicegate.schemas.document import BODIES, Body, DocumentKind
from sluicegate.schemas.errors import ConfigurationError

from .failures import reason_of

FILE_NAME: Final = "identities.toml"

SECTIONS: Final[Mapping[str, DocumentKind]] = {
    "persons": DocumentKind.PERSON,
    "accounts": DocumentKind.ACCOUNT,
    "groups": DocumentKind.GROUP,
    "agents": DocumentKind.AGENT,
    "bridges": DocumentKind.BRIDGE,
    "gates": DocumentKind.GATE,
}
"""In the order in which they are published: who is named comes before who names them."""
KEYED: Final = frozenset({"accounts", "agents", "bridges", "gates"})

Fields = dict[str, Any]
Subject = tuple[DocumentKind, str]


@dataclass(frozen=True, slots=True)
class Identities:
    """The tables of the file, by section and id; keys that the state folder holds are not in it."""

    sections: Mapping[str, Mapping[str, Fields]] = field(default_factory=dict)

    @property
    def agents(self) -> tuple[str, ...]:
        """Ids of the agents that somebody may speak for, in the order of the file: not of masking."""
        return tuple(
            name for name, said in self.sections.get("agents", {}).items() if not said.get("releases")
        )

    @property
    def accounts(self) -> tuple[str, ...]:
        """Ids of the accounts, in the order of the file."""
        return tuple(self.sections.get("accounts", {}))

    def fields_of(self, section: str, name: str) -> Fields | None:
        """What the file says about one subject; None when it is not there."""
        return self.sections.get(section, {}).get(name)

    @property
    def releasing(self) -> tuple[str, ...]:
        """Agents that are masking and whose key is not in the file: it derives from masking's secret."""
        agents = self.sections.get("agents", {})
        return tuple(name for name, said in agents.items() if said.get("releases") and "key" not in said)

    def keyless(self) -> Iterator[str]:
        """The ids whose key is not in the file and has a file of its own."""
        for section in SECTIONS:
            if section in KEYED:
                yield from (
                    name
                    for name, said in self.sections.get(section, {}).items()
                    if "key" not in said and not (section == "agents" and name in self.releasing)
                )

    def bodies(self, public_key: Callable[[str], str]) -> dict[Subject, Body]:
        """Every subject with its document, in publishing order; `public_key` gives the key of an id without one."""
        found: dict[Subject, Body] = {}
        for section, kind in SECTIONS.items():
            for name, said in self.sections.get(section, {}).items():
                key = {"key": public_key(name)} if section in KEYED and "key" not in said else {}
                found[kind, name] = body_of(kind, name, {**said, **key})
        return found


def read_identities(path: Path) -> Identities:
    """The file; a `ConfigurationError` that names section and field when it cannot be used."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"`{path}` is not TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"`{path}` cannot be read: {reason_of(error)}") from None
    for section in tables:
        if section not in SECTIONS:
            raise ConfigurationError(f"`{path}` has a section `{section}`: use {', '.join(SECTIONS)}")
    return Identities({section: _section(section, table) for section, table in tables.items()})


def body_of(kind: DocumentKind, name: str, fields: Fields) -> Body:
    """The document body; a `ConfigurationError` that names the field that is wrong and never its value."""
    try:
        return BODIES[kind].model_validate(fields, strict=False)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{kind} `{name}`: `{where}`: {first['msg'].lower()}") from None


def _section(section: str, table: Any) -> dict[str, Fields]:
    if not isinstance(table, dict):
        raise ConfigurationError(f"`{section}` must be a table with one entry per id")
    return {name: _fields(section, name, said) for name, said in table.items()}


def _fields(section: str, name: str, said: Any) -> Fields:
    if section == "groups" and isinstance(said, list):
        return {"members": said}
    if not isinstance(said, dict):
        raise ConfigurationError(f"`{section}.{name}` must be a table")
    if section == "accounts":
        login = {part: said[part] for part in ("issuer", "subject") if part in said}
        return {"account": login, **{key: value for key, value in said.items() if key not in login}}
    return said
