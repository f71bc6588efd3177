"""`stack`: the two one-shot steps of the compose file."""

from pathlib import Path
from typing import Annotated

import typer

from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.local.stack import PROCESSORS, hand_out, provision_stack, write_broker_settings
from sluicegate.streams.state_folder import StateFolder

from .failures import Commands
from .initialising import STATE, write_starter
from .invocation import invocation
from .screen import note

app = typer.Typer(name="stack", cls=Commands, no_args_is_help=True)


@app.callback()
def stack() -> None:
    """What the compose file runs once, before Kafka starts and after; nothing that you need to type."""


@app.command()
def prepare(
    ctx: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Holds the folders operator, gate, masking and kafka.")
    ],
) -> None:
    """Write a starter folder for the operator, and of its keys and passwords to each container what its role needs.

    `bootstrap`, `deployment` and `partitions` come from the environment. Never overwrites a key or the settings.

    Example: sluicegate stack prepare /var/lib/sluicegate
    """
    settings = invocation(ctx).settings
    port = (settings.bootstrap or "").rpartition(":")[2]
    if not port.isdecimal():
        raise ConfigurationError(
            "set SLUICEGATE_BOOTSTRAP to the address of the stack's Kafka, 127.0.0.1:9092"
        )
    home = folder / "operator"
    state = StateFolder(home / STATE)
    state.create()
    write_starter(home, state, settings)
    write_broker_settings(state, folder / "kafka", int(port))
    for role in PROCESSORS:
        hand_out(home, state, folder / role.value, role)
    note(f"keys, passwords and settings are in {folder}")


@app.command()
def provision(ctx: typer.Context) -> None:
    """Check that the broker keeps transactions, then make users, rights, topics and the documents of the processors.

    Takes the operator's folder as the working directory. Repeatable.

    Example: sluicegate stack provision
    """
    provision_stack(invocation(ctx).settings, said=lambda what: note(f"{what} ..."))
