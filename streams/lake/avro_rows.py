"""Read Avro bodies into plain values as Arrow takes them (Avro 1.12 specification, "Binary Encoding").

fastavro takes 40 µs for an audit entry, because it resolves 45 unions one by one; here absent fields cost a comparison. Only
the form that our own writer gives is read: whatever else is valid Avro is a ValueError, and the caller asks the codec.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

Read = Callable[[bytes, int], tuple[Any, int]]
"""A value that begins at this place, and the place behind it."""

_CONTINUES: Final = 0x80
_BITS: Final = 7
_MOST_BITS: Final = 63
_LONG: Final = 1 << 64
_PRESENT: Final = 2
_EMPTY: Final = ()


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
        (field["name"], *_optional(field["type"]), _reader(field["type"], named))
        for field in schema["fields"]
    ]

    def read(value: bytes, at: int) -> tuple[Any, int]:
        row: dict[str, Any] = {}
        for name, is_optional, is_many, read_value in reads:
            if is_optional:
                branch = value[at]
                at += 1
                if not branch:
                    continue
                if branch != _PRESENT:
                    raise ValueError("no such branch of the union")
            elif is_many and not value[at]:
                row[name] = _EMPTY
                at += 1
                continue
            row[name], at = read_value(value, at)
        return row, at

    named[schema["name"]] = read
    return read


def _optional(schema: Any) -> tuple[bool, bool]:
    return isinstance(schema, list), isinstance(schema, Mapping) and schema["type"] in {"array", "map"}


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
    size = value[at]
    at += 1
    if size >= _CONTINUES:
        size, at = _long(value, at - 1)
    elif size & 1:
        raise ValueError("a length below zero")
    else:
        size >>= 1
    end = at + size
    if not at <= end <= len(value):
        raise ValueError("bytes are missing")
    return value[at:end], end


def _text(value: bytes, at: int) -> tuple[str, int]:
    found, at = _bytes(value, at)
    return found.decode(), at


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
