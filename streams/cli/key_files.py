"""`key`: private signing keys of this machine."""

from typing import Annotated

import typer

from sluicegate.streams.clients.stored_key import key_or_new

from .failures import Commands
from .invocation import invocation
from .options import AsJson
from .screen import fields, print_json

app = typer.Typer(name="key", cls=Commands, no_args_is_help=True, help="Make signing keys.")


@app.callback()
def keys() -> None:
    """Make signing keys."""


@app.command()
def new(
    ctx: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="Whose key: an agent, account, executor ...")],
    *,
    as_json: AsJson = False,
) -> None:
    """Make a key in the state folder and print its public half; an existing one is kept and printed.

    The private half never leaves keys/ID.ed25519 (mode 0600; a `/` of the id is written %2F).

    Example: sluicegate key new clinic-ops
    """
    state = invocation(ctx).state
    state.create()
    key, made = key_or_new(state, key_id)
    shown = {
        "id": key_id,
        "key_id": key.key_id,
        "public_key": key.public.text,
        "file": str(state.key_path(key_id)),
        "made": made,
    }
    if as_json:
        print_json(shown)
    else:
        fields(
            {**{name: str(value) for name, value in shown.items()}, "made": "now" if made else "before; kept"}
        )
