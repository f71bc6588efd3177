"""Views for reviewers: a function of the action, the profile and what operators declared harmless; never less than it says."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.processors.masking.identifiers import Kind
from sluicegate.processors.masking.profile import BUILT_IN, Profile, load_profile
from sluicegate.processors.masking.views import MAX_FIELDS, MAX_QUOTED, MAX_VIEW_BYTES, render
from sluicegate.processors.masking.visible import visible, visible_again, without_tags
from sluicegate.schemas.action import Action
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


BASIC = BUILT_IN["pii-basic"]


def seen(arguments: dict[str, Any], *paths: str, profile: Profile = BASIC, **fields: Any) -> Any:
    """The view of these arguments as a reviewer reads it."""
    return json.loads(render(action(arguments, **fields), paths, profile).text)


def shown(arguments: dict[str, Any], *paths: str, profile: Profile = BASIC) -> Any:
    """The arguments as a reviewer sees them."""
    return seen(arguments, *paths, profile=profile)["arguments"]


def test_what_identifies_is_a_tag_and_everything_else_shows() -> None:
    """Columns by their names, shapes wherever they are, numbers and flags as they are."""
    arguments = {
        "flight_number": "HAT136",
        "date": "2024-05-20",
        "amount": 250,
        "ok": True,
        "none": None,
        "passengers": [{"first_name": "Mia", "last_name": "Li", "dob": "1990-04-05"}],
        "note": "call mia.li@example.com about SSN 123-45-6789",
        "empty": {},
    }
    assert shown(arguments) == {
        "flight_number": {"quoted": "HAT136"},
        "date": {"quoted": "2024-05-20"},
        "amount": 250,
        "ok": True,
        "none": None,
        "passengers": [
            {
                "first_name": {"quoted": "<name>"},
                "last_name": {"quoted": "<name>"},
                "dob": {"quoted": "<birth-date>"},
            }
        ],
        "note": {"quoted": "call <email> about SSN <ssn>"},
        "empty": {},
    }


def test_a_stricter_profile_shows_less() -> None:
    """The request's own: under HIPAA's safe harbor dates go to the year."""
    arguments = {"date": "2024-05-20", "city": "Springfield"}
    assert shown(arguments, profile=BUILT_IN["hipaa-safe-harbor"]) == {
        "date": {"quoted": "2024"},
        "city": {"quoted": "<place>"},
    }


def test_a_published_profile_may_keep_a_column() -> None:
    """It is the operator's signed statement, like `show:`; dropped columns are null."""
    text = "version: 1\nname: ours\nextends: pii-basic\ncolumns: {login: keep, inner: drop}\n"
    ours = load_profile(text, source="ours")
    arguments = {"login": "mia_li_3668", "inner": "x"}
    assert (
        shown(arguments)
        != shown(arguments, profile=ours)
        == {
            "login": {"quoted": "mia_li_3668"},
            "inner": None,
        }
    )


def test_keys_that_identify_are_tags_and_stay_different() -> None:
    """Agents write keys too; as many arguments show as there are."""
    arguments = {"ann@example.com": 1, "bob@example.com": 2, "rows": 3}
    assert shown({"by": arguments})["by"] == {"<email-1>": 1, "<email-2>": 2, "rows": 3}


def test_h1_the_summary_is_masked_with_the_arguments() -> None:
    """An agent's own words about its action: a name that stands in a column is found there as well."""
    arguments = {"passengers": [{"first_name": "Mia", "last_name": "Li"}], "summary": "code 7", "summary_": 1}
    said = seen(arguments, summary="moves mia li to HAT136, ask mia@example.com")
    assert said["summary"] == {"quoted": "moves <name> to HAT136, ask <email>"}
    assert said["arguments"]["summary"] == {"quoted": "code 7"}
    assert "summary" not in seen(arguments)


