"""What a policy file may say, and how it is refused."""

import subprocess
import sys
from hashlib import sha256
from textwrap import dedent

import pytest

from sluicegate.processors.policy import Effect, load, project, reading
from sluicegate.schemas.errors import PolicyError

HEAD = "version: 1\nname: p\ndefault: deny\n"
RULES = "rules:\n  - {id: a, on: [t], effect: allow}\n"


def refusal(text: str) -> list[str]:
    """The lines of the refusal of a file."""
    with pytest.raises(PolicyError) as refused:
        load(text, source="p.yaml")
    return str(refused.value).splitlines()


def with_condition(condition: str) -> str:
    """A file whose one rule, `a`, has this condition in a literal block."""
    block = "\n".join(f"      {line}" for line in condition.splitlines())
    return f"{HEAD}rules:\n  - id: a\n    effect: deny\n    when: |\n{block}\n"


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("", "p.yaml:1:1: the file is empty"),
        ("[]", "p.yaml:1:1: must be a map"),
        ("version: 2\nname: p\ndefault: deny\n" + RULES, "p.yaml:1:10: `version` cannot be `2`"),
        ("version: 1\nname: p\n" + RULES, "`default` is missing"),
        ("version: 1\nname: p\ndefault: allow\n" + RULES, "p.yaml:3:10: `default` cannot be `allow`"),
        ("version: 1\nname: p\ndefault: review\n" + RULES, "asks for the review `default`"),
        ("version: 1\nname: P!\ndefault: deny\n" + RULES, "p.yaml:2:7: `name` must have the form"),
        (HEAD, "`rules` is missing"),
        (HEAD + "rules: []\n", "p.yaml:4:8: there is no rule"),
        (HEAD + "rule: []\n" + RULES, "p.yaml:4:1: unknown field `rule`; did you mean `rules`?"),
        (HEAD + "name: q\n" + RULES, "p.yaml:4:1: `name` is there twice"),
        (HEAD + "agents: []\n" + RULES, "`agents` names nobody"),
        (HEAD + "agents: ['*']\n" + RULES, "`*` is no agent"),
        (HEAD + "agents: [a/*/b]\n" + RULES, "`a/*/b` is no agent"),
        (HEAD + "agents: [a, a]\n" + RULES, "is in `agents` twice"),
        (HEAD + "show: {t: [a..b]}\n" + RULES, "show: `a..b` is no argument path"),
        (HEAD + "types: {t: {a: strng}}\n" + RULES, "did you mean `string`?"),
        (HEAD + "x: &a 1\ny: *a\n" + RULES, "p.yaml:4:4: anchors and aliases are not accepted"),
        (HEAD + "x: !!python/name:os.system 1\n" + RULES, "tags are not accepted"),
        (HEAD + "? [a]\n: 1\n" + RULES, "a key must be text"),
        (HEAD + "x: [\n", "correct the YAML here"),
        ("a: " + "[" * 3000, "not a YAML document"),
        ("a: \x00", "not a YAML document"),
        ("a: \ud800", "not Unicode text"),
        ("#" * 1_100_000, "larger than 1,048,576 bytes"),
        (
            HEAD + "rules:\n  - {id: a, effect: alow}\n",
            "rule `a`: `effect` cannot be `alow`; did you mean `allow`?",
        ),
        (HEAD + "rules:\n  - {id: a}\n", "p.yaml:5:5: rule `a`: `effect` is missing"),
        (HEAD + "rules:\n  - {effect: deny}\n", "rule: `id` is missing"),
        (HEAD + "rules:\n  - 3\n", "rule: must be a map"),
        (HEAD + "rules:\n  - {id: a, effect: review}\n", "`review` is missing"),
        (HEAD + "rules:\n  - {id: a, effect: review, review: x}\n", "review `x` does not exist"),
        (
            HEAD + "rules:\n  - {id: a, effect: deny, review: x}\n",
            "`review` has no meaning with `effect: deny`",
        ),
        (HEAD + "rules:\n  - {id: a, effect: deny, mask: pii-basic}\n", "`mask` has no meaning"),
        (HEAD + "rules:\n  - {id: a, effect: allow, mask: pii-basik}\n", "did you mean `pii-basic`?"),
        (HEAD + "rules:\n  - {id: a, effect: allow, grant: {life: 2h}}\n", "duration from 100ms to 1h"),
        (HEAD + "rules:\n  - {id: a, effect: deny, on: ['get_*']}\n", "`on` takes exact action types"),
        (HEAD + "rules:\n  - {id: a, effect: deny, on: []}\n", "`on` names no action type"),
        (HEAD + RULES + "  - {id: a, effect: deny}\n", "p.yaml:6:5: rule `a`: this id is taken"),
        (HEAD + RULES + "tests:\n  - {name: n, action: {type: t}}\n", "test `n`: `expect` is missing"),
        (
            HEAD + RULES + "tests:\n  - {name: n, action: {type: t}, expect: {effect: allow, rules: [b]}}\n",
            "rule `b` does not exist",
        ),
    ],
)
def test_a_malformed_file_is_refused_with_place_and_advice(text: str, finding: str) -> None:
    """Whatever is wrong with the structure is a finding that says where and what to do."""
    assert any(finding in line for line in refusal(text)), refusal(text)


