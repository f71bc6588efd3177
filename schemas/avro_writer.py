"""Write models as Avro bodies (Avro 1.12 specification, "Binary Encoding"), straight from their fields.

fastavro searches every union by validating its branches and wants dicts instead of models: an audit entry of fifty
optional fields costs it twice as much, four times with the dicts. The bytes are equal; a test compares them over
generated records. Maps are written with their keys in order, so equal records have equal bytes.
"""

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

from .canonical import canonical_json, parse_json

Write = Callable[[Any], bytes]
"""The bytes of one value."""

_LONG: Final = 1 << 63
_NOTHING: Final = b"\x00"
"""The first branch of a union, which is null in every one of ours; the end of an array or map."""


def body_writer(schema: Mapping[str, Any], recorded: Collection[str]) -> Write:
    """A function from a model of this record schema to its body; the fields `recorded` hold JSON and travel as its text."""
    return _record(schema, {}, recorded)


def fields_writer(schema: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], bytes]:
    """A function from the fields of a record that hold to its body; parts that are records are mappings too.

    For a schema of many fields of which few hold at a time. How the same set of fields is written is worked out once.
    TypeError when the schema has no such field, or when one without default is missing.
    """
    return _fields(schema, {})


def _fields(schema: Mapping[str, Any], named: dict[str, Write]) -> Write:
    writes = {field["name"]: _writer(field["type"], named, _fields) for field in schema["fields"]}
    absent = {
        field["name"]: writes[field["name"]](field["default"]) if field["default"] else _NOTHING
        for field in schema["fields"]
        if "default" in field
    }

    @lru_cache(maxsize=256)
    def planned(held: tuple[str, ...]) -> tuple[list[tuple[bytes, str, Write]], bytes]:
        """Each field that holds behind the bytes of those before it that do not; and the bytes behind the last one."""
        if unknown := set(held) - set(writes):
            raise TypeError(f"a `{schema['name']}` has no field `{min(unknown)}`")
        steps, before = [], b""
        for name, write_value in writes.items():
            if name in held:
                steps.append((before, name, write_value))
                before = b""
            elif name in absent:
                before += absent[name]
            else:
                raise TypeError(f"a `{schema['name']}` needs the field `{name}`")
        return steps, before

    def write(fields: Any) -> bytes:
        steps, after = planned(tuple(fields))
        return b"".join([before + write_value(fields[name]) for before, name, write_value in steps]) + after

    named[schema["name"]] = write
    return write


def _record(schema: Mapping[str, Any], named: dict[str, Write], recorded: Collection[str] = ()) -> Write:
    names = [field["name"] for field in schema["fields"]]
    writes = [
        _json_text if field["name"] in recorded else _writer(field["type"], named, _record)
        for field in schema["fields"]
    ]
    nothings: list[Any] = [_NOTHING if _may_be_absent(field["type"]) else None for field in schema["fields"]]
    values = itemgetter(*names) if len(names) > 1 else lambda fields: (fields[names[0]],)

    def write(record: Any) -> bytes:
        # None is always the first branch of its union, only unions hold None, and no union holds an array. Most fields of
        # most records are one or the other. Where nothing may be, nothing is written for it: joining ends in a TypeError.
        return b"".join([
            nothing if value is None or value is _EMPTY else write_value(value)
            for write_value, nothing, value in zip(writes, nothings, values(record.__dict__), strict=True)
        ])  # fmt: skip

    named[schema["name"]] = write
    return write


def _may_be_absent(schema: Any) -> bool:
    """Whether the first byte of nothing says so: null in a union, the end of an array or map."""
    return isinstance(schema, list) or (isinstance(schema, dict) and schema["type"] in {"array", "map"})


def _writer(
    schema: Any, named: dict[str, Write], record: Callable[[Mapping[str, Any], dict[str, Write]], Write]
) -> Write:
    match schema:
        case str() if schema in named:
            return named[schema]
        case str():
            return _PRIMITIVES[schema]
        case ["null", {"type": "array"}]:
            raise TypeError("an optional array would be written as an absent one when it is empty")
        case ["null", inner]:
            return _optional(_writer(inner, named, record))
        case {"type": "array", "items": items}:
            return _array(_writer(items, named, record))
        case {"type": "map", "values": values}:
            return _map(_writer(values, named, record))
        case {"type": "record"}:
            return record(schema, named)
        case _:
            raise TypeError("a schema has a type that no model uses")


def _optional(write: Write) -> Write:
    """Null, or the second branch of a union."""
    if write is _text:
        return _optional_text
    return lambda value: _NOTHING if value is None else b"\x02" + write(value)


def _array(write: Write) -> Write:
    def write_array(values: Any) -> bytes:
        if not values:
            return _NOTHING
        return b"".join([_long(len(values)), *[write(value) for value in values], _NOTHING])

    return write_array


def _map(write: Write) -> Write:
    def write_map(values: Any) -> bytes:
        if not values:
            return _NOTHING
        entries = [_text(key) + write(value) for key, value in sorted(values.items())]
        return b"".join([_long(len(values)), *entries, _NOTHING])

    return write_map


@lru_cache(
    maxsize=1 << 12, typed=True
)  # a transaction's records share their times, all records their small numbers
def _long(number: int) -> bytes:
    if not -_LONG <= number < _LONG:
        raise OverflowError("an integer has at most 64 bits")
    rest = (number << 1) ^ (number >> 63)
    out = bytearray()
    while rest > 0x7F:  # noqa: PLR2004  # seven bits a byte, the lowest first
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


_SIZES: Final = tuple(_long(size) for size in range(1 << 10))
"""How long nearly every text is, as it is written."""


def _bytes(value: bytes) -> bytes:
    size = len(value)
    return (_SIZES[size] if size < len(_SIZES) else _long(size)) + value


def _text(value: str) -> bytes:
    return _bytes(value.encode())


def _optional_text(value: str | None) -> bytes:
    return _NOTHING if value is None else b"\x02" + _bytes(value.encode())


def _boolean(value: object) -> bytes:
    return b"\x01" if value else b"\x00"


def _json_text(value: Any) -> bytes:
    text = canonical_json(value)
    parse_json(text)  # what no reader accepts must not be signed and sent
    return _bytes(text)


_EMPTY: Final[tuple[()]] = ()
_PRIMITIVES: Final[Mapping[str, Write]] = {
    "string": _text,
    "bytes": _bytes,
    "long": _long,
    "boolean": _boolean,
}
