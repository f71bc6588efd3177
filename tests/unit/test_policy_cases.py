"""Golden cases: each file in `tests/cases/policy` holds a policy, actions, and the verdicts they get."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from sluicegate.processors.policy import PolicySet, Verdict, load, project

FILES = sorted((Path(__file__).parents[1] / "cases" / "policy").glob("*.yaml"))


def cases() -> list[Any]:
    """Every case of every file, with the text of its policy."""
    read = {path: yaml.safe_load(path.read_text(encoding="utf-8")) for path in FILES}
    return [
        pytest.param(each["policy"], case, id=f"{path.stem}: {case['name']}")
        for path, each in read.items()
        for case in each["cases"]
    ]


def described(verdict: Verdict) -> dict[str, Any]:
    """A verdict in the words of the case files."""
    required = verdict.requirement
    return {
        "effect": verdict.effect.value,
        "rules": list(verdict.rules),
        "errors": {error.rule: error.missing for error in verdict.errors},
        "groups": dict(required.groups) if required else {},
        "quorum": required.quorum if required else 0,
        "within_ms": required.within_ms if required else 0,
        "reason_required": bool(required and required.reason_required),
        "mask": verdict.mask,
        "grant_life_ms": verdict.grant_life_ms,
        "show": list(verdict.show),
        "whys": list(verdict.whys),
        "reason": verdict.reason,
    }


def test_there_are_cases() -> None:
    """A moved folder must not look like success."""
    assert len(cases()) >= 14


@pytest.mark.parametrize(("policy", "case"), cases())
def test_an_action_gets_the_verdict_written_down_for_it(policy: str, case: dict[str, Any]) -> None:
    """What a case names of its verdict is exactly what the policy answers; errors are none unless named."""
    action = case["action"]
    projection = project(
        action["type"], case["agent"], action["arguments"], on_behalf_of=action.get("on_behalf_of")
    )
    found = described(PolicySet([load(policy)]).evaluate(case["agent"], projection))
    wanted = {"errors": {}, **case["verdict"]}
    assert {name: found[name] for name in wanted} == wanted
