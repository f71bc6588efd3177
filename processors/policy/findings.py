"""Collect everything that is wrong with a policy file, then refuse it once."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import NoReturn

from sluicegate.schemas.errors import PolicyError

MAX_FINDINGS = 100
"""Findings that one refusal lists."""


MAX_FINDING = 500
"""Characters of one finding; it is one line, whatever the file holds."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where in the file, both counted from 1."""

    line: int
    column: int


@dataclass(slots=True)
class Findings:
    """What is wrong with one file, in the order of its lines."""

    source: str
    _found: set[tuple[Place, str]] = field(default_factory=set)

    def add(self, place: Place, subject: str, problem: str) -> None:
        """Note a problem; `subject` names the rule, review or test (with its kind), or is empty."""
        said = f"{subject}: {problem}" if subject else problem
        self._found.add((place, " ".join(said.split())[:MAX_FINDING]))

    def refuse_for(self, place: Place, problem: str) -> NoReturn:
        """Note a problem after which nothing more can be read, and refuse."""
        self.add(place, "", problem)
        raise PolicyError("\n".join(self._lines()))

    def refuse(self) -> None:
        """Raise `PolicyError` with one line per finding, when there is any."""
        if self._found:
            raise PolicyError("\n".join(self._lines()))

    def _lines(self) -> list[str]:
        lines = [f"{self.source}:{at.line}:{at.column}: {text}" for at, text in sorted(self._found)]
        if len(lines) > MAX_FINDINGS:
            lines[MAX_FINDINGS:] = [
                f"{self.source}: {len(lines) - MAX_FINDINGS} more findings; correct these first"
            ]
        return lines


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """What to do about an unknown name: the nearest known one, else `otherwise`."""
    near = get_close_matches(name, list(known), n=1)
    return f"did you mean `{near[0]}`?" if near else otherwise
