"""The fast ways to a verdict say what the plain ones say: one call for all rules, and a projection that copies nothing."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.processors.policy import project
from sluicegate.processors.policy.cel_evaluator import CelEvaluator
from sluicegate.processors.policy.expressions import Bound, Failed
from sluicegate.processors.policy.loading import load_policy
from sluicegate.processors.policy.projection import MAX_TEXT

ATOMS = st.sampled_from(
    [
        "action.arguments.x == 1",
        "action.arguments.x > 1",
        "action.arguments.x",
        "!action.arguments.y",
        "-action.arguments.x < 0",
        "action.arguments.y == 'p'",
        "action.arguments.y == null",
        "action.arguments.y.startsWith('p')",
        "action.arguments.y.matches('^[pq]$')",
        "action.arguments.m == action.arguments.m",
        "action.arguments.m.x == 1",
        "action.arguments.m.m.x == 1",
        "action.arguments['x'] == 1",
        "action.arguments.m['x'] == action.arguments['m'].x",
        "action['arguments'].x == 1",
        "action.arguments.`m.x` == 1",
        "action.arguments.`m.m`.x == 1",
        "action.arguments.m.`x-y` == 'p'",
        "has(action.arguments.`m.x`)",
        ".action.arguments.x >= 2.5",
        "has(action.arguments.x)",
        "has(action.arguments.m.x)",
        "has(action.arguments.m.m.x)",
        "has(action.arguments.x) && !action.arguments.x",
        "has(action.arguments.m) && has(action.arguments.m.x)",
        "has(action.lane)",
        "has(action.arguments)",
        "action.lane == 'p'",
        "action.agent in ['p', 'agent']",
        "action.type == 't' // always",
        "action.on_behalf_of != 'p'",
        "'x' in action.arguments",
        "'x' in action.arguments.m",
        "1 in action.arguments.z",
        "size(action.arguments.z) > 1",
        "size(action.arguments) > 2",
        "action.arguments.z[0] == 1",
        "action.arguments.z.exists(x, x == action.arguments.x)",
        "action.arguments.z.all(arguments, arguments > 0)",
        "size(action.arguments.z.filter(e, e != 1)) == 1",
        "action.arguments.m.exists(k, k == 'x')",
        "(action.arguments.x > 1 ? action.arguments.y : action.arguments.z) == 'q'",
        "timestamp(action.arguments.y) < timestamp('2026-01-01T00:00:00Z')",
        "true",
    ]
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.builds("({}\n) {} ({}\n)".format, inner, st.sampled_from(["&&", "||"]), inner),
    max_leaves=3,
)
SCALARS = st.one_of(
    st.integers(-2, 3),
    st.sampled_from([2**63, 2**64 - 1, 2**64, -(2**63), 1.0, 2.5, float("nan"), None, True, False]),
    st.sampled_from(["", "p", "q", "é", "\ud800", "2025-06-01T00:00:00Z", "x" * (MAX_TEXT + 1)]),
)
NAMES = st.sampled_from(["x", "y", "z", "m", "m.x", "m.m", "x-y", "é"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)
ARGUMENTS = st.none() | st.dictionaries(NAMES, VALUES, max_size=5)


class _NeverAtOnce(CelEvaluator):
    """CEL in which a call for all conditions has never an answer, so each is asked alone, on the facts as they are."""

    def fuse(self, conditions: Sequence[str]) -> "_NeverAtOnce":
        del conditions
        return self

    def which_hold(self, facts: Bound) -> Sequence[int] | Failed:
        del facts
        return Failed("asked alone")


@given(
    conditions=st.lists(CONDITIONS, min_size=1, max_size=6),
    effects=st.lists(st.sampled_from(["allow", "deny"]), min_size=6, max_size=6),
    all_arguments=st.lists(ARGUMENTS, min_size=1, max_size=6),
    lane=st.sampled_from([None, "p"]),
)
@settings(deadline=None, max_examples=300)
def test_all_rules_in_one_call_match_as_each_alone(
    conditions: list[str], effects: list[str], all_arguments: list[Any], lane: str | None
) -> None:
    """Whatever rules select and whatever is missing or of another type: the verdicts are equal in every field."""
    rules = [
        {"id": f"r{number}", "when": condition, "effect": effect}
        for number, (condition, effect) in enumerate(zip(conditions, effects, strict=False))
    ]
    text = json.dumps({"version": 1, "name": "p", "default": "deny", "rules": rules}, ensure_ascii=False)
    fast = load_policy(text, source="p")
    plain = load_policy(text, source="p", evaluator=_NeverAtOnce())
    for arguments in all_arguments:
        projection = project("t", "agent", arguments, lane=lane)
        assert fast.evaluate(projection) == plain.evaluate(projection)


@pytest.mark.parametrize("value", [False, 0, 0.0, "", None, [], {}, True, "no", 7])
def test_what_is_there_is_there_whatever_it_is(value: object) -> None:
    """Security: a rule that asks whether a fact is there holds also when another one reads that fact."""
    conditions = {
        "there": "has(action.arguments.x)",
        "below": "has(action.arguments.m.x)",
        "around": "has(action.arguments.m)",
        "other": "action.arguments.x == 'other' || action.arguments.m.x == 'other'",
    }
    assert _denying(conditions, {"x": value, "m": {"x": value}}) == {"there", "below", "around"}


def test_what_is_there_and_false_is_not_what_is_false() -> None:
    """Security: the common way to write `unless it is certainly so`."""
    conditions = {"open": "has(action.arguments.sealed) && !action.arguments.sealed"}
    assert _denying(conditions, {"sealed": False}) == {"open"}
    assert _denying(conditions, {"sealed": True}) == set()
    assert _denying(conditions, {}) == set()


def _denying(conditions: dict[str, str], arguments: dict[str, Any]) -> set[str]:
    """The rules that hold, asked all at once; each alone says the same."""
    rules = [{"id": name, "when": one, "effect": "deny"} for name, one in conditions.items()]
    text = json.dumps({"version": 1, "name": "p", "default": "deny", "rules": rules})
    projection = project("t", "agent", arguments)
    verdict = load_policy(text, source="p").evaluate(projection)
    assert verdict == load_policy(text, source="p", evaluator=_NeverAtOnce()).evaluate(projection)
    return {name.removeprefix("p/") for name in verdict.rules}


def test_a_key_with_a_dot_is_not_the_path_of_the_same_letters() -> None:
    """Security: what an agent puts beside it does not decide whether a rule that denies holds."""
    conditions = ["action.arguments.`kind.of` == 'secret'", "action.arguments.kind.of == 'secret'"]
    rules = [{"id": f"r{number}", "when": one, "effect": "deny"} for number, one in enumerate(conditions)]
    rules.append({"id": "rest", "effect": "allow"})
    policy = load_policy(
        json.dumps({"version": 1, "name": "p", "default": "deny", "rules": rules}), source="p"
    )

    def matching(arguments: dict[str, Any]) -> tuple[str, ...]:
        return policy.evaluate(project("t", "agent", arguments)).rules

    assert matching({"kind.of": "secret", "kind": {"of": "no"}}) == ("p/r0", "p/rest")
    assert matching({"kind.of": "no", "kind": {"of": "secret"}}) == ("p/r1", "p/rest")


@given(ARGUMENTS.filter(lambda arguments: arguments is not None))
@settings(deadline=None, max_examples=300)
def test_what_is_not_copied_is_what_the_copy_would_be(arguments: dict[str, Any]) -> None:
    """A value over a cap makes the projection copy; beside it everything is as without it."""
    without = project("t", "agent", arguments)
    beside = project("t", "agent", {**arguments, "large": "x" * (MAX_TEXT + 1)})
    assert repr(beside.facts) == repr(without.facts)
    assert beside.unreadable == (*without.unreadable, ("arguments", "large"))
