"""Which rules match an action: indexed by action type, one call into the evaluator when nothing errs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sluicegate.schemas.errors import SluicegateError

from .expressions import Checked, Condition, Evaluator, Failed, Fused
from .projection import FactPath, Projection
from .rules import Rule

MISSING: Final = object()
"""Stands for a fact that is not there; None is a value."""

_FUSING_COST = 20
"""Characters that fusing adds around one condition, generously."""


class EngineStoppedError(SluicegateError):
    """The engine raised while it evaluated `rule`; the caller must deny."""

    def __init__(self, rule: str) -> None:
        super().__init__(f"the evaluator stopped at rule `{rule}`; simplify its condition")
        self.rule = rule


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule with its condition ready to run, and what the condition looks at."""

    rule: Rule
    checked: Checked
    condition: Condition

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

    def matching(self, facts: Mapping[str, Any]) -> list[CompiledRule] | None:
        """The rules that hold, None when any of them erred."""
        found: list[CompiledRule] = []
        for first, program in self.programs:
            answer = program.which_hold(facts)
            if isinstance(answer, Failed):
                return None
            found.extend(self.rules[first + number] for number in answer)
        return found


class RuleIndex:
    """The rules of one policy, by action type."""

    def __init__(self, rules: Sequence[CompiledRule], evaluator: Evaluator) -> None:
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
        matched = None if projection.unreadable else _fused(group, projection.facts)
        return _one_by_one(group, projection) if matched is None else Matches(matched, ())


def state_of(compiled: CompiledRule, projection: Projection) -> bool | str:
    """Whether one rule matches, or what was missing."""
    if projection.unreadable and compiled.is_blind(projection.unreadable):
        return missing_fact(compiled.checked, projection) or "a value too large to read"
    try:
        answer = compiled.condition.holds(projection.facts)
    except Exception as error:
        raise EngineStoppedError(compiled.rule.name) from error
    if isinstance(answer, bool):
        return answer
    return missing_fact(compiled.checked, projection) or answer.kind


def missing_fact(checked: Checked, projection: Projection) -> str | None:
    """The first fact the condition looks at that is too large or missing, as `action.…`."""
    for path in sorted(checked.reads | checked.tests):
        if any(cut[: len(path)] == path[: len(cut)] for cut in projection.unreadable):
            return f"{dotted(path)} (too large or not readable)"
    for path in sorted(checked.reads):
        if value_at(path, projection.facts) is MISSING:
            return dotted(path)
    return None


def value_at(path: FactPath, facts: Any) -> Any:
    """The value at a path, `MISSING` when there is none."""
    for key in path:
        if not isinstance(facts, Mapping) or key not in facts:
            return MISSING
        facts = facts[key]
    return facts


def dotted(path: FactPath) -> str:
    """A path as conditions write it."""
    return ".".join(("action", *path))


def _fused(group: _Group, facts: Mapping[str, Any]) -> tuple[Rule, ...] | None:
    """The matching rules; None when a rule erred, or when rules together need more loop steps than one may take."""
    try:
        found = group.matching(facts)
    except RuntimeError:
        return None
    return None if found is None else tuple(compiled.rule for compiled in found)


def _one_by_one(group: _Group, projection: Projection) -> Matches:
    """The slow way, which can name the rule that erred."""
    states = [(compiled.rule, state_of(compiled, projection)) for compiled in group.rules]
    return Matches(
        matched=tuple(rule for rule, state in states if state is True),
        erred=tuple((rule, state) for rule, state in states if isinstance(state, str)),
    )


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
