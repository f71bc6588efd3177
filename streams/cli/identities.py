"""`identity`: who is who, as signed documents."""

from typing import Annotated, Any

import typer

from sluicegate.schemas.document import Account, Agent, Body, Bridge, DocumentKind, Executor, Group, Person
from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.clients.operator import Operator, Statement
from sluicegate.streams.clients.signed_record import random_id

from .failures import Commands
from .identities_file import body_of
from .initialising import OPERATOR
from .invocation import Invocation, invocation
from .key_files import key_or_new
from .options import AsJson
from .screen import clean, note, print_json, rows

app = typer.Typer(name="identity", cls=Commands, no_args_is_help=True)
adding = typer.Typer(name="add", cls=Commands, no_args_is_help=True)
app.add_typer(adding)

PublicKeyOption = Annotated[
    str | None,
    typer.Option(
        "--key", metavar="PUBLIC", help="Its public key. Default: that of keys/ID.ed25519, made when missing."
    ),
]


@app.callback()
def identity() -> None:
    """Publish and show persons, accounts, groups, agents, bridges: signed documents on `identities`."""


@adding.callback()
def add() -> None:
    """Sign and publish one document. An unchanged one is not published again."""


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
    bodies = called.identities.bodies(lambda name: key_or_new(called.state, name)[0].public.text)
    with _operator(called) as operator:
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
    _show_done(done, as_json=as_json)


@adding.command()
def person(
    ctx: typer.Context,
    *,
    name: Annotated[
        str | None, typer.Option("--name", help="Their name; nothing but `identities` ever holds it.")
    ] = None,
    person_id: Annotated[
        str | None, typer.Option("--id", metavar="PERSON", help="Change an existing person.")
    ] = None,
    retired: Annotated[bool, typer.Option("--retired", help="They may no longer decide.")] = False,
    as_json: AsJson = False,
) -> None:
    """A human being, by a random id.

    Example: sluicegate identity add person --name "Dana"
    """
    chosen = person_id or random_id("p")
    _publish(ctx, DocumentKind.PERSON, chosen, {"name": name, "retired": retired}, as_json=as_json)


@adding.command()
def account(
    ctx: typer.Context,
    account_id: Annotated[str, typer.Argument(metavar="ACCOUNT", help="What you write after `--as`.")],
    *,
    issuer: Annotated[
        str, typer.Option("--issuer", help="Who vouches for the login, such as https://login.example")
    ],
    subject: Annotated[str, typer.Option("--subject", help="The login as the issuer writes it.")],
    person_id: Annotated[str, typer.Option("--person", metavar="PERSON", help="Whose login it is.")],
    key: PublicKeyOption = None,
    without_key: Annotated[
        bool, typer.Option("--without-key", help="Only a bridge carries its decisions.")
    ] = False,
    retired: Annotated[bool, typer.Option("--retired", help="It may no longer decide.")] = False,
    as_json: AsJson = False,
) -> None:
    """One login of a person, with the key that signs its decisions.

    Example: sluicegate identity add account dana --issuer local --subject dana --person p-4fj2
    """
    said = {"account": {"issuer": issuer, "subject": subject}, "person": person_id, "retired": retired}
    chosen = None if without_key else key or _own_key(ctx, account_id)
    _publish(ctx, DocumentKind.ACCOUNT, account_id, {**said, "key": chosen}, as_json=as_json)


