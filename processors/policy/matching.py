"""Which rules match an action: indexed by action type, one call into the evaluator when nothing errs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sluicegate.schemas.errors import SluicegateError

from .expressions import MISSING_KEY, Bound, Checked, Condition, Evaluator, Failed, Fused
from .projection import FactPath, Projection
from .rules import Rule

MISSING: Final = object()
"""Stands for a fact that is not there; None is a value."""

_MOST_REMEMBERED = 1_024
_FUSING_COST = 20
"""Characters that fusing adds around one condition, generously."""


class EngineStoppedError(SluicegateError):
    """The engine raised while it evaluated `rule`; the caller must deny."""

    def __init__(self, rule: str) -> None:
        super().__init__(f"the evaluator stopped at rule `{rule}`; simplify its condition")
        self.rule = rule


@dataclass(frozen=True, slots=True, eq=False)
class CompiledRule:
    """A rule with its condition ready to run; `looks_at` are the paths it reads or tests, sorted."""

    rule: Rule
    checked: Checked
    condition: Condition
    looks_at: tuple[FactPath, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Sort what the condition looks at, once."""
        object.__setattr__(self, "looks_at", tuple(sorted(self.checked.reads | self.checked.tests)))

    def is_blind(self, unreadable: Sequence[FactPath]) -> bool:
        """Whether it could miss that a value was left out of the projection.

        Selecting a value that was left out is an error by itself; testing it with `has()` or reading what is around
        it is not, so such a rule must not be evaluated.
        """
        return any(path in self.checked.tests for path in unreadable) or any(
            len(read) < len(path) and path[: len(read)] == read
            for path in unreadable
            for read in self.checked.reads
        )


@dataclass(frozen=True, slots=True)
class Matches:
    """The rules that match, and the ones that could not be evaluated with what was missing; in file order."""

    matched: tuple[Rule, ...]
    erred: tuple[tuple[Rule, str], ...]


@dataclass(frozen=True, slots=True)
class _Group:
    """The rules for one action type, fused into as few programs as the engine's limits allow."""

    rules: tuple[CompiledRule, ...]
    programs: tuple[tuple[int, Fused], ...]
    remembered: dict[tuple[int, ...], "Matches"] = field(default_factory=dict)

    def matching(self, facts: Bound) -> tuple[int, ...] | None:
        """The numbers of the rules that hold, None when any of them erred."""
        found: list[int] = []
        for first, program in self.programs:
            answer = program.which_hold(facts)
            if isinstance(answer, Failed):
                return None
            found += [first + number for number in answer] if first else answer
        return tuple(found)

    def matches(self, numbers: tuple[int, ...]) -> "Matches":
        """These rules and no error; the same object for the same rules."""
        matches = self.remembered.get(numbers)
        if matches is None:
            if len(self.remembered) >= _MOST_REMEMBERED:
                self.remembered.clear()
            matches = Matches(tuple(self.rules[number].rule for number in numbers), ())
            self.remembered[numbers] = matches
        return matches


class RuleIndex:
    """The rules of one policy, by action type."""

    def __init__(self, rules: Sequence[CompiledRule], evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        types = {name for compiled in rules for name in compiled.rule.types}
        self._groups = {
            name: _group([r for r in rules if not r.rule.types or name in r.rule.types], evaluator)
            for name in types
        }
        self._rest = _group([r for r in rules if not r.rule.types], evaluator)

    def rules_for(self, action_type: str) -> tuple[CompiledRule, ...]:
        """The rules an action of this type meets, in file order."""
        return self._groups.get(action_type, self._rest).rules

    def match(self, projection: Projection) -> Matches:
        """Which rules match. An exception of the engine passes through: the caller must deny."""
        group = self._groups.get(projection.action_type, self._rest)
        facts = self._evaluator.bind(projection.facts)
        holding = _holding(group, facts)
        if holding is None:
            return _one_by_one(group, projection, facts)
        if not projection.unreadable:
            return group.matches(holding)
        blind = [compiled for compiled in group.rules if compiled.is_blind(projection.unreadable)]
        return Matches(
            matched=tuple(
                compiled.rule for compiled in (group.rules[n] for n in holding) if compiled not in blind
            ),
            erred=tuple(
                (compiled.rule, missing_fact(compiled, projection, MISSING_KEY)) for compiled in blind
            ),
        )

    def state_of(self, compiled: CompiledRule, projection: Projection) -> bool | str:
        """Whether one rule matches, or what was missing."""
        return _state_of(compiled, projection, self._evaluator.bind(projection.facts))


def missing_fact(compiled: CompiledRule, projection: Projection, kind: str) -> str:
    """What a rule that erred lacked: the first fact that is too large or missing, else the kind of error."""
    for path in compiled.looks_at:
        if is_cut(path, projection):
            return f"{dotted(path)} (too large, or not of the declared type)"
    if kind == MISSING_KEY:
        for path in compiled.looks_at:
            if value_at(path, projection.facts) is MISSING and path in compiled.checked.reads:
                return dotted(path)
    return f"{kind} in {', '.join(dotted(path) for path in compiled.looks_at) or 'the condition'}"


def is_cut(path: FactPath, projection: Projection) -> bool:
    """Whether the value at a path, or something above or below it, was left out of the projection."""
    return any(cut[: len(path)] == path[: len(cut)] for cut in projection.unreadable)


def value_at(path: FactPath, facts: Any) -> Any:
    """The value at a path, `MISSING` when there is none."""
    for key in path:
        if not isinstance(facts, dict) or key not in facts:
            return MISSING
        facts = facts[key]
    return facts


def dotted(path: FactPath) -> str:
    """A path as conditions write it."""
    return ".".join(("action", *path))


def _holding(group: _Group, facts: Bound) -> tuple[int, ...] | None:
    """The numbers of the rules that hold; None when one erred, or when all together need more loop steps than one may take."""
    try:
        return group.matching(facts)
    except RuntimeError:
        return None


def _one_by_one(group: _Group, projection: Projection, facts: Bound) -> Matches:
    """The slow way, which can name the rule that erred."""
    states = [(compiled.rule, _state_of(compiled, projection, facts)) for compiled in group.rules]
    return Matches(
        matched=tuple(rule for rule, state in states if state is True),
        erred=tuple((rule, state) for rule, state in states if isinstance(state, str)),
    )


def _state_of(compiled: CompiledRule, projection: Projection, facts: Bound) -> bool | str:
    if projection.unreadable and compiled.is_blind(projection.unreadable):
        return missing_fact(compiled, projection, MISSING_KEY)
    try:
        answer = compiled.condition.holds(facts)
    except Exception as error:
        raise EngineStoppedError(compiled.rule.name) from error
    return answer if isinstance(answer, bool) else missing_fact(compiled, projection, answer.kind)


def _group(rules: Sequence[CompiledRule], evaluator: Evaluator) -> _Group:
    return _Group(tuple(rules), tuple(_programs(rules, evaluator)))


def _programs(rules: Sequence[CompiledRule], evaluator: Evaluator) -> Iterator[tuple[int, Fused]]:
    """Fused programs with the index of their first rule, none longer than the engine takes."""
    first, length = 0, 0
    for number, compiled in enumerate(rules):
        cost = len(compiled.rule.condition) + _FUSING_COST
        if length and length + cost > evaluator.fused_limit:
            yield first, evaluator.fuse([r.rule.condition for r in rules[first:number]])
            first, length = number, 0
        length += cost
    if rules:
        yield first, evaluator.fuse([r.rule.condition for r in rules[first:]])
