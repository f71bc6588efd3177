"""The masking profiles a policy may name, and which of several is the strictest.

Built-in profiles are ranked. A profile that operators published ranks with the built-in one it extends, and which one that is
only the global tables know. So the verdict of a policy may name several profiles at once, joined by `+`; `the_strictest` picks
the one that counts, and finds none where two are alike in rank: neither can be said to be the stricter one, since each may keep
what the other masks.
"""

import re
from collections.abc import Mapping

# From the weakest to the strictest. This order is the only place that knows it.
PROFILES = ("pii-basic", "limited-data-set", "hipaa-safe-harbor")

DEFAULT_PROFILE = "pii-basic"
"""What masks a result, a view or a stream when no rule says more."""

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
"""The form of a profile's name."""

_RANKS: dict[str | None, int] = {None: -1, **{name: rank for rank, name in enumerate(PROFILES)}}
_AND = "+"


def strictest(*names: str | None) -> str | None:
    """What must hold for several profiles to be met; None asks for no masking and is the weakest.

    Of built-in profiles it is the strictest one; profiles of operators are all kept, joined by `+`. Associative, commutative and
    idempotent.
    """
    if all(name in _RANKS for name in names):
        return max(names, key=_RANKS.__getitem__, default=None)
    parts = {part for name in names if name is not None for part in name.split(_AND)}
    built_in = max((part for part in parts if part in _RANKS), key=_RANKS.__getitem__, default=None)
    published = {part for part in parts if part not in _RANKS}
    return _AND.join(sorted(published | ({built_in} if built_in else set())))


def the_strictest(named: str, extended: Mapping[str, str | None]) -> str | None:
    """The one profile that counts of those that are named together; `extended` says which one each published one extends.

    None when one of them is not published, when two of the highest rank are named, and when one of several extends no built-in
    profile, so that nothing is known about its rank: unknown means no.
    """
    names = named.split(_AND)
    if not all(name in PROFILES or name in extended for name in names):
        return None
    if len(names) == 1:
        return named
    bases = {name: name if name in PROFILES else extended[name] for name in names}
    if not all(base in PROFILES for base in bases.values()):
        return None
    highest = max(_RANKS[base] for base in bases.values())
    first, *others = [name for name, base in bases.items() if _RANKS[base] == highest]
    return None if others else first


def is_well_formed(named: str) -> bool:
    """Whether this can be what a policy asks for: names of the right form, joined by `+`."""
    return all(NAME.fullmatch(name) for name in named.split(_AND))
