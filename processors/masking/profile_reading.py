"""Read a profile's YAML: everything that is wrong with it at once, each with its line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from yaml.nodes import MappingNode, Node, ScalarNode

from sluicegate.processors.policy.document import compose, encode, place_of
from sluicegate.processors.policy.findings import Findings, did_you_mean
from sluicegate.processors.policy.section import Section
from sluicegate.schemas.errors import ConfigurationError, PolicyError

from .identifiers import Kind, Operator, Reading

_FIELDS: Final = (
    "version",
    "name",
    "why",
    "extends",
    "kinds",
    "columns",
    "keys",
    "subject",
    "release",
    "residual",
)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_SUBJECT: Final = re.compile(r"(\$\.)?[^\s.*$]+(\.[^\s.*$]+)*")
_PATH: Final = re.compile(r"(\$\.)?(\*?[^\s.*$]+\*?|\*)(\.(\*?[^\s.*$]+\*?|\*))*")
_KINDS: Final = tuple(kind.value for kind in Kind)
_OPERATORS: Final = tuple(operator.value for operator in Operator)
_STRICTEST: Final = "hipaa-safe-harbor"
_NEVER_THERE: Final = {
    Operator.PSEUDONYM: "derives from the identifier (45 CFR 164.514(c)(1)); write `surrogate` or `tag`",
    Operator.SHIFT: "leaves day and month (45 CFR 164.514(b)(2)(i)(C)); write `year` or `tag`",
}
"""What a profile that claims Safe Harbor cannot do."""
_RELEASE: Final = ("never", "withheld")
"""Whether people may be asked to release what the look at the bytes objected to."""
_MOST_RESIDUAL: Final = 1000
_HOLDS: Final = (*(reading.value for reading in Reading), "drop", *_KINDS)


@dataclass(slots=True)
class Said:
    """What one file says, before the profile that it extends is added."""

    name: str = ""
    extends: str | None = None
    operators: dict[Kind, Operator] = field(default_factory=dict)
    rules: dict[Kind, str] = field(default_factory=dict)
    columns: tuple[tuple[str, Kind | Reading, Operator | None], ...] = ()
    keys: tuple[tuple[str, Kind], ...] = ()
    subject: tuple[str, ...] = ()
    releases: bool = False
    residual: int | None = None


def read_profile(text: str, *, source: str, extendable: tuple[str, ...]) -> Said:
    """What the file says; `ConfigurationError` with one line per finding when it cannot be used."""
    findings = Findings(source)
    try:
        encode(text, source)
        root = Section(compose(text, findings), findings, "", _FIELDS)
        said = _read(root, extendable)
        findings.refuse()
    except PolicyError as error:
        raise ConfigurationError(str(error)) from None
    return said


def _read(root: Section, extendable: tuple[str, ...]) -> Said:
    root.require("version", "1")
    root.choice("version", ("1",))
    said = Said(name=root.name("name", _NAME, "customers") or "")
    if said.name in extendable:
        root.problem(root.get("name"), f"`{said.name}` is built in; choose another name and extend it")
    said.extends = root.choice("extends", extendable, required=bool(extendable) and root.get("kinds") is None)
    said.subject = tuple(_read_subject(root))
    said.releases = root.choice("release", _RELEASE) == _RELEASE[1]
    said.residual = root.whole("residual", 1, _MOST_RESIDUAL)
    for name, node in root.section("kinds", _KINDS).names():
        _read_kind(root, Kind(name), node, said)
    columns = (_read_column(root, path, node, said) for path, node in root.section("columns", None).names())
    said.columns = tuple(column for column in columns if column is not None)
    keys = (_read_key(root, path, node) for path, node in root.section("keys", None).names())
    said.keys = tuple(key for key in keys if key is not None)
    return said


def _read_subject(root: Section) -> Iterator[str]:
    node = root.get("subject")
    named = [(_word(root, node), node)] if isinstance(node, ScalarNode) else root.texts("subject")
    for path, at in named:
        if _SUBJECT.fullmatch(path):
            yield path
        else:
            root.problem(
                at, f"`{path}` is no path; write names with dots between them, for example `patient.id`"
            )


def _read_kind(root: Section, kind: Kind, node: Node, said: Said) -> None:
    detail = node if isinstance(node, MappingNode) else None
    section = Section(detail, root.findings, f"kind {kind}", ("operator", "rule"))
    word = section.choice("operator", _OPERATORS, required=True) if detail else _word(root, node)
    if word not in _OPERATORS:
        if detail is None:
            root.problem(node, f"`{kind}` cannot be `{word}`; write one of: {', '.join(_suiting(kind))}")
        return
    said.operators[kind] = _possible(root, f"`{kind}`", kind, Operator(word), node, said)
    rule = section.text("rule")
    if rule:
        said.rules[kind] = rule


def _possible(root: Section, what: str, kind: Kind, operator: Operator, node: Node, said: Said) -> Operator:
    """The operator, after a finding when it cannot be done there."""
    if not operator.suits(kind):
        root.problem(node, f"{what} cannot be `{operator}`; write one of: {', '.join(_suiting(kind))}")
    elif operator in _NEVER_THERE and _STRICTEST in {said.extends, said.name}:
        root.problem(node, f"{what} cannot be `{operator}` under `{_STRICTEST}`: it {_NEVER_THERE[operator]}")
    elif operator is Operator.SHIFT and not said.subject:
        root.problem(
            node, f"{what} cannot be `shift` without a subject; add for example `subject: patient_id`"
        )
    return operator


def _suiting(kind: Kind) -> Iterator[str]:
    return (operator.value for operator in Operator if operator.suits(kind))


def _read_column(
    root: Section, path: str, node: Node, said: Said
) -> tuple[str, Kind | Reading, Operator | None] | None:
    first, *rest = _word(root, node).split() or [""]
    if not _PATH.fullmatch(path):
        root.problem(node, f"`{path}` is no path; write names with dots between them, for example `name.*`")
    elif first not in _HOLDS:
        hint = did_you_mean(first, _HOLDS, f"write one of: {', '.join(_HOLDS)}")
        root.problem(node, f"column `{path}` cannot be `{first}`; {hint}")
    elif first == "drop" and not rest:
        return path, Reading.TEXT, Operator.DROP
    elif first in _KINDS and not rest:
        return path, Kind(first), None
    elif first in _KINDS and len(rest) == 1 and rest[0] in _OPERATORS:
        kind = Kind(first)
        return path, kind, _possible(root, f"column `{path}`", kind, Operator(rest[0]), node, said)
    elif first in _KINDS or rest:
        form = (
            f"a kind and one of: {', '.join(_suiting(Kind(first)))}"
            if first in _KINDS
            else f"`{first}` alone"
        )
        root.problem(node, f"column `{path}` says too much or the wrong thing after `{first}`; write {form}")
    else:
        return path, Reading(first), None
    return None


def _read_key(root: Section, path: str, node: Node) -> tuple[str, Kind] | None:
    word = _word(root, node)
    if word in _KINDS and (path == "$" or _PATH.fullmatch(path)):
        return path, Kind(word)
    root.problem(node, f"keys of `{path}` must be a kind; write one of: {', '.join(_KINDS)}")
    return None


def _word(root: Section, node: Node) -> str:
    if isinstance(node, ScalarNode):
        return str(node.value)
    at = place_of(node)
    root.findings.add(at, "", "must be one word; write it after the colon")
    return ""