@pytest.mark.parametrize(
    ("review", "finding"),
    [
        ("{within: 30m}", "nobody is asked"),
        ("{groups: {}, within: 30m}", "nobody is asked"),
        ("{groups: {g: 0}, within: 30m}", "whole number from 1 to 20"),
        ("{groups: {g: 21}, within: 30m}", "whole number from 1 to 20"),
        ("{groups: {g: 2}, quorum: 1, within: 30m}", "whole number from 2 to 100"),
        ("{quorum: 2, within: 30m}", "nobody is asked"),
        ("{groups: {g: 1}}", "`within` is missing"),
        ("{groups: {g: 1}, within: 31d}", "duration from 100ms to 30d"),
        ("{groups: {g: 1}, within: 99ms}", "duration from 100ms to 30d"),
        ("{groups: {g: 1}, within: soon}", "duration from 100ms to 30d"),
        ("{groups: {G: 1}, within: 30m}", "`G` is no group name"),
        ("{groups: {g: 1}, within: 30m, reason: maybe}", "`reason` cannot be `maybe`"),
    ],
)
def test_a_review_that_asks_nobody_or_leaves_its_bounds_is_refused(review: str, finding: str) -> None:
    """Named and inline reviews are held to the same bounds."""
    named = f"{HEAD}reviews: {{r: {review}}}\n{RULES}"
    inline = f"{HEAD}rules:\n  - {{id: a, effect: review, review: {review}}}\n"
    assert any("review `r`" in line and finding in line for line in refusal(named))
    assert any("rule `a`" in line and finding in line for line in refusal(inline))


