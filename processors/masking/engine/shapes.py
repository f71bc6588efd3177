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

_CLASSES: Final = np.zeros(256, np.uint64)
"""Packed counters, digits in the low half, capitals in the high one: one prefix sum counts both."""
_CLASSES[ord("0") : ord("9") + 1] = 1
_CLASSES[ord("A") : ord("Z") + 1] = 1 << 32
_LOW: Final = np.uint64(0xFFFFFFFF)
_HIGH: Final = np.uint64(32)
_GLUE: Final = np.zeros(256, bool)
_GLUE[np.frombuffer(b"-/_.#", np.uint8)] = True
_AMOUNT: Final = np.zeros(256, bool)
_AMOUNT[np.frombuffer(b"$", np.uint8)] = True
_LONG_NUMBER: Final = 5
_CONFIDENCE: Final = 50


def identifier_shapes(tokens: Tokens, batch: TextBatch) -> SpanTable:
    """A span for each word or cluster that has the shape of an identifier."""
    if not len(tokens):
        return SpanTable.empty()
    words = _Words(tokens)
    hits = words.alone() | words.clustered()
    starts, ends = tokens.starts[hits], tokens.ends[hits]
    return _glued(SpanTable.of(starts, ends, Kind.NUMBER, Stage.RULES, _CONFIDENCE), batch)


class _Words:
    """Counts of every token, and whether one sign glues it to the one before."""

    def __init__(self, tokens: Tokens) -> None:
        codes, starts, ends = tokens.codes, tokens.starts, tokens.ends
        counted = np.zeros(len(codes) + 1, np.uint64)
        np.cumsum(_CLASSES[codes], out=counted[1:])
        here = counted[ends] - counted[starts]
        self.length = ends - starts
        self.digits = (here & _LOW).astype(np.int64)
        self.capitals = (here >> _HIGH).astype(np.int64)
        self.number = self.digits == self.length
        self.mixed = (self.digits > 0) & ~self.number
        gap = np.zeros(len(starts), np.int64)
        gap[1:] = starts[1:] - ends[:-1]
        before = codes[np.maximum(starts - 1, 0)]
        self.glued = (gap == 1) & _GLUE[before]
        self._fraction = (gap == 1) & ((before == ord(".")) | (before == ord(","))) & self.number
        self._fraction[1:] &= self.number[:-1]
        self._fraction[0] = False
        self._money = _AMOUNT[before] & (starts > 0)
        self._first, self._second = codes[starts], codes[np.minimum(starts + 1, len(codes) - 1)]
        self._last = codes[ends - 1]

    def alone(self) -> NDArray[np.bool_]:
        """Words that are identifiers by themselves; amounts with a fraction or a currency are none."""
        long = self.number & (self.length >= _LONG_NUMBER)
        mixed = self.mixed & (
            (self.digits >= 4) & (self.length >= 5) | (self.digits >= 3) & (self.length >= 7)
        )
        amount = self._fraction | np.append(self._fraction[1:], False) | self._money
        return np.asarray((long | mixed) & ~amount & ~self._is_decade())

    def clustered(self) -> NDArray[np.bool_]:
        """Words of a cluster whose digits, all together, are those of an identifier."""
        joins = self.glued & ~self._fraction
        has_digit = self.digits > 0
        joins[1:] &= has_digit[1:] | has_digit[:-1]
        joins[0] = False
        first = np.flatnonzero(~joins)
        cluster = np.cumsum(~joins) - 1
        total = np.add.reduceat(self.digits, first)
        longest = np.maximum.reduceat(self.digits, first)
        groups = np.diff(np.append(first, len(joins)))
        letters = np.maximum.reduceat((self.digits == 0) & (self.capitals == self.length) | self.mixed, first)
        years = np.maximum.reduceat(self._is_year(), first)
        several = groups >= 2
        numeric = (
            (total >= 5)
            & several
            & ((longest >= 5) | (longest >= 4) & letters | (total >= 7) & (groups >= 3))
        )
        coded = (total >= 4) & (longest >= 4) & letters & several & ~years
        return np.asarray((numeric | coded)[cluster])

    def _is_year(self) -> NDArray[np.bool_]:
        return np.asarray(self.number & (self.length == 4) & self._in_century())

    def _is_decade(self) -> NDArray[np.bool_]:
        shape = (self.digits == 4) & (self.length == 5) & (self._last == ord("s"))
        return np.asarray(shape & self._in_century())

    def _in_century(self) -> NDArray[np.bool_]:
        nineteen = (self._first == ord("1")) & (self._second == ord("9"))
        return np.asarray(nineteen | (self._first == ord("2")) & (self._second == ord("0")))


def _glued(table: SpanTable, batch: TextBatch) -> SpanTable:
    """Neighbours with one sign between them become one span."""
    if len(table) < 2:
        return table
    codes = batch.codes
    meets = (table.start[1:] - table.end[:-1] == 1) & _GLUE[codes[table.start[1:] - 1]]
    first = np.flatnonzero(np.append(True, ~meets))
    last = np.append(first[1:], len(table)) - 1
    return SpanTable.of(table.start[first], table.end[last], Kind.NUMBER, Stage.RULES, _CONFIDENCE)
