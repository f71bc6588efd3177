"""README.md as a test reads it: fenced blocks and tables."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""Where the tests lie: the checkout, or what `make check` copies of it beside the wheel."""
TREE = Path(os.environ.get("SLUICEGATE_TREE", ROOT))
"""The checkout."""

_FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# ([a-z_]+\.(?:py|yaml))\n")
_STATUS = re.compile(r"\s+# exit status (\d+)$")


@dataclass(frozen=True, slots=True)
class Command:
    """One typed line, the exit status it must have, and the lines that it is said to print."""

    text: str
    status: int
    shown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the words after it, its text and where it begins."""

    language: str
    words: tuple[str, ...]
    text: str
    line: int

    @property
    def file_name(self) -> str | None:
        """The file that a first line `# name.py` says it is."""
        found = _FILE.match(self.text)
        return found[1] if found else None

    def commands(self) -> Iterator[Command]:
        """What a console block types: lines after `$ `, each with what follows it."""
        before, *typed = re.split(r"^\$ ", self.text, flags=re.MULTILINE)
        assert not before.strip(), f"README.md line {self.line}: output before the first command"
        for part in typed:
            text, *shown = part.rstrip("\n").split("\n")
            status = _STATUS.search(text)
            lines = tuple(line for line in shown if line.strip("… "))
            yield Command(_STATUS.sub("", text), int(status[1]) if status else 0, lines)


def readme() -> str:
    """The text of README.md."""
    return (ROOT / "README.md").read_text(encoding="utf-8")


def blocks() -> list[Block]:
    """Every fenced block of README.md, in order."""
    found, text = [], readme()
    for match in _FENCE.finditer(text):
        language, *words = match["info"].split() or [""]
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(language, tuple(words), match["text"], line))
    return found


def rows(*columns: str) -> list[tuple[str, ...]]:
    """The rows of the table of README.md with exactly these columns, without backticks and bold marks."""
    text, head = readme(), "| " + " | ".join(columns) + " |\n"
    assert text.count(head) == 1, f"README.md needs exactly one table with the columns {columns}"
    lines = text.split(head)[1].split("\n\n")[0].splitlines()[1:]
    return [
        tuple(re.sub(r"[`*]", "", cell).strip() for cell in line.strip("| ").split(" | ")) for line in lines
    ]


def missing(shown: tuple[str, ...], output: str) -> list[str]:
    """The shown lines that the output has not; `…` stands for anything, runs of spaces count as one."""
    lines = [" ".join(line.split()) for line in output.splitlines()]
    return [line for line in shown if not any(_pattern(line).search(seen) for seen in lines)]


def _pattern(line: str) -> re.Pattern[str]:
    parts = (re.escape(" ".join(part.split())) for part in line.split("…"))
    return re.compile(r"\s?.*\s?".join(parts))
