"""The slow look at one row: readings that the fast look has no time for, and a small list of first names of its own.

Counts what is left, form by form; finer than the shapes of the fast look, and apart from them, so that it may find what they do not know.
"""

import html
import re
import unicodedata
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from sluicegate.processors.masking.identifiers import Kind

from .expected import Expected

LARGEST: Final = 1 << 16
"""Bytes of a row that are looked at, from its beginning: some expressions read a letter up to 64 times."""

_MONTH: Final = "(?:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)(?:[a-z]{2,6})?"
_FIRST_NAMES: Final = (
    "James John Robert Michael William David Richard Joseph Thomas Charles Christopher Daniel Matthew Anthony Steven Andrew Kenneth Joshua"
    " Kevin Brian George Timothy Ronald Edward Jason Jeffrey Ryan Jacob Gary Nicholas Eric Jonathan Stephen Larry Justin Scott Brandon"
    " Benjamin Samuel Gregory Alexander Patrick Raymond Jerry Dennis Tyler Aaron Jose Adam Nathan Henry Zachary Douglas Peter Kyle Noah"
    " Ethan Jeremy Walter Keith Roger Carlos Juan Luis Mary Patricia Jennifer Linda Elizabeth Barbara Susan Jessica Sarah Karen Lisa Nancy"
    " Betty Margaret Sandra Ashley Kimberly Emily Donna Michelle Carol Amanda Melissa Deborah Stephanie Rebecca Sharon Laura Cynthia"
    " Dorothy Amy Kathleen Angela Shirley Emma Brenda Pamela Nicole Anna Samantha Katherine Christine Helen Debra Rachel Carolyn Janet"
    " Maria Heather Diane Olivia Julie Joyce Victoria Ruth Virginia Lauren Kelly Christina Joan Evelyn Judith Andrea Hannah Megan Cheryl"
    " Jacqueline Martha Madison Teresa Gloria Sara Janice Ann Kathryn Abigail Sophia Frances Jean Alice Judy Isabella Julia Amber Denise"
    " Danielle Marilyn Beverly Charlotte Natalie Theresa Diana Brittany Mohammed Ahmed Fatima Wei Priya Yuki Ivan Olga Hans Björn"
).replace(" ", "|")
_NO_SURNAME: Final = (
    "(?!(?:Hospital|Clinic|Center|Medical|University|College|Island|County|Street|Disease|Syndrome)\\b)"
)
_LOOKS: Final = (
    (Kind.EMAIL, r"\S@\S|\b[a-z0-9._-]{1,64} ?[\[(]?\bat\b[\])]? ?[a-z0-9-]{1,64} ?[\[(]?\bdot\b[\])]? ?[a-z]{2,6}\b"),
    (Kind.URL, r"https?:/|\bwww\.\w|\b[a-z0-9-]{2,64}\.(?:com|org|net|edu|gov|io)\b"),
    (Kind.IP, r"\b(?:\d{1,3}\.){3}\d{1,3}\b|\b(?:[0-9a-f]{1,4}:){4,7}[0-9a-f]{1,4}\b"),
    (Kind.NUMBER, r"(?<![\d.$€£])(?<![$€£] )(?:\d(?:[.()\-]?\d){6,}|\d(?: \d){6,}|\d{3}[ .()\-]{1,3}\d{4}|\d{5,6})(?![.,]?\d)"),
    (Kind.SSN, r"\b\d{3}[ .-]\d{2}[ .-]\d{4}\b|(?:ssn|social security)\D{0,12}\d{4}\b"),
    (Kind.DATE, rf"\b\d{{1,4}}[-/.]\d{{1,2}}[-/.]\d{{2,4}}\b|\b{_MONTH}\.? \d{{1,2}}(?:st|nd|rd|th)?\b|\b\d{{1,2}}(?:st|nd|rd|th)? (?:of )?{_MONTH}\b"),
    (Kind.RECORD, r"\b(?:mrn|acct|account|member|policy|patient|record|chart|case)(?: ?(?:no|nr|num|number|id))?\.?[:# ]{1,3}[a-z]{0,4}-?(?=(?:[a-z-]*\d){3})[a-z\d-]{4,}"),
    (Kind.STREET, r"\b\d{1,5} (?:[NSEW]\.? )?(?:[a-z]+ ){1,3}(?:street|st|avenue|ave|road|rd|lane|ln|drive|dr|court|ct|boulevard|blvd|way|place|pl)\b"),
    (Kind.AGE, r"\b(?:9\d|1[01]\d)[ -]?(?:years?[ -]old|y\.?o\b|y/o)|\baged? (?:9\d|1[01]\d)\b"),
    (Kind.NAME, rf"(?-i:\b(?:Mr|Mrs|Ms|Miss|Dr|Prof)\.? [A-Z][a-z]+|(?<=[a-z,;:] )(?:{_FIRST_NAMES})(?: {_NO_SURNAME}[A-Z][a-z]+)?\b(?!'s (?:disease|sign|syndrome)))"),
)  # fmt: skip
_CODE: Final = re.compile(
    r"\b(?:cpt|hcpcs|loinc|icd(?:-?(?:9|10)(?:-(?:cm|pcs))?)?|snomed(?: ct)?|ndc|rxnorm|rxcui|drg|cvx)(?: codes?)?[ :#(]{1,3}[0-9][0-9.-]*",
    re.IGNORECASE,
)
"""Codes that identify a procedure, a drug or a diagnosis."""
_FORM: Final = re.compile(r"<[a-z-]{2,12}(?::[^<>\s]{1,40})?>")
_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2}))")
_DROPPED: Final = frozenset({"Cf", "Mn", "Me"})


class SlowLook:
    """What is left of the kinds that must be gone."""

    def __init__(self, expected: Expected) -> None:
        """Prepare for what is expected."""
        self._looks = [re.compile(pattern, re.IGNORECASE) for kind, pattern in _LOOKS if expected.masks(kind)]

    def __call__(self, before: bytes, after: bytes) -> int:
        """How many spans are left in a masked row."""
        del before
        text = after[:LARGEST].decode(errors="replace")
        return max(map(self._found, _readings(text)))

    def _found(self, text: str) -> int:
        return sum(1 for look in self._looks for _ in look.finditer(text))


def _readings(text: str) -> Iterator[str]:
    plain = _CODE.sub(" ", _FORM.sub("|", text))
    yield plain if plain.isascii() else _plain(plain)
    if any(sign in plain for sign in "%&\\"):
        yield _plain(html.unescape(unquote(_ESCAPE.sub(_character, plain))))


def _plain(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text)
    return "".join(
        str(unicodedata.digit(char))
        if char.isdigit()
        else "-"
        if unicodedata.category(char) == "Pd"
        else char
        for char in apart
        if unicodedata.category(char) not in _DROPPED
    )


def _character(escape: re.Match[str]) -> str:
    char = chr(int(escape[1] or escape[2], 16))
    return " " if "\ud800" <= char <= "\udfff" else char