@adding.command()
def group(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="GROUP", help="As policies name it.")],
    members: Annotated[list[str], typer.Argument(metavar="PERSON...", help="All its members.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Exactly these persons may review as this group.

    Example: sluicegate identity add group privacy-office p-4fj2 p-9k1x
    """
    _publish(ctx, DocumentKind.GROUP, name, {"members": members}, as_json=as_json)


@adding.command()
def agent(
    ctx: typer.Context,
    agent_id: Annotated[
        str, typer.Argument(metavar="AGENT", help="Such as clinic-ops, or clinic-ops/night.")
    ],
    *,
    owner: Annotated[
        list[str], typer.Option("--owner", metavar="PERSON", help="Who answers for it; repeat it.")
    ],
    lane: Annotated[
        str | None, typer.Option("--lane", help="Share a lane with related agents. Default: its id.")
    ] = None,
    key: PublicKeyOption = None,
    retired: Annotated[bool, typer.Option("--retired", help="Its actions no longer count.")] = False,
    as_json: AsJson = False,
) -> None:
    """An agent, its key, and the people who answer for it: they may never decide about its actions.

    Example: sluicegate identity add agent clinic-ops --owner p-9k1x
    """
    said = {"owners": owner, "lane": lane, "retired": retired, "key": key or _own_key(ctx, agent_id)}
    _publish(ctx, DocumentKind.AGENT, agent_id, said, as_json=as_json)


@adding.command()
def bridge(
    ctx: typer.Context,
    bridge_id: Annotated[str, typer.Argument(metavar="BRIDGE", help="Its id.")],
    *,
    issuer: Annotated[
        list[str], typer.Option("--issuer", help="Whose accounts it may speak for; repeat it.")
    ],
    key: PublicKeyOption = None,
    retired: Annotated[bool, typer.Option("--retired", help="It may no longer carry decisions.")] = False,
    as_json: AsJson = False,
) -> None:
    """A program that carries decisions for people, such as a bot.

    Example: sluicegate identity add bridge slack --issuer https://clinic.slack.com
    """
    said = {"issuers": issuer, "retired": retired, "key": key or _own_key(ctx, bridge_id)}
    _publish(ctx, DocumentKind.BRIDGE, bridge_id, said, as_json=as_json)


@adding.command()
def gate(
    ctx: typer.Context,
    gate_id: Annotated[str, typer.Argument(metavar="GATE", help="Its id.")] = "gate",
    *,
    key: PublicKeyOption = None,
    retired: Annotated[bool, typer.Option("--retired", help="Its grants no longer count.")] = False,
    as_json: AsJson = False,
) -> None:
    """A gate, whose grants executors then accept.

    Example: sluicegate identity add gate
    """
    said = {"retired": retired, "key": key or _own_key(ctx, gate_id)}
    _publish(ctx, DocumentKind.GATE, gate_id, said, as_json=as_json)


@app.command()
def show(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Print who is who now. Takes the operator's rights, because `identities` holds people's names.

    Example: sluicegate identity show
    """
    with _operator(invocation(ctx)) as operator:
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


def _publish(
    ctx: typer.Context, kind: DocumentKind, name: str, said: dict[str, Any], *, as_json: bool
) -> None:
    body = body_of(kind, name, said)
    with _operator(invocation(ctx)) as operator:
        before = operator.current(kind, name)
        version = operator.ensure(kind, name, body)
    done = {"kind": kind.value, "id": name, "version": version, "published": before != body}
    if as_json:
        print_json(done)
    else:
        _show_done([done], as_json=False)


def _show_done(done: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    rows(
        ("kind", "id", "version", ""),
        [
            (one["kind"], one["id"], str(one["version"]), "published" if one["published"] else "unchanged")
            for one in done
        ],
    )


def _own_key(ctx: typer.Context, name: str) -> str:
    state = invocation(ctx).state
    state.create()
    return key_or_new(state, name)[0].public.text


def _operator(called: Invocation) -> Operator:
    return Operator.connect(OPERATOR, settings=called.settings)


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
            return f"of {', '.join(body.owners)}" + (f", lane {body.lane}" if body.lane else "")
        case Executor():
            floors = [
                f"{kind}: {_needs(floor.groups, floor.quorum)}" for kind, floor in sorted(body.floor.items())
            ]
            return ", ".join(body.types) + (f"; floor {'; '.join(floors)}" if floors else "")
        case Bridge():
            return clean(", ".join(body.issuers))
        case _:
            return ""


def _needs(groups: dict[str, int], quorum: int) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(groups.items())) or f"{quorum} people"
