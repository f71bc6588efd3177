"""`audit` and `verify`: read the evidence, and check it."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.text import Text

from sluicegate.processors.story import sentence_of_reason
from sluicegate.processors.verification import Placed, Report
from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.clients.audit_export import json_line, verify_json_lines
from sluicegate.streams.clients.audit_reader import AuditReader, Selection

from .failures import REFUSED, Commands, reason_of
from .invocation import invocation
from .options import AsJson
from .screen import clock, note, print_json, print_line, rows, say
from .times import since_ms

app = typer.Typer(name="audit", cls=Commands, no_args_is_help=True)

MOST_FINDINGS: Final = 20
"""Findings printed for people; `--json` has all that are kept."""

_NO_END: Final = 1 << 63

Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Such as 2h, or 2026-01-31T08:00.")
]
OfAgent = Annotated[str | None, typer.Option("--agent", metavar="ID", help="Only entries about this agent.")]
OfAction = Annotated[
    str | None, typer.Option("--action", metavar="ID", help="Only entries about this action.")
]
FromOffset = Annotated[
    list[str] | None,
    typer.Option(
        "--from-offset",
        metavar="[P@]N",
        help="From offset N on; of partition P alone when it is named. Repeat it.",
    ),
]


@app.callback()
def audit() -> None:
    """Read the audit log: ids, digests, positions and group names; no value of any action is in it."""


@app.command()
def tail(
    ctx: typer.Context,
    *,
    since: Since = None,
    agent: OfAgent = None,
    action: OfAction = None,
    as_json: AsJson = False,
) -> None:
    """Print entries as they come, until Ctrl-C; with --since what came before, too.

    Example: sluicegate audit tail --since 5m --agent ops-agent
    """
    reader = AuditReader.connect(settings=invocation(ctx).settings)
    wanted = Selection(since_ms=since_ms(since), agent=agent, action_id=action)
    _print_each(reader.tail(wanted), as_json=as_json)


@app.command()
def replay(
    ctx: typer.Context,
    *,
    since: Since = None,
    agent: OfAgent = None,
    action: OfAction = None,
    from_offset: FromOffset = None,
    as_json: AsJson = False,
) -> None:
    """Print entries from the beginning, a time or an offset up to now; --json gives one whole entry per line.

    Example: sluicegate audit replay --action ac-7f2k --json
    """
    reader = AuditReader.connect(settings=invocation(ctx).settings)
    first, offsets = read_offsets(from_offset or [])
    wanted = Selection(since_ms=since_ms(since), offsets=offsets, agent=agent, action_id=action)
    _print_each((one for one in reader.entries(wanted) if one.offset >= first), as_json=as_json)


def verify(
    ctx: typer.Context,
    *,
    export: Annotated[
        str | None,
        typer.Option(
            "--export", metavar="FILE|-", help="Verify what `audit replay --json` wrote, without any Kafka."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check from `audit` alone that the gate kept its promises.

    Exit status 1 when it did not, or when there is nothing to check.

    Example: sluicegate verify
    """
    report = _verified(ctx, export)
    if as_json:
        print_json(report.to_json())
    else:
        print_report(report)
    if not report.ok:
        raise typer.Exit(REFUSED)


def _verified(ctx: typer.Context, export: str | None) -> Report:
    if export is None:
        return AuditReader.connect(settings=invocation(ctx).settings).verify()
    if export == "-":
        return verify_json_lines(sys.stdin)
    try:
        with Path(export).open(encoding="utf-8") as lines:
            return verify_json_lines(lines)
    except OSError as error:
        raise ConfigurationError(f"`{export}` cannot be read: {reason_of(error)}") from None


def print_report(report: Report) -> None:
    """A verification as a table of invariants with what was checked, and its findings."""
    rows(
        ("", "promise", "checked", "violations"),
        [
            (
                check.invariant.value,
                check.invariant.sentence,
                ", ".join(f"{count} {what}" for what, count in check.checked.items()) or "nothing to check",
                Text(str(check.violations), style="" if check.ok else "bold red"),
            )
            for check in report.checks
        ],
    )
    for finding in report.findings[:MOST_FINDINGS]:
        say(str(finding))
    if len(report.findings) > MOST_FINDINGS:
        note(f"{len(report.findings) - MOST_FINDINGS} more findings: --json lists them")
    if report.open:
        note(f"not ended yet: {', '.join(f'{count} {state}' for state, count in report.open.items())}")
    say(report.verdict)


def _print_each(found: Iterable[Placed], *, as_json: bool) -> None:
    for placed in found:
        if as_json:
            print_line(json_line(placed))
        else:
            say(_line(placed))


def _line(placed: Placed) -> str:
    entry = placed.entry
    about_what = f"{entry.agent}/{entry.action_id}" if entry.action_id else ""
    outcomes = ", ".join(f"{one.action_id}: {one.outcome.value}" for one in entry.outcomes)
    place = f"{placed.partition}@{placed.offset}"
    parts = (
        clock(placed.append_ms),
        place.ljust(8),
        entry.event.ljust(22),
        about_what,
        _why(entry),
        outcomes,
    )
    return "  ".join(part for part in parts if part)


def _why(entry: AuditEntry) -> str:
    if entry.reason is None:
        return f"{entry.tile.entries} inputs" if entry.tile else ""
    return f"{entry.reason}: {sentence_of_reason(entry.event, entry.reason)}"


def read_offsets(texts: list[str]) -> tuple[int, dict[int, tuple[int, int]] | None]:
    """The offset to begin at in every partition, and where to begin in those that are named: then only they count."""
    first, named = 0, {}
    for text in texts:
        found = re.fullmatch(r"(?:(\d{1,9})@)?(\d{1,18})", text)
        if found is None:
            raise ConfigurationError(f"`{text}` is no offset: write N, or PARTITION@N")
        if found[1] is None:
            first = int(found[2])
        else:
            named[int(found[1])] = (int(found[2]), _NO_END)
    return first, named or None