@pytest.mark.parametrize(
    ("paths", "wanted"),
    [
        ((), {"user_id": {"b": [{"first_name": "<name>", "email": "<email>"}]}, "ssn": "<ssn>"}),
        (("ssn",), {"user_id": {"b": [{"first_name": "<name>", "email": "<email>"}]}, "ssn": "123-45-6789"}),
        (
            ("user_id.b.*.email",),
            {"user_id": {"b": [{"first_name": "<name>", "email": "x@y.org"}]}, "ssn": "<ssn>"},
        ),
        (
            ("user_id.b.0",),
            {"user_id": {"b": [{"first_name": "<name>", "email": "<email>"}]}, "ssn": "<ssn>"},
        ),
        (("user_id.x",), {"user_id": {"b": [{"first_name": "<name>", "email": "<email>"}]}, "ssn": "<ssn>"}),
        (("*.b",), {"user_id": {"b": [{"first_name": "Mia", "email": "x@y.org"}]}, "ssn": "<ssn>"}),
        (("*",), {"user_id": {"b": [{"first_name": "Mia", "email": "x@y.org"}]}, "ssn": "123-45-6789"}),
    ],
)
def test_a_path_shows_its_place_and_what_is_under_it_as_it_is(paths: tuple[str, ...], wanted: Any) -> None:
    """Names must fit exactly; `*` stands for any key and for every element. The rest is masked."""
    arguments = {"user_id": {"b": [{"first_name": "Mia", "email": "x@y.org"}]}, "ssn": "123-45-6789"}
    assert shown(arguments, *paths) == _quoted(wanted)


def _quoted(value: Any) -> Any:
    match value:
        case str():
            return {"quoted": value}
        case dict():
            return {key: _quoted(inner) for key, inner in value.items()}
        case list():
            return [_quoted(inner) for inner in value]
        case _:
            return value


def test_a_key_below_a_star_is_masked_and_a_named_one_is_not() -> None:
    """A star says nothing about what stands in its place; a name does."""
    arguments = {"by": {"ann@example.com": {"id": "x@y.org"}}}
    assert shown(arguments, "by.*.id") == {"by": {"<email-1>": {"id": {"quoted": "x@y.org"}}}}
    assert shown(arguments, "by") == {"by": {"ann@example.com": {"id": {"quoted": "x@y.org"}}}}


@pytest.mark.parametrize("kind", Kind)
def test_d3_an_agent_cannot_write_a_tag(kind: Kind) -> None:
    """What imitates one is marked, in values and keys, shown or masked, however it is spelled."""
    for form in (f"<{kind}>", f"<{kind.upper()}>", f"<{kind}-1>", f"<{kind}:{'a' * 24}>"):
        said = shown({"a": f"paid to {form}", "b": f"x {form}"}, "b")
        assert said["b"] == {"quoted": f"x <U+FF1C>{form[1:]}"}
        assert said["a"]["quoted"].startswith("paid to <U+FF1C>")


def test_a_view_shown_again_keeps_its_marks() -> None:
    """Who shows a view marks what it lacks and leaves what is marked."""
    for text in ("safe\u202egnp", "p\u0430ypal", "plain", "<U+202E>"):
        assert visible_again(visible(text)) == visible(text)
    assert visible_again("raw\x1b[31m") == "raw<U+001B>[31m"


_TAGLIKE = st.lists(st.sampled_from(["<", "\uff1c", "name", "NAME", ">", "-1>", " "]), max_size=7).map(
    "".join
)


@given(_TAGLIKE, _TAGLIKE)
@settings(max_examples=300, deadline=None)
def test_d3_two_texts_stay_two_without_their_tags(one: str, two: str) -> None:
    """Whatever they imitate, and whatever they imitate of the mark itself."""
    assert (without_tags(one) == without_tags(two)) is (one == two)


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


@given(st.dictionaries(_HOSTILE | _TAGLIKE, st.integers(0, 9), max_size=6))
@settings(max_examples=200, deadline=None)
def test_d3_no_argument_hides_behind_another(arguments: dict[str, int]) -> None:
    """A view shows as many arguments as there are, however their keys are spelled."""
    for paths in (("all",), ()):
        view = render(action({"all": arguments}), paths, BASIC)
        assert not view.complete or len(json.loads(view.text)["arguments"]["all"]) == len(arguments)
    assert len(shown({"all": arguments}, "all")["all"]) == len(arguments)


