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
from collections.abc import Callable, Sequence
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

HALF_BYTES: Final = 7
"""Of the value, and of its proof."""
LETTERS: Final = tuple("".join(three).encode() for three in product(ascii_lowercase, repeat=3))[: 1 << 14]
"""Three letters for each fourteen bits."""
_NUMBERS: Final = {three: number for number, three in enumerate(LETTERS)}
_BITS: Final = 14
_MASK: Final = (1 << _BITS) - 1
_DAY_LETTERS: Final = 12
_SIGNS: Final = bytes(code for code in range(0x80) if not chr(code).isalnum())
_BETWEEN: Final = b"\x1e"
"""Stands between values: the separator of rows, so in none of them."""
_OTHER_SIGNS: Final = _SIGNS.replace(_BETWEEN, b"")
_FEW: Final = 8
_REMEMBERED: Final = 200_000

Draw = Callable[[int], bytes]
"""Random bytes, so many (`secrets.token_bytes`)."""


class _Forms:
    """The forms of one kind: bytes that stand for a value under one key, and their proof under another."""

    def __init__(self, kind: Kind, value_key: bytes, proof_key: bytes) -> None:
        person = kind.encode()
        # Keyed once, copied for each value: half the cost.
        self._value = blake2b(key=value_key, person=person, digest_size=HALF_BYTES)
        self._proof = blake2b(key=proof_key, person=person, digest_size=HALF_BYTES)
        self._opened = b"<%b:" % person
        self._made: dict[bytes, bytes] = {}

    def of(self, shown: bytes, draw: "Callable[[bytes], bytes] | None" = None) -> bytes:
        """The form for a value as a folded text shows it, its value drawn or derived."""
        made = self._made.get(shown)
        if made is not None:
            return made
        plain = shown.lower().translate(None, _SIGNS) or shown
        value = self._derived(plain) if draw is None else draw(plain)
        made = b"%b%b>" % (self._opened, _spelled(value, self.proof(value)))
        if len(self._made) >= _REMEMBERED:
            self._made.clear()
        self._made[shown] = made
        return made

    def of_many(
        self, shown: Sequence[bytes], draw: "Callable[[Sequence[bytes]], list[bytes]] | None" = None
    ) -> list[bytes]:
        """The forms for many values, of none of which a separator is part; for once, so none is remembered."""
        if len(shown) < _FEW:
            one = None if draw is None else lambda plain: draw([plain])[0]
            return [self.of(each, one) for each in shown]
        from .spelling import spelled  # noqa: PLC0415 - who asks for one value at a time does without numpy

        plains = _BETWEEN.join(shown).lower().translate(None, _OTHER_SIGNS).split(_BETWEEN)
        plains = [plain or each for plain, each in zip(plains, shown, strict=True)]
        values = list(map(self._derived, plains)) if draw is None else draw(plains)
        proofs = map(self.proof, values)
        halves = b"".join([half for both in zip(values, proofs, strict=True) for half in both])
        return [b"%b%b>" % (self._opened, letters) for letters in spelled(halves)]

    def proof(self, value: bytes) -> bytes:
        """What shows that the holder of the key made it."""
        proof = self._proof.copy()
        proof.update(value)
        return proof.digest()

    def _derived(self, plain: bytes) -> bytes:
        value = self._value.copy()
        value.update(plain)
        return value.digest()


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
        self._proof_key = _derived(self.proving, b"proof")
        pseudonym = _derived(self.proving, b"pseudonym")
        self._surrogates = {kind: _Forms(kind, self._value_key, self._proof_key) for kind in Kind}
        self._pseudonyms = {kind: _Forms(kind, pseudonym, self._proof_key) for kind in Kind}
        self._draw = draw
        self._drawn: dict[Kind, dict[bytes, bytes]] = {kind: {} for kind in Kind}

    def surrogate(self, kind: Kind, shown: bytes) -> bytes:
        """The surrogate for a value as a folded text shows it; case and punctuation do not count."""
        draw = self._draw
        if draw is None:
            return self._surrogates[kind].of(shown)
        return self._surrogates[kind].of(shown, lambda plain: self._random(kind, [plain], draw)[0])

    def surrogates(self, kind: Kind, shown: Sequence[bytes]) -> list[bytes]:
        """Those of many values of a kind, each from within one row of a batch."""
        draw = self._draw
        if draw is None:
            return self._surrogates[kind].of_many(shown)
        return self._surrogates[kind].of_many(shown, lambda plains: self._random(kind, plains, draw))

    def pseudonym(self, kind: Kind, shown: bytes) -> bytes:
        """The pseudonym for a value, likewise."""
        return self._pseudonyms[kind].of(shown)

    def pseudonyms(self, kind: Kind, shown: Sequence[bytes]) -> list[bytes]:
        """Those of many values, likewise."""
        return self._pseudonyms[kind].of_many(shown)

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
        proof = self._surrogates[Kind(form["kind"].decode())].proof(made[:HALF_BYTES])
        return hmac.compare_digest(proof, made[HALF_BYTES:])

    def number(self, purpose: bytes, subject: bytes) -> int:
        """64 bits that stand for a subject and one purpose."""
        return int.from_bytes(blake2b(purpose + b"\0" + subject, key=self._value_key, digest_size=8).digest())

    def _random(self, kind: Kind, plains: Sequence[bytes], draw: Draw) -> list[bytes]:
        # INVARIANT: the map is never shortened while the export lives; a value drawn twice would be two people.
        drawn = self._drawn[kind]
        for plain in plains:
            if plain not in drawn:
                drawn[plain] = draw(HALF_BYTES)
        return [drawn[plain] for plain in plains]

    def _day_proof(self, day: bytes) -> bytes:
        proof = blake2b(day, key=self._proof_key, person=b"day", digest_size=2 * HALF_BYTES)
        return _spelled(proof.digest()[:HALF_BYTES], b"")[:_DAY_LETTERS]


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return hmac.digest(secret, b"engine surrogates\0" + purpose, "sha256")


def _spelled(value: bytes, proof: bytes) -> bytes:
    """Both halves in letters: three for each fourteen bits."""
    one, other = int.from_bytes(value), int.from_bytes(proof)
    letters = LETTERS
    # Written out: this is done once for every identifier.
    return b"".join(
        (
            letters[one >> 42],
            letters[one >> 28 & _MASK],
            letters[one >> 14 & _MASK],
            letters[one & _MASK],
            letters[other >> 42],
            letters[other >> 28 & _MASK],
            letters[other >> 14 & _MASK],
            letters[other & _MASK],
        )
    )


def _read(token: bytes) -> bytes | None:
    """The 14 bytes that the letters spell; None when no bytes spell so."""
    number = 0
    for place in range(0, len(token), 3):
        three = _NUMBERS.get(token[place : place + 3])
        if three is None:
            return None
        number = number << _BITS | three
    return number.to_bytes(2 * HALF_BYTES)
