"""`dlq`: records that could not be read or trusted, without their content."""

import re
import sys
from typing import Annotated, Any

import typer

from sluicegate.processors.contract import Position
from sluicegate.processors.events import Event
from sluicegate.processors.story import sentence_of_reason
from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.clients.dead_letters import DeadLetter, DeadLetterReader

from .failures import Commands
from .invocation import invocation
from .options import AsJson
from .screen import clean, clock, fields, note, print_json, rows
from .times import since_ms

app = typer.Typer(name="dlq", cls=Commands, no_args_is_help=True)

_POSITION = re.compile(r"(?P<topic>[a-z0-9.-]+)-(?P<partition>\d+)@(?P<offset>\d+)")


@app.callback()
def dlq() -> None:
    """Look at records that could not be read or trusted. They may hold raw values: the privacy office's rights."""


@app.command("list")
def list_(
    ctx: typer.Context,
    topic: Annotated[
        str | None, typer.Argument(metavar="[TOPIC]", help="Such as actions. Default: all.")
    ] = None,
    *,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Such as 2h, or 2026-01-31T08:00.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List where each stood, why it was set aside and how large it is; never what it says.

    Example: sluicegate dlq list actions --since 2h
    """
    reader = DeadLetterReader.connect(settings=invocation(ctx).settings)
    found = list(reader.list(topic, since_ms=since_ms(since)))
    if as_json:
        print_json([_described(letter) for letter in found])
        return
    if found:
        rows(
            ("dead letter", "stood at", "appended", "bytes", "reason"),
            [
                (
                    str(letter.position),
                    clean(letter.origin or "?"),
                    clock(letter.append_ms),
                    str(letter.value_bytes),
                    clean(letter.reason or "?"),
                )
                for letter in found
            ],
        )
    note(f"{len(found)} dead letters")


@app.command()
def show(
    ctx: typer.Context,
    position: Annotated[
        str, typer.Argument(metavar="POSITION", help="As `dlq list` prints it: dlq.actions-0@3.")
    ],
    *,
    raw: Annotated[
        bool,
        typer.Option(
            "--raw-value-unmasked",
            help="Write the original bytes to standard output: they may identify people.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter: its places, sizes and the reason in a sentence.

    Example: sluicegate dlq show dlq.actions-0@3
    """
    reader = DeadLetterReader.connect(settings=invocation(ctx).settings)
    place = _position(position)
    if raw:
        sys.stdout.buffer.write(reader.raw_value_unmasked(place))
        return
    letter = reader.show(place)
    if as_json:
        print_json(_described(letter))
        return
    fields(
        {
            "dead letter": str(letter.position),
            "stood at": clean(letter.origin or "?"),
            "appended": clock(letter.append_ms),
            "reason": f"{clean(letter.reason or '?')}: {sentence_of_reason(Event.DEAD_LETTER, letter.reason or 'no reason')}",
            "key": f"{letter.key_bytes} bytes",
            "value": f"{letter.value_bytes} bytes",
            "headers": ", ".join(letter.headers) or "none that is known",
        }
    )


def _position(text: str) -> Position:
    found = _POSITION.fullmatch(text)
    if found is None:
        raise ConfigurationError("a position is TOPIC-PARTITION@OFFSET, such as dlq.actions-0@3")
    return Position(found["topic"], int(found["partition"]), int(found["offset"]))


def _described(letter: DeadLetter) -> dict[str, Any]:
    return {
        "position": str(letter.position),
        "origin": letter.origin,
        "reason": letter.reason,
        "append_ms": letter.append_ms,
        "key_bytes": letter.key_bytes,
        "value_bytes": letter.value_bytes,
        "headers": list(letter.headers),
    }
