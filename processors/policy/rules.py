"""A policy file after reading: plain values, nothing compiled yet."""

from dataclasses import dataclass, field
from typing import Any

from .effect import Effect
from .findings import Place
from .requirement import Requirement
from .standing_streams import Stream
from .verdict import DEFAULT_GRANT_LIFE_MS

ALWAYS = "true"
"""The condition of a rule without `when`."""


@dataclass(frozen=True, slots=True)
class Review:
    """A named or inline review: who must decide, and how long a grant lives afterwards."""

    requirement: Requirement
    grant_life_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition, what it leads to, and what it adds.

    Attributes:
        name: the rule's id in its file.
        types: action types it is for; empty means every type.
        condition: CEL text.
        effect: what a match leads to.
        requirement: set exactly when the effect is `review`.
        mask: masking profile it asks for.
        grant_life_ms: longest life of a grant it accepts, in milliseconds.
        why: the operator's sentence for people; may be empty.
        place: where the rule begins.
    """

    name: str
    types: tuple[str, ...]
    condition: str
    effect: Effect
    requirement: Requirement | None = None
    mask: str | None = None
    grant_life_ms: int = DEFAULT_GRANT_LIFE_MS
    why: str = ""
    place: Place = field(default=Place(1, 1), compare=False)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a test of the file wants; None does not look."""

    effect: Effect
    rules: frozenset[str] | None = None
    groups: tuple[tuple[str, int], ...] | None = None
    quorum: int | None = None
    mask: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One embedded test: an action and what is expected of it."""

    name: str
    action: dict[str, Any]
    expected: Expected
    place: Place = field(default=Place(1, 1), compare=False)


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """Everything one policy file says.

    Attributes:
        name: the policy's name; part of every rule id in a verdict.
        default: the review of an action that no rule matches, or None for deny.
        agents: exact agent ids and `prefix/*` patterns; empty: for agents that no other policy names.
        show: action type -> argument paths reviewers may see as they are.
        types: action type -> declared argument -> CEL type name.
        streams: the standing streams it names.
        rules: in the order of the file.
        cases: the embedded tests.
    """

    name: str
    default: Review | None
    agents: tuple[str, ...] = ()
    show: dict[str, tuple[str, ...]] = field(default_factory=dict)
    types: dict[str, dict[str, str]] = field(default_factory=dict)
    streams: tuple[Stream, ...] = ()
    rules: tuple[Rule, ...] = ()
    cases: tuple[Case, ...] = ()
