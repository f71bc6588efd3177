"""`identity add`: one signed document at a time."""

from typing import Annotated, Any

import typer

from sluicegate.schemas.document import DocumentKind
from sluicegate.streams.clients.signed_record import random_id
from sluicegate.streams.clients.stored_key import key_or_new
from sluicegate.streams.releasing import releasing_keys

from .failures import Commands
from .identities_file import body_of
from .invocation import invocation
from .operators import operator_of, show_published
from .options import AsJson
from .screen import print_json

app = typer.Typer(name="add", cls=Commands, no_args_is_help=True)

PublicKeyOption = Annotated[
    str | None,
    typer.Option(
        "--key", metavar="PUBLIC", help="Its public key. Default: that of keys/ID.ed25519, made when missing."
    ),
]


@app.callback()
def add() -> None:
    """Sign and publish one document. An unchanged one is not published again."""


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
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
    releases: Annotated[
        bool,
        typer.Option(
            "--releases", help="It is masking, which asks people to release what it holds. Key: masking's."
        ),
    ] = False,
    retired: Annotated[bool, typer.Option("--retired", help="Its actions no longer count.")] = False,
    as_json: AsJson = False,
) -> None:
    """An agent, its key, and the people who answer for it: they may never decide about its actions.

    Example: sluicegate identity add agent clinic-ops --owner p-9k1x
    """
    said = {"owners": owner, "lane": lane, "releases": releases, "retired": retired}
    own = (
        (releasing_keys(invocation(ctx).state).agent.public.text if releases else _own_key(ctx, agent_id))
        if key is None
        else key
    )
    _publish(ctx, DocumentKind.AGENT, agent_id, {**said, "key": own}, as_json=as_json)


@app.command()
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


@app.command()
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
def pipeline(
    ctx: typer.Context,
    pipeline_id: Annotated[
        str, typer.Argument(metavar="PIPELINE", help="Its id: a-z, 0-9 and -. Also the lane of its streams.")
    ],
    *,
    owner: Annotated[
        list[str] | None,
        typer.Option(
            "--owner",
            metavar="PERSON",
            help="Who answers for it; repeat it. Without: people release nothing of it.",
        ),
    ] = None,
    key: PublicKeyOption = None,
    retired: Annotated[bool, typer.Option("--retired", help="Its batches no longer count.")] = False,
    as_json: AsJson = False,
) -> None:
    """A program that feeds standing streams: `streams:` of a policy says which ones, and how each is masked.

    Its Kafka user `pipeline-NAME` may write `exports.raw` and nothing else. Batches pass masking like results of actions.

    Example: sluicegate identity add pipeline crm-nightly
    """
    said = {"owners": owner or [], "retired": retired, "key": key or _own_key(ctx, pipeline_id)}
    _publish(ctx, DocumentKind.PIPELINE, pipeline_id, said, as_json=as_json)


def _publish(
    ctx: typer.Context, kind: DocumentKind, name: str, said: dict[str, Any], *, as_json: bool
) -> None:
    body = body_of(kind, name, said)
    with operator_of(invocation(ctx)) as operator:
        before = operator.current(kind, name)
        version = operator.ensure(kind, name, body)
    done = {"kind": kind.value, "id": name, "version": version, "published": before != body}
    if as_json:
        print_json(done)
    else:
        show_published([done], as_json=False)


def _own_key(ctx: typer.Context, name: str) -> str:
    state = invocation(ctx).state
    state.create()
    return key_or_new(state, name)[0].public.text
