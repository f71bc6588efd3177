"""`identity`: who is who, as signed documents."""

from typing import Any

import typer

from sluicegate.schemas.document import (
    Account,
    Agent,
    Body,
    Bridge,
    DocumentKind,
    Executor,
    Group,
    Person,
    Pipeline,
)
from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.clients.operator import Statement
from sluicegate.streams.clients.stored_key import key_or_new
from sluicegate.streams.releasing import RELEASER, releaser, releasing_keys

from . import enrolling
from .failures import Commands
from .invocation import invocation
from .operators import operator_of, show_published
from .options import AsJson
from .screen import clean, note, print_json, rows, span

app = typer.Typer(name="identity", cls=Commands, no_args_is_help=True)
app.add_typer(enrolling.app)


@app.callback()
def identity() -> None:
    """Publish and show persons, accounts, groups, agents, bridges: signed documents on `identities`."""


@app.command()
def apply(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Publish what identities.toml says and the cluster does not; keys that are missing are made. Repeatable.

    Removes nothing: retire somebody with `retired = true`.

    Example: sluicegate identity apply
    """
    called = invocation(ctx)
    if not called.identities_path.is_file():
        raise ConfigurationError(f"there is no `{called.identities_path}`: `sluicegate init` writes one")
    called.state.create()
    keys = releasing_keys(called.state) if called.identities.releasing else None

    def public_key(name: str) -> str:
        if keys is not None and name in called.identities.releasing:
            return keys.agent.public.text
        return key_or_new(called.state, name)[0].public.text

    bodies = called.identities.bodies(public_key)
    with operator_of(called) as operator:
        if keys is not None:
            known = operator.tables.directory.executors.get(RELEASER)
            bodies[DocumentKind.EXECUTOR, RELEASER] = releaser(keys, known)
        before = {subject: operator.current(*subject) for subject in bodies}
        wanted = [Statement(kind, name, body) for (kind, name), body in bodies.items()]
        versions = operator.ensure_many(wanted)
    done = [
        {
            "kind": one.subject.value,
            "id": one.id,
            "version": version,
            "published": before[one.subject, one.id] != one.body,
        }
        for one, version in zip(wanted, versions, strict=True)
    ]
    show_published(done, as_json=as_json)


@app.command()
def show(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Print who is who now. Takes the operator's rights, because `identities` holds people's names.

    Example: sluicegate identity show
    """
    with operator_of(invocation(ctx)) as operator:
        tables = operator.tables
    directory = tables.directory
    kinds: list[tuple[DocumentKind, Any]] = [
        (DocumentKind.PERSON, directory.persons),
        (DocumentKind.ACCOUNT, directory.accounts),
        (DocumentKind.GROUP, directory.groups),
        (DocumentKind.AGENT, directory.agents),
        (DocumentKind.EXECUTOR, directory.executors),
        (DocumentKind.BRIDGE, directory.bridges),
        (DocumentKind.GATE, directory.gates),
        (DocumentKind.PIPELINE, directory.pipelines),
    ]
    known = [(kind, name, body) for kind, bodies in kinds for name, body in sorted(bodies.items())]
    if as_json:
        print_json(
            [
                {
                    "kind": kind.value,
                    "id": name,
                    "version": tables.versions[kind.value, name],
                    "body": body.model_dump(mode="json"),
                }
                for kind, name, body in known
            ]
        )
        return
    versions = tables.versions
    rows(
        ("kind", "id", "version", ""),
        [(kind.value, name, str(versions[kind.value, name]), _in_words(body)) for kind, name, body in known],
    )
    for ignored in tables.ignored:
        note(f"ignored: `{ignored.topic}` offset {ignored.offset}: {ignored.reason}")


def _in_words(body: Body) -> str:
    words = _about(body)
    return f"{words} (retired)" if getattr(body, "retired", False) else words


def _about(body: Body) -> str:
    match body:
        case Person():
            return clean(body.name or "")
        case Account():
            login = clean(f"{body.account.issuer} {body.account.subject}")
            return f"{login}, of {body.person}{'' if body.key else ', without a key'}"
        case Group():
            return ", ".join(body.members)
        case Agent():
            lane = (
                "any lane, asks for releases" if body.releases else f"lane {body.lane}" if body.lane else ""
            )
            return f"of {', '.join(body.owners)}" + (f", {lane}" if lane else "")
        case Executor():
            floors = [
                f"{kind}: {_needs(floor.groups, floor.quorum)}" for kind, floor in sorted(body.floor.items())
            ]
            floor = f"; floor {'; '.join(floors)}" if floors else ""
            settles = f"; reconcilers {', '.join(body.reconcilers)}" if body.reconcilers else ""
            return f"{', '.join(body.types)}{floor}{settles}; lease {span(body.lease_ms)}"
        case Bridge():
            return clean(", ".join(body.issuers))
        case Pipeline():
            return f"of {', '.join(body.owners)}" if body.owners else ""
        case _:
            return ""


def _needs(groups: dict[str, int], quorum: int) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(groups.items())) or f"{quorum} people"
