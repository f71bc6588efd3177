"""From YAML nodes to a `PolicyFile`, noting everything that is wrong on the way.

A policy file is one map::

    version: 1
    name: clinical-exports              # part of every rule's name in a verdict
    default: deny                       # or review, which asks the review called `default`
    agents: [ops, play/*]               # optional: exact ids, or everything below a prefix
    reviews:
      dual: {groups: {security: 1}, quorum: 2, within: 2h, reason: required, grant: {life: 5m}}
    show: {data.export: [rows, columns.*]}      # what reviewers may see as it is, with everything below
    types: {data.export: {rows: int}}           # other types are unreadable, other names are findings
    streams:                            # data without an action; see `reading_streams`
      - {id: crm-nightly, from: [crm-pipeline], mask: hipaa-safe-harbor}
    rules:
      - id: bulk-waits
        on: [data.export]               # omitted: every action type
        when: action.arguments.rows > 100000    # omitted: always
        effect: review                  # or allow, or deny
        review: dual                    # a name, or a review written out
        mask: pii-basic                 # or a profile that operators publish; not for deny
        grant: {life: 1m}               # not for deny; the shortest of all matching rules counts
        why: Large exports wait.
    tests:
      - name: a large export waits
        action: {type: data.export, agent: ops, arguments: {rows: 200000}}
        expect: {effect: review, rules: [bulk-waits], groups: {security: 1}, quorum: 2}
"""

import re

from yaml.nodes import MappingNode, Node

from sluicegate.schemas.errors import PolicyError

from .document import place_of, plain
from .effect import Effect
from .expressions import DECLARABLE
from .findings import Findings, did_you_mean
from .reading_streams import read_streams
from .reviews import MAX_QUORUM, NAME, read_grant_life, read_groups, read_reviews, review_of
from .rules import ALWAYS, Case, Expected, PolicyFile, Review, Rule
from .section import Section, subject_of
from .shown import MAX_PATHS, canonical, parse
from .verdict import DEFAULT_GRANT_LIFE_MS

MAX_RULES = 2_000
"""Rules of one file."""

DEFAULT_REVIEW = "default"
"""The review that `default: review` asks for."""

_RULE_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_FILE = ("version", "name", "default", "agents", "reviews", "show", "types", "streams", "rules", "tests")
_RULE = ("id", "on", "when", "effect", "review", "mask", "grant", "why")
_CASE = ("name", "action", "expect")
_ACTION = ("type", "agent", "arguments", "on_behalf_of", "lane")
_EXPECT = ("effect", "rules", "groups", "quorum", "mask")


def read(root: Node, findings: Findings) -> PolicyFile:
    """Everything the file says; of use only when there are no findings."""
    file = Section(root, findings, "", _FILE)
    file.require("version", "1")
    file.choice("version", ("1",))
    reviews = read_reviews(file)
    rules = tuple(_rule(node, findings, reviews) for node in file.elements("rules"))
    _check_rules(file, rules)
    name = file.name("name", NAME, "clinical-exports") or ""
    return PolicyFile(
        name=name,
        default=_default(file, reviews),
        agents=_agents(file),
        show=_show(file),
        types=_types(file),
        streams=read_streams(file, name),
        rules=rules,
        cases=tuple(_case(node, findings, rules) for node in file.elements("tests")),
    )


def _default(file: Section, reviews: dict[str, Review | None]) -> Review | None:
    """The review of what no rule matches; `allow` is no choice, so a forgotten rule lets nothing through."""
    chosen = file.choice("default", ("deny", "review"), required=True)
    if chosen == "review" and DEFAULT_REVIEW not in reviews:
        file.problem(
            file.get("default"),
            f"`default: review` asks for the review `{DEFAULT_REVIEW}`; add it to `reviews`",
        )
    return reviews.get(DEFAULT_REVIEW) if chosen == "review" else None


def _agents(file: Section) -> tuple[str, ...]:
    found = file.texts("agents")
    if file.get("agents") is not None and not found:
        file.problem(file.get("agents"), "`agents` names nobody; name an agent or remove the field")
    for pattern, node in found:
        if "*" in pattern.removesuffix("/*") or pattern == "/*":
            file.problem(node, f"`{pattern}` is no agent; write an exact id or `prefix/*`")
    return tuple(pattern for pattern, _ in found)


def _show(file: Section) -> dict[str, tuple[str, ...]]:
    section = file.section("show", None, "show")
    shown = {}
    for action_type, _ in section.names():
        paths = section.texts(action_type)
        if len(paths) > MAX_PATHS:
            section.problem(section.get(action_type), f"more than {MAX_PATHS} paths; show a place above them")
        shown[action_type] = canonical(path for path, node in paths if _is_path(path, node, file.findings))
    return shown


