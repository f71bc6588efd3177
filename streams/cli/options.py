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
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, max=64, help="Processes. Default: `workers` of the settings."),
]
FirstSlot = Annotated[
    int, typer.Option("--first-slot", min=0, help="Two machines of one deployment must not share slots.")
]
LogAsJson = Annotated[bool, typer.Option("--log-json", help="Log lines as JSON, on standard error.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Log warnings and errors only.")]
HttpAddress = Annotated[
    str | None,
    typer.Option(
        "--http",
        metavar="HOST:PORT",
        help="Serve /metrics, /healthz and /readyz here. Default: `http` of the settings.",
    ),
]
Shared = Annotated[
    bool, typer.Option("--shared", help="Other machines run workers too: their partitions need none here.")
]
