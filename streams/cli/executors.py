"""`executor`: processes that hold credentials, and the action types routed to them."""

import json
import re
from typing import Annotated, Any

import typer

from sluicegate.schemas.document import DocumentKind, Floor
from sluicegate.schemas.errors import ConfigurationError
from sluicegate.schemas.keys import PublicKey
from sluicegate.streams.clients.stored_key import key_or_new
from sluicegate.streams.kafka.provision import provision_executor
from sluicegate.streams.releasing import RELEASER, releasing_keys

from .failures import Commands
from .identities_file import body_of
from .invocation import Invocation, invocation
from .operators import operator_of
from .options import AsJson
from .screen import fields, print_json

app = typer.Typer(name="executor", cls=Commands, no_args_is_help=True)

_NEED = r"[a-z0-9][a-z0-9-]*:(?:[1-9]|1[0-9]|20)"
_FLOOR = re.compile(rf"(?P<type>[^=]+)=(?P<needs>{_NEED}(?:,{_NEED}){{0,4}})")
"""At most five groups of at most twenty people."""


@app.callback()
def executor() -> None:
    """Enrol processes that execute what was granted."""


@app.command()
def add(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Part of a topic's name: a-z, 0-9 and -.")],
    types: Annotated[
        list[str],
        typer.Option("--types", metavar="T,...", help="Action types routed to it; repeat or use commas."),
    ],
    *,
    floor: Annotated[
        list[str] | None,
        typer.Option(
            "--floor",
            metavar="TYPE=GROUP:N,...",
            help="The least it demands for a type whatever the policy says, such as crm.delete=security:2. Repeat it.",
        ),
    ] = None,
    lease: Annotated[
        int | None, typer.Option("--lease", metavar="SECONDS", help="Silence after a claim until `unknown`.")
    ] = None,
    reconcilers: Annotated[
        list[str] | None,
        typer.Option(
            "--reconcilers", metavar="GROUP,...", help="Who may say what became of an unknown execution."
        ),
    ] = None,
    public_key: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="PUBLIC",
            help="Its public key, when the private one is elsewhere. Default: made here.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make its key, its user, its topics and rights, then sign the document that routes actions to it. Repeatable.

    Without --floor, --lease and --reconcilers an executor that is enrolled keeps what it has.

    Example: sluicegate executor add crm --types crm.read,crm.delete --floor crm.delete=security:1
    """
    called = invocation(ctx)
    given = {
        "floor": dict(read_floor(text) for text in floor) if floor else None,
        "lease_ms": lease * 1000 if lease is not None else None,
        "reconcilers": read_list(reconcilers) if reconcilers else None,
    }
    settings = {name: value for name, value in given.items() if value is not None}
    shown = add_executor(called, name, read_list(types), settings, public_key)
    if as_json:
        print_json(shown)
    else:
        fields({key: value if isinstance(value, str) else json.dumps(value) for key, value in shown.items()})


def add_executor(
    called: Invocation,
    name: str,
    types: tuple[str, ...],
    settings: dict[str, Any],
    public_key: str | None = None,
) -> dict[str, Any]:
    """The five steps, in the order that leaves no route to something that is not there."""
    # 1. the key
    if public_key:
        key = PublicKey.from_text(public_key)
    elif name == RELEASER:
        key = releasing_keys(called.state).executor.public
    else:
        key = key_or_new(called.state, name)[0].public
    # 2. to 4. user, topics, rights
    made = provision_executor(called.admin(), called.state, called.layout, name)
    # 5. the signed document
    with operator_of(called) as operator:
        known = operator.tables.directory.executors.get(name)
        kept = (
            {}
            if known is None
            else known.model_dump(include={"floor", "lease_ms", "reconcilers", "grant_life_ms"})
        )
        body = body_of(DocumentKind.EXECUTOR, name, {**kept, **settings, "key": key.text, "types": types})
        version = operator.ensure(DocumentKind.EXECUTOR, name, body)
    return {
        "executor": name,
        "types": list(types),
        "floor": body.model_dump(mode="json")["floor"],
        "key_id": key.key_id,
        "topic": f"execution.{name}",
        "user": f"executor-{name}",
        "document_version": version,
        "added": [*made.users, *(row.topic for row in made.topics.rows if row.change != "keep")],
    }


def read_floor(text: str) -> tuple[str, Floor]:
    """An action type and what its floor demands; a `ConfigurationError` for anything that demands nobody."""
    found = _FLOOR.fullmatch(text)
    if found is None:
        raise ConfigurationError(f"`{text}` is no floor: write TYPE=GROUP:N, such as crm.delete=security:2")
    needs = [need.partition(":") for need in found["needs"].split(",")]
    groups = {group: int(count) for group, _, count in needs}
    return found["type"], Floor(groups=groups, quorum=sum(groups.values()))


def read_list(texts: list[str]) -> tuple[str, ...]:
    """What is given repeatedly or with commas, in its order, each once."""
    return tuple(dict.fromkeys(part.strip() for text in texts for part in text.split(",") if part.strip()))
