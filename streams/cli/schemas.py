"""`schema`: what travels, for programs in other languages."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import typer

from sluicegate.schemas.errors import ConfigurationError
from sluicegate.schemas.json_schema import json_schemas
from sluicegate.schemas.released import released_schemas
from sluicegate.streams.asyncapi import asyncapi

from .failures import Commands
from .screen import note

app = typer.Typer(name="schema", cls=Commands, no_args_is_help=True)

Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Write into this folder. Default: standard output."),
]


@app.callback()
def schema() -> None:
    """Print what travels on the topics: for programs in other languages."""


@app.command("asyncapi")
def asyncapi_(*, out: Out = None) -> None:
    """Print the AsyncAPI 3 document: topics, records, headers, keys, and who may read and write what.

    Example: sluicegate schema asyncapi > asyncapi.json
    """
    _give({"asyncapi.json": asyncapi()}, out)


@app.command("json")
def json_(*, out: Out = None) -> None:
    """Print the JSON Schema of every kind of record that may travel as JSON.

    Example: sluicegate schema json --out schemas
    """
    _give(json_schemas(), out)


@app.command()
def avro(*, out: Out = None) -> None:
    """Print the Avro schema of every kind of record, all released versions.

    Example: sluicegate schema avro --out schemas
    """
    folder = files("sluicegate.schemas")
    names = sorted(version.file for versions in released_schemas().values() for version in versions)
    _give({name: json.loads(folder.joinpath(name).read_text("utf-8")) for name in names}, out)


def as_text(document: dict[str, Any]) -> str:
    """A document as it is written to a file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _give(found: dict[str, dict[str, Any]], out: Path | None) -> None:
    if out is None:
        (document,) = found.values() if len(found) == 1 else (found,)
        typer.echo(as_text(document), nl=False)
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, document in found.items():
            (out / name).write_text(as_text(document), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"`{out}` cannot be written: {type(error).__name__}") from None
    note(f"{len(found)} files in {out}")
