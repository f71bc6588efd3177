"""What was done to a file: counts, columns and digests, and no value."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from sluicegate.processors.masking.columns import Path
from sluicegate.processors.masking.engine.engine import Engine
from sluicegate.processors.masking.engine.fields import Masking


@dataclass(frozen=True, slots=True)
class Report:
    """The account of one masked file; `to_json` is the file beside it."""

    profile: str
    file_format: str
    records: int
    bytes_read: int
    bytes_written: int
    batches: int
    counts: dict[str, dict[str, int]]
    unknown: tuple[str, ...]
    columns: tuple[dict[str, str], ...]
    digests: dict[str, str | None] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "version": 1,
            "profile": self.profile,
            "format": self.file_format,
            "records": self.records,
            "bytes_read": self.bytes_read,
            "bytes_written": self.bytes_written,
            "batches": self.batches,
            "masked": self.counts,
            "columns": list(self.columns),
            "unknown_columns": list(self.unknown),
            "check": "passed",
            "digests": self.digests,
        }


def counts_of(masking: Masking) -> dict[str, dict[str, int]]:
    """Kind, stage, how many."""
    counts: dict[str, dict[str, int]] = {}
    for (stage, kind), count in sorted(masking.counts.items(), key=lambda one: (one[0][1], one[0][0])):
        if count:
            counts.setdefault(kind, {})[stage] = count
    return counts


def shown(path: Path) -> str:
    """A place as a profile writes it."""
    return ".".join(path) or "$"


def rules_digest(engine: Engine) -> str:
    """SHA-256 over the rules in force."""
    rules = "\0".join(f"{rule.name}\1{rule.trigger}\1{rule.caseless}" for rule in engine.scanner.rules)
    return hashlib.sha256(rules.encode()).hexdigest()


def profile_digest(masking: Masking) -> str:
    """SHA-256 over what the profile says."""
    said = (
        sorted((kind.value, operator.value) for kind, operator in masking.profile.operators.items()),
        [
            (path, column.holds.value, column.operator and column.operator.value)
            for path, column in masking.profile.columns
        ],
        [(path, kind.value) for path, kind in masking.profile.keys],
        masking.profile.subject,
    )
    return hashlib.sha256(repr(said).encode()).hexdigest()
