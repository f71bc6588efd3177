"""Shapes of identifiers in folded text, by RE2: linear in the text, whatever the text is.

A checksum never vetoes: an invalid card number is still a number of that length, and is masked as one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import re2

from .identifiers import Kind
from .ordinary_words import ORDINARY
from .spans import Span

_MONTH: Final = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY: Final = r"\d{1,2}(?:st|nd|rd|th)?"
_DATE: Final = (
    r"(?:\d{4}[-/. ]\d{1,2}[-/. ]\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2})?(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})?)?"
    r"|\d{1,2}\s?[-/.]\s?\d{1,2}\s?[-/.]\s?(?:\d{4}|\d{2})"
    rf"|{_MONTH}[ -]{_DAY}(?:,? ?[ -]?(?:\d{{4}}|'\d{{2}}))?"
    rf"|{_DAY}[ -](?:of )?{_MONTH}(?:,?[ -](?:\d{{4}}|'?\d{{2}}))?"
    rf"|{_MONTH},?[ -]\d{{4}})"
)
_IS: Final = (
    r"""["']?\s?(?:\s?(?:number|no\.?|num\.?|id|code|#)\s?)?["']?\s{0,3}(?:is|was|:|=|#|-)?[\s:=#"']{0,4}"""
)
_VALUE: Final = r"([A-Za-z]{0,8}[-_./ ]?\d[A-Za-z0-9]*(?:[-_./]?[A-Za-z0-9]+)*)"
_EXTENSION: Final = r"(?:[ ,]{0,2}(?:x|ext\.?|extension)[ .]?\d{1,6})?"
_END: Final = r"(?:\b|[A-Za-z_])"
"""After a digit: no digit. Takes no separator along, which may be what the next match begins with."""
_TOP: Final = (
    r"(?:com|org|net|edu|gov|mil|int|io|co|info|biz|app|dev|de|uk|fr|es|it|nl|eu|ch|at|us|ca|au|jp|cn|in|br)"
)


@dataclass(frozen=True, slots=True)
class Detector:
    """One shape; `group` is the part of it that identifies."""

    kind: Kind
    pattern: str
    group: int = 0


def _labelled(kind: Kind, labels: str) -> Detector:
    return Detector(kind, rf"(?i)(?:^|[^a-z])(?:{labels})s?{_IS}{_VALUE}", 1)


DETECTORS: Final = (
    Detector(Kind.EMAIL, r"""[^\s@<>"',;:()\[\]{}=]+ ?@ ?[^\s@<>"',;:()\[\]{}=]*[^\s@<>"',;:()\[\]{}=.!?]"""),
    Detector(Kind.EMAIL, r"""[^\s@<>"',;:()\[\]{}=]*@[^\s<>"',;:()\[\]{}=]*"""),
    Detector(Kind.EMAIL, rf"(?i)[\w.+-]+ ?[\[( ](?:at|@)[\]) ] ?[\w-]+ ?(?:[\[( ]dot[\]) ]|\.) ?{_TOP}\b"),
    Detector(Kind.URL, r"""(?i)\b(?:https?|ftps?|sftp|file|s3|wss?|mailto|tel|jdbc:\w+)://?[^\s<>"']+"""),
    Detector(Kind.URL, r"""(?i)\bwww\.[^\s<>"']+"""),
    Detector(Kind.URL, rf"""(?i)\b[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*\.{_TOP}\b(?:[:/][^\s<>"']*)?"""),
    Detector(Kind.DEVICE, r"(?i)\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b"),
    Detector(Kind.IP, r"\b(?:\d{1,3}\.){3}\d{1,3}(?:[:/]\d{1,5})?\b"),
    Detector(Kind.IP, r"(?i)\b(?:[0-9a-f]{1,4}:){4,7}(?:[0-9a-f]{1,4}|:)"),
    Detector(Kind.IP, r"(?i)(?:[0-9a-f]{1,4}:){1,6}(?::[0-9a-f]{1,4}){1,6}|(?:[0-9a-f]{1,4}:){2,6}:|::[0-9a-f]{1,4}"),
    Detector(Kind.BIRTH_DATE, rf"(?i)(?:d\.?o\.?b\.?|born|birth[ _-]?(?:date|day)?|date[ _]of[ _]birth)\b[^0-9\n]{{0,20}}?({_DATE})", 1),
    Detector(Kind.BIRTH_DATE, r"(?i)(?:d\.?o\.?b\.?|born|birth[ _-]?(?:date|day|year)?|date[ _]of[ _]birth)\b[^0-9\n]{0,12}?((?:19|20)\d{2,6})\b", 1),
    Detector(Kind.DATE, rf"(?i)\b{_DATE}\b"),
    Detector(Kind.DATE, r"\b((?:19|20)\d{2}(?:0\d|1[0-2])[0-3]\d)\b"),
    Detector(Kind.DATE, r"(?i)\b(?:on|since|until|from|by|before|after|date[d:]?) (\d{1,2}/\d{1,2})\b", 1),
    Detector(Kind.AGE, r"(?i)\b(?:9\d|1[0-4]\d)[ -]?(?:years?|yrs?|y/?o|yo)\b(?:[ -]old)?"),
    Detector(Kind.AGE, r"(?i)\bage[d:]? ?(?:of |is )?((?:9\d|1[0-4]\d))\b", 1),
    Detector(Kind.SSN, r"(?:^|[^\d])(\d{3}[-. /]\d{2}[-. /]\d{4})" + _END, 1),
    _labelled(Kind.SSN, r"ssn|social security|social|tax id|tin|national id(?:entity)?"),
    Detector(Kind.PHONE, rf"\+ ?\d[\d ().\-/]{{5,20}}\d{_EXTENSION}"),
    Detector(Kind.PHONE, rf"\b00[1-9][\d ().\-/]{{6,18}}\d{_EXTENSION}"),
    Detector(Kind.PHONE, rf"(?:\b1[ .-]?)?(?:\(\d{{3}}\) ?\d{{3}}[ .\-]?|\d{{3}}[ .\-/]\d{{3}}[ .\-])\d{{4}}{_EXTENSION}"),
    Detector(Kind.PHONE, r"(?:^|[^\d])(\d{3}[ .-]\d{7})" + _END, 1),
    Detector(Kind.PHONE, rf"(?:^|[^\d-])(\d{{3}}[-.]\d{{4}}{_EXTENSION}){_END}", 1),
    Detector(Kind.PHONE, rf"(?:^|[^\d.:-])(0\d{{1,5}}[ /\-]\d{{2,}}(?:[ \-]?\d{{2,}}){{0,4}}{_EXTENSION})", 1),
    Detector(Kind.PHONE, rf"(?i)(?:^|[^\pL])(?:(?:cell|tele)?phone|tel|mobile|cell|fax|call|text|whatsapp|reach)[^0-9\n+]{{0,14}}?(\+?\(?\d[\d ().\-/]{{3,18}}\d{_EXTENSION})", 1),
    Detector(Kind.CARD, r"\d(?:[ -]?\d){12,18}"),
    Detector(Kind.CARD, r"(?i)(?:ending|ends)(?: in| with)?[ :#-]{1,3}(\d{4})\b", 1),
    Detector(Kind.CARD, r"(?i)last[ _-]?(?:four|4)(?: digits)?(?: of)?(?: is| are)?[^0-9\n]{0,12}?(\d{4})\b", 1),
    Detector(Kind.CARD, r"(?i)(?:x{2,}|\*{2,}|•{2,})[ -]?(\d{4})\b", 1),
    Detector(Kind.CARD, r"(?i)\b(\d{4}) (?:credit |debit |visa |gift |master)?card\b", 1),
    Detector(Kind.CARD, r"(?i)\b(?:card|visa|mastercard|amex)(?: number| no\.?)?[ :#]{1,3}(\d{4})\b", 1),
    Detector(Kind.ACCOUNT, r"(?i)\b[a-z]{2}\d{2}(?: ?[a-z0-9]{4}){2,7}(?: ?[a-z0-9]{1,4})?\b"),
    Detector(Kind.ACCOUNT, r"(?i)\b(?:credit_card|gift_card|certificate|debit_card|card|account|acct|paypal|wallet)[_-]\d{3,}\b"),
    _labelled(Kind.ACCOUNT, r"account|acct|iban|routing|gift card|certificate"),
    _labelled(Kind.RECORD, r"mrn|medical record|record|chart|patient|member|membership|beneficiary|subscriber|policy|health plan|insurance|claim|case|encounter|loyalty|frequent flyer"),
    _labelled(Kind.LICENSE, r"passport|driver'?s? licen[cs]e|licen[cs]e|dl|dea|npi|visa number|identity card"),
    _labelled(Kind.VEHICLE, r"vin|vehicle|plate|registration"),
    _labelled(Kind.DEVICE, r"serial|device|imei|udi|pacemaker|implant"),
    _labelled(Kind.USER, r"user|user ?name|customer|client|employee|login|handle"),
    Detector(Kind.USER, r"""(?i)(?:user ?name|login|handle|user[ _]?id|customer[ _]?id)["']?[ ]?(?:is|:|=)["' ]{0,3}([^\s"',;<>]+)""", 1),
    Detector(Kind.USER, r"(?i)\b[a-z]+(?:[._-][a-z]+)+[._-]?\d{3,}\b"),
    Detector(Kind.STREET, r"(?i)\b\d{1,6}[a-z]?(?: [\w.'-]+){1,4} (?:street|avenue|ave|road|rd|lane|boulevard|blvd|terrace|parkway|pkwy|highway|hwy|trail|crescent)\b\.?"),
    Detector(Kind.STREET, r"\b\d{1,6}[A-Za-z]?(?: [\w.'-]+){1,4} (?:St|Street|Drive|Dr|Court|Ct|Place|Pl|Way|Square|Sq|Circle|Cir|Loop|Row|Walk|Path|Close|DRIVE|COURT|PLACE|WAY|SQUARE|CIRCLE)\b\.?"),
    Detector(Kind.STREET, r"(?i)\b\d{3,5}(?: [\pL.'-]+){1,2} (?:drive|court|place|way|square|circle|loop|row|walk|path)\b"),
    Detector(Kind.STREET, r"(?i)\b(?:apt|apartment|suite|ste|unit|flat|p\.? ?o\.? ?box)\.? ?#? ?\d+[a-z]?\b"),
    Detector(Kind.STREET, r"(?i)[\pL-]+(?:stra(?:ß|ss)e|str\.|weg|platz|gasse|allee) \d+ ?[a-z]?\b"),
    Detector(Kind.ZIP, r"\b\d{5}-\d{4}\b"),
    Detector(Kind.NUMBER, r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"),
    Detector(Kind.NUMBER, r"[A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*\d{5,}(?:[-_]?[A-Za-z0-9]+)*"),
    Detector(Kind.NUMBER, r"\d{2,}(?:[ ._/-]\d{2,}){3,}"),
)  # fmt: skip
"""INVARIANT: a pattern takes no part in what it does not match; every one is tried on every text."""


_SHORTEST_CARD: Final = 13


class Detection:
    """The detectors of some kinds, compiled once."""

    def __init__(self, kinds: frozenset[Kind]) -> None:
        self._detectors = [(one, re2.compile(one.pattern)) for one in DETECTORS if one.kind in kinds]
        self._any: Any = re2.Set.SearchSet()
        for one, _ in self._detectors:
            self._any.Add(one.pattern)
        self._any.Compile()

    def find(self, text: str) -> Iterator[Span]:
        """Every shape in a folded text."""
        for number in sorted(self._any.Match(text) or ()):
            one, compiled = self._detectors[number]
            for match in compiled.finditer(text):
                start, end = match.span(one.group)
                if start < end and not _is_harmless(one.kind, text, start, end):
                    yield Span(start, end, _by_checksum(one.kind, text[start:end]))


def _is_harmless(kind: Kind, text: str, start: int, end: int) -> bool:
    """An amount, or a word behind a label: `the user id is already known`."""
    return (kind is Kind.NUMBER and _is_amount(text, start, end)) or (
        kind is Kind.USER and text[start:end].lower() in ORDINARY
    )


def _is_amount(text: str, start: int, end: int) -> bool:
    """A number with a currency sign before it, or with a fraction: money, distances, measurements."""
    fraction = text[end : end + 1] == "." and text[end + 1 : end + 2].isdigit()
    after_point = start > 1 and text[start - 1] == "." and text[start - 2].isdigit()
    money = text[max(0, start - 1) : start] in {"$", "€", "£", "¥"}
    return text[start:end].isdigit() and (money or fraction or after_point)


def _by_checksum(kind: Kind, text: str) -> Kind:
    if kind is not Kind.CARD or len(text) < _SHORTEST_CARD or _passes_luhn(text):
        return kind
    return Kind.NUMBER


def _passes_luhn(text: str) -> bool:
    digits = [int(char) for char in text if char.isdigit()][::-1]
    return sum(digits[0::2] + [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]) % 10 == 0
