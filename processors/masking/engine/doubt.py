"""What no rule explained and nobody should see: any @, any long number, anything shaped like a date, an address, an account or a link.

Coarser than the rules, and the last stage: a file is refused whole when the check finds such a thing in it, so it is masked instead.
Codes that the rules know to be harmless (of procedures, of drugs) go too when they are long numbers.
"""

import re
from collections.abc import Iterator
from itertools import chain
from typing import Final

import numpy as np

from sluicegate.processors.masking.identifiers import Kind

from .batch import TextBatch
from .kinds import CODES
from .span_table import SpanTable, Stage
from .surrogates import FORM

_MONTH: Final = rb"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
_DAY: Final = rb"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:[0-9]{4}|[0-9]{2})"
_DIGITS: Final = re.compile(
    rb"(?:"
    rb"(?P<ip>(?<!\.)(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9]))"
    rb"|(?P<date>(?:" + _DAY + rb")(?![0-9])|[0-9]{1,2}(?:st|nd|rd|th)? (?i:" + _MONTH + rb")\b)"
    rb"|(?P<number>[0-9]{3}[-. ][0-9]{2}[-. ][0-9]{4}(?![0-9])|[0-9]{3}\)?[-. ]{1,2}[0-9]{3}[-. ][0-9]{4}(?![0-9])"
    rb"|(?:[0-9]{4}[- ]){3}[0-9]{1,4}(?![0-9])"
    rb"|(?<![0-9]\.)(?<!\$)[0-9]{5,}(?![0-9])(?!\.[0-9])))"
)
_WORDS: Final = re.compile(
    rb"\b(?:(?P<date>" + _MONTH + rb"\.? [0-9]{1,2}(?:st|nd|rd|th)?\b)"
    rb"|(?P<birth>(?:born|dob|birth ?da(?:te|y)|date of birth)\b[^0-9\x1e]{0,6}(?:" + _DAY + rb")(?![0-9])))",
    re.IGNORECASE,
)  # fmt: skip
_TITLED: Final = re.compile(rb"\b(?:Mr|Mrs|Ms|Dr|Prof)\.? [A-Z][a-z]+")
_LINK: Final = re.compile(rb"(?:https?://|\bwww\.)[^\s\x1e<>\"]{0,256}", re.IGNORECASE)
_JOINED: Final = re.compile(rb"(?:[a-zA-Z]{1,32}[._-]){1,8}[a-zA-Z]{1,32}[._-]?\Z")
"""Two words or more, joined with each other and with what follows."""
_JOINED_NUMBER: Final = re.compile(rb"[0-9]{3,}(?![a-zA-Z0-9])")
_JOINED_BYTES: Final = 64
_JOINS: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-")
_NINE: Final = 9
_AROUND_AT: Final = re.compile(rb"[^\s\x1e<>\"]{0,64}")
_KINDS: Final = {"ip": Kind.IP, "date": Kind.DATE, "number": Kind.NUMBER, "birth": Kind.BIRTH_DATE}


def doubt(batch: TextBatch, found: SpanTable) -> SpanTable:
    """Spans of what is left by shape alone; a `Finder` of the engine, its last one."""
    del found
    spans = list(_shaped(batch.text))
    return SpanTable.of(
        [start for start, _, _ in spans],
        [end for _, end, _ in spans],
        np.array([CODES[kind] for _, _, kind in spans], np.uint8),
        Stage.RULES,
        0,
    )


def _first_digits(text: bytes) -> list[int]:
    digits = np.frombuffer(text, np.uint8) - ord("0") <= _NINE
    firsts = digits.copy()
    firsts[1:] &= ~digits[:-1]
    starts: list[int] = np.flatnonzero(firsts).tolist()
    return starts


def _foreign_forms(text: bytes) -> Iterator[tuple[int, int, Kind]]:
    """Surrogates of another export, which would link both; this export's own are not seen here."""
    for form in FORM.finditer(text):
        if form["token"] is not None or form["day"] is not None:
            yield form.start(), form.end(), Kind((form["kind"] or b"date").decode())


def _accounts(text: bytes, firsts: list[int]) -> Iterator[tuple[int, int, Kind]]:
    """Names of accounts: `ann_roe_4711`, `ann.roe1990`."""
    for start in firsts:
        if start and text[start - 1] in _JOINS and (number := _JOINED_NUMBER.match(text, start)):
            words = _JOINED.search(text, max(0, start - _JOINED_BYTES), start)
            if words is not None:
                yield words.start(), number.end(), Kind.USER


def _shaped(text: bytes) -> Iterator[tuple[int, int, Kind]]:
    if b"<" in text:
        yield from _foreign_forms(text)
    firsts = _first_digits(text)
    yield from _accounts(text, firsts)
    found = (match for start in firsts if (match := _DIGITS.match(text, start)))
    for match in chain(found, _WORDS.finditer(text)):
        yield match.start(), match.end(), _KINDS[match.lastgroup or "number"]
    for pattern, kind in ((_TITLED, Kind.NAME), (_LINK, Kind.URL)):
        for match in pattern.finditer(text):
            yield match.start(), match.end(), kind
    at = text.find(b"@")
    while at >= 0:
        after = _AROUND_AT.match(text, at)
        start = (
            max(text.rfind(sign, max(0, at - 64), at) for sign in (b" ", b"\n", b"\t", b"\x1e", b">", b'"'))
            + 1
        )
        yield (start or at), (after.end() if after else at + 1), Kind.EMAIL
        at = text.find(b"@", after.end() if after else at + 1)
