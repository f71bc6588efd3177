"""`gate`: run the gate."""

import typer

from sluicegate.streams.gate_workers import gate_spec

from .failures import Commands
from .invocation import invocation
from .options import FirstSlot, HttpAddress, LogAsJson, Quiet, Shared, Workers
from .working import run_workers, start_logging

app = typer.Typer(name="gate", cls=Commands, no_args_is_help=True)


@app.callback()
def gate() -> None:
    """Run the gate: it decides about actions and writes every grant, refusal and audit entry."""


@app.command()
def run(
    ctx: typer.Context,
    *,
    workers: Workers = None,
    first_slot: FirstSlot = 0,
    log_json: LogAsJson = False,
    quiet: Quiet = False,
    http: HttpAddress = None,
    shared: Shared = False,
) -> None:
    """Run worker processes until SIGTERM or Ctrl-C, which let each finish its transaction; a second one ends them at once.

    A worker that dies is started again and goes on where its last transaction ended. SIGHUP starts all of them again,
    one after the other: with two or more, no action is refused for it.

    Example: sluicegate gate run --workers 2
    """
    settings = invocation(ctx).settings
    level = start_logging(as_json=log_json, quiet=quiet)
    spec = gate_spec(settings, log_json=log_json, log_level=level)
    run_workers("gate", spec, settings.gate, workers=workers, first_slot=first_slot, http=http, shared=shared)
