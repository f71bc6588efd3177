"""Verdicts of one policy and of several together."""

import gc
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from sluicegate.processors.policy import (
    Effect,
    Policy,
    PolicySet,
    Requirement,
    RuleError,
    Verdict,
    is_shown,
    load,
    project,
)
from sluicegate.processors.policy.cel_evaluator import CelEvaluator
from sluicegate.processors.policy.expressions import Bound, Checked, Failed, Fault
from sluicegate.processors.policy.loading import load_policy
from sluicegate.schemas.errors import InvariantError, PolicyError

HOUR_MS = 3_600_000
REVIEWS = (
    "reviews:\n"
    "  one: {groups: {privacy: 1}, within: 2h}\n"
    "  two: {groups: {privacy: 2, security: 1}, within: 1h, reason: required, grant: {life: 1m}}\n"
)


def policy(rules: str, *, name: str = "p", head: str = "default: deny\n") -> Policy:
    """A policy of these rules, with the reviews `one` and `two`."""
    return load(f"version: 1\nname: {name}\n{head}{REVIEWS}rules:\n{rules}")


def verdict(rules: str, arguments: Mapping[str, Any], **more: str) -> Verdict:
    """The verdict of these rules on an action of type `t`."""
    return policy(rules, **more).evaluate(project("t", "agent", arguments))


def test_null_where_a_truth_was_wanted_costs_nothing() -> None:
    """Security: the engine takes a reference to None too few at each null it gives; some thousands, and the process is gone."""
    condition = CelEvaluator().compile("action.arguments.x")
    facts = CelEvaluator().bind({"arguments": {"x": None}})
    gc.disable()
    before = sys.getrefcount(None)
    for _ in range(1_000):
        assert condition.holds(facts) == Failed("neither true nor false")
    lost = before - sys.getrefcount(None)
    gc.enable()
    assert lost < 100


def test_effects_are_ordered_by_strictness_not_by_letters() -> None:
    """`deny` beats `review` beats `allow`, also against plain strings."""
    assert max(Effect) is Effect.DENY
    assert sorted(["deny", "allow", "review"], key=Effect) == ["allow", "review", "deny"]
    assert Effect.REVIEW > "allow"
    assert Effect.DENY >= Effect.REVIEW
    assert Effect.ALLOW <= Effect.ALLOW


def test_no_matching_rule_gives_the_default_and_says_so() -> None:
    """An unknown action type is denied by a policy whose default is deny."""
    answer = verdict("  - {id: a, on: [u], effect: allow}\n", {})
    assert (answer.effect, answer.rules) == (Effect.DENY, ())
    assert answer.reason == "no rule of policy `p` matches and its default is deny"


def test_a_default_of_review_needs_the_review_called_default() -> None:
    """What no rule matches waits for the people of that review."""
    text = (
        "version: 1\nname: p\ndefault: review\nreviews: {default: {groups: {duty: 1}, within: 30m}}\n"
        "rules:\n  - {id: a, on: [u], effect: allow}\n"
    )
    answer = load(text).evaluate(project("t", "agent", {}))
    assert answer.effect is Effect.REVIEW
    assert answer.requirement == Requirement(
        (("duty", 1),), 1, HOUR_MS // 2, reason_required=False, remind_after_ms=HOUR_MS * 3 // 8
    )


def test_obligations_of_all_matching_rules_merge() -> None:
    """All groups, the largest quorum, the shortest deadline and grant, the strictest masking, a reason if any asks."""
    answer = verdict(
        "  - {id: a, effect: review, review: one, mask: limited-data-set, why: first, grant: {life: 10m}}\n"
        "  - {id: b, effect: review, review: two, mask: pii-basic, why: second}\n"
        "  - {id: c, effect: review, review: {groups: {security: 1}, quorum: 5, within: 3h}}\n"
        "  - {id: d, effect: allow, mask: hipaa-safe-harbor}\n",
        {},
    )
    assert answer.requirement == Requirement(
        (("privacy", 2), ("security", 1)),
        5,
        HOUR_MS,
        reason_required=True,
        mask="hipaa-safe-harbor",
        remind_after_ms=HOUR_MS * 3 // 4,
    )
    assert (answer.mask, answer.grant_life_ms, answer.whys) == (
        "hipaa-safe-harbor",
        60_000,
        ("first", "second"),
    )
    assert answer.rules == ("p/a", "p/b", "p/c", "p/d")


@pytest.mark.parametrize(
    ("rules", "effect", "rule"),
    [
        ("  - {id: a, effect: allow, when: action.arguments.x == 1}\n", Effect.DENY, "p/a"),
        ("  - {id: a, effect: review, review: one, when: action.arguments.x == 1}\n", Effect.DENY, "p/a"),
        (
            "  - {id: a, effect: allow}\n  - {id: b, effect: review, review: two, when: action.arguments.x == 1}\n",
            Effect.REVIEW,
            "p/b",
        ),
        (
            "  - {id: a, effect: allow}\n  - {id: b, effect: deny, when: action.arguments.x == 1}\n",
            Effect.DENY,
            "p/b",
        ),
        (
            "  - {id: a, effect: deny}\n  - {id: b, effect: review, review: one, when: action.arguments.x == 1}\n",
            Effect.DENY,
            "p/b",
        ),
    ],
)
def test_a_rule_that_errs_counts_only_where_that_is_stricter(rules: str, effect: Effect, rule: str) -> None:
    """Erring rules raise the effect and never lift a default; rule and missing fact are named."""
    answer = verdict(rules, {"y": 1})
    assert answer.effect is effect
    assert answer.errors == (RuleError(rule, "action.arguments.x"),)
    assert rule not in answer.rules


