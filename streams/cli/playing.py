"""`play`: recorded agent tool calls through a real gate."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.local import LocalDeployment
from sluicegate.streams.logs import configure_logging
from sluicegate.streams.play.player import Played, Player
from sluicegate.streams.play.recording import read_recording
from sluicegate.streams.play.results import COLUMNS, RESULT_COLUMNS, Tallies, percentiles, tallied
from sluicegate.streams.settings import find_file

from .audits import print_report
from .bars import Bar, bar
from .failures import REFUSED
from .invocation import Invocation, invocation
from .options import AsJson
from .screen import print_json, rows, say


def play(
    ctx: typer.Context,
    recording: Annotated[
        Path, typer.Argument(metavar="FILE.jsonl", help="JSON lines with run, seq, tool and args.")
    ],
    *,
    policy: Annotated[
        Path, typer.Option("--policy", metavar="FILE", help="The policy the recorded agents meet.")
    ],
    approve_when: Annotated[
        str | None,
        typer.Option(
            "--approve-when",
            metavar="FIELD",
            help="Scripted reviewers approve calls whose FIELD is true and reject the others. Default: people decide.",
        ),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, max=16, help="Of the temporary gate.")] = 1,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", help="For all actions to end.")
    ] = 600.0,
    as_json: AsJson = False,
) -> None:
    """See what a gate would have let through: play recorded tool calls and count what became of each.

    Every run is an agent of its own; granted calls return their recorded result, which comes back masked, and nothing happens for real. Uses the gate
    that is configured (sluicegate.toml or SLUICEGATE_BOOTSTRAP; see `sluicegate up`), else a temporary broker and gate. The
    same file played again within the closing window executes nothing again.

    Example: sluicegate play runs.jsonl --policy policy.yaml --approve-when in_reference_solution
    """
    calls = read_recording(recording)
    text = _read_policy(policy)
    configure_logging(level=logging.CRITICAL)
    with bar() as progress, _deployment(invocation(ctx), workers, progress) as deployment:
        player = Player(
            deployment, calls, text, approve_when=approve_when, progress=progress.update, timeout_s=timeout
        )
        played = player.play()
    if as_json:
        print_json(result_of(played))
    else:
        _print(played)
    if not played.verification.ok:
        raise typer.Exit(REFUSED)


def result_of(played: Played) -> dict[str, Any]:
    """What `--json` prints: the totals, what became of results, latencies in milliseconds, counts per type, and the verifier's report."""
    tallies = tallied(played.told)
    total = tallies.total
    return {
        **{column: total[column] for column in COLUMNS},
        "results": {column: total[column] for column in RESULT_COLUMNS},
        "latency_ms": percentiles([t.final_after_ms for t in played.told if t.final_after_ms is not None]),
        "seconds": round(played.seconds, 3),
        "actions_per_second": round(len(played.told) / played.seconds, 1),
        "by_type": {
            kind: {column: counts[column] for column in (*COLUMNS, *RESULT_COLUMNS)}
            for kind, counts in sorted(tallies.by_type.items())
        },
        "verify": played.verification.to_json(),
    }


def _read_policy(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the policy `{path}` cannot be read: {type(error).__name__}") from None


@contextmanager
def _deployment(called: Invocation, workers: int, progress: Bar) -> Iterator[LocalDeployment]:
    configured = (
        called.config is not None or find_file(Path.cwd()) is not None or "SLUICEGATE_BOOTSTRAP" in os.environ
    )
    if configured:
        with LocalDeployment(called.settings, said=progress.say) as deployment:
            yield deployment
    else:
        with LocalDeployment.temporary(workers=workers, said=progress.say) as deployment:
            yield deployment


def _print(played: Played) -> None:
    tallies = tallied(played.told)
    rows(("type", *COLUMNS, *RESULT_COLUMNS), _table(tallies))
    told = [t.final_after_ms for t in played.told if t.final_after_ms is not None]
    named = ", ".join(f"{name} {value} ms" for name, value in percentiles(told).items())
    say(f"\nsubmit to final outcome, reviewers included: {named}")
    say(
        f"{len(played.told)} actions in {played.seconds:.1f} s: {len(played.told) / played.seconds:.0f} per second\n"
    )
    print_report(played.verification)


def _table(tallies: Tallies) -> list[tuple[str, ...]]:
    lines = [(kind, *_cells(counts)) for kind, counts in sorted(tallies.by_type.items())]
    return [*lines, ("all", *_cells(tallies.total))]


def _cells(counts: Any) -> tuple[str, ...]:
    return tuple(str(counts[column] or "") for column in (*COLUMNS, *RESULT_COLUMNS))
