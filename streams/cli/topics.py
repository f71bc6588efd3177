"""`topics`: the table of topics against a cluster."""

import typer

from sluicegate.streams.kafka.topics import Change, TopicPlan, apply_topics, plan_topics

from .failures import REFUSED, Commands
from .invocation import invocation
from .options import AsJson
from .screen import note, print_json, rows

app = typer.Typer(name="topics", cls=Commands, no_args_is_help=True)


@app.callback()
def topics() -> None:
    """Compare topics with the table (partitions, retention, sizes, log-append time) and put them right."""


@app.command()
def plan(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show what `topics apply` would do, and change nothing; exit status 1 when something differs.

    Example: sluicegate topics plan
    """
    called = invocation(ctx)
    found = plan_topics(called.admin(), called.layout)
    _show(found, as_json=as_json, done=False)
    if not found.is_clean:
        raise typer.Exit(REFUSED)


@app.command()
def apply(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Create topics that are missing and correct configurations that differ. Never deletes, never repartitions.

    Example: sluicegate topics apply
    """
    called = invocation(ctx)
    _show(apply_topics(called.admin(), called.layout), as_json=as_json, done=True)


def _show(plan: TopicPlan, *, as_json: bool, done: bool) -> None:
    if as_json:
        changes = [
            {"topic": row.topic, "change": row.change.value, "differences": list(row.differences)}
            for row in plan.rows
        ]
        print_json({"clean": plan.is_clean, "applied": done, "topics": changes})
        return
    differing = [row for row in plan.rows if row.change is not Change.KEEP]
    if differing:
        rows(
            ("topic", "change", "differences"),
            [(r.topic, r.change, "; ".join(r.differences)) for r in differing],
        )
    verb = "changed" if done else "to change"
    hint = "" if done or not differing else ": `sluicegate topics apply`"
    note(f"{len(plan.rows) - len(differing)} topics as the table says, {len(differing)} {verb}{hint}")
