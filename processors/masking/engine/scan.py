"""Find what the rules describe, with one of two scanners that give the same spans.

Hyperscan reads the batch once for all rules. RE2 (google-re2) reads it once for each rule and runs everywhere. They report matches
differently: Hyperscan every end with its leftmost start, RE2 every start with its longest end. A match that lies in no other match
of its rule is in both reports, so only these count (`_outermost`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from .batch import Offsets, TextBatch
from .kinds import CODES
from .rules import RULES, Check, Rule
from .shapes import identifier_shapes
from .span_table import SpanTable, Stage
from .tokens import Tokens

_CODE_REACH: Final = 24
"""Bytes between a code system, or a code of it, and the next code."""
_CODE_LIST: Final = 200
"""Bytes that a list of codes takes at most."""


_PLACE_BITS: Final = 40
"""Bits of a place in a text: a terabyte."""
_SPACE: Final = ord(" ")
_CLOSES: Final = np.zeros(256, bool)
_CLOSES[np.frombuffer(b",;)]}>\"'\n\t\x1e", np.uint8)] = True
_WORD: Final = np.zeros(256, bool)
_WORD[np.frombuffer(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", np.uint8)] = True
_DIGIT_OR_SIGN: Final = np.zeros(256, bool)
_DIGIT_OR_SIGN[np.frombuffer(b"0123456789(+-/.", np.uint8)] = True


Mask = NDArray[np.bool_]


class Matches(NamedTuple):
    """Where triggers matched: number of the rule, start, end; sorted by all three, outermost ones only."""

    rule: NDArray[np.int64]
    start: Offsets
    end: Offsets


class Columns(NamedTuple):
    """What rules say, as columns by their number."""

    plain: Mask
    """Whether a match is the span."""
    yields: Mask
    names_codes: Mask
    kinds: NDArray[np.uint8]
    confidences: NDArray[np.uint8]
    checks: Sequence[tuple[Check | None, int, int]]
    """Check, code of the kind and confidence."""

    @classmethod
    def of(cls, rules: Sequence[Rule]) -> Self:
        """The columns of rules; worked out once."""
        codes = [0 if rule.kind is None else CODES[rule.kind] for rule in rules]
        return cls(
            np.array([rule.check is None and rule.kind is not None for rule in rules], bool),
            np.array([rule.yields for rule in rules], bool),
            np.array([rule.kind is None for rule in rules], bool),
            np.array(codes, np.uint8),
            np.array([rule.confidence for rule in rules], np.uint8),
            [(rule.check, code, rule.confidence) for rule, code in zip(rules, codes, strict=True)],
        )


class Scanner(Protocol):
    """A compiled set of rules."""

    @property
    def rules(self) -> Sequence[Rule]:
        """The rules, by number."""
        ...

    @property
    def columns(self) -> Columns:
        """What they say."""
        ...

    def matches(self, text: bytes) -> Matches:
        """Every outermost match of every rule."""
        ...


@dataclass(frozen=True, slots=True)
class Re2Scanner:
    """The portable scanner."""

    rules: Sequence[Rule]
    columns: Columns
    _patterns: tuple[Any, ...]

    @classmethod
    def of(cls, rules: Sequence[Rule] = RULES) -> Self:
        """Compile the rules; needs the package `google-re2`."""
        import re2  # noqa: PLC0415 - the other scanner does without

        options = re2.Options()
        options.longest_match = True
        options.encoding = re2.Options.Encoding.LATIN1
        options.log_errors = False
        patterns: list[Any] = []
        for rule in rules:
            options.case_sensitive = not rule.caseless
            patterns.append(re2.compile(rule.trigger.encode(), options))
        return cls(rules, Columns.of(rules), tuple(patterns))

    def matches(self, text: bytes) -> Matches:
        """Every outermost match of every rule."""
        found: list[int] = []
        for number, pattern in enumerate(self._patterns):
            match = pattern.search(text)
            while match is not None:
                start, end = match.span()
                found += (number, start, end)
                match = pattern.search(text, start + 1)
        return _outermost(found)


@dataclass(frozen=True, slots=True)
class HyperscanScanner:
    """The fast scanner: one pass for all rules."""

    rules: Sequence[Rule]
    columns: Columns
    _database: Any

    @classmethod
    def of(cls, rules: Sequence[Rule] = RULES) -> Self:
        """Compile the rules (about half a second); needs the package `hyperscan`."""
        import hyperscan  # noqa: PLC0415 - the other scanner does without

        database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        database.compile(
            expressions=[rule.trigger.encode() for rule in rules],
            ids=list(range(len(rules))),
            elements=len(rules),
            flags=[
                hyperscan.HS_FLAG_SOM_LEFTMOST | (hyperscan.HS_FLAG_CASELESS if rule.caseless else 0)
                for rule in rules
            ],
        )
        return cls(rules, Columns.of(rules), database)

    @classmethod
    def loaded(cls, compiled: bytes, rules: Sequence[Rule] = RULES) -> Self:
        """A scanner from what `compiled` gave for the same rules and the same version of the package."""
        import hyperscan  # noqa: PLC0415 - the other scanner does without

        database = hyperscan.loadb(compiled, hyperscan.HS_MODE_BLOCK)
        database.scratch = hyperscan.Scratch(database)
        return cls(rules, Columns.of(rules), database)

    def compiled(self) -> bytes:
        """The database as bytes, to be cached."""
        import hyperscan  # noqa: PLC0415 - the other scanner does without

        return bytes(hyperscan.dumpb(self._database))

    def matches(self, text: bytes) -> Matches:
        """Every outermost match of every rule."""
        found: list[int] = []
        add = found.extend

        def note(number: int, start: int, end: int, _flags: int, _context: object) -> None:
            add((number, start, end))

        if text:
            self._database.scan(text, match_event_handler=note)
        return _outermost(found)


def scanner(rules: Sequence[Rule] = RULES) -> Scanner:
    """Hyperscan where it is installed, else RE2."""
    try:
        return HyperscanScanner.of(rules)
    except ImportError:
        return Re2Scanner.of(rules)


def scan(batch: TextBatch, scanner: Scanner, tokens: Tokens | None = None) -> SpanTable:
    """Every span that a rule, or the shape of an identifier, gives; overlaps stay (`SpanTable.merged`)."""
    told, text = scanner.columns, batch.text
    found = scanner.matches(text)
    plain, yields = told.plain[found.rule], told.yields[found.rule]
    settled = SpanTable.joined([_plain(found, plain, told), _checked(text, found, ~plain & ~yields, told)])
    open_ = yields & ~_inside(found, settled.merged(), batch)
    shapes = identifier_shapes(tokens or Tokens.of(batch), batch)
    shapes = _without_codes(shapes, np.sort(found.end[told.names_codes[found.rule]]), batch)
    return SpanTable.joined([settled, _checked(text, found, open_, told), shapes])


def _inside(found: Matches, settled: SpanTable, batch: TextBatch) -> Mask:
    """Matches in spans that end where a word ends: a space, a closing sign or the end of a sentence follows."""
    if not len(settled):
        return np.zeros(len(found.rule), bool)
    codes = batch.codes
    after = codes[np.minimum(settled.end, len(codes) - 1)]
    next_ = codes[np.minimum(settled.end + 1, len(codes) - 1)]
    whole = _CLOSES[after] | (after == ord(".")) & ~_WORD[next_] | (after == _SPACE) & ~_DIGIT_OR_SIGN[next_]
    number = np.maximum(np.searchsorted(settled.start, found.start, "right") - 1, 0)
    within = (settled.start[number] <= found.start) & (found.end <= settled.end[number])
    return np.asarray(within & whole[number])


def _outermost(found: Sequence[int]) -> Matches:
    """From number, start and end of each match, one after the other."""
    table = np.fromiter(found, np.int64, len(found)).reshape(-1, 3)
    rule, start, end = table[:, 0], table[:, 1], table[:, 2]
    place = rule << _PLACE_BITS | start
    order = np.argsort(place)
    place = place[order]
    if (place[1:] == place[:-1]).any():
        order = np.lexsort((-end, start, rule))
    rule, start, end = rule[order], start[order], end[order]
    # Ends of different rules do not meet: each rule's lie in a range of their own.
    apart = end + rule * (int(end.max(initial=0)) + 1)
    reach = np.maximum.accumulate(apart)
    outer = np.ones(len(rule), bool)
    outer[1:] = apart[1:] > reach[:-1]
    return Matches(rule[outer], start[outer], end[outer])


def _plain(found: Matches, which: Mask, told: Columns) -> SpanTable:
    rule = found.rule[which]
    return SpanTable.of(
        found.start[which], found.end[which], told.kinds[rule], Stage.RULES, told.confidences[rule]
    )


def _checked(text: bytes, found: Matches, which: Mask, told: Columns) -> SpanTable:
    rows: list[int] = []
    columns = (found.rule[which].tolist(), found.start[which].tolist(), found.end[which].tolist())
    checks = told.checks
    for number, start, end in zip(*columns, strict=True):
        check, code, sure = checks[number]
        extent = check(text, start, end) if check else None
        if extent is not None:
            begins, stops, kind, confidence = extent
            rows += (
                begins,
                stops,
                code if kind is None else CODES[kind],
                sure if confidence is None else confidence,
            )
    table = np.fromiter(rows, np.int64, len(rows)).reshape(-1, 4)
    kinds, certainties = table[:, 2].astype(np.uint8), table[:, 3].astype(np.uint8)
    return SpanTable.of(table[:, 0], table[:, 1], kinds, Stage.RULES, certainties)


def _without_codes(shapes: SpanTable, systems: Offsets, batch: TextBatch) -> SpanTable:
    """Leave out codes of a code system: `CPT 99213, 99214`, `LOINC 2345-7`."""
    if not len(systems) or not len(shapes):
        return shapes
    system = np.searchsorted(systems, shapes.start, "right") - 1
    names = np.where(system >= 0, systems[np.maximum(system, 0)], -_CODE_LIST)
    # A code stands near the name, or near the code before it; nothing else is worth a look.
    near = shapes.start - names <= _CODE_REACH
    near[1:] |= shapes.start[1:] - shapes.end[:-1] <= _CODE_REACH
    near &= shapes.start - names < _CODE_LIST
    text, kept, reached = batch.text, np.zeros(len(shapes), bool), -1
    which = np.flatnonzero(near)
    columns = (
        which.tolist(),
        names[which].tolist(),
        shapes.start[which].tolist(),
        shapes.end[which].tolist(),
    )
    for number, name, start, end in zip(*columns, strict=True):
        begins = max(name, reached)
        if start - begins <= _CODE_REACH and _is_code_gap(text[begins:start]):
            kept[number] = True
            reached = end
    return shapes.take(~kept)


_CODE_WORDS: Final = frozenset(b"code codes ct cm pcs is was and or number no 9 10 11".split())
_SIGNS_OF_CODES: Final = bytes.maketrans(b":#-,;/().", b"         ")


def _is_code_gap(gap: bytes) -> bool:
    if b"\x1e" in gap or b"\n" in gap:
        return False
    return _CODE_WORDS.issuperset(gap.translate(_SIGNS_OF_CODES).lower().split())
