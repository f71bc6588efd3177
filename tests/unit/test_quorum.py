"""How many people are enough."""

import pytest

from sluicegate.processors import quorum


def people(**spoken: str) -> dict[str, frozenset[str]]:
    """People with the groups they speak for, written as one text."""
    return {name: frozenset(groups.split()) for name, groups in spoken.items()}


@pytest.mark.parametrize(
    ("groups", "wanted", "given", "enough"),
    [
        ({}, 0, people(), False),
        ({}, 0, people(ann="a"), False),
        ({"a": 0}, 0, people(), False),
        ({}, 1, people(ann="a"), True),
        ({"a": 1}, 1, people(), False),
        ({"a": 1}, 1, people(ann="b"), False),
        ({"a": 1}, 0, people(ann="a"), True),
        ({"a": 1, "b": 1}, 2, people(ann="a b"), False),
        ({"a": 1, "b": 1}, 2, people(ann="a b", bob="a"), True),
        ({"a": 1, "b": 1}, 2, people(ann="a", bob="a"), False),
        ({"a": 2}, 2, people(ann="a"), False),
        ({"a": 1}, 2, people(ann="a"), False),
        ({"a": 1}, 2, people(ann="a", bob="a"), True),
        ({"a": 1}, 1, people(ann="a", bob="a", cay="a"), True),
    ],
)
def test_enough_people(
    groups: dict[str, int], wanted: int, given: dict[str, frozenset[str]], *, enough: bool
) -> None:
    """Every group has its count, nobody counts twice, a total is reached, and nobody asked means no."""
    assert quorum.satisfied(groups, wanted, given) is enough


def test_a6_one_person_in_k_groups_fills_one_place() -> None:
    """A person who is in every group still counts once."""
    groups = dict.fromkeys("abcd", 1)
    assert quorum.filled(groups, people(ann="a b c d")) == 1


def test_a_person_moves_to_another_place_to_make_room() -> None:
    """Whoever comes later is seated when somebody seated before can move."""
    assert quorum.satisfied({"a": 1, "b": 1}, 2, people(ann="a b", zoe="a"))
    assert quorum.satisfied({"a": 1, "b": 1}, 2, people(ann="a", zoe="a b"))


def test_open_groups_name_every_group_that_one_more_person_could_fill() -> None:
    """With one person for two groups, a colleague from either completes it; a full requirement has no open group."""
    assert quorum.open_groups({"a": 1, "b": 1}, people(ann="a b")) == ("a", "b")
    assert quorum.open_groups({"a": 1, "b": 1}, people(ann="a")) == ("b",)
    assert quorum.open_groups({"a": 1}, people(ann="a")) == ()


def test_nobody_can_reach_a_requirement_without_groups() -> None:
    """A requirement that asks no group is out of reach, however many people there are."""
    assert not quorum.reachable({}, 1, people(ann="a", bob="b"))
    assert quorum.reachable({"a": 1}, 2, people(ann="a", bob="a"))
    assert not quorum.reachable({"a": 1}, 2, people(ann="a", bob="b"))
