"""`up`: broker, topics, rights and gate in one foreground process."""

import logging
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.live import Live
from rich.text import Text

from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.doctor.transactions import require_transactions
from sluicegate.streams.health import Watched, serving
from sluicegate.streams.kafka.embedded import Lifetime
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.local import LocalDeployment
from sluicegate.streams.logs import configure_logging
from sluicegate.streams.runtime.status import SlotStatus
from sluicegate.streams.settings import FILE_NAME

from .invocation import invocation
from .screen import error_console, note

LOOK_S = 0.5


def up(
    ctx: typer.Context,
    *,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, max=64, help="Gate processes. Default: `workers` of the settings."),
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", help="Of the broker. Default: a free one, kept.")
    ] = None,
) -> None:
    """Run everything on this machine until Ctrl-C: Apache Kafka, topics, rights, the gate and masking.

    Needs the folder that `sluicegate init` writes. Data stays in its state folder; with `bootstrap` set only gate and masking run.

    Example: sluicegate up --workers 2
    """
    settings = invocation(ctx).settings
    if not settings.trust.operators:
        raise ConfigurationError(
            f"no operator is pinned in {FILE_NAME}: write a starter folder with `sluicegate init`"
        )
    configure_logging(level=logging.WARNING)
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _end(ending))
    with LocalDeployment(settings, said=lambda what: note(f"{what} ...")) as deployment:
        deployment.start_broker(port=port, lifetime=Lifetime.WITH_PARENT)
        deployment.provision()
        if settings.bootstrap is not None:  # one that was started here has been asked already
            require_transactions(deployment.connection(Role.GATE))
        deployment.start_masking(settings.masking.workers)
        deployment.start_gate(workers or settings.gate.workers)
        with serving(
            settings.gate.http, _watched(deployment), beyond_loopback=settings.gate.http_beyond_loopback
        ):
            note(f"up: {deployment.connection_address}; Ctrl-C stops it\n")
            _watch(deployment, ending)
        note("\nfinishing the transactions at hand ...")
    note("down")


def _watched(deployment: LocalDeployment) -> list[Watched]:
    both = {"gate": deployment.gate, "masking": deployment.masking}
    return [
        Watched(name, process, deployment.settings.partitions)
        for name, process in both.items()
        if process is not None
    ]


def _end(ending: threading.Event) -> None:
    if ending.is_set():
        sys.exit(1)
    ending.set()


def _watch(deployment: LocalDeployment, ending: threading.Event) -> None:
    console = error_console()
    if not console.is_terminal:
        ending.wait()
        return
    with Live(console=console, refresh_per_second=2) as live:
        while not ending.wait(LOOK_S):
            live.update(status_line(deployment.gate.status if deployment.gate else ()))


def status_line(slots: Sequence[SlotStatus]) -> Text:
    """Workers, partitions, what waits, how far behind, restarts: one line."""
    workers = [slot.worker for slot in slots if slot.worker is not None]
    partitions = [partition for worker in workers for partition in worker.partitions]
    running = sum(partition.running for partition in partitions)
    pending = sum(partition.entries.get("pending", 0) for partition in partitions)
    lag = sum(partition.lag for partition in partitions)
    restarts = sum(slot.restarts for slot in slots)
    text = (
        f"gate: {len(workers)} of {len(slots)} workers, {running} of {len(partitions)} partitions, "
        f"{pending} pending, {lag} behind, {sum(worker.records for worker in workers)} records"
    )
    stuck = sorted((each.partition, each.aside.cause.value) for each in partitions if each.aside is not None)
    said = "".join(f", partition {number} stuck ({code})" for number, code in stuck)
    return Text(text + said + (f", {restarts} restarts" if restarts else ""))
