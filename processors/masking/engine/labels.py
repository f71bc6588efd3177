"""Values behind a label: `MRN: 12-3456`, `policy number AB 123`, `serial no. PJN123H`, and those without digits."""

import re
from dataclasses import dataclass
from typing import Final, Self

from sluicegate.processors.masking.identifiers import Kind

from .extents import Extent
from .kinds import Finer, SpanKind

_EXPLICIT: Final = r"(?:numbers?|num|no|nr|ids?)\b\.?"
_IMPLICIT: Final = r"(?:code|card|plate|tag|scan|template|is|was)\b"
_MARK: Final = rf"(?:[ \-_]?(?:{_EXPLICIT}|{_IMPLICIT})| ?#){{0,4}}"
_SIGNS: Final = r"[. :#=\"'\-]{0,4}"
_VALUE_BEGINS: Final = r"[A-Z(\-]{0,8}[0-9]"
_REST: Final = r"[A-Z0-9()\-_/.*]{0,40}(?: [0-9]{2,8}(?![A-Z%./]|[0-9])){0,4}"
_WORD_MARK: Final = rf"(?:[ \-_]?(?:{_EXPLICIT}|{_IMPLICIT}|print\b)| ?[:#=]){{1,4}}"
_WORD_BEGINS: Final = r"[ \"']{0,2}[A-Z]"

