"""The matching against every way of seating people, over random people, accounts and groups."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.processors import quorum

GROUPS = ("data", "legal", "privacy", "security")

requirements = st.dictionaries(st.sampled_from(GROUPS), st.integers(1, 2), max_size=3)
crowds = st.dictionaries(
    st.sampled_from([f"person-{n}" for n in range(6)]), st.frozensets(st.sampled_from(GROUPS)), max_size=6
)


def most_places(groups: dict[str, int], people: dict[str, frozenset[str]]) -> int:
    """Brute force: seat people in every order, each place takes the person at its turn if they fit."""
    places = [group for group, count in groups.items() for _ in range(count)]
    crowd = [*people, *([None] * len(places))]
    return max(
        (
            sum(
                person is not None and place in people[person]
                for place, person in zip(places, seating, strict=True)
            )
            for seating in permutations(crowd, len(places))
        ),
        default=0,
    )


@given(groups=requirements, people=crowds.filter(lambda crowd: len(crowd) <= 4))
def test_the_matching_fills_as_many_places_as_any_seating(
    groups: dict[str, int], people: dict[str, frozenset[str]]
) -> None:
    """No way of seating people fills more places than the matching does."""
    if sum(groups.values()) <= 4:
        assert quorum.filled(groups, people) == most_places(groups, people)


@given(groups=requirements, wanted=st.integers(0, 5), people=crowds)
def test_a7_one_more_person_never_undoes_a_quorum(
    groups: dict[str, int], wanted: int, people: dict[str, frozenset[str]]
) -> None:
    """At-least semantics: what some people satisfy, more people satisfy too."""
    if quorum.satisfied(groups, wanted, people):
        assert quorum.satisfied(groups, wanted, {**people, "one-more": frozenset()})


@given(groups=requirements, wanted=st.integers(0, 5), people=crowds)
def test_a_satisfied_requirement_has_as_many_distinct_people_as_places(
    groups: dict[str, int], wanted: int, people: dict[str, frozenset[str]]
) -> None:
    """Nobody fills two places, and an empty requirement is satisfied by nobody."""
    if quorum.satisfied(groups, wanted, people):
        assert len(people) >= max(1, wanted, sum(groups.values()))


@given(groups=requirements, people=crowds)
def test_open_groups_are_exactly_those_where_one_more_person_helps(
    groups: dict[str, int], people: dict[str, frozenset[str]]
) -> None:
    """A group is open when somebody new from it would fill a place, and none is open when all are filled."""
    missing = sum(groups.values()) - quorum.filled(groups, people)
    opened = quorum.open_groups(groups, people)
    assert bool(opened) == bool(missing)
    for group in groups:
        more = quorum.filled(groups, {**people, "newcomer": frozenset({group})}) - quorum.filled(
            groups, people
        )
        assert more == (group in opened)


@given(groups=requirements, wanted=st.integers(0, 5), people=crowds)
def test_what_is_unreachable_is_satisfied_by_no_subset(
    groups: dict[str, int], wanted: int, people: dict[str, frozenset[str]]
) -> None:
    """When all candidates together are not enough, no group member among them is enough alone either."""
    if not quorum.reachable(groups, wanted, people):
        asked = {person: spoken for person, spoken in people.items() if spoken & set(groups)}
        assert not any(quorum.satisfied(groups, wanted, {person: asked[person]}) for person in asked)
