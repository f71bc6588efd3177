"""The result of a verification, as a value that prints, compares and turns into JSON."""

from dataclasses import dataclass
from typing import Any

from .findings import Check, Finding, Invariant, as_json


@dataclass(frozen=True, slots=True)
class Begin:
    """The first position of an input that the entries speak about; anything but 0 means that earlier history is missing."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        """`topic-partition@offset`."""
        return f"{self.topic}-{self.partition}@{self.offset}"


@dataclass(frozen=True, slots=True)
class Report:
    """What was verified. `open` counts actions without a final outcome by how far they have come."""

    entries: int
    partitions: int
    copies: int
    open: dict[str, int]
    begins: tuple[Begin, ...]
    checks: tuple[Check, ...]

    @property
    def violations(self) -> int:
        """How many violations there are, including those that are not kept as findings."""
        return sum(check.violations for check in self.checks)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The violations, by invariant and place; at most `MAX_FINDINGS` per invariant and partition."""
        return tuple(finding for check in self.checks for finding in check.findings)

    @property
    def ok(self) -> bool:
        """Whether something was verified and nothing is wrong: an empty log proves nothing, so it is not ok."""
        return self.entries > 0 and self.violations == 0

    @property
    def is_complete(self) -> bool:
        """Whether the history begins with the first record of every input, as far as its tiles say."""
        return all(begin.offset == 0 for begin in self.begins)

    def check(self, invariant: Invariant) -> Check:
        """The check of one invariant."""
        return next(check for check in self.checks if check.invariant is invariant)

    @property
    def verdict(self) -> str:
        """The whole result in one or two sentences."""
        if self.entries == 0:
            return "nothing to verify: no audit entry was read, so nothing is proven"
        where = f"{self.entries} entries of {self.partitions} partitions"
        told = f"{self.violations} violations in {where}" if self.violations else f"clean: {where}"
        late = ", ".join(str(begin) for begin in self.begins if begin.offset)
        return f"{told}; history begins at {late}: nothing before is proven" if late else told

    def to_json(self) -> dict[str, Any]:
        """The report as JSON writes it; `ok` first."""
        return {
            "ok": self.ok,
            "verdict": self.verdict,
            "entries": self.entries,
            "partitions": self.partitions,
            "copies": self.copies,
            "violations": self.violations,
            "complete": self.is_complete,
            "begins": [str(begin) for begin in self.begins],
            "open": dict(self.open),
            "invariants": {
                check.invariant.value: {
                    "sentence": check.invariant.sentence,
                    "checked": dict(check.checked),
                    "violations": check.violations,
                    "findings": [as_json(finding) for finding in check.findings],
                }
                for check in self.checks
            },
        }
