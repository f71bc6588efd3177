"""Tags, generalised values and surrogates in masked text, recognised and proved by the verifier's own reading of the form.

`<kind>`; `<kind:24 letters>`: three small letters for 14 bits, 56 bits that stand for the value and 56 that prove it; `<date:day:12 letters>`,
a shifted date; `<zip:021>`, `<age:90+>`. All places of a column are read at once, in arrays; a proof is computed once per surrogate.
"""

import hmac
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sluicegate.processors.masking.identifiers import Kind

from .texts import Codes, Flags, Places, Texts

_KINDS: Final = tuple(kind.value.encode() for kind in Kind)
_LONGEST_KIND: Final = 16
_LETTERS: Final = 24
_LONGEST: Final = 64
_OTHER_FORM: Final = re.compile(rb"date:(\d{4}-\d\d-\d\d):([a-z]{12})|zip:[0-9]{3}|age:90\+")
_BITS: Final = 14
_HALF: Final = 4
_PROOF_BYTES: Final = 7
_REMEMBERED: Final = 500_000
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True, eq=False)
class Forms:
    """Forms of a column: places, the number of the kind, and whether the secret proves each."""

    starts: Places
    ends: Places
    kinds: NDArray[np.int64]
    proved: Flags


def number_of(kind: Kind) -> int:
    """The number of a kind in `Forms.kinds`."""
    return _KINDS.index(kind.value.encode())


@dataclass(slots=True)
class Proofs:
    """Reads and proves forms for one export."""

    secret: bytes = field(repr=False)
    _key: bytes = field(init=False, repr=False)
    _proved: set[bytes] = field(default_factory=set, repr=False)

    def __post_init__(self) -> None:
        self._key = hmac.digest(self.secret, b"engine surrogates\0proof", "sha256")

    def forms(self, texts: Texts) -> Forms:
        """Every form of a column, in order."""
        codes = texts.codes
        starts = np.flatnonzero(codes == ord("<"))
        closing = np.append(np.flatnonzero(codes == ord(">")), len(codes) + _LONGEST)
        ends = closing[np.searchsorted(closing, starts)] + 1
        near = ends - starts <= _LONGEST
        near[:-1] &= starts[1:] >= ends[:-1]
        if len(starts):
            # No form goes over the end of a row.
            borders = texts.offsets[1:-1]
            last = np.searchsorted(starts, borders, "left") - 1
            near[last[(last >= 0) & (ends[last] > borders)]] = False
        starts, ends = starts[near], ends[near]
        padded = np.append(codes, np.zeros(_LONGEST, np.uint8))
        kinds, size = _kinds(padded, starts + 1)
        known = kinds >= 0
        starts, ends, kinds, size = starts[known], ends[known], kinds[known], size[known]
        lengths = ends - starts - 2
        is_tag = lengths == size
        is_token = lengths == size + 1 + _LETTERS
        proved = is_tag.copy()
        spelt = is_token.copy()
        if is_token.any():
            proved[is_token], spelt[is_token] = self._tokens(
                padded, (starts + size + 2)[is_token], kinds[is_token]
            )
        for at in np.flatnonzero(~is_tag & ~is_token).tolist():
            spelt[at], proved[at] = self._other(texts.data[starts[at] + 1 : ends[at] - 1])
        shaped = is_tag | spelt
        return Forms(starts[shaped], ends[shaped], kinds[shaped], proved[shaped])

    def _tokens(self, codes: Codes, places: Places, kinds: NDArray[np.int64]) -> tuple[Flags, Flags]:
        # Column by column: a step over all forms at once is fast, one along the letters of each is not.
        small = np.ones(len(places), bool)
        spelt = np.ones(len(places), bool)
        halves = []
        for half in range(2):
            number = np.zeros(len(places), np.uint64)
            for at in range(half * _HALF, (half + 1) * _HALF):
                three = np.zeros(len(places), np.uint16)
                for place in range(3 * at, 3 * at + 3):
                    letter = codes[places + place] - np.uint8(ord("a"))
                    small &= letter < 26  # noqa: PLR2004 - the alphabet
                    three = three * np.uint16(26) + letter
                spelt &= three < 1 << _BITS
                number = number << np.uint64(_BITS) | (three & np.uint16((1 << _BITS) - 1))
            halves.append(number)
        spelt &= small
        value, proof = halves
        whole = np.stack([kinds.astype(">u8"), value, proof], axis=1).astype(">u8")
        blob = whole.tobytes()
        named = [blob[at : at + 24] for at in range(0, len(blob), 24)]
        if len(self._proved) > _REMEMBERED:
            self._proved.clear()
        fresh = set(named) - self._proved
        self._proved.update(self._proving(fresh))
        if fresh <= self._proved:
            return spelt, small
        made = self._proved
        own = np.fromiter((one in made for one in named), bool, len(named))
        return np.logical_and(own, spelt), small

    def _proving(self, forms: Iterable[bytes]) -> Iterator[bytes]:
        """Those that the secret's holder made: kind, value and proof, eight bytes each."""
        bases = [blake2b(key=self._key, person=kind, digest_size=_PROOF_BYTES) for kind in _KINDS]
        for form in forms:
            proof = bases[form[7]].copy()
            proof.update(form[9:16])
            if proof.digest() == form[17:]:
                yield form

    def _other(self, body: bytes) -> tuple[bool, bool]:
        """Whether it is a form, and whether it is proved."""
        found = _OTHER_FORM.fullmatch(body)
        if found is None:
            return False, False
        if found[1] is None:
            return True, True
        made = blake2b(found[1], key=self._key, person=b"day", digest_size=14).digest()
        number = int.from_bytes(made)
        threes = [number >> shift & (1 << _BITS) - 1 for shift in range(98, 55, -_BITS)]
        spelt = bytes(
            ord("a") + letter for three in threes for letter in (three // 676, three // 26 % 26, three % 26)
        )
        return True, hmac.compare_digest(spelt, found[2])


def _kinds(padded: Codes, places: Places) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The number of the kind that begins at each place (-1: none), and its length."""
    keys, sizes = np.zeros(len(places), np.uint64), np.zeros(len(places), np.int64)
    goes_on = np.ones(len(places), bool)
    for step in range(_LONGEST_KIND):
        code = padded[places + step]
        goes_on &= (code != ord(":")) & (code != ord(">"))
        if not goes_on.any():
            break
        keys = np.where(goes_on, keys * _MIX + code, keys)
        sizes += goes_on
    at = np.minimum(np.searchsorted(_SORTED_KEYS, keys), len(_SORTED_KEYS) - 1)
    return np.where(_SORTED_KEYS[at] == keys, _ORDER[at], -1), sizes


def _key(kind: bytes) -> int:
    key = 0
    for code in kind:
        key = (key * int(_MIX) + code) % (1 << 64)
    return key


_KEYS: Final = np.array([_key(kind) for kind in _KINDS], np.uint64)
_ORDER: Final = np.argsort(_KEYS)
_SORTED_KEYS: Final = _KEYS[_ORDER]
