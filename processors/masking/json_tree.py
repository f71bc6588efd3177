"""JSON with the place of every value, so that masking can replace some and leave every other byte as it is."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sluicegate.schemas.canonical import parse_json
from sluicegate.schemas.errors import RecordError

_TOKEN: Final = re.compile(r'[ \t\n\r]*("[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^ \t\n\r{}\[\],:"]+)')


@dataclass(frozen=True, slots=True)
class Scalar:
    """A string (`value` decoded), a number (`value` as written), or `true`, `false`, `null` (`value` None)."""

    start: int
    end: int
    value: str | None
    quoted: bool


@dataclass(frozen=True, slots=True)
class Object:
    """An object: its keys and what is there, in the order of the text."""

    start: int
    end: int
    members: tuple[tuple[Scalar, "Node"], ...]


@dataclass(frozen=True, slots=True)
class Array:
    """An array."""

    start: int
    end: int
    elements: tuple["Node", ...]


Node = Scalar | Object | Array


@dataclass(frozen=True, slots=True)
class Edit:
    """New text for a place."""

    start: int
    end: int
    text: str


def read(text: str) -> Node:
    """The tree of a JSON text; `RecordError` for all that strict JSON refuses."""
    parse_json(text.encode())
    return _Reader(text).node()


def within_text(text: str) -> Object | Array | None:
    """The JSON object or array that a text is, if it is one."""
    if text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        node = read(text)
    except RecordError:
        return None
    return node if isinstance(node, Object | Array) else None


def quoted(text: str) -> str:
    """A string as JSON."""
    return json.dumps(text, ensure_ascii=False)


def edited(text: str, edits: Iterable[Edit]) -> str:
    """The text with these edits, which come in order and do not overlap."""
    pieces, at = [], 0
    for edit in edits:
        pieces += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*pieces, text[at:]])


class _Reader:
    """INVARIANT: the text has passed the strict parser, so nothing is checked a second time."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _TOKEN.finditer(text)

    def node(self) -> Node:
        return self._from(next(self._tokens))

    def _from(self, token: re.Match[str]) -> Node:
        match token[1]:
            case "{":
                return self._object(token.start(1))
            case "[":
                return self._array(token.start(1))
            case _:
                return _scalar(token)

    def _object(self, start: int) -> Object:
        members: list[tuple[Scalar, Node]] = []
        for token in self._tokens:
            if token[1] == "}":
                return Object(start, token.end(1), tuple(members))
            if token[1] != ",":
                next(self._tokens)
                members.append((_scalar(token), self.node()))
        raise AssertionError("an object without an end passed the parser")

    def _array(self, start: int) -> Array:
        elements: list[Node] = []
        for token in self._tokens:
            if token[1] == "]":
                return Array(start, token.end(1), tuple(elements))
            if token[1] != ",":
                elements.append(self._from(token))
        raise AssertionError("an array without an end passed the parser")


def _scalar(token: re.Match[str]) -> Scalar:
    written = token[1]
    if written[0] == '"':
        value = json.loads(written) if "\\" in written else written[1:-1]
        return Scalar(token.start(1), token.end(1), value, quoted=True)
    value = None if written in {"true", "false", "null"} else written
    return Scalar(token.start(1), token.end(1), value, quoted=False)
