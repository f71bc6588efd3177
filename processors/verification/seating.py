"""Whether people fill the places of a requirement: the verifier's own answer, not shared with what it verifies.

Places and people form a bipartite graph; a requirement is met when a matching fills every place (Hall's theorem says when
that is possible; augmenting paths find one).
"""

from collections.abc import Mapping


def enough(groups: Mapping[str, int], quorum: int, people: Mapping[str, frozenset[str]]) -> bool:
    """Whether these people, each in one place only, fill every group's count and are `quorum` in total.

    A requirement that asks for nobody is never met.
    """
    if quorum < 1 or len(people) < quorum:
        return False
    seated: dict[tuple[str, int], str] = {}
    places = [(group, number) for group, count in groups.items() for number in range(count)]
    return all(_seat(place, people, seated, set()) for place in places)


def _seat(
    place: tuple[str, int],
    people: Mapping[str, frozenset[str]],
    seated: dict[tuple[str, int], str],
    asked: set[str],
) -> bool:
    """Put someone in this place, asking those who sit elsewhere to move on."""
    for person, groups in people.items():
        if place[0] not in groups or person in asked:
            continue
        asked.add(person)
        elsewhere = next((taken for taken, sitter in seated.items() if sitter == person), None)
        if elsewhere is None or _seat(elsewhere, people, seated, asked):
            seated[place] = person
            return True
    return False
