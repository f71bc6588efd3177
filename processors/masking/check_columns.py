"""The check's own reading of a profile's columns: paths as bounded regular expressions of the standard library.

INVARIANT: shares nothing with `columns` but the profile's words; what one misreads the other does not.
"""

import re
from functools import lru_cache
from typing import Any, Final

from .identifiers import Kind, Operator, Reading
from .profile import Column, Profile

_Rank = tuple[bool, int, int]

DATA: Final = "*"
"""In a path: a key that is data, not a name."""


class CheckColumns:
    """What the profile says about `name/of/a/place`."""

    def __init__(self, profile: Profile) -> None:
        self._operators = profile.operators
        self._columns = _ranked(profile.columns)
        self._keys = _ranked(profile.keys)
        self._names = _last_names(profile.columns)
        self._seen: dict[str, Column | None] = {}

    def at(self, path: str) -> Column | None:
        """The entry for a place itself; None when there is none."""
        if path not in self._seen:
            fitting = [(rank, said) for expression, rank, said in self._columns if expression.fullmatch(path)]
            self._seen[path] = max(fitting, key=lambda found: found[0])[1] if fitting else None
        return self._seen[path]

    def keys(self, path: str, key: str) -> Kind | None:
        """What a key of the map at this place is, when the profile says that its keys are identifiers."""
        if lower_name(key).replace("_", "") in self._names:
            return None
        fitting = [(rank, said) for expression, rank, said in self._keys if expression.fullmatch(path)]
        return max(fitting, key=lambda found: found[0])[1] if fitting else None

    def operator(self, column: Column) -> Operator | None:
        """What must have happened in this column."""
        if column.operator is None and isinstance(column.holds, Kind):
            return self._operators.get(column.holds, Operator.KEEP)
        return column.operator

    def masks(self, kind: Kind) -> bool:
        """Whether identifiers of this kind must be gone."""
        return self._operators.get(kind, Operator.KEEP) is not Operator.KEEP


def is_kept(column: Column | None) -> bool:
    """Whether the operator signed that this column identifies nobody."""
    return column is not None and column.holds is Reading.KEEP


@lru_cache(maxsize=4096)
def lower_name(name: str) -> str:
    """A name in lower case with `_` between its words."""
    spelled = ""
    for at, char in enumerate(name):
        before, after = name[at - 1 : at], name[at + 1 : at + 2]
        hump = char.isupper() and (
            before.islower() or before.isdigit() or (before.isupper() and after.islower())
        )
        spelled += ("_" if hump else "") + (char.lower() if char.isascii() and char.isalnum() else "_")
    return re.sub("_+", "_", spelled).strip("_") or DATA


@lru_cache(maxsize=128)
def _ranked(entries: tuple[tuple[str, Any], ...]) -> tuple[tuple[re.Pattern[str], _Rank, Any], ...]:
    """Entries with their expressions; a gate asks for the same ones with every view."""
    return tuple((_expression(path), _rank(path, at), said) for at, (path, said) in enumerate(entries))


@lru_cache(maxsize=128)
def _last_names(entries: tuple[tuple[str, Column], ...]) -> frozenset[str]:
    return frozenset(
        path.rpartition(".")[2].replace("_", "").replace("-", "").lower()
        for path, _ in entries
        if path[-1] != "*"
    )


def _rank(path: str, at: int) -> _Rank:
    names = path.removeprefix("$.").split(".")
    return (not names[-1].startswith("*") and not names[-1].endswith("*"), len(names), at)


def _expression(path: str) -> re.Pattern[str]:
    if path == "$":
        return re.compile("")
    anchored = path.startswith("$.")
    names = [_name(name) for name in path.removeprefix("$.").split(".")]
    return re.compile(("" if anchored else "(?:.*/)?") + "/".join(names))


def _name(form: str) -> str:
    if form == "*":
        return "[^/]*"
    inner = form.strip("*")
    begins = "_" if inner[-1] in "_-" and form.endswith("*") else ""
    ends = "_" if inner[0] in "_-" and form.startswith("*") else ""
    if form == inner:
        return "_?".join(re.escape(char) for char in lower_name(inner).replace("_", ""))
    literal = ends + re.escape(lower_name(inner)) + begins
    return ("[^/]*" if form.startswith("*") else "") + literal + ("[^/]*" if form.endswith("*") else "")
