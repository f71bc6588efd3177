"""`audit` and `verify`: read the evidence, and check it."""

import re
import sys
import time
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
from sluicegate.streams.lake.checking import FolderReport, check_folder
from sluicegate.streams.lake.export import Exported

from .bars import bar
from .failures import REFUSED, Commands, reason_of
from .invocation import invocation
from .options import AsJson
from .screen import clock, note, print_json, print_json_line, print_line, rows, say
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


@app.command()
def export(
    ctx: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A new folder, or one that an export made before.")
    ],
    *,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with what comes later, until Ctrl-C.")
    ] = False,
    every: Annotated[
        float, typer.Option("--every", metavar="SECONDS", min=1.0, help="With --follow: how often.")
    ] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Write the audit log to Parquet files, one per UTC day and partition, from where the last export ended.

    Again changes nothing but what is new. `sluicegate verify FOLDER` checks it anywhere, without Kafka. Needs the extra `lake`.

    Example: sluicegate audit export audit-lake
    """
    reader = AuditReader.connect(settings=invocation(ctx).settings)
    while True:
        with bar() as shown:
            exported = reader.export(folder, lambda done, of: shown.update("exporting", done, of))
        _print_exported(folder, exported, as_json=as_json)
        if not follow:
            return
        time.sleep(every)


def _print_exported(folder: Path, exported: Exported, *, as_json: bool) -> None:
    if as_json:
        print_json_line({"folder": str(folder)} | exported.to_json())
        return
    say(f"{exported.entries} entries exported, {exported.rows} are in {exported.files} files of `{folder}`")
    if exported.unreadable:
        note(f"{exported.unreadable} records are no entries: they were kept as they are, see `unreadable`")
    say(f"manifest {exported.digest}: noted elsewhere, it shows any later change")


def verify(
    ctx: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="Verify what `audit export` wrote, without any Kafka."),
    ] = None,
    *,
    from_middle: Annotated[
        bool,
        typer.Option(
            "--from-middle", help="Accept a history whose beginning is missing: nothing before it is proven."
        ),
    ] = False,
    export: Annotated[
        str | None,
        typer.Option(
            "--export", metavar="FILE|-", help="Verify what `audit replay --json` wrote, without any Kafka."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check from `audit` alone that the gate kept its promises: on the topic, on a folder, or on a file.

    Exit status 1 when it did not, when a file is not what was exported, when there is nothing to check, and when the beginning
    of the history is missing without `--from-middle`.

    Example: sluicegate verify
    """
    if folder is not None and export is not None:
        raise ConfigurationError("name a folder, or a file with `--export`, not both")
    found = _checked(folder) if folder is not None else _verified(ctx, export)
    report = found.report if isinstance(found, FolderReport) else found
    accepted = found.ok and (report.is_complete or from_middle)
    if as_json:
        print_json(found.to_json() | {"ok": accepted})
    else:
        _print_found(found)
        if found.ok and not accepted:
            note("the beginning is missing, so this is no proof: `--from-middle` accepts it")
    if not accepted:
        raise typer.Exit(REFUSED)


def _checked(folder: Path) -> FolderReport:
    with bar() as shown:
        return check_folder(folder, lambda done, of: shown.update("verifying", done, of))


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


def _print_found(found: Report | FolderReport) -> None:
    if isinstance(found, Report):
        print_report(found)
        return
    for problem in found.problems[:MOST_FINDINGS]:
        say(str(problem))
    if found.problem_count > MOST_FINDINGS:
        note(f"{found.problem_count - MOST_FINDINGS} more problems with files: --json lists them")
    print_report(found.report)
    if found.problem_count:
        say(found.verdict)
    if found.digest is not None:
        say(f"{found.files} files, manifest {found.digest}")


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
