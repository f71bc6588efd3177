"""`config`: what is in force."""

from typing import Any

import typer

from sluicegate.streams.settings import find_file

from .failures import Commands
from .invocation import invocation
from .options import AsJson
from .screen import fields, note, print_json

app = typer.Typer(name="config", cls=Commands, no_args_is_help=True, help="Show the settings in force.")


@app.callback()
def config() -> None:
    """Show the settings in force."""


@app.command()
def show(
    ctx: typer.Context,
    *,
    as_json: AsJson = False,
) -> None:
    """Print every setting after file and environment were read; what could be a secret is masked.

    Example: sluicegate config show --json
    """
    called = invocation(ctx)
    masked = called.settings.masked()
    if as_json:
        print_json(masked)
        return
    found = called.config or find_file(called.folder)
    note(
        f"from `{found}` and the environment" if found else "no sluicegate.toml: defaults and the environment"
    )
    fields(dict(_flat(masked)))


def _flat(table: dict[str, Any], stem: str = "") -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for name, value in table.items():
        if isinstance(value, dict):
            lines += _flat(value, f"{stem}{name}.")
        else:
            lines.append((f"{stem}{name}", "(not set)" if value is None else str(value)))
    return lines
