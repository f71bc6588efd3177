"""Run the tests that a policy file carries."""

from collections.abc import Iterator
from dataclasses import dataclass

from .findings import Place
from .policy import Policy
from .projection import Projection, project
from .rules import Case
from .verdict import Verdict


@dataclass(frozen=True, slots=True)
class CaseFailure:
    """A test of a policy that did not get what it expects; both sides in words, without values of the action."""

    case: str
    expected: str
    got: str
    place: Place

    def __str__(self) -> str:
        """The failure as one sentence."""
        return f"expected {self.expected}, got {self.got}"


def run_tests(policy: Policy) -> list[CaseFailure]:
    """Every embedded test that fails, in the order of the file; each difference is one failure."""
    return [failure for case in policy.cases for failure in _failures(policy, case)]


def _failures(policy: Policy, case: Case) -> Iterator[CaseFailure]:
    verdict = policy.evaluate(_projection(case))
    for expected, got in _differences(policy.name, case, verdict):
        yield CaseFailure(case.name, expected, got, case.place)


def _projection(case: Case) -> Projection:
    action = case.action
    return project(
        str(action.get("type", "")),
        action.get("agent"),
        action.get("arguments"),
        on_behalf_of=action.get("on_behalf_of"),
        lane=action.get("lane"),
    )


def _differences(policy: str, case: Case, verdict: Verdict) -> Iterator[tuple[str, str]]:
    wanted = case.expected
    if verdict.effect is not wanted.effect:
        yield f"effect `{wanted.effect}`", f"`{verdict.effect}`{_because(verdict)}"
    rules = {rule.removeprefix(f"{policy}/") for rule in verdict.rules}
    if wanted.rules is not None and rules != wanted.rules:
        yield f"rules {_listed(wanted.rules)}", f"{_listed(rules)}{_because(verdict)}"
    required = verdict.requirement
    if wanted.groups is not None and wanted.groups != (required.groups if required else ()):
        yield f"groups {_counted(wanted.groups)}", _counted(required.groups if required else ())
    if wanted.quorum is not None and wanted.quorum != (required.quorum if required else 0):
        yield f"quorum {wanted.quorum}", str(required.quorum if required else 0)
    if wanted.mask is not None and wanted.mask != verdict.mask:
        yield f"mask `{wanted.mask}`", f"`{verdict.mask}`"


def _because(verdict: Verdict) -> str:
    said = [f"rule `{error.rule}`: {error.missing}" for error in verdict.errors]
    return f" ({'; '.join(said)})" if said else ""


def _listed(names: frozenset[str] | set[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names)) or "none"


def _counted(groups: tuple[tuple[str, int], ...]) -> str:
    return ", ".join(f"`{name}` {count}" for name, count in groups) or "none"
