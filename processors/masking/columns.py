"""Which column policy holds at a place of a record."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, Generic, TypeVar

from .identifiers import Kind
from .profile import Column, Profile

Said = TypeVar("Said")

Path = tuple[str, ...]
"""Names from the root of a record to a place; arrays add none, a key that is data adds `*`."""

_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_APART: Final = re.compile(r"[^a-z0-9]+")


@lru_cache(maxsize=4096)
def spelled(name: str) -> str:
    """One spelling for a name: lower case, words apart by underscores (`firstName`, `First-Name` are `first_name`)."""
    plain = unicodedata.normalize("NFKC", name)
    return _APART.sub("_", _HUMP.sub("_", plain).lower()).strip("_") or "*"


def closed(name: str) -> str:
    """One spelling for a name, whether its words are apart or not (`patientId`, `patient_id`, `patientid`)."""
    return _closed(spelled(name))


class Columns:
    """The column policy of one profile, with an answer per path remembered for one batch.

    Of several entries that fit, a name written out beats a name with `*`, then a longer path beats a shorter one, then the entry
    that comes later in the files: `products.*: keep` does not uncover `products.email`.
    """

    def __init__(self, profile: Profile) -> None:
        self._entries = _entries(profile.columns)
        self._keys = _entries(profile.keys)
        self._known: dict[Path, Column | None] = {}

    def column(self, path: Path) -> Column | None:
        """What the profile says about this place itself; None when it does not know it."""
        if path not in self._known:
            self._known[path] = self._entries.best(path)
        return self._known[path]

    def keys(self, path: Path) -> Kind | None:
        """What the keys of the map at this place are, when the profile says so."""
        return self._keys.best(path)


class _Entry(Generic[Said]):
    def __init__(self, path: str, said: Said) -> None:
        names = ["$"] if path == "$" else path.split(".")
        self.said = said
        self.anchored = names[0] == "$"
        self.names = [_fits(name) for name in (names[1:] if self.anchored else names)]
        self.exact = not names[-1].startswith("*") and not names[-1].endswith("*")
        self.last = _closed(spelled(names[-1])) if self.exact and self.names else None

    def fits(self, path: Path) -> bool:
        length = len(self.names)
        if len(path) < length or (self.anchored and len(path) != length):
            return False
        return all(fits(name) for fits, name in zip(self.names, path[len(path) - length :], strict=True))


class _Entries(Generic[Said]):
    """Entries by the name they end with, where one is written out: whoever writes a batch chooses how many places it has."""

    def __init__(self, entries: Sequence[_Entry[Said]]) -> None:
        self._by_name: dict[str, list[tuple[int, _Entry[Said]]]] = {}
        self._others: list[tuple[int, _Entry[Said]]] = []
        for placed in enumerate(entries):
            last = placed[1].last
            (self._others if last is None else self._by_name.setdefault(last, [])).append(placed)

    def best(self, path: Path) -> Said | None:
        """What the entry says that fits best; None when none fits."""
        named = self._by_name.get(_closed(path[-1]), []) if path else []
        # A name written out beats one with `*`, so the others are asked only when none of these fits.
        return _best(named, path) or _best(self._others, path)


@lru_cache(maxsize=128)
def _entries(said: tuple[tuple[str, Said], ...]) -> _Entries[Said]:
    return _Entries([_Entry(path, one) for path, one in said])


def _best(entries: "list[tuple[int, _Entry[Said]]]", path: Path) -> Said | None:
    fitting = [
        ((entry.exact, len(entry.names)), number, entry) for number, entry in entries if entry.fits(path)
    ]
    return max(fitting, key=lambda found: found[:2])[2].said if fitting else None


def _closed(name: str) -> str:
    return name.replace("_", "")


def _fits(form: str) -> Callable[[str], bool]:
    if form == "*":
        return lambda _: True
    wanted = spelled(form.strip("*"))
    begins, ends = form.endswith("*"), form.startswith("*")
    closed = _closed(wanted)
    if begins and ends:
        return lambda name: wanted in name
    if begins:
        return lambda name: name.startswith(wanted + ("_" if form[-2] in "_-" else ""))
    if ends:
        return lambda name: name.endswith(("_" if form[1] in "_-" else "") + wanted)
    return lambda name: _closed(name) == closed
