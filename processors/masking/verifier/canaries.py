"""Identifiers planted in a sampled batch: rows that the masking cannot tell from others, of which nothing may come back.

The caller masks `rows` among the batch's own, takes them out again and shows what became of them.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from sluicegate.processors.masking.identifiers import Kind

from .expected import Expected

_FIRST: Final = ("Margaret", "Leonard", "Beatrice", "Clifford", "Rosalind", "Winston")
_LAST: Final = ("Hathaway", "Pemberton", "Lindgren", "Castellanos", "Okonkwo", "Vandermeer")


@dataclass(frozen=True, slots=True)
class Canaries:
    """Rows and what must be gone from each."""

    rows: tuple[str, ...] = field(repr=False)
    literals: tuple[str, ...] = field(repr=False)

    @classmethod
    def of(cls, seed: bytes, expected: Expected) -> Self:
        """Rows for the kinds that must be gone, drawn from a seed."""
        drawn = int.from_bytes(hmac.digest(seed, b"canaries", "sha256"))
        first, last = _FIRST[drawn % len(_FIRST)], _LAST[drawn // 8 % len(_LAST)]
        number = f"{drawn // 64 % 10**8:08}"
        phone = f"{200 + drawn % 700}-555-{number[:4]}"
        ssn = f"{100 + drawn % 500}-{10 + drawn % 89}-{number[4:].replace('0000', '1234')}"
        mail = f"{first.lower()}.{last.lower()}@example.org"
        lines = (
            (Kind.NAME, "The patient was seen by Dr. {} today.", f"{first} {last}"),
            (Kind.EMAIL, "Reports go to {} as agreed.", mail),
            (Kind.PHONE, "Call the daughter at {} in the evening.", phone),
            (Kind.SSN, "SSN {} is on file.", ssn),
            (Kind.RECORD, "MRN: {} was reviewed.", number),
            (Kind.URL, "See https://portal.example.org/{} for images.", number),
            (Kind.IP, "Logged in from {} last night.", f"10.{drawn % 250}.{drawn // 9 % 250}.7"),
            (Kind.DATE, "Surgery took place on {} without complications.", f"03/{10 + drawn % 18}/2019"),
        )
        asked = [(text.format(literal), literal) for kind, text, literal in lines if expected.masks(kind)]
        return cls(tuple(text for text, _ in asked), tuple(literal for _, literal in asked))

    def missed(self, masked: Sequence[str]) -> int:
        """How many came through; all of them when rows are missing."""
        if len(masked) != len(self.rows):
            return max(1, len(self.rows))
        return sum(_plain(literal) in _plain(row) for literal, row in zip(self.literals, masked, strict=True))


def _plain(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())
