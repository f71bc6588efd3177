"""Cut what a handler returned into bodies of batches: JSON in UTF-8, bounded in size. Pure.

None is no result. What fits into `SLICE_BYTES` is one body of `application/json`, of a list and of an iterator the JSON
array. A longer list, or iterator, becomes bodies of `application/x-ndjson`: one record per line, in order, each body about
`SLICE_BYTES` long. Any other value, and a single record, may be up to `LARGEST_VALUE_BYTES`. An iterator is drawn from as
its bodies are asked for, so that no more than one is ever held.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sluicegate.schemas.canonical import parse_json
from sluicegate.schemas.errors import RecordError
from sluicegate.schemas.receipt import NoResult

JSON: Final = "application/json"
JSON_LINES: Final = "application/x-ndjson"
SLICE_BYTES: Final = 512 * 1024
LARGEST_VALUE_BYTES: Final = 3 * 1024 * 1024
"""Of one value or record: with the grant beside it, it must fit into one record of `exports.raw`."""
LARGEST_RESULT_BYTES: Final = 64 * 1024 * 1024
"""Of all bodies together: written within one transaction, and held whole by the agent that reads it."""

_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


class UnsendableError(Exception):
    """What was returned does not come back; never leaves the executor, the receipt carries its code."""

    def __init__(self, code: NoResult) -> None:
        super().__init__(code.value)
        self.code = code


@dataclass(frozen=True, slots=True)
class Slice:
    """The body of one batch."""

    media_type: str
    body: bytes = field(repr=False)


def slices(returned: Any) -> Iterator[Slice]:
    """The bodies, in order; UnsendableError where they cannot go on, and whatever an iterator itself raises."""
    if returned is None:
        return
    if isinstance(returned, list | tuple | Iterator):
        total = 0
        for each in _of_records(returned):
            total += len(each.body)
            if total > LARGEST_RESULT_BYTES:
                raise UnsendableError(NoResult.TOO_LARGE)
            yield each
    else:
        yield Slice(JSON, _encoded(returned))


def _of_records(records: Iterable[Any]) -> Iterator[Slice]:
    lines: list[bytes] = []
    size, is_first = 0, True
    for record in records:
        line = _encoded(record)
        if lines and size + len(line) + 1 > SLICE_BYTES:
            yield Slice(JSON_LINES, b"".join(lines))
            lines, size, is_first = [], 0, False
        lines.append(line + b"\n")
        size += len(line) + 1
    if not is_first or size > SLICE_BYTES:
        yield Slice(JSON_LINES, b"".join(lines))
    else:
        yield Slice(JSON, b"[" + b",".join(line[:-1] for line in lines) + b"]")


def _encoded(value: Any) -> bytes:
    try:
        text = _ENCODER.encode(value).encode()
        if len(text) > LARGEST_VALUE_BYTES:
            raise UnsendableError(NoResult.TOO_LARGE)
        # What masking could not read is said here; in brackets, because a line may become part of an array.
        parse_json(b"[" + text + b"]")
    except (TypeError, ValueError, RecursionError, RecordError):
        raise UnsendableError(NoResult.NOT_JSON) from None
    return text
