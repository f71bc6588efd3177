"""What a verification found: one check per invariant, with what it looked at and what is wrong."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from .placed import Placed

MAX_FINDINGS: Final = 1_000
"""Findings kept per invariant and partition; all of them are counted."""


class Invariant(StrEnum):
    """A promise that can be checked from `audit` alone."""

    ENTRIES = "entries"
    I1 = "I1"
    I2 = "I2"
    I3 = "I3"
    I4 = "I4"
    I5 = "I5"
    I8 = "I8"
    I12 = "I12"
    I13 = "I13"

    @property
    def sentence(self) -> str:
        """The promise in one sentence."""
        return _SENTENCES[self]


_SENTENCES: Final = {
    Invariant.ENTRIES: "every entry is well formed, and no id stands for two different entries",
    Invariant.I1: "no claim, receipt or unknown end without its grant, and its claim, before it",
    Invariant.I2: "at most one grant per action, one counted claim and one counted receipt per grant",
    Invariant.I3: "every grant that needs people rests on enough distinct people outside the origin set",
    Invariant.I4: "each action reaches at most one final outcome, and one that may follow what happened",
    Invariant.I5: "tiles cover each input without gap or overlap, and every record and output is there",
    Invariant.I8: "a claim at or after its grant's expiry had no effect and ended refused",
    Invariant.I12: "every refusal is written down with its reason, every unreadable record kept",
    Invariant.I13: "what leaves was masked or withheld, once, in the chain of its grant or stream, to the end its receipt names",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One violation: which promise, where on `audit`, about which ids, in one sentence.

    An `alarm` means that somebody wrote what the gate cannot have written: two different records under one id.
    """

    invariant: Invariant
    partition: int
    offset: int
    sentence: str
    ids: tuple[str, ...] = ()
    alarm: bool = False

    def __str__(self) -> str:
        """`I3 at audit-0@17: sentence (ids)`."""
        about = f" ({', '.join(self.ids)})" if self.ids else ""
        return f"{self.invariant} at audit-{self.partition}@{self.offset}: {self.sentence}{about}"


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant: what was looked at, how many violations, and the first of them."""

    invariant: Invariant
    checked: dict[str, int]
    violations: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; says nothing about whether anything was looked at (see `checked`)."""
        return self.violations == 0


@dataclass(slots=True)
class Ledger:
    """Where the checks of one partition write down what they looked at and found."""

    counts: dict[Invariant, Counter[str]] = field(
        default_factory=lambda: {one: Counter() for one in Invariant}
    )
    violations: Counter[Invariant] = field(default_factory=Counter)
    findings: dict[Invariant, list[Finding]] = field(default_factory=lambda: {one: [] for one in Invariant})

    def count(self, invariant: Invariant, what: str) -> None:
        """One more of these was looked at."""
        self.counts[invariant][what] += 1

    def find(self, invariant: Invariant, placed: Placed, sentence: str, *, alarm: bool = False) -> None:
        """A promise is broken at this entry."""
        self.violations[invariant] += 1
        found = self.findings[invariant]
        if len(found) < MAX_FINDINGS:
            ids = ids_of(placed)
            found.append(Finding(invariant, placed.partition, placed.offset, sentence, ids, alarm=alarm))


def ids_of(placed: Placed) -> tuple[str, ...]:
    """The ids an entry names, most general first."""
    entry = placed.entry
    named = (
        entry.agent,
        entry.action_id,
        entry.request_id,
        entry.decision_id,
        entry.grant_id,
        entry.claim_id,
        entry.stream,
        entry.batch_id,
    )
    return tuple(name for name in (*named, entry.entry_id) if name is not None)


def as_json(finding: Finding) -> dict[str, Any]:
    """A finding as JSON writes it."""
    return {
        "invariant": finding.invariant.value,
        "partition": finding.partition,
        "offset": finding.offset,
        "sentence": finding.sentence,
        "ids": list(finding.ids),
        "alarm": finding.alarm,
    }
