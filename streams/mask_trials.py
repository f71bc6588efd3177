"""Try the masking engine: on one text, for people who look; on labelled texts, for a score and the speed."""

import json
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from sluicegate.processors.masking.engine.batch import TextBatch
from sluicegate.processors.masking.engine.engine import Engine, replaced
from sluicegate.processors.masking.engine.kinds import CODES
from sluicegate.processors.masking.engine.scoring import GoldText, Score, code_points
from sluicegate.processors.masking.engine.span_table import SpanTable
from sluicegate.processors.masking.engine.surrogates import Surrogates
from sluicegate.processors.masking.engine.treatments import Replacing, Treatments
from sluicegate.processors.masking.profile import Profile
from sluicegate.schemas.errors import ConfigurationError

_BATCH_ROWS: Final = 1024
_MEGABYTE: Final = 1e6
_MEASURED_BYTES: Final = 1_000_000
_MEASURED_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class ShownSpan:
    """One identifier of a text; start and end count characters."""

    start: int
    end: int
    type: str
    stage: str
    confidence: int
    operator: str
    output: str

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


def read_gold(path: Path) -> Iterator[GoldText]:
    """Labelled texts, one JSON object a line: `text`, and `spans` as lists of start, end, label.

    Raises `ConfigurationError` that names the line and nothing of what it holds.
    """
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                record = json.loads(line)
                spans = [(int(start), int(end), str(label)) for start, end, label in record.get("spans", ())]
                yield _labelled(record["text"], spans)
            except (ValueError, TypeError, KeyError, AttributeError):
                raise ConfigurationError(
                    f"line {number} of `{path}` is no labelled text; "
                    'write {"text": "...", "spans": [[start, end, "LABEL"], ...]} on each line, offsets in characters of the text'
                ) from None


def _labelled(text: object, spans: Sequence[tuple[int, int, str]]) -> GoldText:
    # A span with nothing in it would count as found.
    if not isinstance(text, str) or not all(0 <= start < end <= len(text) for start, end, _ in spans):
        raise ValueError("no text, or a span that is not inside it")
    return GoldText(text, tuple(spans))


def score(engine: Engine, profile: Profile, path: Path) -> dict[str, Any]:
    """The figures of `Score`, and `mb_per_s`.

    That is megabytes of text for a second of processor time of one thread, warm, from rows to masked rows; nothing is verified.
    """
    gold = list(read_gold(path))
    if not gold:
        raise ConfigurationError(f"`{path}` holds no labelled text: there is nothing to score")
    masking = _Masking(engine, profile)
    counted = Score()
    batches = [gold[first : first + _BATCH_ROWS] for first in range(0, len(gold), _BATCH_ROWS)]
    for texts in batches:
        batch, spans = masking.run([one.text.encode() for one in texts])
        for one, places in zip(texts, code_points(batch, spans), strict=True):
            counted.add(one, places)
    rows = [[one.text.encode() for one in texts] for texts in batches]
    return {**counted.to_json(), "mb_per_s": round(_speed(masking, rows), 2)}


class _Masking:
    def __init__(self, engine: Engine, profile: Profile) -> None:
        self._engine = engine
        self._surrogates = Surrogates(secrets.token_bytes(32))
        self._replacing = Replacing(Treatments.of(profile), self._surrogates)

    def run(self, rows: list[bytes]) -> tuple[TextBatch, SpanTable]:
        """Rows to masked rows; gives back what was found."""
        batch = TextBatch.of(rows)
        return batch, self._engine.masked(batch, self._replacing, self._surrogates).spans


def _speed(masking: _Masking, batches: list[list[bytes]]) -> float:
    """Megabytes a second of this thread's processor time, over so much text, or for so long, that it can be told."""
    size, measured, spent = sum(len(row) for rows in batches for row in rows), 0, 0.0
    while size and measured < _MEASURED_BYTES and spent < _MEASURED_SECONDS:
        began = time.thread_time()
        for rows in batches:
            masking.run(rows)
        spent += time.thread_time() - began
        measured += size
    return measured / _MEGABYTE / max(spent, 1e-9)


def explain(engine: Engine, profile: Profile, text: str) -> tuple[tuple[ShownSpan, ...], str]:
    """Every identifier of a text with what becomes of it, and the text masked."""
    treatments = Treatments.of(profile)
    surrogates = Surrogates(secrets.token_bytes(32))
    replacing = Replacing(treatments, surrogates)
    batch = TextBatch.of_texts([text])
    spans = engine.spans(batch, surrogates)
    shown = tuple(_shown(batch, spans, replacing, treatments))
    return shown, next(iter(replaced(batch, spans, replacing).rows)).decode()


def _shown(
    batch: TextBatch, spans: SpanTable, replacing: Replacing, treatments: Treatments
) -> Iterator[ShownSpan]:
    places = next(code_points(batch, spans))
    for found, (start, end) in zip(spans, places, strict=True):
        output = replacing.replacement(CODES[found.kind], batch.text[found.start : found.end])
        yield ShownSpan(
            start,
            end,
            found.kind.value,
            found.stage.name.lower().replace("_", "-"),
            found.confidence,
            treatments[found.kind].value,
            output.decode(),
        )