@pytest.mark.parametrize(
    ("condition", "place", "problem"),
    [
        ("action.arguments.rows >", "8:30", "syntax error"),
        ("true &&\n  action.arguments.rows >", "9:32", "syntax error"),
        ("foo == 1", "8:7", "undeclared reference to `foo`"),
        ("action.argumens.rows > 1", "8:7", "did you mean `arguments`?"),
        ("has(action.lanes)", "8:", "did you mean `lane`?"),
        ("action.type.x == 1", "8:7", "is text and has no fields"),
        ("action == action", "8:7", "`action` is not a value"),
        ("[action].all(a, a == a)", "8:8", "`action` is not a value"),
        ("size(action.arguments.a)", "8:7", "gives INT, not true or false"),
        ("action.arguments.a + 'x' == 'y'", "8:26", "`+` is not allowed"),
        ("int(action.arguments.a) == 1", "8:", "`int` is not allowed"),
        ("type(action.arguments.a) == string", "8:", "`type` is not allowed"),
        ("action.arguments.a.map(x, x) == []", "8:", "this loop is not allowed"),
        ("action.arguments.a.exists_one(x, x == 1)", "8:", "this loop is not allowed"),
        ("action.arguments.a.all(x, x.all(y, y == 1))", "8:", "a loop inside a loop"),
        ("action.arguments.a.all(x, x in action.arguments.b)", "8:", "nested loop"),
        ("action.arguments.a.all(x, action.arguments.b.contains(x))", "8:", "`contains` inside a loop"),
        ("action.arguments.a.all(action, action == 1)", "8:", "cannot be called `action`"),
        ("action.arguments.a.matches(action.arguments.b)", "8:", "must be a text in the rule"),
        ("action.arguments.a.matches('(')", "8:", "not a regular expression"),
        ("{'a': 1} == {'a': 1}", "8:", "literals are not allowed"),
        ("(" * 200 + "true" + ")" * 200, "8:", "nested too deeply"),
        ("(" * 31 + "true" + ")" * 31, "8:7", "nested too deeply"),
        ("action.arguments" + ".a" * 28 + " == 1", "8:7", "nested too deeply"),
        ("true) ? 0 : -1, (true", "8:11", "syntax error"),
        ("true // ' \" (\n|| action.arguments.a.exists(x, y)", "9:39", "undeclared reference to `y`"),
    ],
)
def test_a_condition_is_checked_before_it_runs(condition: str, place: str, problem: str) -> None:
    """What could err always, run long or read the wrong thing is found at load, at its line and column."""
    lines = refusal(with_condition(condition))
    assert any(f"p.yaml:{place}" in line and "rule `a`" in line and problem in line for line in lines), lines


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("when: foo == 1", "6:44"),
        ("when: 'foo == 1'", "6:45"),
        ('when: "true && foo"', "6:53"),
    ],
)
def test_columns_are_those_of_the_file_in_every_scalar_style(written: str, place: str) -> None:
    """A fault on one line points into that line, quotes counted."""
    lines = refusal(
        f"{HEAD}rules:\n  - {{id: ok, effect: deny}}\n  - {{id: a, effect: deny,            {written}}}\n"
    )
    assert lines[0].startswith(f"p.yaml:{place}: rule `a`: undeclared reference")


def test_all_findings_are_listed_in_the_order_of_the_file() -> None:
    """One load names everything, so that an operator corrects a file once."""
    lines = refusal(
        "version: 1\nname: P\ndefault: no\nrules:\n  - {id: a, effect: deny, when: foo}\n  - {id: a, effect: x}\n"
    )
    places = [tuple(map(int, line.split(":")[1:3])) for line in lines]
    assert len(lines) == 5
    assert places == sorted(places)


def test_a_failing_test_of_its_own_keeps_a_policy_from_loading() -> None:
    """The finding names the test, what it expected and what it got, and the fact that was missing."""
    rules = "rules:\n  - {id: a, on: [t], effect: deny, when: action.arguments.secret == 1}\n"
    test = "tests:\n  - {name: passes, action: {type: t, arguments: {other: 5}}, expect: {effect: allow}}\n"
    (line,) = refusal(HEAD + rules + test)
    assert line.startswith("p.yaml:7:5: test `passes`: expected effect `allow`, got `deny`")
    assert "action.arguments.secret" in line
    assert "5" not in line.split("expected")[1]