def test_the_obligations_of_an_erring_rule_count() -> None:
    """An allow rule that errs allows nothing, but its masking is kept: leaving it out would be weaker."""
    answer = verdict(
        "  - {id: a, effect: allow}\n"
        "  - {id: b, effect: allow, mask: pii-basic, grant: {life: 1s}, when: action.arguments.x == 1}\n",
        {},
    )
    assert (answer.effect, answer.mask, answer.grant_life_ms) == (Effect.ALLOW, "pii-basic", 1_000)


def test_an_error_never_repeats_a_value_of_the_action() -> None:
    """The engine's messages quote values; what we say instead names the facts that were read."""
    rules = "  - {id: a, effect: deny, when: action.arguments.x > 1}\n"
    answer = verdict(rules, {"x": "Jane Doe", "y": "Jane Doe"})
    assert answer.errors == (RuleError("p/a", "a value of an unexpected type in action.arguments.x"),)
    assert "Jane" not in repr(answer)
    explained = policy(rules).explain(project("t", "agent", {"x": "Jane Doe"}))
    assert "Jane" not in repr(explained)


def test_an_explanation_tells_each_rule_and_its_facts() -> None:
    """Matched, not matched or error; values only when raw values are asked for by name."""
    loaded = policy(
        "  - {id: a, effect: deny, when: action.arguments.x > 1}\n"
        "  - {id: b, effect: deny, when: action.arguments.x > 5}\n"
        "  - {id: c, effect: deny, when: action.arguments.z > 5}\n"
    )
    projection = project("t", "agent", {"x": 3})
    explained = loaded.explain(projection)
    assert [(each.rule, each.state, each.missing) for each in explained] == [
        ("p/a", "matched", None),
        ("p/b", "not matched", None),
        ("p/c", "error", "action.arguments.z"),
    ]
    assert [each.facts[0].value for each in explained] == [None, None, None]
    raw = loaded.explain_with_raw_values(projection)
    assert [(each.facts[0].state, each.facts[0].value) for each in raw] == [
        ("present", 3),
        ("present", 3),
        ("missing", None),
    ]


class _Broken:
    """An engine that reads conditions like CEL and cannot run them."""

    fused_limit = 90_000

    def bind(self, facts: Mapping[str, Any]) -> Bound:
        return facts

    def check(self, condition: str) -> Checked | tuple[Fault, ...]:
        return CelEvaluator().check(condition)

    def check_types(self, condition: str, arguments: Mapping[str, str]) -> tuple[Fault, ...]:
        return CelEvaluator().check_types(condition, arguments)

    def compile(self, condition: str) -> "_Broken":  # noqa: ARG002 - the protocol's signature
        return self

    def fuse(self, conditions: Sequence[str]) -> "_Broken":  # noqa: ARG002 - the protocol's signature
        return self

    def holds(self, facts: Bound) -> bool | Failed:
        raise MemoryError(facts)

    def which_hold(self, facts: Bound) -> Sequence[int] | Failed:
        raise RuntimeError(facts)


def test_an_engine_that_fails_denies() -> None:
    """Whatever the engine raises, the answer is a denial that says so, without a value."""
    text = "version: 1\nname: p\ndefault: deny\nrules:\n  - {id: a, effect: allow}\n"
    answer = load_policy(text, source="p", evaluator=_Broken()).evaluate(project("t", "agent", {"x": "Jane"}))
    assert answer.effect is Effect.DENY
    assert answer.errors == (RuleError("p/a", "the evaluator failed"),)
    assert answer.reason == "the evaluator failed on policy `p`"


def test_more_loop_steps_than_one_program_may_take_are_taken_rule_by_rule() -> None:
    """Fusing shares the engine's iteration budget; a rule alone stays within it."""
    rules = "".join(
        f"  - {{id: r{n}, effect: review, review: one, when: 'action.arguments.l.all(x, x > {n})'}}\n"
        for n in range(20)
    )
    answer = verdict(rules, {"l": [19] * 900})
    assert answer.effect is Effect.REVIEW
    assert len(answer.rules) == 19


def test_an_empty_set_denies() -> None:
    """No policy at all lets nothing through."""
    answer = PolicySet().evaluate("agent", project("t", "agent", {}))
    assert (answer.effect, answer.reason) == (Effect.DENY, "no policy applies to this agent")


