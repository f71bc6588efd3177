"""The Avro schemas that were ever released: one lock file, one `.avsc` per version, beside the models.

`schema.lock.json` maps each kind of record to its versions, oldest first. An id is unique over all kinds and is never used
again; a fingerprint is CRC-64-AVRO over the parsing canonical form (Avro 1.12 specification, "Schema Fingerprints"), written
as 16 hex digits of the number. A schema changes by a new version; only the one that no release contains yet may be rewritten.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from fastavro import parse_schema

LOCK_FILE: Final = "schema.lock.json"
FRAME_BYTES: Final = 5


@dataclass(frozen=True, slots=True)
class ReleasedSchema:
    """One version of the schema of one kind; `parsed` is fastavro's own form."""

    kind: str
    id: int
    fingerprint: str
    file: str
    parsed: Any

    @property
    def frame(self) -> bytes:
        """What stands before every body: a zero byte and the id, four bytes big-endian (Confluent wire format)."""
        return b"\x00" + self.id.to_bytes(4, "big")


def released_schemas() -> Mapping[str, tuple[ReleasedSchema, ...]]:
    """Every version of every kind, oldest first."""
    folder = files("sluicegate.schemas")
    lock = json.loads(folder.joinpath(LOCK_FILE).read_text("utf-8"))
    return {
        kind: tuple(
            ReleasedSchema(
                kind=kind,
                id=version["id"],
                fingerprint=version["fingerprint"],
                file=version["file"],
                parsed=parse_schema(json.loads(folder.joinpath(version["file"]).read_text("utf-8"))),
            )
            for version in versions
        )
        for kind, versions in lock["kinds"].items()
    }
