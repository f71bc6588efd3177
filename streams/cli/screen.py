"""How commands print: for people aligned and calm, for programs one JSON value or one JSON object per line.

Text that others wrote is data: it never reaches the terminal as markup or as control characters.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sluicegate.processors.masking.visible import visible

PIPED_WIDTH = 200
"""Columns when the output is no terminal: wide enough that ids stay whole."""


def console() -> Console:
    """Where people read; colour only on a terminal, no markup, no guessing of numbers and paths."""
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    return Console(markup=False, highlight=False, emoji=False, width=width)


def error_console() -> Console:
    """Where progress is shown: standard error, and nothing of it where that is no terminal."""
    return Console(stderr=True, markup=False, highlight=False, emoji=False)


def say(text: str | Text = "") -> None:
    """A line for people, at once: somebody may be watching through a pipe."""
    console().print(text, soft_wrap=True)
    sys.stdout.flush()


def note(text: str) -> None:
    """A line for people on standard error, so that standard output stays what was asked for."""
    sys.stdout.flush()
    typer.echo(text, err=True)


def rows(columns: Sequence[str], lines: Iterable[Sequence[str | Text]]) -> None:
    """An aligned table without rules; cells are data."""
    shown = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        shown.add_column(column, overflow="fold")
    for line in lines:
        shown.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in line))
    console().print(shown)


def fields(pairs: Mapping[str, str | Text]) -> None:
    """Names and values, one pair per line."""
    shown = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    shown.add_column(style="dim")
    shown.add_column(overflow="fold")
    for name, value in pairs.items():
        shown.add_row(Text(name), value if isinstance(value, Text) else Text(value))
    console().print(shown)


def print_line(text: str) -> None:
    """One line for programs, at once."""
    typer.echo(text)


def print_json(value: Any) -> None:
    """One JSON value for programs: indented on a terminal, one line elsewhere."""
    print_line(json.dumps(value, indent=2 if sys.stdout.isatty() else None))


def print_json_line(value: Any) -> None:
    """One JSON object of a stream, on one line, at once."""
    print_line(json.dumps(value))


def as_json(model: BaseModel) -> dict[str, Any]:
    """A record as JSON writes it: digests as hex, absent fields left out."""
    written: dict[str, Any] = model.model_dump(mode="json", exclude_none=True)
    return written


def clean(text: str) -> str:
    """Text of others with everything that could deceive the eye written as code points."""
    return visible(text)


def clock(at_ms: int) -> str:
    """A moment to the second, in UTC: two people who compare evidence must not convert."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def span(milliseconds: int) -> str:
    """A length of time in at most two units: `2h 05m`, `45s`, `0s`."""
    seconds = max(0, milliseconds) // 1000
    for unit, size, below, smaller in (("d", 86_400, "h", 3_600), ("h", 3_600, "m", 60), ("m", 60, "s", 1)):
        if seconds >= size:
            return f"{seconds // size}{unit} {seconds % size // smaller:02d}{below}"
    return f"{seconds}s"


def words(digest: bytes) -> str:
    """The start of a digest in groups that two people can compare aloud."""
    start = digest.hex()[:16]
    return " ".join(start[place : place + 4] for place in range(0, len(start), 4))