def test_policies_that_name_an_agent_take_precedence_over_those_that_name_nobody() -> None:
    """All policies naming the agent apply, by exact id or prefix; the unnamed ones only to everybody else."""
    everyone = policy("  - {id: a, effect: allow}\n", name="everyone")
    exact = policy("  - {id: a, effect: deny}\n", name="exact", head="default: deny\nagents: [bot/1]\n")
    prefix = policy("  - {id: a, effect: allow}\n", name="prefix", head="default: deny\nagents: [bot/*]\n")
    policies = PolicySet([prefix, everyone, exact])

    def applying(agent: str) -> list[str]:
        return [each.name for each in policies.applying_to(agent)]

    assert applying("bot/1") == ["exact", "prefix"]
    assert applying("bot/2/3") == ["prefix"]
    assert applying("bot") == ["everyone"]
    assert applying("robot/1") == ["everyone"]
    assert policies.evaluate("bot/1", project("t", "bot/1", {})).effect is Effect.DENY
    assert PolicySet([exact]).evaluate("x", project("t", "x", {})).reason == "no policy applies to this agent"


def test_obligations_of_several_policies_merge() -> None:
    """What two policies ask for is asked for together, and the shorter deadline and grant life hold."""
    one = policy("  - {id: a, effect: review, review: one, mask: pii-basic, why: first}\n", name="one")
    two = policy("  - {id: a, effect: review, review: two, why: second}\n", name="two")
    three = policy("  - {id: a, effect: allow, mask: hipaa-safe-harbor}\n", name="three")
    answer = PolicySet([one, two, three]).evaluate("agent", project("t", "agent", {}))
    assert answer.requirement == Requirement(
        (("privacy", 2), ("security", 1)),
        3,
        HOUR_MS,
        reason_required=True,
        mask="hipaa-safe-harbor",
        remind_after_ms=HOUR_MS * 3 // 4,
    )
    assert (answer.mask, answer.grant_life_ms, answer.whys) == (
        "hipaa-safe-harbor",
        60_000,
        ("first", "second"),
    )
    assert answer.rules == ("one/a", "three/a", "two/a")
    assert answer.policies == tuple(each.digest.hex() for each in (one, three, two))


def test_a_comment_at_the_end_of_a_condition_stays_a_comment() -> None:
    """CEL has `//` comments; one must not swallow the rules that are fused behind it."""
    answer = verdict("  - {id: a, effect: deny, when: 'true // (\"'}\n  - {id: b, effect: deny}\n", {})
    assert answer.rules == ("p/a", "p/b")


def test_two_policies_of_one_name_are_refused() -> None:
    """A rule's name in a verdict points to one rule."""
    twice = policy("  - {id: a, effect: allow}\n")
    with pytest.raises(PolicyError, match="two policies are called `p`"):
        PolicySet([twice, twice])


def test_a_path_is_shown_only_where_every_applying_policy_shows_it() -> None:
    """Showing is an intersection: wildcards and parents are narrowed to what both allow."""
    one = policy(
        "  - {id: a, effect: allow}\n", name="one", head="default: deny\nshow: {t: [a, 'b.*.x', 'c.d', e]}\n"
    )
    two = policy(
        "  - {id: a, effect: allow}\n",
        name="two",
        head="default: deny\nshow: {t: ['a.b', 'b.k', 'c.*', f]}\n",
    )
    policies = PolicySet([one, two])
    assert policies.shown("agent", "t") == ("a.b", "b.k.x", "c.d")
    assert policies.evaluate("agent", project("t", "agent", {})).show == ("a.b", "b.k.x", "c.d")
    assert policies.shown("agent", "u") == ()
    assert PolicySet().shown("agent", "t") == ()


@pytest.mark.parametrize(
    ("path", "place", "shown"),
    [
        ("a", ("a",), True),
        ("a", ("a", "b", "0"), True),
        ("a.b", ("a",), False),
        ("a.*.c", ("a", "0", "c"), True),
        ("a.*.c", ("a", "0", "d"), False),
        ("*", ("anything",), True),
        ("a", ("ab",), False),
    ],
)
def test_a_path_shows_its_place_and_everything_below(
    path: str, place: tuple[str, ...], *, shown: bool
) -> None:
    """`*` stands for one element or key; what is above a path stays hidden."""
    assert is_shown((path,), place) is shown


@pytest.mark.parametrize(
    ("groups", "quorum", "within_ms", "mask"),
    [
        ((), 0, 1, None),
        ((("a", 1),), 0, 1, None),
        ((("a", 2),), 1, 1, None),
        ((("a", 0),), 1, 1, None),
        ((("b", 1), ("a", 1)), 2, 1, None),
        ((("a", 1), ("a", 1)), 2, 1, None),
        ((("a", 1),), 1, 0, None),
        ((("a", 1),), 1, 1, "Not a name"),
        ((("a", 1),), 1, 1, ""),
    ],
)
def test_a_requirement_that_could_not_hold_anything_back_cannot_be_built(
    groups: tuple[tuple[str, int], ...], quorum: int, within_ms: int, mask: str | None
) -> None:
    """The empty requirement above all: nobody asked means refused."""
    with pytest.raises(InvariantError):
        Requirement(groups, quorum, within_ms, reason_required=False, mask=mask)
