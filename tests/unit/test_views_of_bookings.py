"""What reviewers see of recorded bookings: whatever identifies a passenger is a tag, whatever they decide on is there."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from sluicegate.processors.masking.profile import BUILT_IN
from sluicegate.processors.masking.views import render
from sluicegate.processors.policy import Effect, load, project
from sluicegate.schemas.action import Action

TREE: Final = Path(os.environ.get("SLUICEGATE_TREE", Path(__file__).resolve().parents[2]))
"""The checkout, also when the tests are a copy beside the wheel."""
AIRLINE: Final = TREE.parent / "shared" / "data" / "agent-runs" / "airline.jsonl"
POLICY: Final = TREE / "examples" / "airline-policy.yaml"

pytestmark = pytest.mark.skipif(
    not AIRLINE.exists(), reason="the recorded agent runs are not part of the project"
)

IDENTIFIES: Final = {"first_name", "last_name", "dob", "payment_id", "user_id"}
DECIDED_ON: Final = {"flight_number", "date", "amount", "origin", "destination", "cabin", "reservation_id"}


def fields(value: Any, names: set[str]) -> Iterator[Any]:
    """Every value in a field of these names, at any depth."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in names and not isinstance(inner, dict | list):
                yield inner
            yield from fields(inner, names)
    elif isinstance(value, list):
        for element in value:
            yield from fields(element, names)


def reviewed() -> list[tuple[Action, tuple[str, ...]]]:
    """Every recorded call that the example policy holds for people, with what the policy shows of it."""
    policy, found = load(POLICY.read_text(encoding="utf-8")), []
    for number, line in enumerate(AIRLINE.read_text(encoding="utf-8").splitlines()):
        call = json.loads(line)
        action = Action(
            deployment="test",
            action_id=f"a-{number}",
            agent="gpt-4o/run",
            lane="gpt-4o/run",
            type=call["tool"],
            nonce=bytes(16),
            created_at_ms=1,
            arguments=call["args"],
        )
        verdict = policy.evaluate(project(action.type, action.agent, action.arguments))
        if verdict.effect is Effect.REVIEW:
            found.append((action, verdict.show))
    return found


def words(text: str) -> set[str]:
    """Runs of letters and digits, without case."""
    return set(re.findall(r"[a-z0-9]+", text.casefold()))


@pytest.mark.parametrize("profile", ["pii-basic", "limited-data-set"])
@pytest.mark.parametrize("with_show", [True, False])
def test_b13_a_view_of_a_booking_names_nobody_and_shows_what_is_decided_on(
    profile: str, *, with_show: bool
) -> None:
    """No name, birth date, payment id or user id of any passenger, in any part; flights, dates and amounts as recorded."""
    actions = reviewed()
    assert len(actions) == 121
    for action, shown in actions:
        view = render(action, shown if with_show else (), BUILT_IN[profile])
        assert view.complete
        hidden = {str(value).casefold() for value in fields(action.arguments, IDENTIFIES)}
        text = view.text.casefold()
        assert not [
            value
            for value in hidden
            if value in words(text) or (("-" in value or "_" in value) and value in text)
        ]
        # Parts of ids too: a user id is made of a name.
        parts = {part for value in fields(action.arguments, {"user_id"}) for part in str(value).split("_")}
        assert not parts & words(text)
        said = list(fields(json.loads(view.text)["arguments"], DECIDED_ON)) + [
            each["quoted"] for each in json_objects(json.loads(view.text)) if "quoted" in each
        ]
        for value in fields(action.arguments, DECIDED_ON):
            assert value in said


def json_objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object within."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from json_objects(inner)


def test_a_view_needs_no_show_to_be_useful() -> None:
    """`show:` adds nothing to what reviewers see of these bookings: the column policy knows their fields."""
    basic = BUILT_IN["pii-basic"]
    assert all(render(action, shown, basic) == render(action, (), basic) for action, shown in reviewed())
