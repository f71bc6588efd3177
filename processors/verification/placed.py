"""An audit entry at its place: what every check is fed."""

from dataclasses import dataclass

from sluicegate.schemas.audit import AuditEntry


@dataclass(frozen=True, slots=True)
class Placed:
    """One entry and where it stands on `audit`. `append_ms` is the log-append time of the entry itself."""

    partition: int
    offset: int
    append_ms: int
    entry: AuditEntry
