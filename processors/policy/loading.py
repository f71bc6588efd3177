"""From the text of a policy file to a policy that may be trusted: read, check, compile, test, in this order."""

from collections.abc import Callable
from hashlib import sha256

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from .cases import run_tests
from .cel_evaluator import CelEvaluator
from .document import compose, encode, place_of, place_within
from .expressions import Checked, Evaluator, Fault
from .findings import Findings, Place, did_you_mean
from .matching import CompiledRule, RuleIndex
from .policy import Policy
from .reading import read
from .rules import PolicyFile, Rule


def load_policy(text: str, *, source: str, evaluator: Evaluator | None = None) -> Policy:
    """The policy of a file; everything that is wrong with it is one `PolicyError`.

    1. Read: structure, names, bounds.  2. Check every condition.  3. Compile and index.  4. Run its tests.
    """
    engine = evaluator or CelEvaluator()
    digest = sha256(encode(text, source)).digest()
    findings = Findings(source)
    root = compose(text, findings)
    findings.refuse()
    file = read(root, findings)
    checked = _check(file, _places(root, text), engine, findings)
    findings.refuse()
    compiled = [CompiledRule(rule, checked[rule.name], engine.compile(rule.condition)) for rule in file.rules]
    policy = Policy(file, digest, RuleIndex(compiled, engine))
    for failure in run_tests(policy):
        findings.add(failure.place, f"test `{failure.case}`", f"{failure}; correct the rule or the test")
    findings.refuse()
    return policy


_Locate = Callable[[Fault], Place]


def _check(
    file: PolicyFile, places: list[_Locate], engine: Evaluator, findings: Findings
) -> dict[str, Checked]:
    """What every condition looks at; what is wrong with one is a finding."""
    checked = {}
    for rule, locate in zip(file.rules, places, strict=True):
        result = engine.check(rule.condition)
        if isinstance(result, Checked):
            checked[rule.name] = result
            faults = _type_faults(rule, result, file.types, engine)
        else:
            faults = list(result)
        for fault in faults:
            findings.add(locate(fault), f"rule `{rule.name}`", fault.problem)
    return checked


def _type_faults(
    rule: Rule, checked: Checked, types: dict[str, dict[str, str]], engine: Evaluator
) -> list[Fault]:
    """What the declared argument types say about one rule; a type that is not declared says nothing."""
    tested = {path[1] for path in checked.tests if len(path) > 1}
    faults = []
    for action_type in rule.types or types:
        declared = types.get(action_type)
        if declared is None:
            continue
        named = {
            path[1] for path in checked.reads | checked.tests if path[0] == "arguments" and len(path) > 1
        }
        # A rule for every type may ask with `has()` for what only some types have.
        for name in sorted(named - declared.keys() - (set() if rule.types else tested)):
            hint = did_you_mean(name, declared, f"declare it below `types: {action_type}`")
            faults.append(Fault(1, 1, f"`{action_type}` has no argument `{name}`; {hint}"))
        usable = {name: kind for name, kind in declared.items() if name not in tested}
        faults += engine.check_types(rule.condition, usable)
    return faults


def _places(root: Node, text: str) -> list[_Locate]:
    """For every rule, how to find a fault of its condition in the file."""
    rules = _field(root, "rules")
    nodes = rules.value if isinstance(rules, SequenceNode) else []
    return [_locator(_field(node, "when") or node, text) for node in nodes]


def _locator(node: Node, text: str) -> _Locate:
    if isinstance(node, ScalarNode):
        return lambda fault: place_within(node, fault.line, fault.column, text)
    return lambda _: place_of(node)


def _field(node: Node | None, name: str) -> Node | None:
    pairs = node.value if isinstance(node, MappingNode) else []
    return next((value for key, value in pairs if key.value == name), None)
