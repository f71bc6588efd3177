"""The commands of `sluicegate`, one line each; what they do is in the module of their group."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from sluicegate import __version__
from sluicegate.streams.logs import configure_logging

from . import (
    access,
    actions,
    audits,
    bench,
    broker,
    configuring,
    dead_letters,
    doctor,
    executors,
    gate,
    identities,
    initialising,
    key_files,
    mask,
    playing,
    policies,
    profiles,
    quarantine,
    reconciling,
    reviews,
    running,
    schemas,
    showing,
    stacking,
    stories,
    topics,
)
from .failures import Commands
from .invocation import Invocation

SET_UP, AGENTS, PEOPLE, EVIDENCE = "Set up", "Agents", "People", "Evidence"

app = typer.Typer(
    name="sluicegate",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        typer.echo(f"sluicegate {__version__}")
        raise typer.Exit


@app.callback()
def sluicegate(
    ctx: typer.Context,
    *,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", help="Settings file. Default: the nearest sluicegate.toml upwards."
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A gate between AI agents and the systems they can break, on Apache Kafka.

    Start here: `sluicegate init`, then do what it says.

    Exit status: 0 done, 1 refused or violated, 2 wrong usage, settings or rights, 130 interrupted.
    """
    del version
    # Without it the clients' own lines would go to standard output, among the data.
    configure_logging(level=logging.WARNING)
    ctx.obj = Invocation(config)


app.command("init", rich_help_panel=SET_UP)(initialising.init)
app.add_typer(configuring.app, rich_help_panel=SET_UP)
app.add_typer(broker.app, rich_help_panel=SET_UP)
app.add_typer(topics.app, rich_help_panel=SET_UP)
app.add_typer(access.app, rich_help_panel=SET_UP)
app.add_typer(key_files.app, rich_help_panel=SET_UP)
app.add_typer(identities.app, rich_help_panel=SET_UP)
app.add_typer(executors.app, rich_help_panel=SET_UP)
app.add_typer(policies.app, rich_help_panel=SET_UP)
app.add_typer(profiles.app, rich_help_panel=SET_UP)
app.add_typer(gate.app, rich_help_panel=SET_UP)
app.add_typer(mask.app, rich_help_panel=SET_UP)
app.add_typer(stacking.app, rich_help_panel=SET_UP)
app.command("doctor", rich_help_panel=SET_UP)(doctor.doctor)
app.command("up", rich_help_panel=SET_UP)(running.up)
app.command("bench", rich_help_panel=SET_UP)(bench.bench)
app.command("play", rich_help_panel=SET_UP)(playing.play)
app.command("demo", rich_help_panel=SET_UP)(showing.demo)

app.command("submit", rich_help_panel=AGENTS)(actions.submit)
app.command("sign", rich_help_panel=AGENTS)(actions.sign)
app.command("withdraw", rich_help_panel=AGENTS)(actions.withdraw)

app.command("inbox", rich_help_panel=PEOPLE)(reviews.inbox)
app.command("approve", rich_help_panel=PEOPLE)(reviews.approve)
app.command("reject", rich_help_panel=PEOPLE)(reviews.reject)
app.command("reconcile", rich_help_panel=PEOPLE)(reconciling.reconcile)

app.command("show", rich_help_panel=EVIDENCE)(stories.show)
app.add_typer(audits.app, rich_help_panel=EVIDENCE)
app.command("verify", rich_help_panel=EVIDENCE)(audits.verify)
app.add_typer(dead_letters.app, rich_help_panel=EVIDENCE)
app.add_typer(schemas.app, rich_help_panel=EVIDENCE)
app.add_typer(quarantine.app, rich_help_panel=EVIDENCE)
