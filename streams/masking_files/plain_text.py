"""Plain text: paragraphs are searched as they are; line ends and all that is not replaced keep their bytes."""

from collections.abc import Iterator
from typing import BinaryIO, Final

from sluicegate.processors.masking.engine.fields import UNKNOWN, Masking
from sluicegate.schemas.errors import RefusedError

from .batches import BATCH_BYTES, Batch, Compared, Lines

_LONGEST_PARAGRAPH: Final = 1 << 16
"""Characters after which a paragraph ends at a line's end."""


def masked_text(masking: Masking, source: BinaryIO) -> Iterator[Batch]:
    """Mask a text file; its records are its lines."""
    lines = Lines(source)
    first = 1
    while some := _paragraphs(lines):
        count = sum(paragraph.count("\n") for paragraph in some) or 1
        yield _batch(masking, some, first, count, lines.read)
        first = lines.number + 1


def _paragraphs(lines: Lines) -> list[str]:
    paragraphs: list[str] = [""]
    size = 0
    while size < BATCH_BYTES or paragraphs[-1]:
        line = lines.next()
        if not line:
            break
        if "\0" in line:
            raise RefusedError(f"line {lines.number} holds binary data: this is no text")
        paragraphs[-1] += line
        size += len(line)
        if not line.strip() or len(paragraphs[-1]) > _LONGEST_PARAGRAPH:
            paragraphs.append("")
    return paragraphs if paragraphs[0] else []


def _batch(masking: Masking, paragraphs: list[str], first: int, count: int, read: int) -> Batch:
    rows = [paragraph.encode() for paragraph in paragraphs]
    batch = masking.batch()
    group, number = batch.add_column(UNKNOWN, paragraphs, range(len(rows)))
    batch.masked()
    masked = [text or "" for text in group.results[number:]]
    text = "".join(masked).encode()
    return Batch(text, (Compared("text/plain", b"".join(rows), text),), count, read, first, are_lines=True)
