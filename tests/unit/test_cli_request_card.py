"""How a request is shown to a person: as data, whole, and with what is still missing."""

import json
from typing import Any

import pytest

from sluicegate.processors.masking.profile import BUILT_IN
from sluicegate.processors.masking.views import MAX_QUOTED, render
from sluicegate.schemas.action import Action
from sluicegate.schemas.approval import ApprovalRequest, FrozenRequirement, Tally, View
from sluicegate.streams.cli.request_card import card, view_lines
from sluicegate.streams.cli.screen import span, words

NOW_MS = 1_000_000
DEADLINE_MS = NOW_MS + 125_000


def view(arguments: dict[str, Any], *shown: str) -> View:
    """The view of an action with these arguments."""
    action = Action(
        deployment="test",
        action_id="a-1",
        agent="ops",
        lane="ops",
        type="crm.delete",
        nonce=bytes(16),
        created_at_ms=0,
        arguments=arguments,
    )
    return render(action, shown, BUILT_IN["pii-basic"])


def request(seen: View, **fields: Any) -> ApprovalRequest:
    """A request for two people of `security`."""
    values: dict[str, Any] = {
        "request_id": "rq-1",
        "action_id": "a-1",
        "action_digest": bytes(32),
        "lane": "ops",
        "agent": "ops",
        "type": "crm.delete",
        "requirement": FrozenRequirement(
            groups={"security": 2}, quorum=2, deadline_ms=DEADLINE_MS, reason_required=True, mask="pii-basic"
        ),
        "excluded": ("p-owner",),
        "rules": ("starter/deletes-wait",),
        "whys": ("It cannot be undone.",),
        "policies": (),
        "view": seen,
        "requested_at_ms": NOW_MS,
    }
    return ApprovalRequest(**{**values, **fields})


def shown(one: ApprovalRequest, tally: Tally | None = None, names: dict[str, str] | None = None) -> str:
    """The card as text."""
    return "\n".join(line.plain for line in card(one, tally, NOW_MS, names or {}))


def test_a_card_says_what_who_is_needed_until_when_and_why() -> None:
    """Everything a decision rests on is on it."""
    text = shown(request(view({"records": 3}, "records")))
    for part in (
        "rq-1  crm.delete by ops  2m 05s left",
        "2 of security; 2 people in all; a reason is required",
        "nobody has decided yet; missing: security",
        "p-owner (behind the action)",
        "It cannot be undone.",
        "starter/deletes-wait",
        "records  3",
    ):
        assert part in text


def test_names_are_shown_only_when_they_are_given() -> None:
    """Who may not read `identities` sees ids."""
    assert "p-owner" in shown(request(view({})))
    assert "Olga (behind the action)" in shown(request(view({})), names={"p-owner": "Olga"})


def test_the_last_counted_tally_says_who_is_still_missing() -> None:
    """One of two is not enough, and says so."""
    tally = Tally(
        decision_id="de-1",
        request_id="rq-1",
        action_id="a-1",
        lane="ops",
        agent="ops",
        person="p-1",
        counted=True,
        people=1,
        needed=2,
        open_groups=("security",),
    )
    assert "1 of 2 counted; missing: security" in shown(request(view({})), tally)


def test_text_of_an_agent_stands_behind_a_fence_on_every_line() -> None:
    """It cannot pass for a line of the card, however it is written."""
    sly = "fine\n  why     approve me " + "please " * 40
    lines = list(view_lines(view({"note": sly}, "note").text))
    assert len(lines) > 1
    assert all("  | " in line for line in lines)
    assert "<U+000A>" in lines[0]


def test_control_characters_and_markup_of_an_agent_reach_no_terminal() -> None:
    """Escape sequences are code points, brackets are brackets."""
    (line,) = view_lines(view({"note": "\x1b[31m[bold]red"}, "note").text)
    assert "\x1b" not in line
    assert "<U+001B>[31m[bold]red" in line


def test_identifiers_appear_as_tags_behind_the_fence() -> None:
    """In values and in keys; what identifies nobody is there to be read."""
    text = shown(request(view({"full_name": "Jane Doe", "to": "jane@example.com, gate 4", "j@x.org": 1})))
    assert "Jane" not in text
    assert "full_name  | <name>" in text
    assert "to         | <email>, gate 4" in text
    assert "<email-1>  1" in text


def test_nested_values_keep_their_shape() -> None:
    """Maps and lists are indented, one value a line."""
    text = "\n".join(view_lines(view({"where": {"rows": [1, 2]}, "empty": {}}, "where", "empty").text))
    assert text.splitlines() == ["empty  {}", "where", "  rows", "    [0]  1", "    [1]  2"]


def test_an_incomplete_view_says_that_it_cannot_be_approved() -> None:
    """Before anybody tries."""
    seen = view({"note": "x " * MAX_QUOTED}, "note")
    assert not seen.complete
    text = shown(request(seen))
    assert "INCOMPLETE: it cannot be approved, only rejected" in text
    assert "(CUT: there is more than what is shown here)" in text
    assert f"cut: {2 * MAX_QUOTED} characters in all" in text


def test_what_could_not_be_masked_is_said() -> None:
    """In words, and a reason that a card does not know too."""
    for reason, said in (("not-masked", "NOT MASKED"), ("new-reason", "something is missing")):
        text = json.dumps({"type": "t", "incomplete": [reason], "arguments": {}})
        assert said in "\n".join(view_lines(text))


def test_a_view_that_is_not_what_its_digest_says_is_called_out() -> None:
    """Nobody may decide on it."""
    forged = view({"records": 3}, "records").model_copy(update={"digest": bytes(32)})
    assert "NOT WHAT ITS DIGEST SAYS" in shown(request(forged))


def test_a_raised_request_says_so() -> None:
    """More is needed than when it was asked first."""
    assert "revision 2" in shown(request(view({}), revision=2))


@pytest.mark.parametrize("text", ["", "[]", "3", "{"])
def test_a_view_that_cannot_be_read_is_to_be_rejected(text: str) -> None:
    """Never an empty card that looks harmless."""
    assert "reject the request" in "\n".join(view_lines(text))


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (-1, "0s"),
        (999, "0s"),
        (59_999, "59s"),
        (60_000, "1m 00s"),
        (7_500_000, "2h 05m"),
        (90_000_000, "1d 01h"),
    ],
)
def test_spans_have_at_most_two_units(milliseconds: int, text: str) -> None:
    """Rounded down: a deadline is never shown later than it is."""
    assert span(milliseconds) == text


def test_digests_are_shown_in_groups_that_can_be_read_aloud() -> None:
    """Four groups of four hex digits."""
    assert words(bytes(range(32))) == "0001 0203 0405 0607"
