"""Audit entries as rows and JSON lines, and back: an export can be verified where no Kafka is. Pure."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import ValidationError

from sluicegate.processors.verification import Placed, Report, Verifier
from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.canonical import parse_json
from sluicegate.schemas.errors import RecordError


def row(placed: Placed) -> dict[str, Any]:
    """One entry at its place as plain values: digests in hex, fields that do not apply left out."""
    return {
        "partition": placed.partition,
        "offset": placed.offset,
        "append_ms": placed.append_ms,
        "entry": placed.entry.model_dump(mode="json", exclude_defaults=True),
    }


def json_line(placed: Placed) -> str:
    """A row as one line of JSON, without the line break."""
    return json.dumps(row(placed), separators=(",", ":"), ensure_ascii=False)


def read_json_lines(lines: Iterable[str]) -> Iterator[Placed]:
    """The entries of an export; RecordError names the line that is none. Empty lines are skipped."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield _read(line)
            except (RecordError, ValidationError, KeyError, TypeError):
                # The cause would repeat what the line says.
                raise RecordError(f"line {number} is no audit entry at its place; export it again") from None


def verify_json_lines(lines: Iterable[str]) -> Report:
    """Verify an export, offline. Lines of one partition must stand in the order of their offsets."""
    verifier = Verifier()
    for placed in read_json_lines(lines):
        verifier.take_placed(placed)
    return verifier.report()


def _read(line: str) -> Placed:
    found = parse_json(line.encode())
    entry = AuditEntry.model_validate_json(json.dumps(found["entry"]))
    partition, offset, append_ms = (_number(found, name) for name in ("partition", "offset", "append_ms"))
    return Placed(partition, offset, append_ms, entry)


def _number(found: dict[str, Any], name: str) -> int:
    number = found[name]
    if type(number) is not int:
        raise TypeError(name)
    return number
