"""A verdict only ever gets stricter: by another rule that forbids or errs, by another policy, by a larger action."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.processors.policy import (
    PROFILES,
    Effect,
    Policy,
    PolicySet,
    Projection,
    Requirement,
    Verdict,
    is_shown,
    load,
    project,
)
from sluicegate.processors.policy.profiles import strictest
from sluicegate.processors.policy.shown import canonical, shown_by_both
from sluicegate.processors.policy.verdict import merged

GROUPS = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(1, 3), max_size=3)
MASKS = st.sampled_from([None, *PROFILES])
ARGUMENTS = st.dictionaries(
    st.sampled_from(["x", "y", "z"]),
    st.one_of(
        st.integers(0, 3), st.sampled_from(["p", "q"]), st.none(), st.lists(st.integers(0, 3), max_size=3)
    ),
)
CONDITIONS = st.sampled_from(
    [
        "true",
        "false",
        "action.arguments.x == 1",
        "action.arguments.x > 1",
        "action.arguments.y == 'p' || action.arguments.z > 0",
        "has(action.arguments.x) && action.arguments.x == 2",
        "action.arguments.z.exists(e, e == 1)",
        "action.arguments.never == 1",
    ]
)


@st.composite
def requirements(draw: st.DrawFn) -> Requirement:
    """Any requirement that can be built."""
    groups = draw(GROUPS)
    quorum = max(1, sum(groups.values())) + draw(st.integers(0, 3))
    within_ms = draw(st.integers(1, 9))
    remind_after_ms = draw(st.one_of(st.none(), st.integers(1, within_ms - 1))) if within_ms > 1 else None
    return Requirement(
        groups=tuple(sorted(groups.items())),
        quorum=quorum,
        within_ms=within_ms,
        reason_required=draw(st.booleans()),
        mask=draw(MASKS),
        remind_after_ms=remind_after_ms,
    )


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """One rule as the file would hold it, without its id."""
    effect = draw(st.sampled_from(["allow", "review", "deny"]))
    rule: dict[str, Any] = {"effect": effect, "when": draw(CONDITIONS)}
    if effect == "review":
        rule["review"] = {
            "quorum": draw(st.integers(3, 6)),
            "groups": {draw(st.sampled_from("ab")): 2},
            "within": "1h",
        }
    if effect != "deny":
        if mask := draw(MASKS):
            rule["mask"] = mask
        if draw(st.booleans()):
            rule["grant"] = {"life": draw(st.sampled_from(["1m", "1h"]))}
    return rule


def written(all_rules: list[dict[str, Any]], *, default: str = "deny", name: str = "p") -> Policy:
    """A policy of these rules; JSON is YAML."""
    numbered = [{"id": f"r{number}", **rule} for number, rule in enumerate(all_rules)]
    reviews = {"default": {"groups": {"c": 1}, "within": "2h"}}
    return load(
        json.dumps({"version": 1, "name": name, "default": default, "reviews": reviews, "rules": numbered})
    )


def is_as_strict(verdict: Verdict, than: Verdict) -> bool:
    """Whether nothing that `than` would hold back passes with `verdict`."""
    if verdict.effect is Effect.DENY:
        return True
    return (
        verdict.effect >= than.effect
        and strictest(verdict.mask, than.mask) == verdict.mask
        and verdict.grant_life_ms <= than.grant_life_ms
        and set(verdict.show) <= set(than.show)
        and (
            than.requirement is None
            or (
                verdict.requirement is not None
                and verdict.requirement.stricter(than.requirement) == verdict.requirement
            )
        )
    )


@given(requirements(), requirements(), requirements())
def test_the_stricter_requirement_is_a_join(one: Requirement, two: Requirement, three: Requirement) -> None:
    """Commutative, associative, idempotent, and never weaker than either side."""
    both = one.stricter(two)
    assert both == two.stricter(one)
    assert both.stricter(three) == one.stricter(two.stricter(three))
    assert one.stricter(one) == one
    assert both.stricter(one) == both
    assert both.quorum >= max(one.quorum, two.quorum)
    assert dict(both.groups).items() >= {(g, max(n, dict(two.groups).get(g, 0))) for g, n in one.groups}


@given(st.lists(rules(), min_size=1, max_size=4), rules(), ARGUMENTS, st.sampled_from(["deny", "review"]))
@settings(deadline=None, max_examples=80)
def test_a_rule_that_denies_or_errs_never_weakens(
    some: list[dict[str, Any]], extra: dict[str, Any], arguments: dict[str, Any], default: str
) -> None:
    """Added to any policy, a deny rule, or any rule that cannot be evaluated, leaves the verdict at least as strict."""
    projection = project("t", "agent", arguments)
    before = written(some, default=default).evaluate(projection)
    denying = {"effect": "deny", "when": extra["when"]}
    erring = {**extra, "when": "action.arguments.never.again == 1"}
    for added in (denying, erring):
        after = written([*some, added], default=default).evaluate(projection)
        assert is_as_strict(after, before)
    assert f"p/r{len(some)}" in [error.rule for error in after.errors]


@given(st.lists(st.lists(rules(), min_size=1, max_size=3), min_size=1, max_size=3), ARGUMENTS)
@settings(deadline=None, max_examples=60)
def test_a_set_is_as_strict_as_each_of_its_policies_in_any_order(
    files: list[list[dict[str, Any]]], arguments: dict[str, Any]
) -> None:
    """The joint verdict is as strict as every single one, and does not depend on the order of the policies."""
    projection = project("t", "agent", arguments)
    policies = [written(file, name=f"p{number}") for number, file in enumerate(files)]
    joint = PolicySet(policies).evaluate("agent", projection)
    assert joint == PolicySet(reversed(policies)).evaluate("agent", projection)
    singles = [policy.evaluate(projection) for policy in policies]
    assert all(is_as_strict(joint, single) for single in singles)
    assert merged([joint, joint]) == joint
    assert merged([merged(singles[:1]), *singles[1:]]) == joint


@given(st.lists(rules(), min_size=1, max_size=4), ARGUMENTS, st.sampled_from(["x", "y", "z"]))
@settings(deadline=None, max_examples=80)
def test_an_unreadable_value_is_as_strict_as_any_value_it_could_be(
    some: list[dict[str, Any]], arguments: dict[str, Any], hidden: str
) -> None:
    """Hiding a value behind the size cap gains an agent nothing that some value in its place would not.

    The effect must be as strict as with every value the argument could have had, were it readable.
    """
    policy = written(some)
    capped = policy.evaluate(project("t", "agent", {**arguments, hidden: "x" * 20_000}))
    for value in (0, 1, 2, "p", [1], "long"):
        readable = policy.evaluate(project("t", "agent", {**arguments, hidden: value}))
        if not readable.errors:
            assert is_as_strict(capped, readable)


PATHS = st.lists(
    st.lists(st.sampled_from(["a", "b", "*"]), min_size=1, max_size=3).map(".".join), max_size=4
).map(canonical)
PLACES = st.lists(st.sampled_from("abc"), min_size=1, max_size=4)


@given(PATHS, PATHS, PATHS, PLACES)
def test_what_is_shown_by_both_is_a_meet(
    one: tuple[str, ...], two: tuple[str, ...], three: tuple[str, ...], place: list[str]
) -> None:
    """A place is shown by both exactly when each shows it; commutative, associative and idempotent."""
    both = shown_by_both(one, two)
    assert is_shown(both, place) == (is_shown(one, place) and is_shown(two, place))
    assert both == shown_by_both(two, one)
    assert shown_by_both(both, three) == shown_by_both(one, shown_by_both(two, three))
    assert shown_by_both(one, one) == one


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(st.characters()), JSON, max_size=5))
@settings(deadline=None, max_examples=150)
def test_any_arguments_get_a_verdict(arguments: dict[str, Any]) -> None:
    """Evaluation is total over everything a record could be parsed into, and the projection is plain JSON."""
    projection = project("t", "agent", arguments)
    json.dumps(projection.facts, allow_nan=False).encode()
    assert isinstance(projection, Projection)
    assert TOTAL.evaluate(projection).effect in tuple(Effect)
    assert "the evaluator failed" not in repr(TOTAL.evaluate(projection))
    TOTAL.explain(projection)


TOTAL = written(
    [
        {"effect": "deny", "when": "action.arguments.exists(k, k == 'forbidden')"},
        {"effect": "deny", "when": "action.arguments.x.exists(e, e == 1) && size(action.arguments.y) > 3"},
        {"effect": "allow", "when": "action.type == 't'"},
    ]
)
