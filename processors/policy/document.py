"""A policy file as YAML nodes that know their place: one document, no anchors, no tags, no surprises.

Only JSON's scalars have a meaning (`true`, `null`, numbers); everything else, `yes` and dates included, is text.
"""

import re
from typing import Any, NoReturn

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from sluicegate.schemas.errors import PolicyError

from .findings import Findings, Place

MAX_BYTES = 1_048_576
"""Largest policy file, in bytes of UTF-8."""

_START = Place(1, 1)
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map")}


class _Loader(yaml.SafeLoader):
    """SafeLoader that keeps every scalar as text and refuses what could make a small file large."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 - the name is PyYAML's

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        """Compose one node; an anchor, an alias or a tag ends the reading."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "anchor", None) is not None:
            _stop("anchors and aliases are not accepted; write the value out", event.start_mark)
        node = super().compose_node(parent, index)
        if node is not None and node.tag not in _PLAIN_TAGS:
            _stop("tags are not accepted; remove it", node.start_mark)
        return node


def _stop(problem: str, mark: yaml.Mark) -> NoReturn:
    raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def encode(text: str, source: str) -> bytes:
    """The bytes of a policy file; text that is too large or no Unicode is a `PolicyError`."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError as error:
        raise PolicyError(f"{source}:1:1: not Unicode text; save the file as UTF-8") from error
    if len(encoded) > MAX_BYTES:
        raise PolicyError(f"{source}:1:1: larger than {MAX_BYTES:,} bytes; split the policy")
    return encoded


def compose(text: str, findings: Findings) -> Node:
    """The file's root node; text that is no YAML is refused at once, with what was found so far."""
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else _START
        findings.refuse_for(place, _advised(error.problem or "not YAML"))
    except (yaml.YAMLError, RecursionError, ValueError):
        findings.refuse_for(_START, "not a YAML document; look for control characters or deep nesting")
    if root is None:
        findings.refuse_for(_START, "the file is empty; write `version`, `name`, `default` and `rules`")
    _check_keys(root, findings)
    return root


def _advised(problem: str) -> str:
    return problem if ";" in problem else f"{problem}; correct the YAML here"


def _check_keys(root: Node, findings: Findings) -> None:
    """Every key is text, no map has the same key twice, and all text is made of characters."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ScalarNode):
            _check_text(node, findings)
        elif isinstance(node, SequenceNode):
            waiting.extend(node.value)
        elif isinstance(node, MappingNode):
            keys = [key for key, _ in node.value]
            waiting.extend(value for _, value in node.value)
            seen: set[str] = set()
            for key in keys:
                if not isinstance(key, ScalarNode):
                    findings.add(place_of(key), "", "a key must be text; write a plain word before the colon")
                elif not _check_text(key, findings):
                    continue
                elif key.value in seen:
                    findings.add(place_of(key), "", f"`{key.value}` is there twice; remove one of them")
                else:
                    seen.add(key.value)


def _check_text(node: ScalarNode, findings: Findings) -> bool:
    r"""Whether text is Unicode: YAML lets `"\ud800"` name half a character, which no record and no engine takes."""
    try:
        str(node.value).encode()
    except UnicodeEncodeError:
        findings.add(
            place_of(node), "", "not a character; `\\ud800` to `\\udfff` stand for none, write it out"
        )
        return False
    return True


def place_of(node: Node) -> Place:
    """Where a node begins."""
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def place_within(node: ScalarNode, line: int, column: int, text: str) -> Place:
    """Where in the file a line and column of a scalar's value are; the scalar's start when it was folded."""
    start = place_of(node)
    if node.style == "|":
        lines = text.splitlines()
        first = next((n for n in range(start.line, len(lines)) if lines[n].strip()), start.line)
        indent = len(lines[first]) - len(lines[first].lstrip(" ")) if first < len(lines) else 0
        return Place(start.line + line, indent + column)
    if node.style != ">" and node.start_mark.line == node.end_mark.line:
        return Place(start.line, start.column + column - (0 if node.style in ("'", '"') else 1))
    return start


def plain(node: Node) -> Any:
    """The node as recorded JSON would hold it."""
    if isinstance(node, MappingNode):
        return {key.value: plain(value) for key, value in node.value}
    if isinstance(node, SequenceNode):
        return [plain(element) for element in node.value]
    return _scalar(node) if isinstance(node, ScalarNode) else None


def _scalar(node: ScalarNode) -> Any:
    written = str(node.value)
    if node.style is not None:
        return written
    if written in _WORDS:
        return _WORDS[written]
    number = _NUMBER.fullmatch(written)
    if not number:
        return None if written == "" else written
    return float(written) if number[2] or number[3] else int(written)
