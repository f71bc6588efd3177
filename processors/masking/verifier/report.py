"""What the verifier says of a batch: codes and counts, no values."""

from dataclasses import dataclass, field
from enum import StrEnum

from .residual import Residual


class Reason(StrEnum):
    """Why a batch must not leave.

    `rows`, `schema`, `nulls`: the table is another one. `untouched-changed`: a column that is none of the masking's business is not the
    same bytes. `kept-changed`: text outside the replacements is not the same bytes, or is in another order. `column`: an identifier column
    holds what is no form; `dropped`: a dropped one holds something. `utf-8`: no text. `torn`: a replacement begins or ends inside a word,
    a number or a character. `surrogate`: a form, or what looks like one, that this export did not make. `known-value`,
    `known-value-encoded`: what was replaced in one place stands in another. `email` to `name`: what is left has such a shape. `names`: so
    many capitalised pairs are left that names were not looked for. `share`: less or more is masked than the profile's band allows.
    `canary`: a planted identifier came through. `residual`: the sample finds too much. `failed`: a defect here.
    """

    ROWS = "rows"
    SCHEMA = "schema"
    NULLS = "nulls"
    UNTOUCHED = "untouched-changed"
    KEPT = "kept-changed"
    COLUMN = "column"
    DROPPED = "dropped"
    UTF_8 = "utf-8"
    TORN = "torn"
    SURROGATE = "surrogate"
    KNOWN = "known-value"
    KNOWN_ENCODED = "known-value-encoded"
    EMAIL = "email"
    DIGITS = "digits"
    LABELLED = "labelled"
    URL = "url"
    IP = "ip"
    DATE = "date"
    NAME = "name"
    NAMES = "names"
    SHARE = "share"
    CANARY = "canary"
    RESIDUAL = "residual"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict on one batch.

    Attributes:
        reasons: in alphabetical order; empty when the batch may leave.
        rows: rows of the batch.
        forms: replacements in free text.
        share: masked letters and digits of free text among all, None without text.
        residual: what the slow look found in its sample.
    """

    reasons: tuple[Reason, ...]
    rows: int
    forms: int = 0
    share: float | None = None
    residual: Residual = field(default_factory=Residual)

    @property
    def passed(self) -> bool:
        """Whether the batch may leave."""
        return not self.reasons
