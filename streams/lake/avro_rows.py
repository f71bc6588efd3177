"""Read Avro bodies into plain values as Arrow takes them (Avro 1.12 specification, "Binary Encoding").

fastavro takes 40 µs for an audit entry, because it resolves 45 unions one by one; here absent fields cost a comparison. Only
the form that our own writer gives is read: whatever else is valid Avro is a ValueError, and the caller asks the codec.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final

Read = Callable[[bytes, int], tuple[Any, int]]
"""A value that begins at this place, and the place behind it."""

_CONTINUES: Final = 0x80
_BITS: Final = 7
_MOST_BITS: Final = 63
_LONG: Final = 1 << 64
_PRESENT: Final = 2
_EMPTY: Final = ()


class _Form(Enum):
    """How often a field's value is there."""

    ONE = 1
    OPTIONAL = 2
    MANY = 3


_ONE, _OPTIONAL = _Form.ONE, _Form.OPTIONAL


def body_reader(schema: Mapping[str, Any]) -> Callable[[bytes, int], dict[str, Any]]:
    """A function from bytes, and where the body begins in them, to the fields that are present; maps are lists of pairs.

    ValueError, IndexError and UnicodeDecodeError mean: not of the form that is read here.
    """
    read_record = _record(schema, {})

    def read(value: bytes, start: int) -> dict[str, Any]:
        fields, end = read_record(value, start)
        if end != len(value):
            raise ValueError("bytes are missing or left over")
        found: dict[str, Any] = fields
        return found

    return read


def _record(schema: Mapping[str, Any], named: dict[str, Read]) -> Read:
    reads = [
        (field["name"], _form(field["type"]), _reader(field["type"], named)) for field in schema["fields"]
    ]
    empty = {name: _EMPTY for name, form, _ in reads if form is _Form.MANY}

    def read(value: bytes, at: int) -> tuple[Any, int]:
        row: dict[str, Any] = empty.copy()
        for name, form, read_value in reads:
            if form is not _ONE:
                # A zero is the first branch of a union, which is null, or the end of an empty array: most fields of most
                # entries are one or the other.
                branch = value[at]
                if not branch:
                    at += 1
                    continue
                if form is _OPTIONAL:
                    if branch != _PRESENT:
                        raise ValueError("no such branch of the union")
                    at += 1
            row[name], at = read_value(value, at)
        return row, at

    named[schema["name"]] = read
    return read


def _form(schema: Any) -> _Form:
    if isinstance(schema, list):
        return _Form.OPTIONAL
    return _Form.MANY if isinstance(schema, Mapping) and schema["type"] in {"array", "map"} else _Form.ONE


def _reader(schema: Any, named: dict[str, Read]) -> Read:
    match schema:
        case str() if schema in named:
            return named[schema]
        case str():
            return _PRIMITIVES[schema]
        case ["null", inner]:
            return _reader(inner, named)
        case {"type": "array", "items": items}:
            return _many(_reader(items, named))
        case {"type": "map", "values": values}:
            return _many(_pair(_reader(values, named)))
        case {"type": "record"}:
            return _record(schema, named)
        case _:
            raise TypeError("a schema has a type that no model uses")


def _many(read_one: Read) -> Read:
    def read(value: bytes, at: int) -> tuple[Any, int]:
        found = []
        count, at = _long(value, at)
        while count:
            if not 0 < count <= len(value):
                raise ValueError("a block of another form")
            for _ in range(count):
                one, at = read_one(value, at)
                found.append(one)
            count, at = _long(value, at)
        return found, at

    return read


def _pair(read_value: Read) -> Read:
    def read(value: bytes, at: int) -> tuple[Any, int]:
        key, at = _text(value, at)
        found, at = read_value(value, at)
        return (key, found), at

    return read


def _long(value: bytes, at: int) -> tuple[int, int]:
    byte = value[at]
    at += 1
    if byte < _CONTINUES:  # nearly every length
        return (byte >> 1) ^ -(byte & 1), at
    number, shift = byte & ~_CONTINUES, 0
    while byte >= _CONTINUES:
        shift += _BITS
        if shift > _MOST_BITS:
            raise ValueError("an integer of more than 64 bits")
        byte = value[at]
        at += 1
        number |= (byte & ~_CONTINUES) << shift
    if number >= _LONG:
        raise ValueError("an integer of more than 64 bits")
    return (number >> 1) ^ -(number & 1), at


def _bytes(value: bytes, at: int) -> tuple[bytes, int]:
    start, end = _span(value, at)
    return value[start:end], end


def _text(value: bytes, at: int) -> tuple[str, int]:
    size = value[at]
    if size < _CONTINUES and not size & 1:  # nearly every text; a call less
        start = at + 1
        end = start + (size >> 1)
    else:
        start, end = _span(value, at)
    return value[start:end].decode(), end


def _span(value: bytes, at: int) -> tuple[int, int]:
    """Where bytes begin and end. An end behind the value is an error at the next byte that is asked for, or at the end."""
    size, start = _long(value, at)
    if size < 0:
        raise ValueError("a length below zero")
    return start, start + size


def _boolean(value: bytes, at: int) -> tuple[bool, int]:
    if value[at] > 1:
        raise ValueError("no boolean")
    return value[at] == 1, at + 1


_PRIMITIVES: Final[Mapping[str, Read]] = {
    "string": _text,
    "bytes": _bytes,
    "long": _long,
    "boolean": _boolean,
}
