"""Options that mean the same in every command, written once."""

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]
AgentId = Annotated[
    str | None,
    typer.Option(
        "--agent",
        envvar="SLUICEGATE_AGENT",
        show_envvar=False,
        metavar="ID",
        help="The agent that acts. Default: the first of identities.toml whose key is on this machine.",
    ),
]
AccountId = Annotated[
    str | None,
    typer.Option(
        "--as",
        envvar="SLUICEGATE_AS",
        show_envvar=False,
        metavar="ACCOUNT",
        help="The account you decide with. Default: the first of identities.toml whose key is on this machine.",
    ),
]
Lane = Annotated[
    str | None,
    typer.Option(
        "--lane", metavar="LANE", help="The agent's lane, when its document names one. Default: its id."
    ),
]
PolicyFile = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="A policy in YAML. Default: `policy` of the settings.")
]
