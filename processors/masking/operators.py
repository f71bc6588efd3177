"""What stands in the place of an identifier in a view: tags, in a form that no detector matches.

A tag is `<kind>`; in keys it carries a number (`<kind-2>`): keys stay different. What looks like an export's surrogate
(`<kind:token>`, see `engine.surrogates`) becomes a tag: a view has no secret to prove one.
"""

import re
from typing import Final

from .identifiers import Kind, Operator
from .profile import Profile

FORM: Final = re.compile(r"<(" + "|".join(Kind) + r")(:[a-z2-7]{24})?>")
"""A tag, or what may be a surrogate."""
NUMBERED: Final = re.compile(r"<(?:" + "|".join(Kind) + r")-[1-9][0-9]{0,5}>")
"""A tag as a key."""

_YEAR: Final = re.compile(r"(?<!\d)(?:1[89]|20)\d{2}(?!\d)")


class Operators:
    """The operators of a profile; a tag takes the place of all that only the engine does.

    That is surrogates, pseudonyms, shifted dates, classes of ages and zip codes.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def replace(self, kind: Kind, literal: str, operator: Operator | None = None) -> str:
        """What takes the literal's place in text."""
        match operator or self._profile.operator(kind):
            case Operator.KEEP:
                return literal
            # A birth year may tell an age over 89, and here nobody says what year it is.
            case Operator.YEAR if kind is not Kind.BIRTH_DATE and (year := _YEAR.search(literal)):
                return year[0]
            case _:
                return f"<{kind}>"
