"""`dlq`: records that could not be read or trusted, without their content."""

import re
import sys
from typing import Annotated, Any

import typer

from sluicegate.processors.contract import Position
from sluicegate.processors.events import Event
from sluicegate.processors.story import sentence_of_reason
from sluicegate.schemas.errors import AccessError, ConfigurationError
from sluicegate.streams.clients.dead_letter_replay import Reading, Replay, earlier_readings, prepare, send
from sluicegate.streams.clients.dead_letters import DeadLetter, DeadLetterReader
from sluicegate.streams.clients.sending import acknowledged
from sluicegate.streams.kafka.connection import Connection, connect
from sluicegate.streams.kafka.principals import Principal, Role

from .failures import Commands
from .invocation import Invocation, invocation
from .options import AsJson
from .screen import clean, clock, fields, note, print_json, rows, say
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


@app.command()
def replay(
    ctx: typer.Context,
    positions: Annotated[
        list[str], typer.Argument(metavar="POSITION...", help="As `dlq list` prints them: dlq.actions-0@3.")
    ],
    *,
    to: Annotated[
        str | None, typer.Option("--to", metavar="TOPIC", help="Default: the topic it stood on.")
    ] = None,
    as_user: Annotated[
        str | None,
        typer.Option(
            "--as", metavar="PRINCIPAL", help="Who writes, such as executor-crm. Default: the role's own."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Write them; without it nothing is written.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the original bytes of dead letters once more, as new records that are judged anew.

    Reads with the privacy office's rights, writes with those of a role that writes to the topic anyway.

    Example: sluicegate dlq replay dlq.actions-0@3 --yes
    """
    called = invocation(ctx)
    reader = DeadLetterReader(called.connection(Role.PRIVACY))
    replays = [prepare(reader.record_unmasked(_position(text)), to) for text in positions]
    earlier = {one.letter: _earlier(called, one) for one in replays}
    placed: dict[Position, str] = {}
    if yes:
        for role in sorted({one.writer for one in replays}):
            mine = [one for one in replays if one.writer is role]
            sent = send(_writer(called, role, as_user), mine)
            placed |= {one.letter: str(acknowledged(place)) for one, place in zip(mine, sent, strict=True)}
    if as_json:
        print_json([_replayed(one, placed.get(one.letter), earlier[one.letter]) for one in replays])
        return
    for one in replays:
        at = placed.get(one.letter)
        say(
            f"{one.letter}  {f'written to {at}' if at else f'would be written to {one.topic} as {one.writer}'}"
        )
    if not yes:
        note("nothing was written; add --yes to write")


def _writer(called: Invocation, role: Role, user: str | None) -> Connection:
    """The way to the cluster of the one who writes; ConfigurationError when it has another role."""
    if user is None:
        return called.connection(role)
    principal = Principal.parse(user)
    if principal.role is not role:
        raise ConfigurationError(f"`{user}` has another role than `{role}`, which writes there")
    return connect(called.settings, principal)


def _earlier(called: Invocation, one: Replay) -> list[Reading]:
    """Earlier readings of the same bytes, told at once: a second replay is allowed, and seldom meant."""
    try:
        found = list(earlier_readings(called.connection(Role.ANALYST), one))
    except (AccessError, ConfigurationError):
        note(f"{one.letter}: whether it was replayed before takes the rights of an analyst to tell")
        return []
    for reading in found:
        note(f"{one.letter}: the same bytes were read before, at {reading.position}: {reading.event}")
    return found


def _replayed(one: Replay, at: str | None, earlier: list[Reading]) -> dict[str, Any]:
    return {
        "position": str(one.letter),
        "topic": one.topic,
        "role": one.writer.value,
        "written": at,
        "read_before": [{"position": str(found.position), "event": found.event} for found in earlier],
    }


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