def test_declared_types_find_misspelt_and_mistyped_arguments() -> None:
    """With `types`, a wrong argument name or type is a finding, at load, for that action type."""
    types = "types:\n  t: {rows: int, kind: string}\n"
    rules = (
        "rules:\n  - {id: a, on: [t], effect: deny, when: action.arguments.row > 1}\n"
        "  - {id: b, on: [t], effect: deny, when: action.arguments.rows > 'x'}\n"
        "  - {id: c, on: [t], effect: deny, when: has(action.arguments.kin)}\n"
        "  - {id: d, on: [t], effect: deny, when: action.arguments.kind}\n"
        "  - {id: e, on: [t], effect: deny, when: has(action.arguments.rows) && action.arguments.rows > 1}\n"
        "  - {id: f, effect: deny, when: has(action.arguments.other) && action.arguments.other == 1}\n"
        "  - {id: g, on: [u], effect: deny, when: action.arguments.anything == 1}\n"
    )
    lines = refusal(HEAD + types + rules)
    assert [line.split("`")[1] for line in lines] == ["a", "b", "c", "d"]
    assert "did you mean `rows`?" in lines[0]
    assert "did you mean `kind`?" in lines[2]


def test_the_documented_file_loads() -> None:
    """The example in the docstring of `reading` is a policy that passes its own test."""
    policy = load(dedent((reading.__doc__ or "").split("::\n", 1)[1]))
    assert policy.name == "clinical-exports"
    assert policy.shown("data.export") == ("columns.*", "rows")


def test_a_requirement_is_readable_without_the_extra_of_the_gate() -> None:
    """Importing the package needs neither CEL nor YAML: reviewers' clients and verifiers do not have them."""
    code = "import sys, sluicegate.processors.policy; sys.exit(bool({'yaml', 'cel_expr_python'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_the_digest_is_that_of_the_bytes() -> None:
    """Every byte counts, comments included."""
    text = HEAD + RULES + "# é"
    assert load(text).digest == sha256(text.encode()).digest()
    assert load(text).evaluate(project("t", None, {})).policies == (sha256(text.encode()).hexdigest(),)


def test_yaml_words_stay_words() -> None:
    """`on`, `yes`, `1:30` and dates have no second meaning: only JSON's scalars are converted."""
    tests = (
        "tests:\n  - name: n\n    action: {type: t, arguments: {a: yes, b: 1:30, c: 2020-01-01, d: 1, e: true, f: '1'}}\n"
        "    expect: {effect: allow, rules: [a]}\n"
    )
    condition = (
        "action.arguments.a == 'yes' && action.arguments.b == '1:30' && action.arguments.c == '2020-01-01'"
        " && action.arguments.d == 1 && action.arguments.e == true && action.arguments.f == '1'"
    )
    policy = load(f'{HEAD}rules:\n  - {{id: a, on: [t], effect: allow, when: "{condition}"}}\n{tests}')
    assert policy.evaluate(project("t", "agent", {})).effect is Effect.DENY


def test_as_many_rules_as_a_file_may_have_load() -> None:
    """The largest number of rules compiles, fused, and answers."""
    rules = "".join(
        f"  - {{id: r{n}, on: [t], effect: deny, when: action.arguments.a == {n}}}\n" for n in range(2_000)
    )
    policy = load(HEAD + "rules:\n" + rules)
    assert policy.evaluate(project("t", "agent", {"a": 1_999})).rules == ("p/r1999",)
    assert any(
        "more than 2,000 rules" in line
        for line in refusal(HEAD + "rules:\n" + rules + "  - {id: x, effect: deny}\n")
    )


def test_more_text_than_one_program_takes_is_split() -> None:
    """Rules whose conditions together exceed the engine's limit still answer, in file order."""
    names = ", ".join(f"'{number:06}'" for number in range(3000))
    rules = "".join(
        f"  - {{id: r{n}, on: [t], effect: deny, when: \"action.arguments.a in [{names}, 'x{n}']\"}}\n"
        for n in range(5)
    )
    policy = load(HEAD + "rules:\n" + rules)
    assert policy.evaluate(project("t", "agent", {"a": "x4"})).rules == ("p/r4",)
    assert policy.evaluate(project("t", "agent", {"a": "002999"})).rules == tuple(f"p/r{n}" for n in range(5))
