"""The check's own look for what identifies by its shape alone, and for forms that are not what they say.

Patterns of the standard library, short and bounded, on text without forms; deliberately coarser than the detectors.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from .check_columns import CheckColumns
from .identifiers import Kind

_FORM: Final = re.compile(r"<([a-z-]{2,12})(?::([a-z2-7]{24})|-[1-9][0-9]{0,5})?>")
_LOOK_ALIKE: Final = re.compile(r"<\s?([a-z-]{2,12})\s?:\s?[a-zA-Z0-9]{12,64}\s?>")
_KINDS: Final = frozenset(kind.value for kind in Kind)

_LONG_DIGITS: Final = re.compile(r"[0-9]{5,}")
_GROUPS: Final = re.compile(
    r"(?<![0-9])(?:[0-9]{3}[-. ][0-9]{2}[-. ][0-9]{4}|[0-9]{3}\)?[-. ]{1,2}[0-9]{3}[-. ][0-9]{4})(?![0-9])"
)
_FOURS: Final = re.compile(r"(?<![0-9])(?:[0-9]{4}[- ]){3}[0-9]{1,4}(?![0-9])")
_QUADS: Final = re.compile(r"(?<![0-9.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9])")
_MONTH: Final = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
_DAY: Final = re.compile(
    r"(?<![0-9])(?:[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:[0-9]{4}|[0-9]{2}))(?![0-9])"
    rf"|\b{_MONTH}\.? [0-9]{{1,2}}(?:st|nd|rd|th)?\b|\b[0-9]{{1,2}}(?:st|nd|rd|th)? {_MONTH}\b",
    re.IGNORECASE,
)
_BIRTH: Final = re.compile(r"\b(?:born|dob|birth ?da(?:te|y)|date of birth)\b[^0-9]{0,6}", re.IGNORECASE)
_TITLE: Final = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof)\.? [A-Z][a-z]+")
_LINK: Final = re.compile(r"https?://|\bwww\.[a-z]", re.IGNORECASE)


def without_forms(text: str, reasons: set[str], *, raw: str) -> str:
    """The text with every tag as a space; a surrogate, which nobody proves here, is a reason, markup of the raw text is no form."""

    def space(match: re.Match[str]) -> str:
        if match[1] not in _KINDS and match[2] is None and match[0] in raw:
            return match[0]
        if match[1] not in _KINDS or match[2] is not None:
            reasons.add("surrogate")
        return " "

    left = _FORM.sub(space, text)
    if any(match[1] in _KINDS or match[0] not in raw for match in _LOOK_ALIKE.finditer(left)):
        reasons.add("surrogate")
    return left


def form_of(text: str) -> str | None:
    """The kind of a text that is one form and nothing else."""
    match = _FORM.fullmatch(text)
    return match[1] if match else None


def shapes(text: str, columns: CheckColumns) -> Iterator[str]:
    """Codes of what is left in a text without forms."""
    plain = text if text.isascii() else _plain(text)
    if columns.masks(Kind.EMAIL) and "@" in plain:
        yield "email"
    if columns.masks(Kind.NUMBER) and (
        _has_long_digits(plain) or _GROUPS.search(plain) or _FOURS.search(plain)
    ):
        yield "digits"
    if columns.masks(Kind.IP) and _QUADS.search(plain):
        yield "ip"
    if columns.masks(Kind.URL) and _LINK.search(plain):
        yield "url"
    if columns.masks(Kind.DATE) and _DAY.search(plain):
        yield "date"
    if columns.masks(Kind.BIRTH_DATE) and any(
        _DAY.match(plain, match.end()) for match in _BIRTH.finditer(plain)
    ):
        yield "birth-date"
    if columns.masks(Kind.NAME) and _TITLE.search(plain):
        yield "name"


def _has_long_digits(text: str) -> bool:
    for match in _LONG_DIGITS.finditer(text):
        before, after = text[: match.start()][-2:], text[match.end() : match.end() + 2]
        money = before[-1:] in {"$", "\u20ac", "\u00a3", "\u00a5"}
        whole = after[:1] == "." and after[1:].isdigit()
        fraction = before[-1:] == "." and before[:1].isdigit()
        if not (money or whole or fraction):
            return True
    return False


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text)
    kept = (char for char in folded if unicodedata.category(char) not in {"Cf", "Mn", "Me"})
    return "".join(_ascii(char) for char in kept)


def _ascii(char: str) -> str:
    match unicodedata.category(char):
        case "Nd":
            return str(unicodedata.digit(char))
        case "Pd":
            return "-"
        case "Zs":
            return " "
        case _:
            return char
