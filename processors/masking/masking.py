"""Mask one batch: bytes in, bytes out, or the reasons why not. Pure, and never raises for what a batch holds.

Only what is replaced changes: every other byte of the batch, white space included, stays as it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sluicegate.schemas.errors import RecordError

from .json_tree import edited, read
from .profile import Profile
from .records import Records

MAX_BYTES: Final = 8 * 1024 * 1024
"""Largest batch that is masked."""
JSON: Final = "application/json"
JSON_LINES: Final = "application/x-ndjson"
TEXT: Final = "text/plain"


@dataclass(frozen=True, slots=True)
class Masked:
    """A batch after masking.

    Attributes:
        body: what may leave once `check` has passed.
        counts: replaced places per kind (`sluicegate.processors.masking.identifiers.Kind`).
        reported: fields that the profile does not know and that were therefore read as free text.
    """

    body: bytes = field(repr=False)
    counts: Mapping[str, int]
    reported: int


@dataclass(frozen=True, slots=True)
class Unmaskable:
    """A batch that cannot be masked; `reasons` are codes, never values.

    Codes: `media-type`, `too-large`, `not-utf-8`, `unreadable-json` (not strict JSON, or too deep), `failed` (a defect here).
    """

    reasons: tuple[str, ...]


def mask(media_type: str, body: bytes, profile: Profile, secret: bytes) -> Masked | Unmaskable:
    """The batch under a profile; `secret` is the export's own: one secret, one surrogate per value."""
    if media_type not in {JSON, JSON_LINES, TEXT}:
        return Unmaskable(("media-type",))
    if len(body) > MAX_BYTES:
        return Unmaskable(("too-large",))
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return Unmaskable(("not-utf-8",))
    try:
        return _masked(media_type, text, Records(profile, secret))
    except RecordError:
        return Unmaskable(("unreadable-json",))
    except Exception:  # noqa: BLE001 - whatever goes wrong here, nothing may leave and nothing may be said about it
        return Unmaskable(("failed",))


def _masked(media_type: str, text: str, records: Records) -> Masked:
    if media_type == TEXT:
        new = records.text.masked(text, free=True)
    else:
        lines = text.split("\n") if media_type == JSON_LINES else [text]
        nodes = [
            read(line) if line or (len(lines) == 1 and media_type == JSON) else None for line in _ended(lines)
        ]
        for node in nodes:
            if node is not None:
                records.learn(node)
        pieces = [
            edited(line, records.edits(node)) if node else line
            for line, node in zip(lines, nodes, strict=True)
        ]
        new = "\n".join(pieces)
    return Masked(new.encode(), dict(records.text.counts), len(records.reported))


def _ended(lines: list[str]) -> list[str]:
    """The lines; an empty one is accepted only as the end of the last."""
    if any(not line.strip() for line in lines[:-1]) and len(lines) > 1:
        raise RecordError("a line holds no record; send one JSON value per line")
    return lines
