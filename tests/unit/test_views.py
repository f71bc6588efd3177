"""Views for reviewers: a function of the action and of what operators declared harmless, and never less than it says."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.processors.masking.views import MAX_QUOTED, MAX_VIEW_BYTES, render, visible, visible_again
from sluicegate.schemas.action import Action
from sluicegate.schemas.approval import View
from sluicegate.schemas.canonical import sha256


def action(arguments: dict[str, Any], **fields: Any) -> Action:
    """An action with these arguments."""
    values = {
        "deployment": "test",
        "action_id": "a-1",
        "agent": "ops-agent",
        "lane": "ops-agent",
        "type": "crm.write",
        "nonce": bytes(16),
        "created_at_ms": 1,
        "arguments": arguments,
    }
    return Action(**{**values, **fields})


def shown(arguments: dict[str, Any], *paths: str) -> Any:
    """The arguments as a reviewer sees them."""
    return json.loads(render(action(arguments), paths).text)["arguments"]


def test_nothing_is_shown_that_was_not_declared() -> None:
    """Values appear as type and size, keys as numbers: both are written by agents."""
    arguments = {"ssn": "123-45-6789", "n": 5, "f": 0.5, "b": True, "z": None, "l": [1, 2], "o": {"k": "v"}}
    assert shown(arguments) == {
        "#1": {"hidden": "boolean"},
        "#2": {"hidden": "number"},
        "#3": {"hidden": "list", "size": 2},
        "#4": {"hidden": "number"},
        "#5": {"hidden": "object", "size": 1},
        "#6": {"hidden": "text", "size": 11},
        "#7": {"hidden": "null"},
    }


def test_h1_the_summary_is_never_shown() -> None:
    """An agent's own words about its action are hidden, and their size is told."""
    view = render(action({}, summary="John Smith, 123-45-6789"), ("*",))
    assert "John" not in view.text
    assert json.loads(view.text)["summary"] == {"hidden": "text", "size": 23}


@pytest.mark.parametrize(
    ("paths", "wanted"),
    [
        (("a",), {"a": {"b": [{"c": 1, "d": {"quoted": "x"}}]}, "#2": {"hidden": "number"}}),
        (
            ("a.b.*.c",),
            {"a": {"b": [{"c": 1, "#2": {"hidden": "text", "size": 1}}]}, "#2": {"hidden": "number"}},
        ),
        (("a.b.0",), {"a": {"b": [{"hidden": "object", "size": 2}]}, "#2": {"hidden": "number"}}),
        (("a.x",), {"a": {"#1": {"hidden": "list", "size": 1}}, "#2": {"hidden": "number"}}),
        (("*.b",), {"#1": {"b": [{"c": 1, "d": {"quoted": "x"}}]}, "#2": {"hidden": "number"}}),
        (("*",), {"#1": {"b": [{"c": 1, "d": {"quoted": "x"}}]}, "#2": 7}),
    ],
)
def test_a_path_shows_its_place_and_what_is_under_it(paths: tuple[str, ...], wanted: Any) -> None:
    """Names must fit exactly; `*` stands for any key, which stays a number, and for every element."""
    assert shown({"a": {"b": [{"c": 1, "d": "x"}]}, "k": 7}, *paths) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain text, 5 < 6", "plain text, 5 < 6"),
        ("caf\u00e9", "caf\u00e9"),
        ("cafe\u0301", "cafe<U+0301>"),
        ("\u0434\u0430", "\u0434\u0430"),
        ("p\u0430ypal", "p<U+0430>ypal"),
        ("safe\u202egnp.exe", "safe<U+202E>gnp.exe"),
        ("\u2066x\u2069", "<U+2066>x<U+2069>"),
        ("a\u200bb\u00ad\ufeff", "a<U+200B>b<U+00AD><U+FEFF>"),
        ("line\r\nnext\tend\x1b[31m", "line<U+000D><U+000A>next<U+0009>end<U+001B>[31m"),
        ("no\u00a0break\u3000", "no<U+00A0>break<U+3000>"),
        ("\U000e0041", "<U+E0041>"),
        ("crm\u2024internal\uff0fadmin", "crm<U+2024>internal<U+FF0F>admin"),
        ("\uff41\uff44\uff4d\uff49\uff4e", "<U+FF41><U+FF44><U+FF4D><U+FF49><U+FF4E>"),
        ("\U0001d41a", "<U+1D41A>"),
        ("<U+202E>", "<U+003C>U+202E>"),
    ],
)
def test_b10_what_deceives_the_eye_is_written_as_its_code_point(text: str, wanted: str) -> None:
    """Trojan Source, invisible text, mixed scripts, compatibility twins, and text that imitates a mark."""
    assert visible(text) == wanted


