"""How much may have been missed: what a slow look finds in a random sample, and the bound that follows."""

import math
from dataclasses import dataclass
from typing import Final

_DOUBT: Final = 0.05
"""One in twenty such bounds may be too low."""
_STEPS: Final = 60


@dataclass(frozen=True, slots=True)
class Residual:
    """Rows looked at slowly and what was found in them; residuals of an export's batches add up.

    Attributes:
        rows: looked at.
        leaking: of these, rows in which something was found.
        more: spans found beyond the first one of a row.
        most: spans found in one row.
        of: rows from which these were drawn.
    """

    rows: int = 0
    leaking: int = 0
    more: int = 0
    most: int = 1
    of: int = 0

    @classmethod
    def of_row(cls, leaked: int) -> "Residual":
        """One row that was looked at."""
        return cls(1, int(leaked > 0), max(0, leaked - 1), max(1, leaked))

    @classmethod
    def none_of(cls, rows: int) -> "Residual":
        """Rows from which some are drawn."""
        return cls(of=rows)

    def __add__(self, other: "Residual") -> "Residual":
        return Residual(
            self.rows + other.rows,
            self.leaking + other.leaking,
            self.more + other.more,
            max(self.most, other.most),
            self.of + other.of,
        )

    @property
    def rows_per_thousand(self) -> float | None:
        """Leaking rows per 1,000, upper bound at 95 %; None when nothing was looked at.

        The exact bound of a binomial share (Clopper and Pearson, Biometrika 26, 1934); none found in n rows gives about 3,000 / n, the
        rule of three. When all rows were looked at nothing is estimated: it is their share. It bounds what the slow look would find in
        all rows, not what it does not know.
        """
        if not self.rows:
            return None
        return 1000 * (
            self.leaking / self.rows if self.rows == self.of else upper_share(self.leaking, self.rows)
        )

    @property
    def per_thousand(self) -> float | None:
        """Leaked spans per 1,000 rows: the bound of rows, each counted with the most spans that one was found to have."""
        bound = self.rows_per_thousand
        if bound is None or self.rows == self.of:
            return None if bound is None else 1000 * (self.leaking + self.more) / self.rows
        return bound * self.most


def upper_share(found: int, rows: int) -> float:
    """The share of rows above which so few would be found among so many only once in twenty times."""
    if found >= rows:
        return 1.0
    low, high = found / rows, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _at_most(found, rows, middle) > _DOUBT:
            low = middle
        else:
            high = middle
    return high


def enough_rows(per_thousand: float) -> int:
    """How many rows without a find keep the bound under a limit."""
    share = min(per_thousand / 1000, 0.999)
    return math.ceil(math.log(_DOUBT) / math.log1p(-share)) if share > 0 else _ALL


_ALL: Final = 1 << 62


def _at_most(found: int, rows: int, share: float) -> float:
    yes, no = math.log(share) if share else -math.inf, math.log1p(-share)
    ways = math.lgamma(rows + 1)
    return math.fsum(
        math.exp(
            ways
            - math.lgamma(count + 1)
            - math.lgamma(rows - count + 1)
            + (count * yes if count else 0)
            + (rows - count) * no
        )
        for count in range(found + 1)
    )
