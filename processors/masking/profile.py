"""What a masking profile says: which kinds are masked and how, and what each column holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sluicegate.schemas.errors import ConfigurationError

from .identifiers import Kind, Operator, Reading


@dataclass(frozen=True, slots=True)
class Column:
    """What a profile says about the columns that a path names: a kind (with its operator) or a way of reading."""

    holds: Kind | Reading
    operator: Operator | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile as the masking applies it; immutable, so it can be shared and remembered by name.

    `extends` names the built-in profile that a published one starts from, and is ranked with; None in a built-in one.
    """

    name: str
    operators: Mapping[Kind, Operator]
    columns: Mapping[str, Column]
    keys: Mapping[str, Kind]
    extends: str | None = None


def load_profile(text: str, *, source: str) -> Profile:
    """The profile written in `text`.

    Raises `ConfigurationError` with one line per finding: `source:line:column: what is wrong; what to do`.
    """
    raise ConfigurationError(
        f"{source}:1:1: profiles cannot be read yet; name a built-in one ({len(text)} bytes)"
    )


BUILT_IN: Final[Mapping[str, Profile]] = {
    name: Profile(name, {}, {}, {}) for name in ("pii-basic", "limited-data-set", "hipaa-safe-harbor")
}
"""The profiles that need no file, from the weakest to the strictest."""
