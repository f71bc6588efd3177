"""The size-capped projection, and that nothing it leaves out weakens a rule."""

import pytest

from sluicegate.processors.policy import Effect, load, project
from sluicegate.processors.policy.projection import MAX_DEPTH, MAX_ENTRIES, MAX_TEXT, MAX_UNREADABLE

LONG = "x" * (MAX_TEXT + 1)
NESTED: list[object] = [1]
for _ in range(MAX_DEPTH + 2):
    NESTED = [NESTED]


def denying(condition: str) -> Effect:
    """The effect of one deny rule beside an allow rule, for an action whose `body` and `m.inner` are too long."""
    policy = load(
        "version: 1\nname: p\ndefault: deny\nrules:\n"
        "  - {id: pass, on: [t], effect: allow}\n"
        f"  - id: stop\n    on: [t]\n    effect: deny\n    when: |\n      {condition}\n"
    )
    arguments = {"body": LONG, "m": {"inner": LONG, "k": 1}, "l": [{"note": LONG, "k": 1}], "kind": "mail"}
    return policy.evaluate(project("t", "agent", arguments)).effect


def test_a_small_action_is_projected_as_it_is() -> None:
    """Nothing is left out below the caps; what the action does not have is a missing fact."""
    arguments = {"a": [1, 2.5, None, True, {"b": "é"}], "c": {}}
    projection = project("t", "agent", arguments)
    assert projection.facts == {"type": "t", "agent": "agent", "arguments": arguments}
    assert projection.unreadable == ()


@pytest.mark.parametrize(
    "value",
    [
        LONG,
        [1] * (MAX_ENTRIES + 1),
        {str(n): n for n in range(MAX_ENTRIES + 1)},
        [LONG],
        [{"a": LONG}],
        NESTED,
        2**64,
        -(2**63) - 1,
        float("nan"),
        float("inf"),
        "\ud800",
        {"\ud800": 1},
        {1: 1},
        b"bytes",
    ],
)
def test_what_is_over_a_cap_is_left_out_and_named(value: object) -> None:
    """The place of the nearest map key is listed, and nothing of the value stays behind."""
    projection = project("t", "agent", {"a": {"big": value, "small": 1}})
    assert projection.facts["arguments"] == {"a": {"small": 1}}
    assert projection.unreadable == (("arguments", "a", "big"),)


def test_many_unreadable_places_make_the_arguments_unreadable_as_a_whole() -> None:
    """An agent cannot make the gate compare thousands of places with every rule."""
    projection = project("t", "agent", {f"k{n}": LONG for n in range(MAX_UNREADABLE + 1)})
    assert "arguments" not in projection.facts
    assert projection.unreadable == (("arguments",),)


def test_all_values_together_are_capped() -> None:
    """Many values below every single cap still cost a bounded amount of work."""
    projection = project("t", "agent", {f"k{n}": [n] * 900 for n in range(20)})
    assert ("arguments", "k0") not in projection.unreadable
    assert ("arguments", "k19") in projection.unreadable


@pytest.mark.parametrize(
    "condition",
    [
        "action.arguments.body == 'x'",
        "action.arguments.body != 'x'",
        "action.arguments.body.startsWith('y')",
        "action.arguments.body.x.y == 1",
        "has(action.arguments.body)",
        "!has(action.arguments.body)",
        "has(action.arguments.body.x)",
        "action.arguments['body'] == 'x'",
        "!('body' in action.arguments)",
        "size(action.arguments) == 99",
        "action.arguments.exists(k, k == 'nothing')",
        "size(action.arguments.m) == 99",
        "action.arguments.m == action.arguments.l",
        "'zz' in action.arguments.m",
        "action.arguments.m.all(k, k == 'zz')",
        "action.arguments.m[action.arguments.kind] == 1",
        "action.arguments.l[0].k == 2",
        "action.arguments.l.exists(x, x.k == 2)",
        "action.arguments.kind in [action.arguments.body, 'zz']",
        "action.arguments.kind == 'mail' && action.arguments.body.contains('y')",
        "action.arguments.kind == 'zz' || action.arguments.body.contains('y')",
        "action.arguments.kind == 'mail' ? action.arguments.body == 'y' : false",
    ],
)
def test_a_deny_rule_that_looks_at_what_was_left_out_denies(condition: str) -> None:
    """However a rule reads, tests, counts or walks over a capped value, it errs, and so it counts."""
    assert denying(condition) is Effect.DENY


@pytest.mark.parametrize(
    "condition",
    [
        "action.arguments.kind == 'zz'",
        "action.arguments.kind == 'zz' && action.arguments.body.contains('y')",
        "action.arguments.m.k == 2",
        "has(action.arguments.other)",
        "!has(action.arguments.m)",
    ],
)
def test_a_rule_whose_answer_does_not_depend_on_it_is_evaluated(condition: str) -> None:
    """A long text somewhere in an action does not stop the rules that do not need it."""
    assert denying(condition) is Effect.ALLOW


@pytest.mark.parametrize(
    "condition",
    ["action.arguments.body != 'secret'", "!has(action.arguments.body)", "size(action.arguments) < 1"],
)
def test_an_allow_rule_that_looks_at_what_was_left_out_does_not_allow(condition: str) -> None:
    """Erring never opens, not even for a rule that would hold because the value is gone: the default stands."""
    policy = load(
        "version: 1\nname: p\ndefault: deny\nrules:\n"
        f'  - {{id: pass, on: [t], effect: allow, when: "{condition}"}}\n'
    )
    verdict = policy.evaluate(project("t", "agent", {"body": LONG}))
    assert verdict.effect is Effect.DENY
    assert [error.rule for error in verdict.errors] == ["p/pass"]
    assert verdict.rules == ()


def test_a_value_of_another_type_than_declared_is_unreadable() -> None:
    """`==` never errs, so a list instead of a text would slip past a rule; a declared type prevents that."""
    rules = (
        "rules:\n  - {id: pass, on: [t], effect: allow}\n"
        "  - {id: stop, on: [t], effect: deny, when: action.arguments.kind == 'phi'}\n"
    )
    head = "version: 1\nname: p\ndefault: deny\n"
    sly = project("t", "agent", {"kind": ["phi"]})
    assert load(head + rules).evaluate(sly).effect is Effect.ALLOW
    declared = load(head + "types: {t: {kind: string}}\n" + rules)
    assert declared.evaluate(sly).effect is Effect.DENY
    assert declared.evaluate(project("t", "agent", {"kind": "public"})).effect is Effect.ALLOW


@pytest.mark.parametrize(
    ("kind", "fitting", "other"),
    [
        ("string", "a", 1),
        ("int", 1, True),
        ("int", 1, 1.0),
        ("number", 1.0, True),
        ("bool", True, 1),
        ("list", [], {}),
        ("map", {}, []),
        ("string", "a", None),
    ],
)
def test_declared_types_are_those_of_json(kind: str, fitting: object, other: object) -> None:
    """A boolean is no number, null is of no declared type, and `any` takes everything."""
    text = (
        "version: 1\nname: p\ndefault: deny\ntypes: {t: {a: %s, b: any}}\nrules:\n"
        "  - {id: pass, on: [t], effect: allow, when: has(action.arguments.a) && has(action.arguments.b)}\n"
    )
    policy = load(text % kind)
    assert policy.evaluate(project("t", "agent", {"a": fitting, "b": other})).effect is Effect.ALLOW
    assert policy.evaluate(project("t", "agent", {"a": other, "b": other})).effect is Effect.DENY
