"""What a span of the engine is, as one byte: the kinds of a profile, and the finer classes that the law names one by one."""

from enum import StrEnum
from typing import Final

from sluicegate.processors.masking.identifiers import Kind


class Finer(StrEnum):
    """Classes that a profile treats as one of its kinds, told apart in counts and in `explain`."""

    FAX = "fax"
    HEALTH_PLAN = "health-plan"
    ORGANIZATION = "organization"


SpanKind = Kind | Finer

KINDS: Final[tuple[SpanKind, ...]] = (*Kind, *Finer)
"""By code."""
CODES: Final[dict[SpanKind, int]] = {kind: code for code, kind in enumerate(KINDS)}
"""The code of a kind."""

_PROFILE_KINDS: Final = {
    Finer.FAX: Kind.PHONE,
    Finer.HEALTH_PLAN: Kind.RECORD,
    Finer.ORGANIZATION: Kind.PLACE,
}

SAFE_HARBOR: Final[dict[str, tuple[SpanKind, ...]]] = {
    "A": (Kind.NAME,),
    "B": (Kind.STREET, Kind.PLACE, Kind.ZIP, Finer.ORGANIZATION),
    "C": (Kind.DATE, Kind.BIRTH_DATE, Kind.AGE),
    "D": (Kind.PHONE,),
    "E": (Finer.FAX,),
    "F": (Kind.EMAIL,),
    "G": (Kind.SSN,),
    "H": (Kind.RECORD,),
    "I": (Finer.HEALTH_PLAN,),
    "J": (Kind.ACCOUNT, Kind.CARD),
    "K": (Kind.LICENSE,),
    "L": (Kind.VEHICLE,),
    "M": (Kind.DEVICE,),
    "N": (Kind.URL,),
    "O": (Kind.IP,),
    "P": (Kind.BIOMETRIC,),
    "Q": (Kind.PHOTO,),
    "R": (Kind.NUMBER, Kind.USER, Kind.ENCODED),
}
"""The kinds of each paragraph of 45 CFR 164.514(b)(2)(i)."""


def profile_kind(kind: SpanKind) -> Kind:
    """The kind under which a profile decides, and whose tag stands in the text."""
    return _PROFILE_KINDS[kind] if isinstance(kind, Finer) else kind