def test_a_view_shown_again_keeps_its_marks() -> None:
    """Who shows a view marks what it lacks and leaves what is marked."""
    for text in ("safe\u202egnp", "p\u0430ypal", "plain", "<U+202E>"):
        assert visible_again(visible(text)) == visible(text)
    assert visible_again("raw\x1b[31m") == "raw<U+001B>[31m"


_HOSTILE = st.text(
    st.one_of(st.sampled_from("<U+02E>ab\u202e\u200b\u0430\uff0f\n\u0301"), st.characters(codec="utf-8"))
)


def unmarked(text: str) -> str:
    """Marks read back."""
    return re.sub(r"<U\+([0-9A-F]{4,6})>", lambda mark: chr(int(mark[1], 16)), text)


@given(_HOSTILE)
@settings(max_examples=300, deadline=None)
def test_d3_two_texts_never_look_the_same(text: str) -> None:
    """Marks can be read back without loss."""
    assert unmarked(visible(text)) == text


@given(st.dictionaries(_HOSTILE, st.integers(0, 9), max_size=6))
@settings(max_examples=200, deadline=None)
def test_d3_no_argument_hides_behind_another(arguments: dict[str, int]) -> None:
    """A view shows as many arguments as there are, however their keys are spelled."""
    assert len(shown({"all": arguments}, "all")["all"]) == len(arguments)
    assert len(shown(arguments)) == len(arguments)


def test_b11_a_long_text_is_cut_and_the_view_says_so() -> None:
    """Exactly at the limit it is whole; one character more and nobody can approve."""
    assert render(action({"note": "x" * MAX_QUOTED}), ("note",)).complete
    view = render(action({"note": "x" * (MAX_QUOTED + 1)}), ("note",))
    assert not view.complete
    assert json.loads(view.text)["arguments"]["note"]["cut"] == MAX_QUOTED + 1


def test_b11_a_long_text_that_is_hidden_cuts_nothing() -> None:
    """Its size is all there is to see."""
    assert render(action({"note": "x" * 100_000}), ()).complete


def test_p6_a_view_has_a_largest_size() -> None:
    """Too many arguments, or marks that make text longer: one short view that cannot be approved."""
    many = render(action({str(number): number for number in range(10_000)}), ())
    marked = render(action({f"k{number}": "\u202e" * MAX_QUOTED for number in range(10)}), ("*",))
    for view in (many, marked):
        assert not view.complete
        assert len(view.text.encode()) <= MAX_VIEW_BYTES
        assert "cut" in json.loads(view.text)


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _HOSTILE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_HOSTILE, inner, max_size=3),
    max_leaves=12,
)
_PATHS = st.lists(st.sampled_from(["*", "a", "b", "a.*", "*.b", "a.b.c", "*.*.*"]), max_size=3)


@given(st.dictionaries(st.sampled_from(["a", "b", "<U+0061>", "#1"]) | _HOSTILE, _VALUES, max_size=4), _PATHS)
@settings(max_examples=200, deadline=None)
def test_d3_a_view_is_a_function_of_the_bytes(arguments: dict[str, Any], paths: list[str]) -> None:
    """Same action, same view, whatever the order of its keys; its digest is that of its text; it is printable."""
    view = render(action(arguments), paths)
    again = render(action(dict(reversed(arguments.items()))), paths)
    assert view == again
    assert view.digest == sha256(view.text.encode())
    assert isinstance(json.loads(view.text), dict)
    assert view.text.isprintable()


@given(_VALUES)
@settings(max_examples=100, deadline=None)
def test_h5_an_argument_nobody_declared_shows_nothing_of_its_value(value: Any) -> None:
    """Views of two values of one type and size are the same."""

    def of(marker: str) -> View:
        return render(action({"known": 1, "new": {"deep": [marker, value]}}), ("known",))

    assert of("CANARY-ONE") == of("CANARY-TWO")
