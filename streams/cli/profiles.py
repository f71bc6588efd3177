"""`profile`: check, publish and show masking profiles."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from sluicegate.processors.masking.explained import Held, explain, warnings
from sluicegate.processors.masking.profile import BUILT_IN, Profile, load_profile
from sluicegate.schemas.document import DocumentKind, ProfileText
from sluicegate.schemas.errors import ConfigurationError, RefusedError
from sluicegate.streams.clients.operator import Operator

from .failures import Commands, reason_of
from .invocation import invocation
from .operators import operator_of
from .options import AsJson
from .screen import note, print_json, print_line, rows

app = typer.Typer(name="profile", cls=Commands, no_args_is_help=True)

ProfileFile = Annotated[Path, typer.Argument(metavar="FILE", help="A masking profile in YAML.")]


@app.callback()
def profile() -> None:
    """Check, publish and show masking profiles: what leaves masked, and how."""


@app.command()
def check(file: ProfileFile, *, as_json: AsJson = False) -> None:
    """Read a profile, say what happens to each kind of identifier and each column it names, and warn of what it keeps.

    Every finding names file, line and column; exit status 2 when it does not load. Nothing is published.

    Example: sluicegate profile check customers.yaml
    """
    loaded = load_profile(_read(file), source=str(file))
    _show(loaded, as_json=as_json)
    for warning in warnings(loaded):
        note(f"careful: {warning}")


@app.command()
def publish(ctx: typer.Context, file: ProfileFile, *, as_json: AsJson = False) -> None:
    """Sign a profile, so that policies can name it in `mask`; one that does not load is refused before anything is written.

    Its id is the `name` it carries. Whatever is masked from then on, also for grants given before, is masked by the new version.

    Example: sluicegate profile publish customers.yaml
    """
    text = _read(file)
    loaded = load_profile(text, source=str(file))
    with operator_of(invocation(ctx)) as operator:
        before = operator.current(DocumentKind.PROFILE, loaded.name)
        version = operator.publish_profile(loaded.name, text)
    is_new = before != ProfileText(text=text)
    if as_json:
        print_json(
            {
                "profile": loaded.name,
                "version": version,
                "published": is_new,
                "warnings": list(warnings(loaded)),
            }
        )
        return
    for warning in warnings(loaded):
        note(f"careful: {warning}")
    note(
        f"`{loaded.name}` version {version} {'is published' if is_new else 'is in force already; unchanged'}"
    )


@app.command("list")
def list_profiles(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """The profiles that a policy can name: those built in, from the weakest to the strictest, and those published.

    Example: sluicegate profile list
    """
    with operator_of(invocation(ctx)) as operator:
        listed = _listed(operator)
    if as_json:
        print_json(listed)
        return
    rows(
        ("profile", "extends", "version", "used by"),
        [
            (
                one["profile"],
                one["extends"] or "",
                "built in" if one["version"] is None else str(one["version"]),
                ", ".join(one["policies"]),
            )
            for one in listed
        ],
    )


@app.command()
def show(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A built-in profile, or one that is published.")
    ],
    *,
    text: Annotated[
        bool, typer.Option("--text", help="Print the file of a published profile as it was signed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """What a profile does with each kind of identifier and each column it names.

    Built-in profiles are shown without a broker.

    Example: sluicegate profile show pii-basic
    """
    if name in BUILT_IN:
        if text:
            raise ConfigurationError(f"`{name}` is built in and was never signed: leave out --text")
        _show(BUILT_IN[name], as_json=as_json)
        return
    with operator_of(invocation(ctx)) as operator:
        body = operator.current(DocumentKind.PROFILE, name)
        found = operator.tables.profiles.get(name)
    if found is None or not isinstance(body, ProfileText):
        raise RefusedError(f"no profile `{name}` is published: `sluicegate profile list` shows which are")
    if text:
        print_line(body.text.removesuffix("\n"))
    else:
        _show(found, as_json=as_json)


def _listed(operator: Operator) -> list[dict[str, Any]]:
    tables = operator.tables
    using = {
        name: [policy.name for policy in tables.policies.policies if name in policy.masks]
        for name in (*BUILT_IN, *tables.profiles, *tables.policies.profiles)
    }
    missing = sorted(using.keys() - BUILT_IN.keys() - tables.profiles.keys())
    known = (*BUILT_IN.values(), *(tables.profiles[name] for name in sorted(tables.profiles)))
    listed: list[dict[str, Any]] = [
        {
            "profile": one.name,
            "extends": one.extends,
            "version": tables.versions.get((DocumentKind.PROFILE.value, one.name)),
            "policies": using[one.name],
        }
        for one in known
    ]
    for name in missing:
        note(
            f"careful: policy `{using[name][0]}` names `{name}`, which nobody has published: what needs it is denied"
        )
    return listed


def _show(one: Profile, *, as_json: bool) -> None:
    held = explain(one)
    if as_json:
        print_json(
            {
                "profile": one.name,
                "extends": one.extends,
                "holds": [
                    {
                        "what": line.what,
                        "name": line.name,
                        "becomes": line.becomes,
                        "own": line.own,
                        "rule": line.rule,
                    }
                    for line in held
                ],
                "warnings": list(warnings(one)),
            }
        )
        return
    rows(("", "name", "becomes", ""), [_row(line, one) for line in held])


def _row(line: Held, one: Profile) -> Sequence[str]:
    said = line.rule or ("" if line.own or one.extends is None else f"as in {one.extends}")
    return line.what, line.name, line.becomes, said


def _read(file: Path) -> str:
    try:
        # Exactly the file's bytes count: no translation of line ends.
        return file.read_bytes().decode("utf-8")
    except (UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(f"`{file}` cannot be read: {reason_of(error)}") from None
