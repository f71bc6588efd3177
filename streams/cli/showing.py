"""`demo`: an agent's day at the gate, told step by step."""

import logging
from typing import Annotated

import typer

from sluicegate.streams.demo.stage import show
from sluicegate.streams.logs import configure_logging

from .audits import print_report
from .failures import REFUSED
from .screen import console


def demo(
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave everything running and say what to type next.")
    ] = False,
    workers: Annotated[int, typer.Option("--workers", min=1, max=8, help="Gate processes.")] = 1,
) -> None:
    """Watch an agent of a clinic work behind the gate: allowed, held, approved, rejected, refused, executed once.

    Starts a temporary Apache Kafka and gate, uses them for real, and ends with what the audit log proves. The exit status is
    0 only when everything that must be refused was refused.

    Example: sluicegate demo
    """
    configure_logging(level=logging.CRITICAL)
    if not show(console(), print_report, workers=workers, keep=keep):
        raise typer.Exit(REFUSED)
