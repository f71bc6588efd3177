"""Words that look like identifiers: five digits or more, letters mixed with digits, clusters held together by hyphens.

On arrays over the words of a batch. Only shape counts here; what a label says of the value is the rules'.
"""

# ruff: noqa: PLR2004 - how many digits make which shape is what this module says

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sluicegate.processors.masking.identifiers import Kind

from .batch import TextBatch
from .span_table import SpanTable, Stage
from .tokens import Tokens

_CAPITAL: Final = np.zeros(256, bool)
_CAPITAL[ord("A") : ord("Z") + 1] = True
_GLUE: Final = np.zeros(256, bool)
_GLUE[np.frombuffer(b"-/_.#", np.uint8)] = True
_CONFIDENCE: Final = 50
_FEWEST_DIGITS: Final = 3
"""Of a word that is an identifier by itself."""


def identifier_shapes(tokens: Tokens, batch: TextBatch) -> SpanTable:
    """A span for each word or cluster that has the shape of an identifier."""
    if not len(tokens):
        return SpanTable.empty()
    words = _near_digits(tokens)
    if not len(words.starts):
        return SpanTable.empty()
    hits = words.alone() | words.clustered()
    return _glued(words.starts[hits], words.ends[hits], batch)


def _near_digits(tokens: Tokens) -> "_Words":
    """The words with a digit, and those that touch one; nothing else can be part of an identifier's shape.

    A word of one digit or two that touches no other is none either: most numbers of a text.
    """
    digits, starts, ends, codes = tokens.digits, tokens.starts, tokens.ends, tokens.codes
    touches = starts[1:] - ends[:-1] == 1
    glued = touches & _GLUE[codes[ends[:-1]]]
    holds = digits > 0
    near = digits >= _FEWEST_DIGITS
    near[1:] |= touches & holds[1:] | glued & holds[:-1]
    near[:-1] |= touches & holds[:-1] | glued & holds[1:]
    chosen = np.flatnonzero(near)
    return _Words(codes, starts[chosen], ends[chosen], digits[chosen])


class _Words:
    """What the shape of a word, and the sign before it, say."""

    def __init__(
        self,
        codes: NDArray[np.uint8],
        starts: NDArray[np.int64],
        ends: NDArray[np.int64],
        digits: NDArray[np.int32],
    ) -> None:
        self.starts, self.ends, self.digits = starts, ends, digits
        self.length = ends - starts
        self.number = digits == self.length
        self.mixed = (digits > 0) & ~self.number
        touches = np.zeros(len(starts), bool)
        touches[1:] = starts[1:] - ends[:-1] == 1
        before = codes[np.maximum(starts - 1, 0)]
        self.glued = touches & _GLUE[before]
        self._fraction = touches & ((before == ord(".")) | (before == ord(","))) & self.number
        self._fraction[1:] &= self.number[:-1]
        self._money = (before == ord("$")) & (starts > 0)
        self._first, self._second = codes[starts], codes[np.minimum(starts + 1, len(codes) - 1)]
        self._last = codes[ends - 1]

    def alone(self) -> NDArray[np.bool_]:
        """Words that are identifiers by themselves; amounts with a fraction or a currency are none."""
        long = self.number & (self.length >= 5)
        mixed = self.mixed & (
            (self.digits >= 4) & (self.length >= 5) | (self.digits >= 3) & (self.length >= 7)
        )
        amount = self._fraction | np.append(self._fraction[1:], False) | self._money
        return np.asarray((long | mixed) & ~amount & ~self._is_decade())

    def clustered(self) -> NDArray[np.bool_]:
        """Words of a cluster whose digits, all together, are those of an identifier."""
        joins = self.glued & ~self._fraction
        first = np.flatnonzero(~joins)
        total = np.add.reduceat(self.digits, first)
        longest = np.maximum.reduceat(self.digits, first)
        groups = np.diff(np.append(first, len(joins)))
        capitals = (self.digits == 0) & _CAPITAL[self._first] & _CAPITAL[self._last]
        letters = np.logical_or.reduceat(capitals | self.mixed, first)
        years = np.logical_or.reduceat(self._is_year(), first)
        numeric = (total >= 5) & ((longest >= 5) | (longest >= 4) & letters | (total >= 7) & (groups >= 3))
        coded = (total >= 4) & (longest >= 4) & letters & ~years
        return np.repeat((numeric | coded) & (groups >= 2), groups)

    def _is_year(self) -> NDArray[np.bool_]:
        return np.asarray(self.number & (self.length == 4) & self._in_century())

    def _is_decade(self) -> NDArray[np.bool_]:
        shape = (self.digits == 4) & (self.length == 5) & (self._last == ord("s"))
        return np.asarray(shape & self._in_century())

    def _in_century(self) -> NDArray[np.bool_]:
        nineteen = (self._first == ord("1")) & (self._second == ord("9"))
        return np.asarray(nineteen | (self._first == ord("2")) & (self._second == ord("0")))


def _glued(starts: NDArray[np.int64], ends: NDArray[np.int64], batch: TextBatch) -> SpanTable:
    """Neighbours with one sign between them become one span."""
    if len(starts):
        meets = (starts[1:] - ends[:-1] == 1) & _GLUE[batch.codes[starts[1:] - 1]]
        starts, ends = starts[np.append(True, ~meets)], ends[np.append(~meets, True)]
    return SpanTable.of(starts, ends, Kind.NUMBER, Stage.RULES, _CONFIDENCE)
