"""The Common Expression Language behind `Evaluator`, by the C++ runtime (`cel-expr-python`).

What it does that one would not expect: an error is a value of its own type, not an exception; the messages of errors
quote the action's values, so none is passed on; a select on a map converts the whole map; more than 10,000 loop steps,
or text that is no Unicode, raise.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from cel_expr_python import cel

from .cel_lint import ROOT, Lint, selected, tested
from .cel_syntax import Node, parse
from .expressions import MISSING_KEY, Bound, Checked, Condition, Failed, Fault, Fused

MAX_CONDITION = 80_000
"""Largest condition, in characters; the engine's own limit is 100,000."""

_ANY_MAP = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
_DECLARED = {
    "string": cel.Type.STRING,
    "int": cel.Type.INT,
    "bool": cel.Type.BOOL,
    "number": cel.Type.DYN,
    "list": cel.Type.List(cel.Type.DYN),
    "map": _ANY_MAP,
    "any": cel.Type.DYN,
}
_FAULT = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_QUOTED = re.compile(r"'([^']*)'")
_TOO_DEEP = "nested too deeply; use several rules"
_BOOLEAN = ("BOOL", "DYN")
_TRUTH = frozenset({bool})

# Beginnings of the engine's error messages, which go on with values of the action, and what we say instead.
_KINDS = (
    ("NOT_FOUND: Key not found", MISSING_KEY),
    ("UNKNOWN: No matching overloads", "a value of an unexpected type"),
    ("INVALID_ARGUMENT: Applying SELECT", "a value of an unexpected type"),
    ("INVALID_ARGUMENT: String to Timestamp", "not a timestamp"),
    ("INVALID_ARGUMENT: String to Duration", "not a duration"),
    ("INVALID_ARGUMENT: invalid regular", "not a regular expression"),
)


class CelEvaluator:
    """CEL with one variable, `action`, a map whose values have no declared type."""

    fused_limit = 90_000

    def __init__(self) -> None:
        self._environment = cel.NewEnv(variables={ROOT: _ANY_MAP})
        self._boolean: set[str] = set()
        """Conditions that were checked and give true or false, whatever the facts are, or an error."""

    def bind(self, facts: Mapping[str, Any]) -> Bound:
        """The facts of one action, for any number of conditions."""
        return {ROOT: facts}

    def check(self, condition: str) -> Checked | tuple[Fault, ...]:
        """What the condition looks at, or everything that is wrong with it."""
        if len(condition) > MAX_CONDITION:
            return (Fault(1, 1, f"longer than {MAX_CONDITION:,} characters; use several rules"),)
        program, faults = _compiled(self._environment, condition)
        if faults:
            return faults
        found: list[Fault] = []

        def complain(offset: int, problem: str) -> None:
            found.append(Fault(*_line_and_column(condition, offset), problem))

        lint = Lint(complain)
        lint.walk(parse(program.serialize()))
        kind = program.return_type().name()
        if kind not in _BOOLEAN:
            complain(0, f"gives {kind}, not true or false; compare it with something")
        for offset, pattern in lint.patterns:
            if not self._is_pattern(pattern):
                complain(offset, "not a regular expression (RE2); correct the pattern")
        if not found and not self._can_be_fused(condition):
            complain(0, _TOO_DEEP)
        if kind == "BOOL":
            self._boolean.add(condition)
        return tuple(found) or Checked(frozenset(lint.reads), frozenset(lint.tests))

    def check_types(self, condition: str, arguments: Mapping[str, str]) -> tuple[Fault, ...]:
        """What is wrong with a checked condition when the arguments have these declared types."""
        declared = {f"{ROOT}.arguments.{name}": _DECLARED[kind] for name, kind in arguments.items()}
        environment = cel.NewEnv(variables={ROOT: _ANY_MAP, **declared})
        program, faults = _compiled(environment, condition)
        if faults:
            return faults
        kind = program.return_type().name()
        return () if kind in _BOOLEAN else (Fault(1, 1, f"gives {kind}, not true or false; compare it"),)

    def compile(self, condition: str) -> Condition:
        """A checked condition, ready to run."""
        return _CelCondition(self._environment.compile(condition))

    def fuse(self, conditions: Sequence[str]) -> Fused:
        """Checked conditions as one program that gives the numbers of those that hold.

        Paths that they select are variables of their own: in a map that is selected from again and again, the engine
        would look up, and convert, level by level. A path that is not there is an error either way. The newline ends a
        `//` comment at the end of a condition. A condition that compiles alone cannot close the parentheses around it.
        """
        text = f"[{','.join(map(self._truth, conditions))}]"
        names = _variables(parse(self._environment.compile(text).serialize()))
        variables = {ROOT: _ANY_MAP, **dict.fromkeys(names, cel.Type.DYN)}
        return _CelFused(cel.NewEnv(variables=variables).compile(text), names)

    def _truth(self, condition: str) -> str:
        """The condition as an element of a list of truths; one that gives anything else errs."""
        return f"({condition}\n)" if condition in self._boolean else f"({condition}\n)?true:false"

    def _can_be_fused(self, condition: str) -> bool:
        """Whether the condition still compiles some levels down, more than fusing puts it."""
        try:
            self._environment.compile(f"[({condition}\n) ? 0 : -1].filter(n, n >= 0)")
        except RuntimeError:
            return False
        return True

    def _is_pattern(self, text: str) -> bool:
        """Whether the engine accepts a pattern; it looks at it only when it runs."""
        program = self._environment.compile(f"''.matches({ROOT}.pattern)")
        answer = program.eval(data=self.bind({"pattern": text})).plain_value()
        return isinstance(answer, bool)


