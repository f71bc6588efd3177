"""What stands in the place of an identifier: tags and surrogates, in a form that no rule matches.

A tag is `<kind>`. A surrogate is `<kind:token>`: 24 letters of base32 over 8 bytes that stand for the value and 7 bytes that prove
that the holder of the export's secret made it. So a surrogate can be told from what only looks like one, and the same value has the
same surrogate within one export and another one in the next. In keys, a tag carries a number (`<kind-2>`): keys stay different.
"""

import base64
import hashlib
import hmac
import re
from typing import Final

from .folding import fold
from .identifiers import Kind, Operator
from .profile import Profile

FORM: Final = re.compile(r"<(" + "|".join(Kind) + r")(?::([a-z2-7]{24}))?>")
"""A tag or what may be a surrogate."""
NUMBERED: Final = re.compile(r"<(?:" + "|".join(Kind) + r")-[1-9][0-9]{0,5}>")
"""A tag as a key."""

_YEAR: Final = re.compile(r"(?<!\d)(?:1[89]|20)\d{2}(?!\d)")
_VALUE_BYTES: Final = 8
_PROOF_BYTES: Final = 7


class Operators:
    """The operators of a profile; without a secret, a tag takes the place of every surrogate.

    What only the engine does (pseudonyms, shifted dates, classes of ages and zip codes) is a tag too.
    """

    def __init__(self, profile: Profile, secret: bytes | None) -> None:
        self._profile = profile
        self._secret = secret
        self._made: dict[tuple[Kind, str], str] = {}

    def replace(self, kind: Kind, literal: str, operator: Operator | None = None) -> str:
        """What takes the literal's place in text."""
        match operator or self._profile.operator(kind):
            case Operator.KEEP:
                return literal
            case Operator.SURROGATE if self._secret is not None:
                return self._surrogate(kind, literal, self._secret)
            # A birth year may tell an age over 89, and here nobody says what year it is.
            case Operator.YEAR if kind is not Kind.BIRTH_DATE and (year := _YEAR.search(literal)):
                return year[0]
            case _:
                return f"<{kind}>"

    def is_own(self, form: "re.Match[str]") -> bool:
        """Whether a form in the input is a tag, or a surrogate that this export made."""
        if form[2] is None:
            return True
        if self._secret is None:
            return False
        made = base64.b32decode(form[2].upper())
        proof = _keyed(self._secret, b"form", form[1], made[:_VALUE_BYTES])[:_PROOF_BYTES]
        return hmac.compare_digest(proof, made[_VALUE_BYTES:])

    def _surrogate(self, kind: Kind, literal: str, secret: bytes) -> str:
        known = self._made.get((kind, literal))
        if known is None:
            plain = "".join(filter(str.isalnum, fold(literal).text.casefold())) or literal
            value = _keyed(secret, b"value", kind, plain.encode())[:_VALUE_BYTES]
            proof = _keyed(secret, b"form", kind, value)[:_PROOF_BYTES]
            known = f"<{kind}:{base64.b32encode(value + proof).decode().lower()}>"
            self._made[kind, literal] = known
        return known


def _keyed(secret: bytes, purpose: bytes, kind: str, value: bytes) -> bytes:
    return hmac.digest(secret, purpose + b"\0" + kind.encode() + b"\0" + value, hashlib.sha256)
