"""The checked syntax tree of a CEL expression, read from the protobuf that the engine serialises.

Only the fields we look at, by hand: `cel.expr.CheckedExpr` of the CEL specification (proto/cel/expr/checked.proto and
syntax.proto), so that no protobuf runtime is needed. A node kind this module does not know becomes `Unknown`, which the
checks refuse.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal; `text` for strings, `truth` for booleans, None otherwise."""

    text: str | None = None
    truth: bool | None = None


@dataclass(frozen=True, slots=True)
class Name:
    """A bare name: the root `action`, a loop variable, or a type."""

    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """`operand.key`, or `has(operand.key)` when `test` is set."""

    operand: "Node"
    key: str
    test: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A function or an operator; a method's target is the first argument."""

    function: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list literal."""

    elements: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """What a macro such as `all` expands to."""

    variable: str
    over: "Node"
    start: "Node"
    condition: "Node"
    step: "Node"
    result: "Node"


@dataclass(frozen=True, slots=True)
class Unknown:
    """Syntax we do not know: map and message literals, and whatever a later engine adds."""


Shape = Constant | Name | Select | Call | ListOf | Loop | Unknown


@dataclass(frozen=True, slots=True)
class Node:
    """One node with its offset in the text, in characters."""

    shape: Shape
    offset: int


def parse(serialized: bytes) -> Node:
    """The tree of a serialised expression (`google.protobuf.Any` around `CheckedExpr`)."""
    checked = _fields(_one(_fields(serialized), 2))
    offsets = {}
    for entry in _fields(_one(checked, 5)).get(4, ()):
        pair = _fields(_bytes(entry))
        offsets[_number(pair, 1)] = _number(pair, 2)
    return _node(_one(checked, 4), offsets)


_Fields = dict[int, list[int | bytes]]


def _node(encoded: bytes, offsets: dict[int, int]) -> Node:
    fields = _fields(encoded)
    return Node(_shape(fields, offsets), offsets.get(_number(fields, 2), 0))


def _shape(fields: _Fields, offsets: dict[int, int]) -> Shape:
    for kind, read in _KINDS.items():
        if kind in fields:
            return read(_fields(_one(fields, kind)), offsets)
    return Unknown()


def _constant(inner: _Fields, _: dict[int, int]) -> Constant:
    if _STRING in inner:
        return Constant(text=_text(inner, _STRING))
    return Constant(truth=bool(_number(inner, _BOOL)) if _BOOL in inner else None)


def _name(inner: _Fields, _: dict[int, int]) -> Name:
    return Name(_text(inner, 1))


def _select(inner: _Fields, offsets: dict[int, int]) -> Select:
    return Select(_node(_one(inner, 1), offsets), _text(inner, 2), test=bool(_number(inner, 3)))


def _call(inner: _Fields, offsets: dict[int, int]) -> Call:
    return Call(_text(inner, 2), (*_nodes(inner, 1, offsets), *_nodes(inner, 3, offsets)))


def _list(inner: _Fields, offsets: dict[int, int]) -> ListOf:
    return ListOf(_nodes(inner, 1, offsets))


def _loop(inner: _Fields, offsets: dict[int, int]) -> Loop:
    over, start, condition, step, result = (_node(_one(inner, number), offsets) for number in (2, 4, 5, 6, 7))
    return Loop(_text(inner, 1), over, start, condition, step, result)


def _nodes(inner: _Fields, number: int, offsets: dict[int, int]) -> tuple[Node, ...]:
    return tuple(_node(_bytes(child), offsets) for child in inner.get(number, ()))


# The fields of `Expr` and of `Constant` that we look at.
_KINDS: dict[int, Callable[[_Fields, dict[int, int]], Shape]] = {
    3: _constant,
    4: _name,
    5: _select,
    6: _call,
    7: _list,
    9: _loop,
}
_BOOL, _STRING = 2, 6


def _fields(encoded: bytes) -> _Fields:
    """Field number -> its values, in order: numbers for wire types 0, 1 and 5, bytes for type 2."""
    found: _Fields = {}
    at = 0
    while at < len(encoded):
        key, at = _varint(encoded, at)
        value: int | bytes
        match key & 7:
            case 0:
                value, at = _varint(encoded, at)
            case 2:
                length, at = _varint(encoded, at)
                value, at = encoded[at : at + length], at + length
            case wire:
                width = {1: 8, 5: 4}[wire]
                value, at = int.from_bytes(encoded[at : at + width], "little"), at + width
        found.setdefault(key >> 3, []).append(value)
    return found


def _varint(encoded: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = encoded[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            return value, at


def _bytes(value: int | bytes) -> bytes:
    return value if isinstance(value, bytes) else b""


def _one(fields: _Fields, number: int) -> bytes:
    return _bytes(fields[number][-1]) if number in fields else b""


def _text(fields: _Fields, number: int) -> str:
    return _one(fields, number).decode()


def _number(fields: _Fields, number: int) -> int:
    value = fields.get(number, [0])[-1]
    return value if isinstance(value, int) else 0
