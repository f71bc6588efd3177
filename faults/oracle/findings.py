"""What can be wrong, in one word, and the sentence that says where."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Wrong(StrEnum):
    """What became of a promise."""

    LOST = "lost"
    """Acknowledged, and without the one end that it must have."""
    DOUBLED = "doubled"
    """Twice what may be once: ends, claims, effects, records."""
    UNGRANTED = "ungranted"
    """Claimed or done without a valid and sufficient grant."""
    TORN = "torn"
    """A transaction of which a part is missing, or that nobody wrote down."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    wrong: Wrong
    invariant: str
    """`I1` to `I12` of the list of invariants."""
    about: str
    sentence: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.wrong} ({self.invariant}) {self.about}: {self.sentence}"


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """How many of each, zeros included."""
    found = Counter(finding.wrong.value for finding in findings)
    return {wrong.value: found[wrong.value] for wrong in Wrong}


def sentences(findings: Sequence[Finding], most: int = 50) -> list[str]:
    """The first ones as text."""
    return [str(finding) for finding in findings[:most]]
