"""What identifies by its shape alone, looked for in what is left: RE2 over Arrow columns, all shapes in one pass, which one afterwards.

Coarser than the rules of the masking and written apart from them. Codes of procedures and diagnoses, money and decimals are no identifiers.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from sluicegate.processors.masking.identifiers import Kind

from .expected import Expected
from .known import is_word_of
from .letters import Letters
from .report import Reason
from .texts import CLASSES, LETTER, Texts, pc

_MONTH: Final = "(?:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)(?:[a-z]{2,6})?"
_NUMERIC_DAY: Final = (
    r"\b(?:[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:[0-9]{4}|[0-9]{2}))\b"
)
_WRITTEN_DAY: Final = rf"(?i:\b{_MONTH}\.? [0-9]{{1,2}}(?:st|nd|rd|th)?,? [0-9]{{4}}\b|\b[0-9]{{1,2}}(?:st|nd|rd|th)? {_MONTH},? [0-9]{{4}}\b)"
_MONTH_NAME: Final = "(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
_DAY_OF_MONTH: Final = (
    rf"\b{_MONTH_NAME}\.? [0-9]{{1,2}}(?:st|nd|rd|th)\b|\b[0-9]{{1,2}}(?:st|nd|rd|th) (?:of )?{_MONTH_NAME}\b"
)
_OLD: Final = r"(?i:\b(?:9[0-9]|1[01][0-9])[ -]?(?:years?[ -]old|y/?o)\b|\baged? (?:9[0-9]|1[01][0-9])\b)"
_GROUPS: Final = r"\b[0-9]{3}[-. ][0-9]{2}[-. ][0-9]{4}\b|\b[0-9]{3}\)?[-. ]{1,2}[0-9]{3}[-. ][0-9]{4}\b"
_FOURS: Final = r"\b(?:[0-9]{4}[- ]){3}[0-9]{1,4}\b"
_LABEL: Final = "mrn|ssn|account|acct|member|policy|licen[sc]e|passport|phone|tel|fax|npi|dea|chart"
_LABELLED: Final = (
    rf"(?i:\b(?:{_LABEL})(?: ?(?:no|nr|num|number|id))?[.:#]{{1,2}} ?[a-z]{{0,3}}-?[0-9]{{3,}})"
)
_ADDRESS: Final = r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b|(?i:\b(?:[0-9a-f]{1,4}:){5,7}[0-9a-f]{1,4}\b)"
_SHAPES: Final = (
    (Reason.EMAIL, Kind.EMAIL, r"\S@\S"),
    (Reason.URL, Kind.URL, r"(?i:https?://|\bwww\.[a-z])"),
    (Reason.IP, Kind.IP, _ADDRESS),
    (Reason.DIGITS, Kind.SSN, f"{_GROUPS}|{_FOURS}"),
    (Reason.DATE, Kind.DATE, f"{_NUMERIC_DAY}|{_WRITTEN_DAY}|{_DAY_OF_MONTH}"),
    (Reason.AGE, Kind.AGE, _OLD),
    (Reason.LABELLED, Kind.RECORD, _LABELLED),
    (Reason.NAME, Kind.NAME, r"\b(?:Mr|Mrs|Ms|Dr|Prof)\.? [A-Z][a-z]+"),
)
_TEN: Final = 10
_LONG: Final = 5
"""Digits of a long number."""
_NEAR: Final = 24
_CODES: Final = rb"cpt|hcpcs|loinc|icd(?:-?(?:9|10)(?:-(?:cm|pcs))?)?|snomed(?: ct)?|ndc|rxnorm|rxcui|drg|cvx"
_MONEY: Final = rb"(?:\$|\xe2\x82\xac|\xc2\xa3) ?"
_SAID: Final = re.compile(rb"(?i:\b(?:%b)(?: code)?s?[ :#(]{1,3})\Z|(?:%b|[0-9]\.)\Z" % (_CODES, _MONEY))
"""What makes long numbers codes, money or the end of a fraction."""
_FRACTION: Final = re.compile(rb"\.[0-9]")
_LOOK_ALIKE: Final = (
    "<(?:" + "|".join(kind.value for kind in Kind) + r")(?::|>)|<\s?[a-z-]{2,12}\s?:\s?[A-Za-z0-9]{12,64}\s?>"
)
_WORDS: Final = (
    "the and for with after before no denies continue blood pressure heart rate chest history emergency room intensive care unit"
    " general medical center health hospital clinic department january february march april may june july august september october"
    " november december monday tuesday wednesday thursday friday saturday sunday north south east west new york united states"
    " disease syndrome scale score index test stage type grade class"
    " record number member account policy subscriber medical patient date birth social security phone fax mail address name"
    " driver license vehicle device serial portal study subject left right upper lower chief complaint physical exam review systems"
    " follow plan assessment diagnosis discharge admission summary report imaging laboratory results vital signs medications allergies"
    " family magnetic resonance computed tomography type ii iii iv"
)


def shapes(left: Any, texts: Texts, expected: Expected) -> Iterator[tuple[Reason, list[int]]]:
    """Shapes in an Arrow column of what is left, and the rows that have them."""
    asked = [(reason, pattern) for reason, kind, pattern in _SHAPES if expected.masks(kind)]
    if asked and _any(left, "|".join(pattern for _, pattern in asked)):
        for reason, pattern in asked:
            if rows := _rows(left, pattern):
                yield reason, rows
    if expected.masks(Kind.NUMBER) and (rows := _long_numbers(texts)):
        yield Reason.DIGITS, rows


def _long_numbers(texts: Texts) -> list[int]:
    """The rows with digits that are neither a code, nor money, nor a measure."""
    is_digit = np.zeros(len(texts.data) + 2, bool)
    np.less(texts.codes - np.uint8(ord("0")), _TEN, out=is_digit[1:-1])
    edges = np.flatnonzero(is_digit[1:] != is_digit[:-1])
    starts, ends = edges[::2], edges[1::2]
    long = np.flatnonzero(ends - starts >= _LONG)
    rows = texts.rows_of(starts[long])
    bounds = texts.offsets[rows].tolist(), texts.offsets[rows + 1].tolist()
    data = texts.data
    found: dict[int, None] = {}
    places = zip(starts[long].tolist(), ends[long].tolist(), rows.tolist(), *bounds, strict=True)
    for start, end, row, first, last in places:
        said = _SAID.search(data, max(first, start - _NEAR), start)
        if said is None and not _FRACTION.match(data, end, last):
            found[row] = None
    return list(found)


def look_alikes(left: Any, before: Any) -> list[int]:
    """The rows in which more things like a form are left than were there before."""
    some = _rows(left, _LOOK_ALIKE)
    if not some:
        return []
    now, then = (pc.count_substring_regex(column.take(some), _LOOK_ALIKE) for column in (left, before))
    return [some[at] for at in _true(pc.greater(now, then))]


def unknown_pairs(letters: Letters) -> int:
    """How many pairs of capitalised words inside sentences are left that are in no vocabulary of this look."""
    codes = letters.texts.codes
    starts, sizes = letters.word_places, letters.word_sizes
    capital = (CLASSES[codes[starts]] == LETTER) & (codes[starts] < ord("a")) & (sizes > 1)
    first = np.flatnonzero(capital[1:-1] & capital[2:] & ~capital[:-2]) + 1
    ends = starts[first] + sizes[first]
    before = codes[starts[first] - 2]
    inside = (before >= ord("a")) & (before <= ord("z")) | (before == ord(",")) | (before == ord(";"))
    apart = (
        (starts[first + 1] == ends + 1) & (codes[ends] == ord(" ")) & (codes[starts[first] - 1] == ord(" "))
    )
    small = (codes[starts[first] + 1] >= ord("a")) & (codes[starts[first + 1] + 1] >= ord("a"))
    pairs = first[inside & apart & small]
    known = is_word_of(_WORDS, letters) if len(pairs) else capital
    return int((~(known[pairs] | known[pairs + 1])).sum())


def _rows(left: Any, pattern: str) -> list[int]:
    return _true(pc.match_substring_regex(left, pattern))


def _true(flags: Any) -> list[int]:
    found: list[int] = np.flatnonzero(flags.to_numpy(zero_copy_only=False)).tolist()
    return found


def _any(column: Any, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(column, pattern)).as_py())
