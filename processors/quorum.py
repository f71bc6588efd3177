"""Are these enough people? Every group needs its count, one person fills one place only, and a total of distinct people.

People are given with the groups they speak for; who may speak at all is decided before (`separation`). "Enough" is always
"at least": one approval too many changes nothing. A requirement that asks nobody is met by nobody.

Filling places is a bipartite matching between people and places (Kuhn's algorithm; a handful of places, so its cost is small).
"""

from collections.abc import Mapping

People = Mapping[str, frozenset[str]]
"""Each distinct person, with the groups they speak for."""


def satisfied(groups: Mapping[str, int], quorum: int, people: People) -> bool:
    """Whether these people fill every place of every group and are at least `quorum` in total."""
    # INVARIANT: nobody asked means refused; an empty requirement must never approve by itself.
    places = sum(groups.values())
    if quorum < 1 and places < 1:
        return False
    return len(people) >= quorum and filled(groups, people) == places


def reachable(groups: Mapping[str, int], quorum: int, candidates: People) -> bool:
    """Whether the candidates could ever satisfy the requirement; one who speaks for no group that is asked is no help."""
    asked = {person: spoken for person, spoken in candidates.items() if not spoken.isdisjoint(groups)}
    return satisfied(groups, quorum, asked)


def open_groups(groups: Mapping[str, int], people: People) -> tuple[str, ...]:
    """The groups from which one more person would fill a place, sorted; empty when all places are filled."""
    # The empty name is nobody's, so it can stand for whoever comes next.
    now = filled(groups, people)
    if now == sum(groups.values()):
        return ()
    return tuple(
        sorted(group for group in groups if filled(groups, {**people, "": frozenset({group})}) > now)
    )


def filled(groups: Mapping[str, int], people: People) -> int:
    """The most places that can be filled at once, each by another person."""
    places = [group for group, count in groups.items() for _ in range(count)]
    holders: list[str | None] = [None] * len(places)
    return sum(_seat(person, people, places, holders, set()) for person in sorted(people))


def _seat(person: str, people: People, places: list[str], holders: list[str | None], tried: set[int]) -> bool:
    """Give this person a place, moving others to another of theirs where that makes room."""
    for place, group in enumerate(places):
        if group not in people[person] or place in tried:
            continue
        tried.add(place)
        holder = holders[place]
        if holder is None or _seat(holder, people, places, holders, tried):
            holders[place] = person
            return True
    return False
