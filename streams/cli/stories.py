"""`show`: the whole story of one action, from `audit`."""

from typing import Annotated

import typer

from sluicegate.processors.story import Story, tell
from sluicegate.schemas.errors import RefusedError
from sluicegate.streams.clients.audit_reader import AuditReader, Selection

from .invocation import invocation
from .options import AsJson
from .person_names import names_of_persons
from .screen import clock, print_json, rows, say
from .times import since_ms


def show(
    ctx: typer.Context,
    action_id: Annotated[str, typer.Argument(metavar="ID", help="An action's id.")],
    *,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Read less of a long log, such as 2d.")
    ] = None,
    agent: Annotated[
        str | None, typer.Option("--agent", metavar="ID", help="When two agents use the same id.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what was asked, which rule spoke, who decided, what happened, and why each refused thing was refused.

    People appear by their random ids, by name only for those who may read `identities`.

    Example: sluicegate show ac-7f2k
    """
    called = invocation(ctx)
    wanted = Selection(since_ms=since_ms(since), action_id=action_id)
    found = AuditReader.connect(settings=called.settings).entries(wanted)
    told = tell(action_id, (placed.entry for placed in found), names_of_persons(called))
    stories = [story for story in told if agent in {None, story.agent}]
    if not stories:
        raise RefusedError(
            f"`audit` knows no action `{action_id}`: it may be a dead letter (`sluicegate dlq list`)"
        )
    if as_json:
        print_json([story.to_json() for story in stories])
        return
    for story in stories:
        _print_story(story)


def _print_story(story: Story) -> None:
    say(story.headline)
    rows(("when", "what"), [(clock(step.at_ms), step.sentence) for step in story.steps])
