"""The words of masking: what kinds of identifiers there are, and what may be done with one."""

from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What identifies: the name in a tag, in the counts of a batch, and in a profile."""

    NAME = "name"
    EMAIL = "email"
    PHONE = "phone"
    SSN = "ssn"
    BIRTH_DATE = "birth-date"
    DATE = "date"
    AGE = "age"
    STREET = "street"
    PLACE = "place"
    ZIP = "zip"
    CARD = "card"
    ACCOUNT = "account"
    RECORD = "record"
    LICENSE = "license"
    VEHICLE = "vehicle"
    DEVICE = "device"
    USER = "user"
    BIOMETRIC = "biometric"
    PHOTO = "photo"
    URL = "url"
    IP = "ip"
    NUMBER = "number"
    ENCODED = "encoded"


class Operator(StrEnum):
    """What happens to an identifier.

    `tag`: its kind in angle brackets. `surrogate`: a tag that stands for the same value everywhere in one export. `pseudonym`: one that
    stands for it in every export of the same key. `year`: the year of a date, unless it tells an age over 89. `shift`: a date moved by
    days that are the subject's own. `age-class`: an age over 89 as one class. `zip3`: three digits of a zip code, 000 where few people
    live. `drop`: `null`. `keep`: nothing; an operator's signed statement that this kind or column identifies nobody.
    """

    TAG = "tag"
    SURROGATE = "surrogate"
    PSEUDONYM = "pseudonym"
    YEAR = "year"
    SHIFT = "shift"
    AGE_CLASS = "age-class"
    ZIP3 = "zip3"
    DROP = "drop"
    KEEP = "keep"

    def suits(self, kind: Kind) -> bool:
        """Whether this can be done to that kind; a number of an account has no year."""
        return kind in _ONLY.get(self, (kind,))


_ONLY: Final = {
    Operator.YEAR: (Kind.DATE, Kind.BIRTH_DATE),
    Operator.SHIFT: (Kind.DATE, Kind.BIRTH_DATE),
    Operator.AGE_CLASS: (Kind.AGE,),
    Operator.ZIP3: (Kind.ZIP,),
}


class Reading(StrEnum):
    """How a column without an identifier is read.

    `text`: free text, searched for everything, names by their capitals included. `plain`: codes, dates and amounts; searched for
    shapes and for the batch's own identifiers, so that a city or a flight stays readable. `keep`: not touched.
    """

    TEXT = "text"
    PLAIN = "plain"
    KEEP = "keep"
