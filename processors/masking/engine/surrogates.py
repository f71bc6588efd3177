"""What stands in the place of an identifier, in one reserved form that no rule matches and that proves who made it.

A tag is `<kind>`. A surrogate is `<kind:token>`: 24 small letters over 7 bytes that stand for the value and 7 bytes that prove, to whoever
holds the secret, that the secret's holder made it. Letters only: nothing that looks for digits, capitals or labels matches one. A
generalised value is `<zip:021>` or `<age:90+>`; a shifted date is `<date:2021-03-09:token>` with 12 letters of proof.

Two ways to choose the 7 bytes. Derived from the value under the secret: the same value has the same ones wherever the secret is the same.
Or *drawn* and remembered: nothing of them derives from the value (45 CFR 164.514(c)(1)). A *pseudonym* is always derived, under a key that
outlives the export where there is one: then it is the same in every export of that key.
"""

import hmac
import re
from collections.abc import Callable
from hashlib import blake2b
from itertools import product
from string import ascii_lowercase
from typing import Final

from sluicegate.processors.masking.identifiers import Kind

_KINDS: Final = "|".join(sorted(Kind, key=len, reverse=True))
FORM: Final = re.compile(
    rf"<(?:(?P<kind>{_KINDS})(?::(?P<token>[a-z]{{24}}))?|date:(?P<day>\d{{4}}-\d\d-\d\d):(?P<proof>[a-z]{{12}})|zip:\d{{3}}|age:90\+)>".encode()
)
"""A tag, a generalised value, or what may be a surrogate."""

_VALUE_BYTES: Final = 7
_PROOF_BYTES: Final = 7
_LETTERS: Final = tuple("".join(three).encode() for three in product(ascii_lowercase, repeat=3))[: 1 << 14]
"""Three letters for each fourteen bits."""
_NUMBERS: Final = {three: number for number, three in enumerate(_LETTERS)}
_BITS: Final = 14
_MASK: Final = (1 << _BITS) - 1
_SHIFTS: Final = tuple(range(98, -1, -_BITS))
_SIGNS: Final = bytes(code for code in range(0x80) if not chr(code).isalnum())
_REMEMBERED: Final = 200_000

Draw = Callable[[int], bytes]
"""Random bytes, so many (`secrets.token_bytes`)."""


class Surrogates:
    """The surrogates of one export: same value and kind, same surrogate."""

    def __init__(
        self, secret: bytes, draw: Draw | None = None, *, pseudonym_key: bytes | None = None
    ) -> None:
        """Derived from the export's secret, or with `draw` random; pseudonyms derive from `pseudonym_key`, or else from the secret.

        With that key, every form is proved under it, for a pseudonym must not tell one export from another.
        """
        self.proving: Final = secret if pseudonym_key is None else pseudonym_key
        """What whoever checks the forms needs to know."""
        self._value_key = _derived(secret, b"value")
        self._pseudonym_key = _derived(self.proving, b"pseudonym")
        self._proof_key = _derived(self.proving, b"proof")
        self._draw = draw
        self._made: dict[tuple[Kind, bytes], bytes] = {}
        self._pseudonyms: dict[tuple[Kind, bytes], bytes] = {}
        self._drawn: dict[tuple[Kind, bytes], bytes] = {}

    def surrogate(self, kind: Kind, shown: bytes) -> bytes:
        """The surrogate for a value as a folded text shows it; case and punctuation do not count."""
        known = self._made.get((kind, shown))
        if known is not None:
            return known
        plain = _plain(shown)
        value = (
            _value(self._value_key, kind, plain)
            if self._draw is None
            else self._random(kind, plain, self._draw)
        )
        return self._remembered(self._made, kind, shown, value)

    def pseudonym(self, kind: Kind, shown: bytes) -> bytes:
        """The pseudonym for a value, likewise."""
        known = self._pseudonyms.get((kind, shown))
        if known is not None:
            return known
        return self._remembered(
            self._pseudonyms, kind, shown, _value(self._pseudonym_key, kind, _plain(shown))
        )

    def _remembered(
        self, made: dict[tuple[Kind, bytes], bytes], kind: Kind, shown: bytes, value: bytes
    ) -> bytes:
        form = b"<%b:%b>" % (kind.encode(), _spelled(value + self._proof(kind.encode(), value)))
        if len(made) >= _REMEMBERED:
            made.clear()
        made[kind, shown] = form
        return form

    def shifted_day(self, day: str) -> bytes:
        """The form of a shifted date, with its proof."""
        return b"<date:%b:%b>" % (day.encode(), self._day_proof(day.encode()))

    def is_own(self, form: "re.Match[bytes]") -> bool:
        """Whether a match of `FORM` is a tag, a generalised value, or a surrogate that this secret made."""
        if form["day"] is not None:
            return hmac.compare_digest(self._day_proof(form["day"]), form["proof"])
        if form["token"] is None:
            return True
        made = _read(form["token"])
        if made is None:
            return False
        return hmac.compare_digest(self._proof(form["kind"], made[:_VALUE_BYTES]), made[_VALUE_BYTES:])

    def number(self, purpose: bytes, subject: bytes) -> int:
        """64 bits that stand for a subject and one purpose."""
        return int.from_bytes(blake2b(purpose + b"\0" + subject, key=self._value_key, digest_size=8).digest())

    def _random(self, kind: Kind, plain: bytes, draw: Draw) -> bytes:
        # INVARIANT: the map is never shortened while the export lives; a value drawn twice would be two people.
        return self._drawn.setdefault((kind, plain), self._drawn.get((kind, plain)) or draw(_VALUE_BYTES))

    def _proof(self, kind: bytes, value: bytes) -> bytes:
        return blake2b(value, key=self._proof_key, person=kind, digest_size=_PROOF_BYTES).digest()

    def _day_proof(self, day: bytes) -> bytes:
        return _spelled(blake2b(day, key=self._proof_key, person=b"day", digest_size=14).digest())[:12]


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return hmac.digest(secret, b"engine surrogates\0" + purpose, "sha256")


def _plain(shown: bytes) -> bytes:
    return shown.lower().translate(None, _SIGNS) or shown


def _value(key: bytes, kind: Kind, plain: bytes) -> bytes:
    return blake2b(plain, key=key, person=kind.encode(), digest_size=_VALUE_BYTES).digest()


def _spelled(fourteen: bytes) -> bytes:
    number = int.from_bytes(fourteen)
    return b"".join([_LETTERS[number >> shift & _MASK] for shift in _SHIFTS])


def _read(token: bytes) -> bytes | None:
    """The 14 bytes that the letters spell; None when no bytes spell so."""
    number = 0
    for place in range(0, len(token), 3):
        three = _NUMBERS.get(token[place : place + 3])
        if three is None:
            return None
        number = number << _BITS | three
    return number.to_bytes(_VALUE_BYTES + _PROOF_BYTES)
