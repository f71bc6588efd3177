"""Mask one batch with the engine: bytes in, bytes out, or the reasons why not. Pure, and never raises for what a batch holds.

Only what is replaced changes: every other byte of the batch, white space included, stays as it was.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from sluicegate.processors.masking.profile import Profile
from sluicegate.schemas.errors import RecordError

from .engine.engine import Engine
from .engine.fields import UNKNOWN, Masking
from .engine.kinds import KINDS, profile_kind
from .engine.records import Records
from .engine.surrogates import Surrogates
from .identifiers import Kind

MAX_BYTES: Final = 8 * 1024 * 1024
"""Largest batch that is masked."""
JSON: Final = "application/json"
JSON_LINES: Final = "application/x-ndjson"
TEXT: Final = "text/plain"
_LONGEST_PARAGRAPH: Final = 1 << 16
"""Characters after which a paragraph ends at a line's end."""


@dataclass(frozen=True, slots=True)
class Masked:
    """A batch after masking.

    Attributes:
        body: what may leave once the second look has passed.
        counts: replaced places per kind (`sluicegate.processors.masking.identifiers.Kind`).
        reported: fields that the profile does not know and that were therefore read as free text.
    """

    body: bytes = field(repr=False)
    counts: Mapping[str, int]
    reported: int


@dataclass(frozen=True, slots=True)
class Unmaskable:
    """A batch that cannot be masked; `reasons` are codes, never values.

    Codes: `media-type`, `too-large`, `not-utf-8`, `unreadable-json` (not strict JSON, or too deep), `engine-error` (a defect here).
    """

    reasons: tuple[str, ...]


def mask(
    media_type: str,
    body: bytes,
    profile: Profile,
    surrogates: Surrogates,
    engine: Engine,
    *,
    this_year: int | None = None,
) -> Masked | Unmaskable:
    """The batch under a profile; `surrogates` are the export's own: one export, one surrogate per value.

    `this_year` is the year in which it is masked: from which a year of birth may tell an age over 89. Without it every one may.
    """
    if media_type not in {JSON, JSON_LINES, TEXT}:
        return Unmaskable(("media-type",))
    if len(body) > MAX_BYTES:
        return Unmaskable(("too-large",))
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return Unmaskable(("not-utf-8",))
    masking = Masking(engine, profile, surrogates, this_year)
    try:
        new = (
            _masked_text(masking, text) if media_type == TEXT else _masked_records(masking, media_type, text)
        )
    except RecordError:
        return Unmaskable(("unreadable-json",))
    except Exception:  # noqa: BLE001  # INVARIANT: whatever hostile bytes do to an engine, nothing leaves and nothing is said about them
        return Unmaskable(("engine-error",))
    return Masked(new.encode(), _counts(masking), len(masking.unknown))


def _masked_text(masking: Masking, text: str) -> str:
    paragraphs = list(_paragraphs(text))
    batch = masking.batch()
    group, first = batch.add_column(UNKNOWN, paragraphs, range(len(paragraphs)))
    batch.masked()
    return "".join(paragraph or "" for paragraph in group.results[first:])


def _paragraphs(text: str) -> Iterator[str]:
    """The text in pieces that end at an empty line, or at a line's end once they are long."""
    start = at = 0
    while at < len(text):
        end = text.find("\n", at) + 1 or len(text)
        if end - start > _LONGEST_PARAGRAPH or not text[at:end].strip():
            yield text[start:end]
            start = end
        at = end
    if start < len(text):
        yield text[start:]


def _masked_records(masking: Masking, media_type: str, text: str) -> str:
    if media_type == JSON:
        return Records(masking).masked([text])[0]
    lines = text.split("\n")
    end = [] if lines[-1] else [lines.pop()]
    return "\n".join(Records(masking).masked(lines) + end)


def _counts(masking: Masking) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for (_, kind), count in masking.counts.items():
        counts[_TOLD_AS[kind]] += count
    return {kind: counts[kind] for kind in Kind if counts[kind]}


_TOLD_AS: Final = {kind.value: profile_kind(kind).value for kind in KINDS}
"""The kind of a profile under which each class of the engine is counted."""
