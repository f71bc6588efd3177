"""How much may have been missed: what a slow look finds in a random sample, and the bound that follows."""

import math
from dataclasses import dataclass
from typing import Final

_SURE: Final = 0.05
"""One in twenty such bounds may be too low."""
_STEPS: Final = 80


@dataclass(frozen=True, slots=True)
class Residual:
    """Rows looked at slowly and what was found in them; residuals of an export's batches add up."""

    rows: int = 0
    leaked: int = 0

    def __add__(self, other: "Residual") -> "Residual":
        return Residual(self.rows + other.rows, self.leaked + other.leaked)

    @property
    def per_thousand(self) -> float | None:
        """Leaked spans per 1,000 rows, upper bound at 95 %; None when nothing was looked at.

        The exact bound of a Poisson count (Garwood, Biometrika 28, 1936); for none found 3.0 per row looked at, the rule of three. It
        bounds what the slow look would find in all rows, not what it does not know.
        """
        return None if not self.rows else 1000 * upper_bound(self.leaked) / self.rows


def upper_bound(found: int) -> float:
    """The mean of a Poisson count above which so few would be found only once in twenty times."""
    low, high = float(found), found + 10 * math.sqrt(found + 1) + 10
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _at_most(found, middle) > _SURE:
            low = middle
        else:
            high = middle
    return high


def _at_most(found: int, mean: float) -> float:
    return math.fsum(
        math.exp(-mean + count * math.log(mean) - math.lgamma(count + 1)) if mean else float(count == 0)
        for count in range(found + 1)
    )