class _CelCondition:
    def __init__(self, program: Any) -> None:
        self._program = program

    def holds(self, facts: Bound) -> bool | Failed:
        value = self._program.eval(data=facts)
        kind = value.type().name()
        if kind == "ERROR":
            return _failed(value.plain_value())
        # INVARIANT: null is never asked for: the engine gives its None away without having one, and a process ends when the
        # last is gone.
        answer = value.plain_value() if kind == "BOOL" else None
        return answer if isinstance(answer, bool) else Failed("neither true nor false")


class _CelFused:
    def __init__(self, program: Any, names: Collection[str]) -> None:
        self._program = program
        # What is below another fact is found from there, so the shorter name first.
        self._places = tuple((name, *name.rpartition(".")[::2]) for name in sorted(names, key=len))

    def which_hold(self, facts: Bound) -> Sequence[int] | Failed:
        answer = self._program.eval(data=self._variables(facts)).plain_value()
        if not isinstance(answer, list):
            return _failed(answer)
        # INVARIANT: nothing but truths are taken for truths, whatever the engine makes of a condition.
        if not _TRUTH.issuperset(map(type, answer)):
            return Failed("neither true nor false")
        return [number for number, holds in enumerate(answer) if holds] if True in answer else ()

    def _variables(self, facts: Bound) -> dict[str, Any]:
        found: dict[str, Any] = dict(facts)
        for name, above, key in self._places:
            around = found.get(above)
            if type(around) is dict and key in around:
                found[name] = around[key]
        return found


def _variables(tree: Node) -> frozenset[str]:
    """The names of the paths that may be variables of their own.

    Not what `has()` tests: of a variable of that name the engine gives the value, and false, 0 or nothing would count as not
    there. And none at all where a key has a dot (in backticks): its path and one through two maps have the same name, and an
    agent fills both.
    """
    read, asked = selected(tree), tested(tree)
    if any("." in key for path in read | asked for key in path):
        return frozenset()
    return frozenset(".".join((ROOT, *path)) for path in read - asked)


def _failed(message: object) -> Failed:
    """The kind of an error; the message itself may quote the action and goes nowhere."""
    text = str(message)
    return Failed(next((kind for start, kind in _KINDS if text.startswith(start)), "evaluation failed"))


def _compiled(environment: Any, condition: str) -> tuple[Any, tuple[Fault, ...]]:
    try:
        return environment.compile(condition), ()
    except RuntimeError as error:
        return None, _faults(str(error))


def _faults(message: str) -> tuple[Fault, ...]:
    """The engine's complaints about a text; they quote only the text, which is the operator's own."""
    found = [
        Fault(max(1, int(line)), max(1, int(column)), _worded(problem))
        for line, column, problem in _FAULT.findall(message)
        if not problem.startswith("<<nil>>")  # follows another syntax error
    ]
    return tuple(found) or (Fault(1, 1, f"{_worded(message.splitlines()[0])}"),)


def _worded(problem: str) -> str:
    """One of the engine's sentences in ours: backticks, no lists of tokens, and what to do."""
    said = problem.removesuffix("(in container '')").split(" expecting ")[0].strip()
    said = _QUOTED.sub(r"`\1`", said.replace("''", "'"))
    if "recursion" in said:
        return _TOO_DEEP
    return f"{said[:1].lower()}{said[1:]}; correct the condition"


def _line_and_column(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
