"""JSON lines: a record a line; what is not replaced keeps its bytes, blank lines and line ends included."""

from collections.abc import Iterator
from typing import BinaryIO, Final

from sluicegate.processors.masking.engine.fields import Masking
from sluicegate.processors.masking.engine.records import Records
from sluicegate.schemas.errors import RecordError, RefusedError

from .batches import BATCH_BYTES, BATCH_RECORDS, NDJSON, Batch, Compared, Lines

_BYTE_ORDER_MARK: Final = "\ufeff"


def masked_json_lines(masking: Masking, source: BinaryIO) -> Iterator[Batch]:
    """Mask a file of JSON lines."""
    lines, records = Lines(source), Records(masking)
    while some := _some(lines):
        first = lines.number - len(some) + 1
        yield _batch(records, some, first, lines.read)


def _some(lines: Lines) -> list[str]:
    some: list[str] = []
    size = 0
    while size < BATCH_BYTES and len(some) < BATCH_RECORDS and (line := lines.next()):
        some.append(line)
        size += len(line)
    return some


def _batch(records: Records, lines: list[str], first: int, read: int) -> Batch:
    texts = [line.strip(_BYTE_ORDER_MARK + " \t\r\n") for line in lines]
    full = [number for number, text in enumerate(texts) if text]
    try:
        masked = records.masked([texts[number] for number in full])
    except RecordError:
        raise RefusedError(_what_is_wrong(records, texts, first)) from None
    whole = list(lines)
    for number, new in zip(full, masked, strict=True):
        before, text, after = lines[number].partition(texts[number])
        del text
        whole[number] = before + new + after
    compared = Compared(NDJSON, _joined(texts[number] for number in full), _joined(masked))
    return Batch("".join(whole).encode(), (compared,) if full else (), len(full), read, first)


def _joined(texts: "Iterator[str] | list[str]") -> bytes:
    return "\n".join(" ".join(text.split("\n")) for text in texts).encode()


def _what_is_wrong(records: Records, texts: list[str], first: int) -> str:
    for number, text in enumerate(texts):
        try:
            records.masked([text] if text else [])
        except RecordError as error:
            return f"line {first + number} is no record: {error}"
    return "a record is no JSON"
