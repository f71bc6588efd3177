"""The policy's answer to an action, and how the answers of several policies become one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import reduce
from typing import TypeVar

from .durations import MINUTE_MS
from .effect import Effect
from .profiles import strictest
from .requirement import Requirement
from .shown import shown_by_both

_T = TypeVar("_T")

DEFAULT_GRANT_LIFE_MS = 5 * MINUTE_MS
"""Life of a grant when no matching rule says less."""


class Denial(IntEnum):
    """What denies an action; where several do, the largest says most about it.

    `PROFILE` is for whoever knows which masking profiles are published: the policy asks for one that cannot be used.
    """

    NO_POLICY = 0
    DEFAULT = 1
    ERROR = 2
    RULE = 3
    PROFILE = 4


@dataclass(frozen=True, slots=True)
class RuleError:
    """A rule whose condition could not be evaluated.

    Attributes:
        rule: `policy/rule`.
        missing: the fact that was missing or too large, or the kind of error. Never a value of the action.
    """

    rule: str
    missing: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the policies in force say about one action.

    Attributes:
        effect: the strictest effect.
        rules: `policy/rule` of the rules whose condition holds, in the order of the files.
        errors: the rules that erred; each counted as matching where that made the answer stricter.
        requirement: who must decide; set exactly when the effect is `review`.
        mask: strictest masking profile of all rules that count; several joined by `+` while only the tables know which of
            them that is; None asks for none.
        grant_life_ms: shortest grant life of all rules that count, in milliseconds.
        show: argument paths that reviewers may see as they are.
        whys: the operators' sentences of the rules that count.
        policies: SHA-256 of the policies in force, lower-case hex.
        reason: why the action is denied; None for other effects.
        denial: the same as a code.
    """

    effect: Effect
    rules: tuple[str, ...] = ()
    errors: tuple[RuleError, ...] = ()
    requirement: Requirement | None = None
    mask: str | None = None
    grant_life_ms: int = DEFAULT_GRANT_LIFE_MS
    show: tuple[str, ...] = ()
    whys: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    reason: str | None = None
    denial: Denial | None = None


def merged(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict that is at least as strict as every one of these; of none at all it is a refusal."""
    if not verdicts:
        return Verdict(Effect.DENY, reason="no policy applies to this agent", denial=Denial.NO_POLICY)
    return reduce(_both, verdicts)


def _both(one: Verdict, two: Verdict) -> Verdict:
    """Associative, idempotent, and commutative but for the order in which rules and sentences are listed."""
    effect = max(one.effect, two.effect)
    mask = strictest(one.mask, two.mask)
    return Verdict(
        effect=effect,
        rules=_each_once((*one.rules, *two.rules)),
        errors=_each_once((*one.errors, *two.errors)),
        requirement=_requirement((one, two), mask) if effect is Effect.REVIEW else None,
        mask=mask,
        grant_life_ms=min(one.grant_life_ms, two.grant_life_ms),
        show=shown_by_both(one.show, two.show),
        whys=_each_once((*one.whys, *two.whys)),
        policies=_each_once((*one.policies, *two.policies)),
        reason=_reason(one, two),
        denial=max((v.denial for v in (one, two) if v.denial is not None), default=None),
    )


def _requirement(verdicts: Iterable[Verdict], mask: str | None) -> Requirement:
    needed = [verdict.requirement for verdict in verdicts if verdict.requirement]
    return reduce(Requirement.stricter, needed).masked(mask)


def _reason(one: Verdict, two: Verdict) -> str | None:
    return "; ".join(_each_once(tuple(v.reason for v in (one, two) if v.reason))) or None


def _each_once(things: tuple[_T, ...]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(things))
