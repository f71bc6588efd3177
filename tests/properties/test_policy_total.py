"""Loading is total: any text is a policy or one `PolicyError`, one line per finding."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.processors.policy import load
from sluicegate.schemas.errors import PolicyError

SEED = """\
version: 1
name: p
default: review
agents: [a, b/*]
reviews: {default: {groups: {g: 1}, quorum: 2, within: 30m, reason: required, grant: {life: 5m}}}
show: {t: [x, y.*]}
types: {t: {x: int, y: list}}
rules:
  - {id: a, on: [t], when: action.arguments.x > 1 && 'q' in action.arguments.y, effect: review, review: default}
  - {id: b, effect: allow, mask: pii-basic, when: "has(action.lane)"}
tests:
  - {name: n, action: {type: t, arguments: {x: 5, y: [q]}}, expect: {effect: review, rules: [a], groups: {g: 1}}}
"""
PIECES = st.sampled_from(
    [
        "",
        " ",
        "\n",
        "\t",
        ":",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "'",
        '"',
        "|",
        "&x",
        "*x",
        "!!y",
        "1",
        "null",
        "~",
        "\x00",
        '"\\ud800"',
        "\\udfff",
    ]
) | st.sampled_from(
    ["a", "é", "action", "true", "?", "//", "(", ")", ".", "+", "%", "<<: ", "#", "---", "..."]
)
FINDING = re.compile(r"p\.yaml:\d+:\d+: .+|p\.yaml: \d+ more findings.*")


@given(st.lists(st.tuples(st.integers(0, len(SEED)), st.integers(0, 12), PIECES), min_size=1, max_size=4))
@settings(deadline=None, max_examples=300)
def test_any_damaged_file_loads_or_is_refused_line_by_line(damage: list[tuple[int, int, str]]) -> None:
    """Cutting and inserting anywhere never ends in another error, and every line of a refusal has its place."""
    text = SEED
    for at, length, piece in damage:
        text = text[:at] + piece + text[at + length :]
    lines: list[str] = []
    try:
        load(text, source="p.yaml")
    except PolicyError as refused:
        lines = str(refused).split("\n")
    assert all(FINDING.fullmatch(line) for line in lines)


def test_the_undamaged_file_loads() -> None:
    """The text that the property damages is a policy."""
    assert load(SEED).name == "p"
    with pytest.raises(PolicyError):
        load(SEED[:-20])


@pytest.mark.parametrize(
    "where",
    [
        """{id: r, effect: deny, when: "action.arguments.x == '\\ud800'"}""",
        """{id: r, effect: deny, why: "\\ud800"}""",
        """{id: r, effect: deny, on: ["\\udc00"]}""",
        """{"\\ud800": r, "\\ud800": r}""",
    ],
)
def test_half_a_character_is_refused_where_it_stands(where: str) -> None:
    """YAML can name one; no record can hold it, and the engine takes none: a gate would stop at it."""
    with pytest.raises(PolicyError, match=r"\Ap\.yaml:5:\d+: not a character; ") as refused:
        load(f"version: 1\nname: p\ndefault: deny\nrules:\n  - {where}\n", source="p.yaml")
    str(refused.value).encode()
