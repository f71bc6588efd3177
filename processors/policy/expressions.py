"""What the policy asks of an expression language, so that the engine behind it can be replaced."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .projection import FactPath

DECLARABLE = ("string", "int", "bool", "number", "list", "map", "any")
"""Types that a policy may declare for an argument; `number` is a JSON number of either kind."""

ROOTS = ("type", "agent", "arguments", "on_behalf_of", "lane")
"""The facts directly below `action`."""


MISSING_KEY = "a missing key"
"""The kind of `Failed` that means: something the condition selects is not there."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a condition, at a line and column of its own text, both from 1."""

    line: int
    column: int
    problem: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What a condition looks at; both as paths below `action`.

    Attributes:
        reads: values it uses, whole, with everything below them.
        tests: places whose presence it tests with `has()`.
    """

    reads: frozenset[FactPath]
    tests: frozenset[FactPath]


@dataclass(frozen=True, slots=True)
class Failed:
    """An evaluation that ended in an error; `kind` is one of a few fixed phrases, never a value."""

    kind: str


Bound = Any
"""Facts in the form the engine wants them, made once per action by `Evaluator.bind`."""


class Condition(Protocol):
    """One condition, ready to run."""

    def holds(self, facts: Bound) -> bool | Failed:
        """Whether it holds; an error of the condition is `Failed`, one of the engine is raised."""
        ...


class Fused(Protocol):
    """Many conditions that cost one call."""

    def which_hold(self, facts: Bound) -> Sequence[int] | Failed:
        """Indexes of the conditions that hold, ascending; `Failed` when any of them erred."""
        ...


class Evaluator(Protocol):
    """An expression language. Pure: no clock, no I/O, bounded work per evaluation.

    Attributes:
        fused_limit: largest total length of conditions that one program may hold, in characters.
    """

    fused_limit: int

    def bind(self, facts: Mapping[str, Any]) -> Bound:
        """The facts of one action, for any number of conditions."""
        ...

    def check(self, condition: str) -> Checked | tuple[Fault, ...]:
        """What the condition looks at, or everything that is wrong with it."""
        ...

    def check_types(self, condition: str, arguments: Mapping[str, str]) -> tuple[Fault, ...]:
        """What is wrong with a checked condition when the arguments have these `DECLARABLE` types.

        Arguments that the condition tests with `has()` must be left out: they count as of any type.
        """
        ...

    def compile(self, condition: str) -> Condition:
        """A checked condition, ready to run."""
        ...

    def fuse(self, conditions: Sequence[str]) -> Fused:
        """Checked conditions as one program; the caller keeps their total length below `fused_limit`."""
        ...