_YEAR: Final = re.compile(rb"(?:19|20)[0-9]{2}\Z")
_UNIT: Final = re.compile(
    rb"(?i) ?(?:%|mg|mcg|ml|kg|g|mm|cm|units?|years?|yrs?|y/?o|months?|days?|weeks?|hours?|hrs?|times|patients?|cases|visits|of)\b"
)
_WORD: Final = re.compile(rb"[A-Za-z0-9]+[\-_/][A-Za-z0-9\-_/]{2,40}(?![a-z])|[A-Z]{4,24}(?![A-Za-z])")
_REST_OF_VALUE: Final = re.compile(f"(?i){_REST}".encode())
_LEADING: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz(-")
_OPENS: Final = b"(-"
_NO_UNIT: Final = frozenset({b",", b".", b";", b")", b"\n", b"\x1e"})
"""What a unit does not begin with; one of them stands behind most values."""
_TRAILING: Final = b".-_/(*"
_MOST_LETTERS: Final = 8
_FEWEST_DIGITS: Final = 3
_LONG_ENOUGH: Final = 5


@dataclass(frozen=True, slots=True)
class Label:
    """Words that announce a value of one kind.

    `sure` words announce nothing else; behind the others a short number needs a mark (`#`, `no.`, `:`), because `visit 2` and
    `group 12` count something.
    """

    kind: SpanKind
    trigger: str
    """Label, marks, up to eight letters, the first digit of the value."""
    word_trigger: str
    """Label, marks, the first letter of a value that may hold no digit."""
    pattern: re.Pattern[bytes]

    @classmethod
    def of(cls, kind: SpanKind, sure: str, other: str) -> Self:
        """A label of these words, as patterns."""
        words = rf"\b(?:{sure}|{other})\b"
        marks = rf"(?:[ \-_]?(?:({_EXPLICIT})|{_IMPLICIT})| ?(#)){{0,4}}"
        whole = rf"(?i)(?:({sure})|{other})\b{marks}({_SIGNS})({_VALUE_BEGINS}{_REST})"
        return cls(
            kind,
            f"{words}{_MARK}{_SIGNS}{_VALUE_BEGINS}",
            f"(?i:{words}{_WORD_MARK}){_WORD_BEGINS}",
            re.compile(whole.encode()),
        )

    def value(self, text: bytes, start: int, end: int) -> Extent | None:
        """The value from its first letter to its last digit, with the groups that follow it."""
        begins = end - 1
        first = max(start + 1, begins - _MOST_LETTERS)
        while begins > first and text[begins - 1] in _LEADING:
            begins -= 1
        # Whatever the label and its marks are, this is no number of something: most values end here.
        if text[begins - 1] not in _LEADING and (rest := _REST_OF_VALUE.match(text, end)):
            shown = text[begins : rest.end()].rstrip(_TRAILING)
            stops = begins + len(shown)
            if _is_long(shown) and (text[stops : stops + 1] in _NO_UNIT or not _UNIT.match(text, stops)):
                return _without_brackets(begins, shown)
        return self._weighed(text, start, end)

    def _weighed(self, text: bytes, start: int, end: int) -> Extent | None:
        found = self.pattern.match(text, start)
        if found is None:
            return (end - 1, end, None, None)
        shown = found[5].rstrip(_TRAILING)
        if self._counts_something(found, shown, text, found.start(5) + len(shown)):
            return None
        return _without_brackets(found.start(5), shown)

    def _counts_something(self, found: re.Match[bytes], shown: bytes, text: bytes, stops: int) -> bool:
        sure, number, sign, signs = found.group(1, 2, 3, 4)
        # INVARIANT: a shaped value behind a label with a mark is never left, whatever follows it.
        if number or sign or b":" in signs or b"#" in signs or b"=" in signs or _says_number(sure):
            return _digits(shown) < _FEWEST_DIGITS and _UNIT.match(text, stops) is not None
        if _digits(shown) < _FEWEST_DIGITS:
            return True
        if sure:
            return False
        short = shown.isdigit() and len(shown) < _LONG_ENOUGH
        return short or _YEAR.match(shown) is not None or _UNIT.match(text, stops) is not None

    def word(self, text: bytes, _start: int, end: int) -> Extent | None:
        """A value in capitals or with hyphens, without any digit perhaps: `fingerprint template FP-ABCDEF`."""
        found = _WORD.match(text, end - 1)
        return None if found is None or found[0].islower() else (found.start(), found.end(), None, None)


def _is_long(shown: bytes) -> bool:
    return len(shown) >= _LONG_ENOUGH and (shown.isdigit() or _digits(shown) >= _LONG_ENOUGH)


def _digits(shown: bytes) -> int:
    return len(shown) - len(shown.translate(None, b"0123456789"))


def _without_brackets(begins: int, shown: bytes) -> Extent:
    if shown[0] not in _OPENS:
        return (begins, begins + len(shown), None, None)
    if not shown.startswith(b"(0"):
        inner = shown.lstrip(_OPENS)
        begins += len(shown) - len(inner)
        return (begins, begins + len(inner), None, None)
    return (begins, begins + len(shown), None, None)


def _says_number(label: bytes | None) -> bool:
    return label is not None and label.lower().endswith((b" id", b" number", b" no", b"identifier"))


LABELS: Final = (
    Label.of(Kind.SSN, "ssn|social security|tax id|itin|tin|national id|nhs|sin", "social"),
    Label.of(Kind.RECORD, "mrn|m\\.r\\.n|emrn|medical rec(?:ord)?|med rec|patient id|pt id|patient identifier|hospital number|hosp no", "mr|patient|pt|record|records|chart|encounter|visit|accession|acc|specimen|sample|order|csn|fin"),
    Label.of(Finer.HEALTH_PLAN, "member id|member|policy|subscriber|beneficiary|insurance|medicare|medicaid|hicn|mbi|health plan|insured|payer id|group number|plan id|membership", "plan|group|coverage|rx ?bin"),
    Label.of(Kind.ACCOUNT, "account|ac[ck]?t|a/c|iban|routing|billing|bank|credit card|debit card|card number|paypal|wallet", "claim|invoice|card|check|payment|transaction|confirmation|booking|reservation"),
    Label.of(Kind.LICENSE, "licen[cs]e|lic|dl|dea|npi|passport|identity card|visa number", "certificate|cert|certification|registration|permit|credential"),
    Label.of(Kind.VEHICLE, "vin|license plate|licence plate|plate|vehicle", "tag|registration plate"),
    Label.of(Kind.DEVICE, "serial|s/n|sn|udi|imei|device id|device identifier|implant|pacemaker", "device|lot|ref|model|unit|pump|monitor|generator"),
    Label.of(Kind.BIOMETRIC, "fingerprint|finger print|voiceprint|voice print|faceprint|face id|retina scan|retinal scan|iris scan|biometric|palm print|hand geometry", "retina|retinal|iris|facial|template|voice|thumbprint"),
    Label.of(Kind.USER, "employee id|employee|customer|client id|badge|staff id|student id", "client|user|student|badge"),
    Label.of(Kind.NUMBER, "trial id|study id|subject id|case id|tracking|identifier|ticket|protocol id", "id|subject|study|trial|case|file|reference|site|participant|protocol|prescription|rx|referral|authorization|auth|document"),
)  # fmt: skip
