"""Which masking profile counts when rules name several, built in or published by operators."""

from itertools import permutations

import pytest

from sluicegate.processors.policy import PROFILES, PolicySet, load, project
from sluicegate.processors.policy.profiles import strictest, the_strictest

BASES = {
    "ours": "pii-basic",
    "theirs": "pii-basic",
    "clinic": "hipaa-safe-harbor",
    "odd": "ours",
    "alone": None,
}


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ((), None),
        ((None,), None),
        (("pii-basic", "hipaa-safe-harbor", "limited-data-set"), "hipaa-safe-harbor"),
        (("ours", None), "ours"),
        (("ours", "ours"), "ours"),
        (("ours", "pii-basic", "limited-data-set"), "limited-data-set+ours"),
        (("ours+theirs", "pii-basic+ours"), "ours+pii-basic+theirs"),
    ],
)
def test_a_policy_keeps_every_profile_that_only_the_tables_can_rank(
    names: tuple[str | None, ...], wanted: str | None
) -> None:
    """Of built-in ones the strictest; in whatever order they come."""
    for order in permutations(names):
        assert strictest(*order) == wanted
        assert strictest(strictest(*order[:1]), strictest(*order[1:])) == wanted


@pytest.mark.parametrize(
    ("named", "wanted"),
    [
        *((name, name) for name in PROFILES),
        ("ours", "ours"),
        ("limited-data-set+ours", "limited-data-set"),
        ("clinic+ours", "clinic"),
        ("clinic+ours+theirs", "clinic"),
        ("clinic+limited-data-set+ours", "clinic"),
        ("ours+pii-basic", None),
        ("ours+theirs", None),
        ("clinic+hipaa-safe-harbor", None),
        ("nobody", None),
        ("hipaa-safe-harbor+nobody", None),
        ("alone", "alone"),
        ("alone+pii-basic", None),
        ("odd", "odd"),
        ("odd+pii-basic", None),
        ("", None),
    ],
)
def test_a_published_profile_ranks_with_the_one_it_extends(named: str, wanted: str | None) -> None:
    """Two of the highest rank: none is the stricter one. One that is not published: nothing counts."""
    assert the_strictest(named, BASES) == wanted


def test_a_policy_lists_the_profiles_it_needs() -> None:
    """Those of its rules; a verdict names all that its rules name."""
    policy = load(
        "version: 1\nname: p\ndefault: deny\nrules:\n"
        "  - {id: a, on: [t], effect: allow, mask: ours}\n"
        "  - {id: b, on: [t], effect: allow, mask: pii-basic}\n"
    )
    assert (policy.masks, policy.profiles) == ({"ours", "pii-basic"}, {"ours"})
    assert policy.evaluate(project("t", "ops", {})).mask == "ours+pii-basic"
    assert PolicySet([policy]).profiles == {"ours"}