def _is_path(path: str, node: Node, findings: Findings) -> bool:
    try:
        parse(path)
    except PolicyError as error:
        findings.add(place_of(node), "show", str(error))
        return False
    return True


def _types(file: Section) -> dict[str, dict[str, str]]:
    section = file.section("types", None, "types")
    declared: dict[str, dict[str, str]] = {}
    for action_type, _ in section.names():
        arguments = section.section(action_type, None)
        declared[action_type] = {}
        for argument, node in arguments.names():
            if not _ARGUMENT.fullmatch(argument):
                file.findings.add(place_of(node), "types", f"`{argument}` cannot be declared; leave it out")
            elif (kind := arguments.choice(argument, DECLARABLE)) is not None:
                declared[action_type][argument] = kind
    return declared


def _rule(node: Node, findings: Findings, reviews: dict[str, Review | None]) -> Rule:
    section = Section(node, findings, subject_of("rule", "id", node), _RULE)
    effect = Effect(section.choice("effect", tuple(Effect), required=True) or Effect.DENY)
    review = None
    if effect is Effect.REVIEW:
        review = review_of(section, reviews)
    elif section.get("review") is not None:
        section.problem(section.get("review"), f"`review` has no meaning with `effect: {effect}`; remove it")
    if effect is Effect.DENY:
        for name in ("mask", "grant"):
            if section.get(name) is not None:
                section.problem(section.get(name), f"`{name}` has no meaning with `effect: deny`; remove it")
    lives = (read_grant_life(section), review.grant_life_ms if review else None)
    return Rule(
        name=section.name("id", _RULE_ID, "reads-pass") or "",
        types=_action_types(section),
        condition=_condition(section),
        effect=effect,
        requirement=review.requirement if review else None,
        mask=section.profile("mask"),
        grant_life_ms=min((life for life in lives if life is not None), default=DEFAULT_GRANT_LIFE_MS),
        why=(section.text("why") or "").strip(),
        place=place_of(section.get("when") or node),
    )


def _condition(section: Section) -> str:
    """The text of `when`; a list or a map there is a finding."""
    written = "" if section.get("when") is None else section.text("when") or ""
    # A block ends with a newline; without it, "unexpected end" points at the end of the text.
    return written.rstrip() or ALWAYS


def _action_types(section: Section) -> tuple[str, ...]:
    found = section.texts("on")
    if section.get("on") is not None and not found:
        section.problem(
            section.get("on"), "`on` names no action type; name one, or remove the field for every type"
        )
    for name, node in found:
        if "*" in name:
            section.problem(node, f"`{name}` is a pattern; `on` takes exact action types: list them")
    return tuple(name for name, _ in found)


def _check_rules(file: Section, rules: tuple[Rule, ...]) -> None:
    """There is at least one rule, not too many, and no id twice."""
    if not rules:
        file.require("rules", "[{id: reads-pass, on: [crm.read], effect: allow}]")
        if file.get("rules") is not None:
            file.problem(file.get("rules"), "there is no rule; add one")
    if len(rules) > MAX_RULES:
        file.problem(file.get("rules"), f"more than {MAX_RULES:,} rules; split the policy")
    seen: set[str] = set()
    for rule, node in zip(rules, file.elements("rules"), strict=True):
        if rule.name in seen and rule.name:
            file.findings.add(place_of(node), f"rule `{rule.name}`", "this id is taken; choose another")
        seen.add(rule.name)


def _case(node: Node, findings: Findings, rules: tuple[Rule, ...]) -> Case:
    section = Section(node, findings, subject_of("test", "name", node), _CASE)
    section.require("name", "a large export waits")
    section.require("action", "{type: data.export, arguments: {rows: 10}}")
    section.require("expect", "{effect: review}")
    action = section.section("action", _ACTION)
    if action.node is not None:
        action.require("type", "data.export")
        action.text("type")
    return Case(
        name=section.text("name") or "",
        action=plain(action.node) if isinstance(action.node, MappingNode) else {},
        expected=_expected(section, rules),
        place=place_of(node),
    )


def _expected(case: Section, rules: tuple[Rule, ...]) -> Expected:
    section = case.section("expect", _EXPECT)
    if section.node is None:
        return Expected(Effect.DENY)
    effect = section.choice("effect", tuple(Effect), required=True) or Effect.DENY
    known = [rule.name for rule in rules]
    names = section.texts("rules")
    for name, node in names:
        if name not in known:
            section.problem(
                node, f"rule `{name}` does not exist; {did_you_mean(name, known, 'correct the id')}"
            )
    return Expected(
        effect=Effect(effect),
        rules=frozenset(name for name, _ in names) if section.get("rules") is not None else None,
        groups=read_groups(section) if section.get("groups") is not None else None,
        quorum=section.whole("quorum", 1, MAX_QUORUM),
        mask=section.profile("mask"),
    )
