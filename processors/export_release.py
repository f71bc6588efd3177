"""The action `export.release`: masking asks people whether a batch that it holds may leave all the same.

Its arguments are the masking report. Who is behind it follows from what it would release: they are named in a record that only
masking can sign, so gate and executor both exclude the people behind the original action, or the owners of the pipeline.
"""

from dataclasses import dataclass
from typing import Any, Final

from sluicegate.schemas.action import Action

EXPORT_RELEASE: Final = "export.release"
"""The action type."""
RELEASER: Final = "masking"
"""The executor it goes to: masking itself, which holds the batch."""
SHOWN: Final = (
    "profile",
    "reasons",
    "masked",
    "reported",
    "rows",
    "looked_at",
    "objected",
    "residual_per_1000",
    "held_digest",
    "of.agent",
    "of.action_id",
    "of.stream",
    "of.pipeline",
    "of.batch",
)
"""Paths of the report that hold codes, counts, digests and ids: reviewers see them as they are. Columns and sample are masked."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an `export.release` would release: the result of an agent's action, or a slice of a pipeline's stream.

    `persons` were behind it when it began. With neither agent nor pipeline nobody can say who is behind it.
    """

    agent: str | None = None
    pipeline: str | None = None
    persons: tuple[str, ...] = ()


def exported_by(action: Action) -> Exported | None:
    """What an action would release; None for any other action. Whether its agent may ask so is for the directory to say."""
    if action.type != EXPORT_RELEASE:
        return None
    of = action.arguments.get("of")
    if not isinstance(of, dict):
        return Exported()
    agent, pipeline, persons = of.get("agent"), of.get("pipeline"), of.get("persons", [])
    if not isinstance(persons, list) or not all(isinstance(person, str) for person in persons):
        return Exported()
    one = _text(agent), _text(pipeline)
    return Exported(*one, tuple(map(str, persons))) if one.count(None) == 1 else Exported()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
