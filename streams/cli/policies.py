"""`policy`: check, test, explain and publish policy files."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from sluicegate.processors.export_release import EXPORT_RELEASE
from sluicegate.processors.policy import Effect, Explanation, Policy, Projection, Verdict, load, project
from sluicegate.schemas.canonical import parse_json
from sluicegate.schemas.document import DocumentKind, PolicyText
from sluicegate.schemas.errors import ConfigurationError, RecordError

from .failures import Commands, reason_of
from .invocation import invocation
from .operators import operator_of
from .options import AsJson, PolicyFile
from .screen import clean, fields, note, print_json, rows, span

app = typer.Typer(name="policy", cls=Commands, no_args_is_help=True)


@app.callback()
def policy() -> None:
    """Check, test, explain and publish policies."""


@app.command()
def check(ctx: typer.Context, file: PolicyFile = None, *, as_json: AsJson = False) -> None:
    """Read, compile and test a policy as a gate would; every finding names file, line, column and rule.

    Exit status 1 when it does not load.

    Example: sluicegate policy check policy.yaml
    """
    loaded = _load(_chosen(ctx, file))
    unreviewed = _releasing_without_people(loaded)
    if as_json:
        print_json(
            {
                "policy": loaded.name,
                "digest": loaded.digest.hex(),
                "tests": len(loaded.cases),
                "streams": [
                    {"id": one.id, "from": list(one.pipelines), "mask": one.mask} for one in loaded.streams
                ],
                "profiles": sorted(loaded.profiles),
                "releasing_without_people": list(unreviewed),
            }
        )
        return
    note(f"`{loaded.name}` loads; {len(loaded.cases)} tests pass; digest {loaded.digest.hex()[:16]}")
    for one in loaded.streams:
        note(f"stream `{one.id}`: {', '.join(one.pipelines)} may feed it, masked by `{one.mask}`")
    for profile in sorted(loaded.profiles):
        note(f"careful: profile `{profile}` is not built in; until it is published, what needs it is denied")
    for rule in unreviewed:
        note(
            f"careful: rule `{rule}` can allow `{EXPORT_RELEASE}` without people; masking then releases nothing: write `effect: review`"
        )


@app.command("test")
def run_tests(ctx: typer.Context, file: PolicyFile = None, *, as_json: AsJson = False) -> None:
    """Run the tests that the file carries. A policy with a failing test does not load, here or in a gate.

    Example: sluicegate policy test policy.yaml
    """
    loaded = _load(_chosen(ctx, file))
    if not loaded.cases:
        raise ConfigurationError(f"`{loaded.name}` carries no tests: add some below `tests`")
    if as_json:
        print_json({"policy": loaded.name, "passed": [case.name for case in loaded.cases]})
    else:
        rows(("test", "line", ""), [(case.name, str(case.place.line), "passed") for case in loaded.cases])


@app.command()
def explain(
    ctx: typer.Context,
    file: PolicyFile,
    action: Annotated[
        str, typer.Argument(metavar="ACTION.json", help="`type`, `agent`, `arguments`; - for stdin.")
    ],
    *,
    values: Annotated[
        bool, typer.Option("--values", help="Print the raw values of the facts that rules look at.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the verdict on an action and what became of every rule.

    Example: echo '{"type": "crm.delete", "arguments": {"records": 3}}' | sluicegate policy explain policy.yaml -
    """
    loaded, facts = _load(_chosen(ctx, file)), _projection(action)
    verdict = loaded.evaluate(facts)
    rules = loaded.explain_with_raw_values(facts) if values else loaded.explain(facts)
    if as_json:
        print_json({"verdict": _verdict(verdict), "rules": [_explanation(rule) for rule in rules]})
        return
    fields(_verdict_in_words(verdict))
    rows(
        ("rule", "effect", "", "looks at"),
        [
            (rule.rule, rule.effect.value, rule.missing or rule.state, _looks_at(rule, raw=values))
            for rule in rules
        ],
    )


