"""Run the worker processes of one processor until they are told to stop, and tell how they are over HTTP."""

import logging

import typer

from sluicegate.streams.doctor.transactions import require_transactions
from sluicegate.streams.health import Watched, serving
from sluicegate.streams.logs import configure_logging
from sluicegate.streams.runtime.spec import WorkerSpec
from sluicegate.streams.runtime.supervisor import Supervisor
from sluicegate.streams.settings import GateSettings, MaskingSettings

from .failures import REFUSED


def start_logging(*, as_json: bool, quiet: bool) -> int:
    """Set up the log of this process; the level is the one its workers take over."""
    level = logging.WARNING if quiet else logging.INFO
    configure_logging(as_json=as_json, level=level)
    return level


def run_workers(
    name: str,
    spec: WorkerSpec,
    chosen: GateSettings | MaskingSettings,
    *,
    workers: int | None,
    first_slot: int,
    http: str | None,
    shared: bool,
) -> None:
    """Return when every worker has drained; the status is `REFUSED` when one could not be kept running.

    Nothing starts on a broker that breaks the promises of transactions (BrokerError).
    `shared`, or another first slot than 0: other machines have partitions too.
    """
    require_transactions(spec.connection, first_slot)
    supervisor = Supervisor(spec, workers=workers or chosen.workers, first_slot=first_slot)
    watched = Watched(name, supervisor, spec.partitions, shared=shared or first_slot > 0)
    with serving(http or chosen.http, [watched], beyond_loopback=chosen.http_beyond_loopback):
        status = supervisor.run()
    if status:
        raise typer.Exit(REFUSED)
