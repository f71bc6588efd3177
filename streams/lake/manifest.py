"""The manifest of an export: every file with its digest, rows and offsets, in a chain per partition. Pure.

Its digest covers all of it. It holds nothing of the run that wrote it (no time, no host), so that the same log gives the same
manifest.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Any, Final, Self

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from sluicegate.schemas.canonical import canonical_json, parse_json, sha256
from sluicegate.schemas.errors import RecordError

FILE_NAME: Final = "manifest.json"
FORMAT: Final = "sluicegate-audit/1"

_Natural = Annotated[int, Field(ge=0)]


def path_of(day: str, partition: int) -> str:
    """Where the file of a day and a partition stands in the folder: `day=` is a column to readers of Hive layouts."""
    return f"day={day}/partition={partition:02d}.parquet"


@checked_dataclass(frozen=True, slots=True, config=ConfigDict(strict=True, extra="forbid"))
class File:
    """One file: the rows of one partition that were appended on one UTC day.

    `first` and `last` are offsets of rows; `after` is the offset of the row before the first one, in the file of an earlier
    day, and None where the export begins. Transaction markers leave gaps between offsets.
    """

    # INVARIANT: a manifest from somewhere names no place outside of its folder.
    day: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    partition: _Natural
    rows: _Natural
    first: _Natural
    last: _Natural
    after: _Natural | None
    size: _Natural
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    @property
    def path(self) -> str:
        """Relative to the folder."""
        return path_of(self.day, self.partition)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a folder holds: of which topic (its name on the cluster and the id that Kafka gave it), and which files."""

    topic: str
    topic_id: str
    files: tuple[File, ...] = field(default=())

    @property
    def digest(self) -> str:
        """Of everything that the manifest says, in hex: noted elsewhere, it shows any later rewriting."""
        return sha256(canonical_json(self._told())).hex()

    def last_of(self, partition: int) -> File | None:
        """The newest file of a partition."""
        found = [file for file in self.files if file.partition == partition]
        return found[-1] if found else None

    def having(self, written: Iterable[File]) -> Self:
        """With these files, instead of those at the same places."""
        places = {(file.partition, file.day): file for file in (*self.files, *written)}
        return replace(self, files=tuple(places[place] for place in sorted(places)))

    def to_bytes(self) -> bytes:
        """As it stands in the folder."""
        return (json.dumps(self._told() | {"digest": self.digest}, indent=1) + "\n").encode()

    def _told(self) -> dict[str, Any]:
        files = [{"path": file.path, **asdict(file)} for file in self.files]
        return {"format": FORMAT, "topic": self.topic, "topic_id": self.topic_id, "files": files}


def read_manifest(text: bytes) -> Manifest:
    """The manifest of these bytes; RecordError when they are cut, changed, or of another format."""
    told = parse_json(text)
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise RecordError(f"the manifest is not of the format `{FORMAT}` that this version reads")
    try:
        listed = [{name: value for name, value in file.items() if name != "path"} for file in told["files"]]
        manifest = Manifest(
            str(told["topic"]), str(told["topic_id"]), tuple(_FILES.validate_json(json.dumps(listed)))
        )
    except (KeyError, TypeError, AttributeError, ValidationError):
        raise RecordError("the manifest lacks what it must say, or says more") from None
    if manifest._told() | {"digest": manifest.digest} != told:  # noqa: SLF001  # its own class
        raise RecordError("the manifest was changed: its digest is not that of what it says")
    return manifest


_FILES: Final = TypeAdapter(list[File])
