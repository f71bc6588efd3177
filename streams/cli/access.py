"""`acl`: the table of rights against a cluster."""

import typer

from sluicegate.streams.kafka.access import AccessPlan, apply_access, plan_access
from sluicegate.streams.kafka.principals import LOCAL_PRINCIPALS
from sluicegate.streams.kafka.provision import provision_users
from sluicegate.streams.kafka.rights import Right

from .failures import REFUSED, Commands
from .invocation import invocation
from .options import AsJson
from .screen import note, print_json, rows

app = typer.Typer(name="acl", cls=Commands, no_args_is_help=True)


@app.callback()
def acl() -> None:
    """Compare users' rights with the table and put the missing ones in force."""


@app.command()
def plan(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Show which rights are missing or unexpected, and change nothing; exit status 1 when something differs.

    Example: sluicegate acl plan
    """
    found = plan_access(invocation(ctx).admin())
    _show(found, as_json=as_json, done=False)
    if not found.is_clean:
        raise typer.Exit(REFUSED)


@app.command()
def apply(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Make users that are missing, with generated passwords, and add missing rights. Never takes a right away.

    Example: sluicegate acl apply
    """
    called = invocation(ctx)
    admin = called.admin()
    provision_users(admin, called.state, LOCAL_PRINCIPALS)
    _show(apply_access(admin), as_json=as_json, done=True)


def _show(plan: AccessPlan, *, as_json: bool, done: bool) -> None:
    if as_json:
        print_json(
            {
                "clean": plan.is_clean,
                "applied": done,
                "in_force": plan.in_force,
                "missing": [_described(right) for right in plan.missing],
                "unexpected": [_described(right) for right in plan.unexpected],
            }
        )
        return
    marked = [("+", right) for right in plan.missing] + [("?", right) for right in plan.unexpected]
    if marked:
        rows(
            ("", "user", "", "operation", "resource", "name"),
            [(mark, r.user, r.permission, r.operation, r.resource, _name(r)) for mark, r in marked],
        )
    verb = "added" if done else "missing (+): `sluicegate acl apply`"
    note(
        f"{plan.in_force} rights in force, {len(plan.missing)} {verb}, {len(plan.unexpected)} unexpected (?)"
    )


def _described(right: Right) -> dict[str, str]:
    return {
        "user": right.user,
        "permission": right.permission,
        "operation": right.operation,
        "resource": right.resource,
        "name": right.name,
        "pattern": right.pattern,
    }


def _name(right: Right) -> str:
    return f"{right.name}*" if right.pattern == "prefixed" else right.name
