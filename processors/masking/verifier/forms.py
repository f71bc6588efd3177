"""Tags, generalised values and surrogates in masked text, recognised and proved by the verifier's own reading of the form.

`<kind>`; `<kind:24 letters>`: three small letters for 14 bits, 56 bits that stand for the value and 56 that prove it; `<date:day:12 letters>`,
a shifted date; `<zip:021>`, `<age:90+>`. All places of a column are read at once, in arrays; a proof is computed once per surrogate.
"""

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from sluicegate.processors.masking.identifiers import Kind

from .texts import Codes, Flags, Places, Texts

Numbers = NDArray[np.uint64]

_KINDS: Final = tuple(kind.value.encode() for kind in Kind)
_LONGEST_KIND: Final = 16
_LETTERS: Final = 24
_LONGEST: Final = 64
_OTHER_FORM: Final = re.compile(rb"date:(\d{4}-\d\d-\d\d):([a-z]{12})|zip:[0-9]{3}|age:90\+")
_BITS: Final = 14
_HALF: Final = 4
_PROOF_BYTES: Final = 7
_ALPHABET: Final = 26
_SLOTS: Final = 15
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
    _proved: "_Remembered" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._key = hmac.digest(self.secret, b"engine surrogates\0proof", "sha256")
        self._proved = _Remembered()

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
        """Which tokens are proved, and which are small letters at all."""
        letters = sliding_window_view(codes, _LETTERS)[places] - np.uint8(ord("a"))
        small = (letters < _ALPHABET).all(axis=1)
        threes = np.multiply(letters[:, 0::3], _ALPHABET**2, dtype=np.uint16)
        threes += np.multiply(letters[:, 1::3], _ALPHABET, dtype=np.uint16)
        threes += letters[:, 2::3]
        spelt = small & (threes < 1 << _BITS).all(axis=1)
        halves = np.zeros((2, len(places)), np.uint64)
        for place in range(_HALF):
            halves = halves << np.uint64(_BITS) | np.stack((threes[:, place], threes[:, _HALF + place]))
        value, proof = halves[0], halves[1] | kinds.astype(np.uint64) << np.uint64(8 * _PROOF_BYTES)
        return np.asarray(spelt & self._proved.all_of(value, proof, self._proves)), np.asarray(small)

    def _proves(self, values: Numbers, proofs: Numbers) -> Flags:
        """Which the secret's holder made: values, and their proofs with the kind in the first byte."""
        made = np.zeros(len(values), bool)
        kinds = proofs >> np.uint64(8 * _PROOF_BYTES)
        for kind in np.unique(kinds).tolist():
            which = np.flatnonzero(kinds == kind)
            copy = blake2b(key=self._key, person=_KINDS[kind], digest_size=_PROOF_BYTES).copy
            proving = [copy() for _ in which]
            for one, value in zip(proving, _seven(values[which]).tolist(), strict=True):
                one.update(value)
            digests = b"".join([one.digest() for one in proving])
            made[which] = np.frombuffer(digests, f"V{_PROOF_BYTES}") == _seven(proofs[which])
        return made

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


class _Remembered:
    """Pairs of numbers of which something was found to be true; a pair may be forgotten, and is asked for again."""

    def __init__(self) -> None:
        self._values: Numbers = np.zeros(1 << _SLOTS, np.uint64)
        self._others: Numbers = np.zeros(1 << _SLOTS, np.uint64)

    def all_of(self, values: Numbers, others: Numbers, ask: Callable[[Numbers, Numbers], Flags]) -> Flags:
        """The answer for each pair; equal ones are asked for once."""
        slots = ((values ^ others) * _MIX >> np.uint64(64 - _SLOTS)).astype(np.intp)
        true: Flags = np.asarray(
            (self._values[slots] == values) & (self._others[slots] == others) & (others != 0)
        )
        new = np.flatnonzero(~true)
        if not len(new):
            return true
        latest = np.zeros(1 << _SLOTS, np.intp)
        latest[slots[new]] = new
        stands_for = latest[slots]
        same = (values[stands_for] == values) & (others[stands_for] == others)
        asked = new[(stands_for[new] == new) | ~same[new]]
        true[asked] = ask(values[asked], others[asked])
        repeated = new[same[new]]
        true[repeated] = true[stands_for[repeated]]
        kept = asked[true[asked]]
        self._values[slots[kept]], self._others[slots[kept]] = values[kept], others[kept]
        return true


def _seven(numbers: Numbers) -> NDArray[np.void]:
    """The last seven bytes of each."""
    whole = numbers.astype(">u8").view(np.uint8).reshape(-1, 8)
    return np.ascontiguousarray(whole[:, 1:]).view(f"V{_PROOF_BYTES}").ravel()


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
