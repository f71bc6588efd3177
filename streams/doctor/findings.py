"""What the doctor says: one finding per question."""

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """Works, and somebody should look."""
    FAIL = "fail"
    """A promise is not kept, or something does not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer. `todo` is empty when there is nothing to do."""

    about: str
    grade: Grade
    said: str
    todo: str = ""


def ok(about: str, said: str) -> Finding:
    """All is well."""
    return Finding(about, Grade.OK, said)


def warn(about: str, said: str, todo: str) -> Finding:
    """Look at it."""
    return Finding(about, Grade.WARN, said, todo)


def fail(about: str, said: str, todo: str) -> Finding:
    """Put it right."""
    return Finding(about, Grade.FAIL, said, todo)
