"""The words of masking: what kinds of identifiers there are, and what may be done with one."""

from enum import StrEnum


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

    `tag`: its kind in angle brackets. `surrogate`: a tag that stands for the same value everywhere in one export. `year`: the
    year of a date. `drop`: `null`. `keep`: nothing; an operator's signed statement that this kind or column identifies nobody.
    """

    TAG = "tag"
    SURROGATE = "surrogate"
    YEAR = "year"
    DROP = "drop"
    KEEP = "keep"


class Reading(StrEnum):
    """How a column without an identifier is read.

    `text`: free text, searched for everything, names by their capitals included. `plain`: codes, dates and amounts; searched for
    shapes and for the batch's own identifiers, so that a city or a flight stays readable. `keep`: not touched.
    """

    TEXT = "text"
    PLAIN = "plain"
    KEEP = "keep"
