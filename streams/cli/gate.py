"""`gate`: run the gate."""

import logging

import typer

from sluicegate.streams.doctor.transactions import require_transactions
from sluicegate.streams.gate_workers import gate_spec
from sluicegate.streams.health import Watched, serving
from sluicegate.streams.logs import configure_logging
from sluicegate.streams.runtime.supervisor import Supervisor

from .failures import REFUSED, Commands
from .invocation import invocation
from .options import FirstSlot, HttpAddress, LogAsJson, Quiet, Shared, Workers

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
    level = logging.WARNING if quiet else logging.INFO
    configure_logging(as_json=log_json, level=level)
    spec = gate_spec(settings, log_json=log_json, log_level=level)
    require_transactions(spec.connection)
    supervisor = Supervisor(
        spec,
        workers=workers or settings.gate.workers,
        first_slot=first_slot,
    )
    watched = Watched("gate", supervisor, settings.partitions, shared=shared or first_slot > 0)
    gate = settings.gate
    with serving(http or gate.http, [watched], beyond_loopback=gate.http_beyond_loopback):
        status = supervisor.run()
    if status:
        raise typer.Exit(REFUSED)