@pytest.mark.parametrize("paths", [(), ("note",)])
def test_b11_a_long_text_is_cut_and_the_view_says_so(paths: tuple[str, ...]) -> None:
    """Exactly at the limit it is whole; one character more and nobody can approve."""
    text = "well " * (MAX_QUOTED // 5)
    assert render(action({"note": text}), paths, BASIC).complete
    view = render(action({"note": text + "."}), paths, BASIC)
    assert not view.complete
    assert json.loads(view.text)["arguments"]["note"]["cut"] == MAX_QUOTED + 1
    assert json.loads(view.text)["incomplete"] == ["cut"]


def test_p6_a_view_has_a_largest_size() -> None:
    """Too many arguments, or marks that make text longer: one short view that cannot be approved."""
    many = render(action({str(number): number for number in range(10_000)}), (), BASIC)
    marked = render(action({f"k{number}": "\u202e" * 2_000 for number in range(10)}), ("*",), BASIC)
    for view in (many, marked):
        assert not view.complete
        assert len(view.text.encode()) <= MAX_VIEW_BYTES
        assert "cut" in json.loads(view.text)


@pytest.mark.parametrize("many", [{f"k{at}": at for at in range(MAX_FIELDS)}, {"a": list(range(MAX_FIELDS))}])
def test_p6_a_view_has_a_largest_number_of_fields(many: dict[str, Any]) -> None:
    """What nobody would read is not masked at the gate's expense; the view says so and cannot be approved."""
    view = render(action(many), (), BASIC)
    assert not view.complete
    assert set(json.loads(view.text)) == {"type", "agent", "action", "incomplete", "cut"}
    assert render(action({"a": list(range(MAX_FIELDS - 1))}), (), BASIC).complete


def deep(levels: int) -> Any:
    """Lists within lists."""
    value: Any = "ann@example.com"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [deep(80), deep(5_000), "lone \ud800 surrogate", float("nan"), b"bytes", {1: "a number as key"}],
    ids=["too-deep", "far-too-deep", "no-unicode", "nan", "bytes", "key"],
)
def test_what_cannot_be_masked_is_left_out_and_nobody_can_approve(value: Any) -> None:
    """No action that was read as one holds such a value; if it did, nothing of it would show."""
    view = render(
        action({}).model_copy(update={"arguments": {"id": "ann@example.com", "x": value}}), (), BASIC
    )
    assert not view.complete
    assert "ann" not in view.text
    assert json.loads(view.text)["incomplete"] in (["not-masked"], ["cut"])


def test_b13_a_masking_that_fails_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the engine does."""

    def broken(*_: object) -> None:
        raise RuntimeError("mia")

    monkeypatch.setattr("sluicegate.processors.masking.text.mask_json", broken)
    view = render(action({"note": "mia"}, summary="mia"), ("note",), BASIC)
    assert not view.complete
    assert "mia" not in view.text
    assert json.loads(view.text)["incomplete"] == ["not-masked"]


def test_promise_6_a_second_look_that_finds_something_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the detectors missed stops the view: here they miss everything."""
    monkeypatch.setattr("sluicegate.processors.masking.text.mask_json", lambda value, _: (value, {}))
    view = render(action({"passengers": [{"first_name": "Mia", "last_name": "Li"}]}), (), BASIC)
    assert not view.complete
    assert "Mia" not in view.text
    assert render(action({"rows": 3}), (), BASIC).complete


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


@given(
    st.dictionaries(st.sampled_from(["a", "b", "<U+0061>", "<name>"]) | _HOSTILE, _VALUES, max_size=4), _PATHS
)
@settings(max_examples=200, deadline=None)
def test_d3_a_view_is_a_function_of_the_bytes(arguments: dict[str, Any], paths: list[str]) -> None:
    """Same action, same view, whatever the order of its keys; its digest is that of its text; it is printable."""
    view = render(action(arguments), paths, BASIC)
    again = render(action(dict(reversed(arguments.items()))), paths, BASIC)
    assert view == again
    assert view.digest == sha256(view.text.encode())
    assert isinstance(json.loads(view.text), dict)
    assert view.text.isprintable()
