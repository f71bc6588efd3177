"""A record that counts for nothing becomes a dead letter: its original bytes, so that what is refused is not lost.

Sources: all inputs.  Sinks: dlq.<source>.

A broker measures records as they are compressed, so an input can hold records that are larger than any topic takes. Of those
only the place and the size are kept: the original stays where it is, for as long as its topic keeps it, and the entry in audit
holds the digests of all its parts.
"""

from typing import Final

from .contract import Output, Record

LARGEST_BYTES: Final = 7 * 1024 * 1024
"""Of key, value and headers together; topics of dead letters take 8 MiB."""
CUT_HEADER: Final = "dlq-cut"
"""Of a dead letter without the original bytes: how many they are."""


def dead_letter(record: Record, reason: str) -> Output:
    """The record as it was, or its place and size when it is too large for any topic."""
    topic = f"dlq.{record.position.topic}"
    marks = (("dlq-reason", reason.encode()), ("dlq-origin", str(record.position).encode()))
    size = size_of(record)
    if size > LARGEST_BYTES:
        return Output(topic, b"", b"", (*marks, (CUT_HEADER, b"%d" % size)))
    return Output(topic, record.key or b"", record.value or b"", (*marks, *record.headers))


def size_of(record: Record) -> int:
    """Bytes of key, value and headers."""
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers
