"""What should have happened to a batch: what each column holds, which shapes must be gone, how much may be masked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from sluicegate.processors.masking.identifiers import Kind, Operator
from sluicegate.processors.masking.profile import Profile


class Holds(StrEnum):
    """What is done with a column.

    `untouched`: nothing. `text`: identifiers in it are replaced. `identifier`: every value is replaced as a whole. `dropped`: every value
    is null.
    """

    UNTOUCHED = "untouched"
    TEXT = "text"
    IDENTIFIER = "identifier"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Band:
    """The share of letters and digits of free text that is masked in an honest batch, and how much is left of names.

    Attributes:
        low: below is suspicious, once there are `enough` letters and digits.
        high: above is suspicious, likewise.
        enough: letters and digits.
        pairs: capitalised pairs of words unknown here that may be left per 1,000 rows, once there are as many rows.
        leaked: bound of leaked spans per 1,000 rows that the residual of a batch may have, None for what the profile says.
    """

    low: float = 0.0
    high: float = 0.6
    enough: int = 65_536
    pairs: float = 200.0
    leaked: float | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """What the verifier holds a batch against.

    Attributes:
        profile: whose kinds must be gone.
        columns: by name; one that is missing is taken for `text` if it holds text, for `untouched` otherwise.
        band: how much.
    """

    profile: Profile
    columns: Mapping[str, Holds] = field(default_factory=dict)
    band: Band = Band()

    @classmethod
    def of(
        cls, profile: Profile, columns: Mapping[str, Holds] | None = None, band: Band | None = None
    ) -> Self:
        """What a profile expects; the strictest one expects that something is found in much text."""
        strict = "hipaa-safe-harbor" in {profile.name, profile.extends}
        return cls(profile, dict(columns or {}), band or Band(low=0.0005 if strict else 0.0))

    def masks(self, kind: Kind) -> bool:
        """Whether identifiers of this kind must be gone."""
        return self.profile.operator(kind) is not Operator.KEEP

    @property
    def limit(self) -> float | None:
        """The bound of leaked spans per 1,000 rows that a batch may have, if there is a limit."""
        return self.profile.residual if self.band.leaked is None else self.band.leaked

    @property
    def years(self) -> bool:
        """Whether a date may leave its year behind."""
        return any(self.profile.operator(kind) is Operator.YEAR for kind in (Kind.DATE, Kind.BIRTH_DATE))
