"""What the verifier says of a batch: codes, counts and places, no values."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from .residual import Residual

MOST_PLACES: Final = 20
"""Places that a report names."""


class Reason(StrEnum):
    """Why a batch must not leave.

    `media-type`, `unreadable`: no document that is known here. `rows`, `schema`, `nulls`: the table is another one. `structure`: keys,
    their order, a type, or what is around the strings of a document. `untouched-changed`: a column that is none of the masking's
    business is not the same bytes. `kept-changed`: text outside the replacements is not the same bytes, or is in another order.
    `column`: an identifier column holds what is no form; `dropped`: a dropped one holds something; `key`: a key that is an identifier is
    left. `utf-8`: no text. `torn`: a replacement begins or ends inside a word, a number or a character. `surrogate`: a form, or what
    looks like one, that this export did not make. `known-value`, `known-value-encoded`, `known-value-in-kept`: what was replaced in one
    place stands in another. `email` to `name`: what is left has such a shape. `names`: so many capitalised pairs are left that names
    were not looked for. `share`: less or more is masked than the profile's band allows. `canary`: a planted identifier came through.
    `residual`: the sample finds too much. `failed`: a defect here.
    """

    MEDIA_TYPE = "media-type"
    UNREADABLE = "unreadable"
    ROWS = "rows"
    SCHEMA = "schema"
    STRUCTURE = "structure"
    NULLS = "nulls"
    UNTOUCHED = "untouched-changed"
    KEPT = "kept-changed"
    COLUMN = "column"
    DROPPED = "dropped"
    KEY = "key"
    UTF_8 = "utf-8"
    TORN = "torn"
    SURROGATE = "surrogate"
    KNOWN = "known-value"
    KNOWN_ENCODED = "known-value-encoded"
    KNOWN_IN_KEPT = "known-value-in-kept"
    EMAIL = "email"
    DIGITS = "digits"
    LABELLED = "labelled"
    URL = "url"
    IP = "ip"
    DATE = "date"
    AGE = "age"
    NAME = "name"
    NAMES = "names"
    SHARE = "share"
    CANARY = "canary"
    RESIDUAL = "residual"
    FAILED = "failed"


class Objection(NamedTuple):
    """Where something is wrong: a reason, the path of a column or field (`*` for a key that is data), and a record's number from 0."""

    reason: Reason
    path: str
    record: int


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict on one batch.

    Attributes:
        reasons: in alphabetical order; empty when the batch may leave.
        rows: rows or records of the batch.
        forms: replacements in free text.
        share: masked letters and digits of free text among all, None without text.
        residual: what the slow look found in its sample.
        objections: the first `MOST_PLACES` places; some reasons have none.
    """

    reasons: tuple[Reason, ...]
    rows: int
    forms: int = 0
    share: float | None = None
    residual: Residual = field(default_factory=Residual)
    objections: tuple[Objection, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the batch may leave."""
        return not self.reasons
