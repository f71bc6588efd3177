"""Which arguments a reviewer may see as they are: the paths of `show:`.

A path names one place below the arguments, with everything under it. `*` stands for every element of a list or
every key of a map at that place. A key that itself contains a dot can be reached only through `*`.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from sluicegate.schemas.errors import PolicyError

_SEGMENT = re.compile(r"\*|[^.*\s]+")
_ANY = "*"

MAX_PATHS = 64
"""Largest number of paths one action type may show."""


def parse(path: str) -> tuple[str, ...]:
    """The segments of a dotted path; a malformed one is a `PolicyError`."""
    segments = tuple(path.split("."))
    if not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise PolicyError(f"`{path}` is no argument path; write names or `*` with dots between them")
    return segments


def is_shown(shown: Sequence[str], place: Sequence[str]) -> bool:
    """Whether the value at `place` (keys, or indexes as text) may be seen as it is."""
    return any(_covers(parse(path), place) for path in shown)


def canonical(paths: Iterable[str]) -> tuple[str, ...]:
    """The same places in the fewest paths, sorted."""
    parsed = {parse(path) for path in paths}
    widest = (p for p in parsed if not any(_covers(other, p) for other in parsed if other != p))
    return tuple(sorted(".".join(path) for path in widest))


@lru_cache(maxsize=1_024)
def shown_by_both(one: tuple[str, ...], two: tuple[str, ...]) -> tuple[str, ...]:
    """The places that both lists show: what only one of them shows stays hidden."""
    common = (_common(parse(left), parse(right)) for left in one for right in two)
    return canonical(".".join(path) for path in common if path)


def _covers(path: Sequence[str], place: Sequence[str]) -> bool:
    return len(path) <= len(place) and all(
        segment in (_ANY, key) for segment, key in zip(path, place, strict=False)
    )


def _common(left: Sequence[str], right: Sequence[str]) -> tuple[str, ...] | None:
    """The narrowest path below both, None when they share no place."""
    met = []
    for one, two in zip(left, right, strict=False):
        if one != two and _ANY not in (one, two):
            return None
        met.append(two if one == _ANY else one)
    longer = left if len(left) > len(right) else right
    return (*met, *longer[len(met) :])
