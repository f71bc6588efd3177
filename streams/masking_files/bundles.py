"""FHIR R4 bundles: entries one after another, however many; what is around them is one record of its own.

The file is read twice: first for what is around the entries, then for the entries. A file that is no bundle is one record.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from sluicegate.processors.masking.engine.fields import Masking
from sluicegate.processors.masking.engine.records import Records
from sluicegate.processors.masking.json_tree import Array, Object, read
from sluicegate.schemas.errors import RecordError, RefusedError

from .batches import BATCH_BYTES, BATCH_RECORDS, LONGEST, NDJSON, Batch, Compared, decoded, too_long

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"|[{}\[\]]', re.DOTALL)
_CHUNK: Final = 1 << 18
_OPEN: Final = (b"{", b"[")
_ENTRY: Final = "entry"
_COMMA: Final = re.compile(rb"\s*,\s*")


class _Piece(NamedTuple):
    text: bytes
    is_entry: bool
    end: int


def masked_bundle(masking: Masking, source: BinaryIO) -> Iterator[Batch]:
    """Mask a bundle, or a single resource."""
    head, tail = _head_and_tail(source)
    source.seek(0)
    if not head.strip():
        raise RefusedError("the file is empty: a FHIR resource is a JSON object")
    top, rest, compared = _around(masking, decoded(head, "the bundle"), decoded(tail, "the bundle"))
    yield Batch(top, (compared,), 0 if tail else 1, 0, 1)
    yield from _entries(masking, source)
    yield Batch(rest, (), 0, source.tell(), 1)


def _head_and_tail(source: BinaryIO) -> tuple[bytes, bytes]:
    """What is before the first entry, and behind the last one if there is one."""
    around: list[bytes] = []
    for piece in _pieces(source):
        if piece.is_entry:
            continue
        if len(around) > 1 and not _COMMA.fullmatch(around.pop()):
            raise RefusedError("the entries of the bundle are no JSON list of objects")
        around.append(piece.text)
    return around[0], around[-1] if len(around) > 1 else b""


def _around(masking: Masking, head: str, tail: str) -> tuple[bytes, bytes, Compared]:
    text = head + tail
    (masked,) = _masked(Records(masking), [text], 0)
    cut = _entries_begin(masked) if tail else len(masked)
    return masked[:cut].encode(), masked[cut:].encode(), _compared([text], [masked])


def _entries_begin(text: str) -> int:
    node = read(text)
    found = [
        value.start + 1
        for key, value in (node.members if isinstance(node, Object) else ())
        if key.value == _ENTRY and isinstance(value, Array)
    ]
    if len(found) != 1:
        raise RefusedError("the bundle has no single list of entries")
    return found[0]


def _entries(masking: Masking, source: BinaryIO) -> Iterator[Batch]:
    records = Records(masking, root=(_ENTRY,))
    texts: list[str] = []
    before: list[bytes] = []
    size, first, between = 0, 1, b""
    is_head = True
    for piece in _pieces(source):
        if not piece.is_entry:
            between, is_head = b"" if is_head else piece.text, False
            continue
        texts.append(decoded(piece.text, f"entry {first + len(texts)}"))
        before.append(between)
        size += len(piece.text)
        if size >= BATCH_BYTES or len(texts) >= BATCH_RECORDS:
            yield _batch(records, texts, before, first, piece.end)
            first, size, texts, before = first + len(texts), 0, [], []
    if texts:
        yield _batch(records, texts, before, first, source.tell())


def _batch(records: Records, texts: list[str], before: list[bytes], first: int, read_bytes: int) -> Batch:
    masked = _masked(records, texts, first)
    out = b"".join(between + text.encode() for between, text in zip(before, masked, strict=True))
    return Batch(out, (_compared(_wrapped(texts), _wrapped(masked)),), len(texts), read_bytes, first)


def _masked(records: Records, texts: list[str], first: int) -> list[str]:
    try:
        return records.masked(texts)
    except RecordError as error:
        where = f"an entry from number {first} on" if first else "the bundle"
        raise RefusedError(f"{where} is no JSON: {error}") from None


def _wrapped(texts: list[str]) -> list[str]:
    return [f'{{"{_ENTRY}": {text}}}' for text in texts]


def _compared(raw: list[str], masked: list[str]) -> Compared:
    return Compared(NDJSON, _one_a_line(raw), _one_a_line(masked))


def _one_a_line(texts: list[str]) -> bytes:
    # Line ends inside strings of JSON are escaped, so these are white space.
    return "\n".join(text.replace("\r", " ").replace("\n", " ") for text in texts).encode()


def _pieces(source: BinaryIO) -> Iterator[_Piece]:
    """The file in order: what is around and between entries, and each entry."""
    buffer, offset = b"", 0
    at = cut = depth = 0
    last = b""
    inside = in_entry = False
    while True:
        chunk = source.read(_CHUNK)
        buffer += chunk
        while (token := _TOKEN.search(buffer, at)) is not None:
            at, sign = token.end(), token[0]
            if sign in _OPEN:
                if inside and depth == 2 and sign == b"{":  # noqa: PLR2004 - the list of entries in the bundle
                    yield _Piece(buffer[cut : token.start()], is_entry=False, end=offset + at)
                    cut, in_entry = token.start(), True
                inside = inside or (depth == 1 and sign == b"[" and last == b'"entry"')
                depth += 1
            elif sign in {b"}", b"]"}:
                depth -= 1
                if in_entry and depth == 2:  # noqa: PLR2004 - as above
                    yield _Piece(buffer[cut:at], is_entry=True, end=offset + at)
                    cut, in_entry = at, False
                inside = inside and depth >= 2  # noqa: PLR2004 - as above
            last = sign
        # A string that is cut by the end of the chunk begins at the first quote after the last token.
        quote = buffer.find(b'"', at)
        at = quote if quote >= 0 else len(buffer)
        if not chunk:
            break
        if len(buffer) - cut > LONGEST:
            raise too_long("an entry, or what is around the entries,")
        buffer, offset, at, cut = buffer[cut:], offset + cut, at - cut, 0
    yield _Piece(buffer[cut:], is_entry=False, end=offset + len(buffer))
