"""One loaded policy: its verdict on an action, and why."""

from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal

from .declared import held_to
from .effect import Effect
from .matching import (
    MISSING,
    CompiledRule,
    EngineStoppedError,
    Matches,
    RuleIndex,
    dotted,
    is_cut,
    value_at,
)
from .profiles import PROFILES, strictest
from .projection import FactPath, Projection
from .requirement import Requirement
from .rules import Case, PolicyFile, Rule
from .verdict import DEFAULT_GRANT_LIFE_MS, Denial, RuleError, Verdict

EVALUATOR = "*"
"""Stands for the rule in the error of an engine that failed as a whole."""

ENGINE_FAILED = "the evaluator failed"
"""The kind of error that denies the action, whatever the rule."""

_MOST_REMEMBERED = 1_024


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact a rule looks at; `value` is set only in explanations with raw values."""

    path: str
    state: Literal["present", "missing", "unreadable"]
    value: Any = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What became of one rule for one action."""

    rule: str
    effect: Effect
    state: Literal["matched", "not matched", "error"]
    missing: str | None
    facts: tuple[Fact, ...]


class Policy:
    """A policy that was loaded: immutable, pure, every condition checked and compiled.

    Attributes:
        name: as in the file.
        digest: SHA-256 of the file's bytes, 32 bytes.
        agents: exact agent ids and `prefix/*` patterns; empty: for agents that no other policy names.
        cases: the embedded tests.
        groups: every group that some rule asks, and the most people any rule asks from it.
        streams: the standing streams it names.
        masks: every masking profile that it names.
        profiles: those of them that are not built in; each must be published.
    """

    def __init__(self, file: PolicyFile, digest: bytes, index: RuleIndex) -> None:
        self.name = file.name
        self.digest = digest
        self.agents = file.agents
        self.cases: tuple[Case, ...] = file.cases
        self.groups = _asked(file)
        self.streams = file.streams
        self.masks = _masks(file)
        self.profiles = self.masks - set(PROFILES)
        self._default = file.default
        self._show = file.show
        self._types = file.types
        self._index = index
        self._verdicts: dict[tuple[str, tuple[str, ...]], Verdict] = {}

    def evaluate(self, projection: Projection) -> Verdict:
        """The verdict on an action. Total: an engine that fails is a denial, never an exception."""
        try:
            matches = self._index.match(self._typed(projection))
        except EngineStoppedError as stopped:
            return self._failed(projection, stopped.rule)
        except Exception:  # noqa: BLE001 - INVARIANT: whatever the engine does, the answer is no
            return self._failed(projection, EVALUATOR)
        if matches.erred:
            return self._verdict(matches, projection.action_type)
        return self._remembered(matches, projection.action_type)

    def _remembered(self, matches: Matches, action_type: str) -> Verdict:
        """The verdict of rules that all could be evaluated depends on nothing but them, so it is built once."""
        key = (action_type, tuple(rule.name for rule in matches.matched))
        verdict = self._verdicts.get(key)
        if verdict is None:
            if len(self._verdicts) >= _MOST_REMEMBERED:
                self._verdicts.clear()
            verdict = self._verdicts[key] = self._verdict(matches, action_type)
        return verdict

    def _typed(self, projection: Projection) -> Projection:
        return held_to(self._types.get(projection.action_type, {}), projection)

    def shown(self, action_type: str) -> tuple[str, ...]:
        """The argument paths of this action type that reviewers may see as they are."""
        return self._show.get(action_type, ())

    def explain(self, projection: Projection) -> tuple[Explanation, ...]:
        """What became of every rule for this action type, without any value of the action."""
        return self._explanations(self._typed(projection), raw=False)

    def explain_with_raw_values(self, projection: Projection) -> tuple[Explanation, ...]:
        """As `explain`, with the raw values of the facts: only for the terminal of someone who may see them."""
        return self._explanations(self._typed(projection), raw=True)

    def _verdict(self, matches: Matches, action_type: str) -> Verdict:
        """Combine the rules that matched with the ones that erred.

        INVARIANT: a rule that errs never weakens. It cannot lift the default, because only rules that certainly match
        do; its effect counts only upwards; its obligations always count.
        """
        erred = [rule for rule, _ in matches.erred]
        effect = self._effect(matches.matched, erred)
        counting = (*matches.matched, *erred)
        speaking = (*matches.matched, *(rule for rule in erred if rule.effect is not Effect.ALLOW))
        mask = strictest(None, *(rule.mask for rule in counting))
        return Verdict(
            effect=effect,
            rules=tuple(self._qualified(rule) for rule in matches.matched),
            errors=tuple(RuleError(self._qualified(rule), missing) for rule, missing in matches.erred),
            requirement=self._requirement(matches, mask) if effect is Effect.REVIEW else None,
            mask=mask,
            grant_life_ms=self._grant_life_ms(matches),
            show=self.shown(action_type),
            whys=tuple(dict.fromkeys(rule.why for rule in speaking if rule.why)),
            policies=(self.digest.hex(),),
            reason=self._reason(matches) if effect is Effect.DENY else None,
            denial=_denial(matches) if effect is Effect.DENY else None,
        )

    def _effect(self, matched: tuple[Rule, ...], erred: list[Rule]) -> Effect:
        default = Effect.REVIEW if self._default else Effect.DENY
        certain = max((rule.effect for rule in matched), default=default)
        return max([certain, *(rule.effect for rule in erred)])

    def _requirement(self, matches: Matches, mask: str | None) -> Requirement:
        """The strictest of every review that counts; the default's counts when nothing certainly matched."""
        rules = (*matches.matched, *(rule for rule, _ in matches.erred))
        needed = [rule.requirement for rule in rules if rule.requirement]
        if self._default and not matches.matched:
            needed.append(self._default.requirement)
        return reduce(Requirement.stricter, needed).masked(mask)

    def _grant_life_ms(self, matches: Matches) -> int:
        lives = [rule.grant_life_ms for rule in (*matches.matched, *(rule for rule, _ in matches.erred))]
        if not matches.matched:
            default = self._default.grant_life_ms if self._default else None
            lives.append(DEFAULT_GRANT_LIFE_MS if default is None else default)
        return min(lives)

    def _reason(self, matches: Matches) -> str:
        """Why the action is denied, in the words of `show`."""
        denying = [rule.name for rule in matches.matched if rule.effect is Effect.DENY]
        failing = [rule.name for rule, _ in matches.erred if rule.effect is Effect.DENY]
        parts = [f"rule `{self.name}/{name}` denies it" for name in denying]
        parts += [
            f"rule `{self.name}/{name}` could not be evaluated and counts as matching" for name in failing
        ]
        return "; ".join(parts) or f"no rule of policy `{self.name}` matches and its default is deny"

    def _failed(self, projection: Projection, rule: str) -> Verdict:
        return Verdict(
            Effect.DENY,
            errors=(RuleError(f"{self.name}/{rule}", ENGINE_FAILED),),
            show=self.shown(projection.action_type),
            policies=(self.digest.hex(),),
            reason=f"the evaluator failed on policy `{self.name}`",
            denial=Denial.ERROR,
        )

    def _qualified(self, rule: Rule) -> str:
        return f"{self.name}/{rule.name}"

    def _explanations(self, projection: Projection, *, raw: bool) -> tuple[Explanation, ...]:
        rules = self._index.rules_for(projection.action_type)
        return tuple(self._explanation(compiled, projection, raw=raw) for compiled in rules)

    def _explanation(self, compiled: CompiledRule, projection: Projection, *, raw: bool) -> Explanation:
        try:
            state = self._index.state_of(compiled, projection)
        except EngineStoppedError:
            state = ENGINE_FAILED
        return Explanation(
            rule=self._qualified(compiled.rule),
            effect=compiled.rule.effect,
            state="error" if isinstance(state, str) else "matched" if state else "not matched",
            missing=state if isinstance(state, str) else None,
            facts=tuple(_fact(path, projection, raw=raw) for path in compiled.looks_at),
        )


def _denial(matches: Matches) -> Denial:
    if any(rule.effect is Effect.DENY for rule in matches.matched):
        return Denial.RULE
    # Nothing matches for certain, and a rule that errs might have: with it the answer might have been another one.
    return Denial.ERROR if matches.erred else Denial.DEFAULT


def _asked(file: PolicyFile) -> dict[str, int]:
    groups: dict[str, int] = {}
    reviews = [rule.requirement for rule in file.rules] + [file.default.requirement if file.default else None]
    for requirement in reviews:
        for group, count in requirement.groups if requirement else ():
            groups[group] = max(count, groups.get(group, 0))
    return groups


def _masks(file: PolicyFile) -> frozenset[str]:
    named = (*(rule.mask for rule in file.rules), *(stream.mask for stream in file.streams))
    return frozenset(name for name in named if name is not None)


def _fact(path: FactPath, projection: Projection, *, raw: bool) -> Fact:
    if is_cut(path, projection):
        return Fact(dotted(path), "unreadable")
    value = value_at(path, projection.facts)
    if value is MISSING:
        return Fact(dotted(path), "missing")
    return Fact(dotted(path), "present", value if raw else None)