@app.command()
def publish(ctx: typer.Context, file: PolicyFile = None, *, as_json: AsJson = False) -> None:
    """Sign a policy and put it in force; one that does not load is refused before anything is written.

    Gates use it from their next transaction on; requests that wait keep the stricter of old and new.

    Example: sluicegate policy publish policy.yaml
    """
    chosen = _chosen(ctx, file)
    text = _read(chosen)
    loaded = load(text, source=str(chosen))
    with operator_of(invocation(ctx)) as operator:
        before = operator.current(DocumentKind.POLICY, loaded.name)
        version = operator.publish_policy(loaded.name, text)
        missing = sorted(loaded.profiles - operator.tables.profiles.keys())
    is_new = before != PolicyText(text=text)
    if as_json:
        print_json(
            {
                "policy": loaded.name,
                "version": version,
                "digest": loaded.digest.hex(),
                "published": is_new,
                "missing_profiles": missing,
            }
        )
        return
    note(
        f"`{loaded.name}` version {version} {'is published' if is_new else 'is in force already; unchanged'}"
    )
    for profile in missing:
        note(
            f"careful: what needs profile `{profile}` is denied until `sluicegate profile publish` has put it in force"
        )


def _releasing_without_people(policy: Policy) -> tuple[str, ...]:
    """The rules that may let what masking holds leave although nobody has decided."""
    rules = policy.explain(project(EXPORT_RELEASE, None, {}))
    return tuple(rule.rule for rule in rules if rule.effect is Effect.ALLOW)


def _chosen(ctx: typer.Context, file: Path | None) -> Path:
    return file or invocation(ctx).settings.policy


def _load(file: Path) -> Policy:
    return load(_read(file), source=str(file))


def _read(file: Path) -> str:
    try:
        # Exactly the file's bytes count: no translation of line ends.
        return file.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError(f"`{file}` is not UTF-8") from None
    except OSError as error:
        raise ConfigurationError(f"`{file}` cannot be read: {reason_of(error)}") from None


def _projection(action: str) -> Projection:
    try:
        text = sys.stdin.buffer.read() if action == "-" else Path(action).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"`{action}` cannot be read: {reason_of(error)}") from None
    said = parse_json(text)
    if not isinstance(said, dict) or not isinstance(said.get("type"), str):
        raise RecordError("an action is a JSON object with at least `type`; see the example in --help")
    arguments = said.get("arguments", {})
    if not isinstance(arguments, dict):
        raise RecordError("`arguments` must be a JSON object")
    agent = said.get("agent")
    return project(said["type"], agent if isinstance(agent, str) else None, arguments)


def _verdict(verdict: Verdict) -> dict[str, Any]:
    required = verdict.requirement
    return {
        "effect": verdict.effect.value,
        "rules": list(verdict.rules),
        "errors": [{"rule": error.rule, "missing": error.missing} for error in verdict.errors],
        "groups": dict(required.groups) if required else {},
        "quorum": required.quorum if required else 0,
        "within_ms": required.within_ms if required else None,
        "reason_required": required.reason_required if required else False,
        "mask": verdict.mask,
        "whys": list(verdict.whys),
        "reason": verdict.reason,
    }


def _verdict_in_words(verdict: Verdict) -> dict[str, str]:
    required = verdict.requirement
    said = {
        "verdict": verdict.effect.value,
        "because": verdict.reason or ", ".join(verdict.rules) or "the default",
    }
    if required:
        groups = ", ".join(f"{count} of {name}" for name, count in required.groups) or "anybody"
        said["needed"] = f"{groups}; {required.quorum} people, within {span(required.within_ms)}"
        said["a reason"] = "is required" if required.reason_required else "may be left out"
    for number, why in enumerate(verdict.whys, start=1):
        said["why" if number == 1 else f"why {number}"] = clean(why)
    return said


def _explanation(rule: Explanation) -> dict[str, Any]:
    facts = [
        {"path": fact.path, "state": fact.state, **({} if fact.value is None else {"value": fact.value})}
        for fact in rule.facts
    ]
    return {
        "rule": rule.rule,
        "effect": rule.effect.value,
        "state": rule.state,
        "missing": rule.missing,
        "facts": facts,
    }


def _looks_at(rule: Explanation, *, raw: bool) -> str:
    return ", ".join(
        f"{fact.path} = {clean(str(fact.value))}"
        if raw and fact.state == "present"
        else f"{fact.path} ({fact.state})"
        for fact in rule.facts
    )
