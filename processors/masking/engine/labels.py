"""Values behind a label: `MRN: 12-3456`, `policy number AB 123`, `serial no. PJN123H`, and those without digits."""

import re
from dataclasses import dataclass
from typing import Final

from sluicegate.processors.masking.identifiers import Kind

from .extents import Extent, extent
from .kinds import Finer, SpanKind

_MARK: Final = (
    r"(?:[ \-_]?(?:numbers?|num|no|nr|id|ids|code|card|plate|tag|scan|template|is|was)\b\.?|[ ]?#){0,4}"
)
_VALUE_BEGINS: Final = r"[. :#=\"'\-]{0,4}[A-Z(\-]{0,8}[0-9]"
_WORD_MARK: Final = r"(?:[ \-_]?(?:numbers?|num|no|id|ids|code|template|scan|print|is|was)\b\.?| ?[:#=]){1,4}"
_WORD_BEGINS: Final = r"[ \"']{0,2}[A-Z]"

_BEFORE_DIGIT: Final = re.compile(rb"[A-Za-z0-9(\-_/]{0,12}\Z")
_REST: Final = re.compile(rb"[A-Za-z0-9()\-_/.*]{0,40}+(?: [0-9]{2,8}(?![A-Za-z%./]|[0-9])){0,4}")
_EXPLICIT: Final = re.compile(
    rb"(?i)(?:\b(?:numbers?|num|no|nr|id|ids)\b\.?|[#:=])[ .:#=\"']{0,4}[A-Za-z0-9(\-_/]{0,12}\Z"
)
_YEAR: Final = re.compile(rb"(?:19|20)[0-9]{2}\Z")
_UNIT: Final = re.compile(
    rb"(?i) ?(?:%|mg|mcg|ml|kg|g|mm|cm|units?|years?|yrs?|y/?o|months?|days?|weeks?|hours?|hrs?|times|patients?|cases|visits|of)\b"
)
_CODE: Final = re.compile(rb"[A-Z0-9]{1,}[\-_/][A-Z0-9][A-Z0-9\-_/]{2,40}|[A-Z]{5,24}")
_ANY_WORD: Final = re.compile(rb"[A-Za-z0-9]+[\-_/][A-Za-z0-9\-_/]{2,40}|[A-Z]{4,24}")
_FEWEST_DIGITS: Final = 3
_LONG_ENOUGH: Final = 5
_WINDOW: Final = 40


@dataclass(frozen=True, slots=True)
class Label:
    """Words that announce a value of one kind.

    `sure` words announce nothing else; behind the others a short number needs a mark (`#`, `no.`, `:`), because `visit 2` and
    `group 12` count something.
    """

    kind: SpanKind
    sure: str
    other: str

    @property
    def trigger(self) -> str:
        """Label, marks, up to eight letters, the first digit of the value."""
        return rf"\b(?:{self.sure}|{self.other})\b{_MARK}{_VALUE_BEGINS}"

    @property
    def word_trigger(self) -> str:
        """Label, marks, the first letter of a value that may hold no digit."""
        return rf"(?i:\b(?:{self.sure}|{self.other})\b{_WORD_MARK}){_WORD_BEGINS}"

    def value(self, text: bytes, start: int, end: int) -> Extent | None:
        """The value from its first letter to its last digit, with the groups that follow it."""
        before = _BEFORE_DIGIT.search(text, max(start, end - 13), end - 1)
        begins = before.start() if before else end - 1
        rest = _REST.match(text, end)
        stops = rest.end() if rest else end
        while stops > end and text[stops - 1] in b".-_/(*":
            stops -= 1
        found = text[begins:stops]
        digits = sum(48 <= code < 58 for code in found)  # noqa: PLR2004 (`0` to `9`)
        if self._counts_something(text, start, begins, stops, digits, found):
            return None
        while found[:1] in {b"(", b"-", b"/", b"_"} and not found.startswith(b"(0"):
            begins, found = begins + 1, found[1:]
        return extent(begins, stops, self.kind, 95)

    def _counts_something(
        self, text: bytes, start: int, begins: int, stops: int, digits: int, found: bytes
    ) -> bool:
        # INVARIANT: a shaped value behind a label with a mark is never left, whatever follows it.
        if _EXPLICIT.search(text, max(start, begins - _WINDOW), begins + 1):
            return digits < _FEWEST_DIGITS and _UNIT.match(text, stops) is not None
        if digits < _FEWEST_DIGITS:
            return True
        if re.match(rb"(?i)(?:" + self.sure.encode() + rb")\b", text[start : start + _WINDOW]):
            return False
        short = found.isdigit() and len(found) < _LONG_ENOUGH
        return short or _YEAR.match(found) is not None or _UNIT.match(text, stops) is not None

    def word(self, text: bytes, start: int, end: int) -> Extent | None:
        """A value in capitals or with hyphens, without any digit perhaps: `fingerprint template FP-ABCDEF`."""
        begins = end - 1
        marked = _EXPLICIT.search(text, max(start, begins - _WINDOW), begins) is not None
        found = (_ANY_WORD if marked else _CODE).match(text, begins)
        if found is None or (not marked and not re.search(rb"[0-9\-_/]", found[0])):
            return None
        if re.match(rb"[a-z]", text[found.end() : found.end() + 1]) or found[0].islower():
            return None
        return extent(found.start(), found.end(), self.kind, 85)


LABELS: Final = (
    Label(Kind.SSN, "ssn|social security|tax id|itin|tin|national id|nhs|sin", "social"),
    Label(Kind.RECORD, "mrn|m\\.r\\.n|emrn|medical rec(?:ord)?|med rec|patient id|pt id|patient identifier|hospital number|hosp no", "mr|patient|pt|record|records|chart|encounter|visit|accession|acc|specimen|sample|order|csn|fin"),
    Label(Finer.HEALTH_PLAN, "member id|member|policy|subscriber|beneficiary|insurance|medicare|medicaid|hicn|mbi|health plan|insured|payer id|group number|plan id|membership", "plan|group|coverage|rx ?bin"),
    Label(Kind.ACCOUNT, "account|ac[ck]?t|a/c|iban|routing|billing|bank|credit card|debit card|card number|paypal|wallet", "claim|invoice|card|check|payment|transaction|confirmation|booking|reservation"),
    Label(Kind.LICENSE, "licen[cs]e|lic|dl|dea|npi|passport|identity card|visa number", "certificate|cert|certification|registration|permit|credential"),
    Label(Kind.VEHICLE, "vin|license plate|licence plate|plate|vehicle", "tag|registration plate"),
    Label(Kind.DEVICE, "serial|s/n|sn|udi|imei|device id|device identifier|implant|pacemaker", "device|lot|ref|model|unit|pump|monitor|generator"),
    Label(Kind.BIOMETRIC, "fingerprint|finger print|voiceprint|voice print|faceprint|face id|retina scan|retinal scan|iris scan|biometric|palm print|hand geometry", "retina|retinal|iris|facial|template|voice|thumbprint"),
    Label(Kind.USER, "employee id|employee|customer|client id|badge|staff id|student id", "client|user|student|badge"),
    Label(Kind.NUMBER, "trial id|study id|subject id|case id|tracking|identifier|ticket|protocol id", "id|subject|study|trial|case|file|reference|site|participant|protocol|prescription|rx|referral|authorization|auth|document"),
)  # fmt: skip
