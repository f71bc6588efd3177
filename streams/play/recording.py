"""Read recorded tool calls: JSON lines with at least `run`, `seq`, `tool` and `args`; other fields are kept."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sluicegate.schemas.canonical import parse_json
from sluicegate.schemas.errors import ConfigurationError, RecordError
from sluicegate.schemas.fields import JsonObject

MAX_LINE_BYTES = 4 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,99}", re.ASCII)
_DEFAULT_AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Call:
    """One recorded tool call. `fields` holds everything else the line had."""

    run: str
    seq: int
    tool: str
    agent: str
    arguments: JsonObject = field(repr=False)
    fields: Mapping[str, Any] = field(repr=False)

    @property
    def agent_id(self) -> str:
        """`<agent>/<run>`: every run is an agent of its own."""
        return f"{self.agent}/{self.run}"

    @property
    def action_id(self) -> str:
        """From run and seq, so the same recording played again asks for the same actions."""
        return f"{self.run}:{self.seq}"


def read_recording(path: Path) -> list[Call]:
    """All calls of a file, in file order; ConfigurationError names the line that is wrong, never what it holds."""
    try:
        with path.open("rb") as lines:
            calls = list(_calls(path.name, lines))
    except OSError as error:
        raise ConfigurationError(
            f"cannot read `{path}`: {(error.strerror or 'unknown error').lower()}"
        ) from None
    if not calls:
        raise ConfigurationError(f"`{path}` holds no tool calls; it needs one JSON object per line")
    return calls


def _calls(name: str, lines: Iterator[bytes]) -> Iterator[Call]:
    seen: set[tuple[str, int]] = set()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        call = _call(f"`{name}` line {number}", line)
        if (call.run, call.seq) in seen:
            raise ConfigurationError(f"`{name}` line {number}: this `run` and `seq` were there before")
        seen.add((call.run, call.seq))
        yield call


def _call(place: str, line: bytes) -> Call:
    if len(line) > MAX_LINE_BYTES:
        raise ConfigurationError(f"{place} is longer than {MAX_LINE_BYTES} bytes")
    try:
        value = parse_json(line)
    except RecordError as error:
        raise ConfigurationError(f"{place}: {error}") from None
    if not isinstance(value, dict):
        raise ConfigurationError(f"{place} is no JSON object")
    rest = {name: held for name, held in value.items() if name not in {"run", "seq", "tool", "args"}}
    return Call(
        run=_name(place, value, "run"),
        seq=_seq(place, value),
        tool=_name(place, value, "tool"),
        agent=_name(place, value, "agent", _DEFAULT_AGENT),
        arguments=_arguments(place, value),
        fields=rest,
    )


def _name(place: str, value: Mapping[str, Any], field_name: str, default: str | None = None) -> str:
    found = value.get(field_name, default)
    if not isinstance(found, str) or not _NAME.fullmatch(found):
        raise ConfigurationError(f"{place}: `{field_name}` must be a name of letters, digits and . _ : / @ -")
    return found


def _seq(place: str, value: Mapping[str, Any]) -> int:
    found = value.get("seq")
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise ConfigurationError(f"{place}: `seq` must be a whole number from 0")
    return found


def _arguments(place: str, value: Mapping[str, Any]) -> JsonObject:
    found = value.get("args")
    if not isinstance(found, dict):
        raise ConfigurationError(f"{place}: `args` must be a JSON object")
    return found
