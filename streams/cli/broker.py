"""`broker`: the development broker, a real single-node Apache Kafka on this machine."""

import signal
import time
from contextlib import ExitStack
from typing import Annotated

import typer

from sluicegate.schemas.errors import BrokerError, ConfigurationError
from sluicegate.streams.kafka.admin import Admin
from sluicegate.streams.kafka.embedded import (
    EmbeddedBroker,
    Lifetime,
    broker_status,
    stop_broker,
    temporary_broker,
)
from sluicegate.streams.kafka.principals import Naming
from sluicegate.streams.kafka.provision import provision_cluster

from .failures import REFUSED, Commands
from .invocation import Invocation, invocation
from .options import AsJson
from .screen import fields, note, print_json

app = typer.Typer(name="broker", cls=Commands, no_args_is_help=True)

POLL_S = 0.5


@app.callback()
def broker() -> None:
    """Run a real Apache Kafka on this machine, on loopback only, with users and rights."""


@app.command()
def start(
    ctx: typer.Context,
    *,
    temporary: Annotated[
        bool,
        typer.Option("--temporary", help="In a folder of its own that goes with it; implies --foreground."),
    ] = False,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay until Ctrl-C or SIGTERM, then stop the broker.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65_535, help="Default: the port of the last start, at first a free one."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start it, wait until it has answered a transaction, and make users, rights and topics that are missing.

    Passwords are generated into the state folder, mode 0600. Data survives a restart.

    Example: sluicegate broker start
    """
    called = invocation(ctx)
    if called.settings.bootstrap is not None:
        raise ConfigurationError(
            "`bootstrap` is set, so commands use that cluster: remove it from the settings to use a broker of this machine"
        )
    with ExitStack() as stack:
        if temporary:
            started = stack.enter_context(temporary_broker())
        else:
            lifetime = Lifetime.WITH_PARENT if foreground else Lifetime.DETACHED
            started = EmbeddedBroker.start(called.state, port=port, lifetime=lifetime)
            if foreground:
                stack.callback(started.stop)
        _provision(started, called)
        _say_started(started, as_json=as_json)
        if temporary or foreground:
            _until_stopped(started)


@app.command()
def stop(ctx: typer.Context) -> None:
    """Stop it cleanly. Its data stays in the state folder.

    Example: sluicegate broker stop
    """
    note("stopped" if stop_broker(invocation(ctx).state) else "no broker was running")


@app.command()
def status(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Say whether it runs, where it listens and where its log is; exit status 1 when it does not run.

    Example: sluicegate broker status
    """
    found = broker_status(invocation(ctx).state)
    if as_json:
        shown = {
            "running": found.running,
            "pid": found.pid,
            "bootstrap": found.bootstrap,
            "log": str(found.log),
        }
        print_json(shown)
    else:
        fields(
            {
                "running": "yes" if found.running else "no",
                **({"process": str(found.pid), "bootstrap": str(found.bootstrap)} if found.running else {}),
                "log": str(found.log),
            }
        )
    if not found.running:
        raise typer.Exit(REFUSED)


def _provision(started: EmbeddedBroker, called: Invocation) -> None:
    admin = Admin(started.super_user(Naming(called.settings.prefix)))
    provision_cluster(admin, started.state, called.layout)


def _say_started(started: EmbeddedBroker, *, as_json: bool) -> None:
    shown = {
        "bootstrap": started.bootstrap,
        "pid": started.mark.pid,
        "state_dir": str(started.state.path),
        "log": str(started.log),
    }
    if as_json:
        print_json(shown)
    else:
        fields({name: str(value) for name, value in shown.items()})


def _until_stopped(started: EmbeddedBroker) -> None:
    def stop_now(number: int, frame: object) -> None:
        del number, frame
        raise typer.Exit

    signal.signal(signal.SIGTERM, stop_now)
    note("running; Ctrl-C stops it")
    while started.mark.is_running():
        time.sleep(POLL_S)
    raise BrokerError(f"the broker ended by itself; its log is `{started.log}`")
