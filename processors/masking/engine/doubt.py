"""What no rule explained and nobody should see: any @, any long number, anything shaped like a date, an address, an account or a link.

Coarser than the rules, and the last stage: a file is refused whole when the check finds such a thing in it, so it is masked instead.
Codes that the rules know to be harmless (of procedures, of drugs) go too when they are long numbers.
"""

import re
from collections.abc import Iterator
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
_MONTH_BEFORE: Final = re.compile(rb"\b" + _MONTH + rb"\.? \Z", re.IGNORECASE)
_DAY_BEHIND: Final = re.compile(rb"[0-9]{1,2}(?:st|nd|rd|th)?\b", re.IGNORECASE)
_MONTH_BYTES: Final = 12
_ENDS_MONTH: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.")
_BIRTH_BEFORE: Final = re.compile(
    rb"\b(?:born|dob|birth ?da(?:te|y)|date of birth)\b[^0-9\x1e]{0,6}\Z", re.IGNORECASE
)
_BIRTH_BYTES: Final = 20
_TITLED: Final = re.compile(rb"\b(?:Mr|Mrs|Ms|Dr|Prof)\.? [A-Z][a-z]+")
_SCHEME: Final = re.compile(rb"https?\Z")
_SCHEME_BYTES: Final = 5
_OPENS: Final = re.compile(rb"(?<![a-z0-9_])\Z")
_REST: Final = re.compile(rb"[^\s\x1e<>\"]{0,260}")
_DENIOJ: Final = re.compile(rb"[._-]?[a-zA-Z]{1,32}(?:[._-][a-zA-Z]{1,32}){1,8}")
"""Two words or more, joined with each other and with what follows, read backwards."""
_JOINED_NUMBER: Final = re.compile(rb"[0-9]{3,}(?![a-zA-Z0-9])")
_JOINS: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-")
_NINE: Final = 9
_AROUND_AT: Final = re.compile(rb"[^\s\x1e<>\"]{0,64}")
_KINDS: Final = {"ip": Kind.IP, "date": Kind.DATE, "number": Kind.NUMBER}
_SPACE: Final = ord(" ")


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
    backwards = text[::-1]
    for start in firsts:
        if start and text[start - 1] in _JOINS and (number := _JOINED_NUMBER.match(text, start)):
            words = _DENIOJ.match(backwards, len(text) - start)
            if words is not None:
                yield len(text) - words.end(), number.end(), Kind.USER


def _numbers(text: bytes, firsts: list[int]) -> Iterator[tuple[int, int, Kind]]:
    """Numbers and dates, with the month before the day, and with the word before a birth date."""
    for start in firsts:
        found = _DIGITS.match(text, start)
        if found is not None:
            yield start, found.end(), _KINDS[found.lastgroup or "number"]
            if found.lastgroup == "date" and (
                born := _BIRTH_BEFORE.search(text, max(0, start - _BIRTH_BYTES), start)
            ):
                yield born.start(), found.end(), Kind.BIRTH_DATE
        if start > 1 and text[start - 1] == _SPACE and text[start - 2] in _ENDS_MONTH:
            month = _MONTH_BEFORE.search(text, max(0, start - _MONTH_BYTES), start)
            if month is not None and (day := _DAY_BEHIND.match(text, start)):
                yield month.start(), day.end(), Kind.DATE


def _links(text: bytes) -> Iterator[tuple[int, int, Kind]]:
    small = text.lower()
    for sign, scheme in ((b"://", _SCHEME), (b"www.", _OPENS)):
        at = small.find(sign)
        while at >= 0:
            opened = scheme.search(small, max(0, at - _SCHEME_BYTES), at)
            rest = _REST.match(text, at)
            if opened is not None and rest is not None:
                yield opened.start(), rest.end(), Kind.URL
            at = small.find(sign, at + 1)


def _shaped(text: bytes) -> Iterator[tuple[int, int, Kind]]:
    if b"<" in text:
        yield from _foreign_forms(text)
    firsts = _first_digits(text)
    yield from _accounts(text, firsts)
    yield from _numbers(text, firsts)
    for match in _TITLED.finditer(text):
        yield match.start(), match.end(), Kind.NAME
    yield from _links(text)
    at = text.find(b"@")
    while at >= 0:
        after = _AROUND_AT.match(text, at)
        start = (
            max(text.rfind(sign, max(0, at - 64), at) for sign in (b" ", b"\n", b"\t", b"\x1e", b">", b'"'))
            + 1
        )
        yield (start or at), (after.end() if after else at + 1), Kind.EMAIL
        at = text.find(b"@", after.end() if after else at + 1)
