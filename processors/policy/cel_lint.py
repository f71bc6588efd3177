"""Static checks over the tree of a condition: bounded work, known functions, known facts.

CEL itself ends always, but not always soon: string building grows memory, nested loops grow time, and an agent's own
regular expression would be compiled by the gate. What is not on the list is refused.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from .cel_syntax import Call, Constant, ListOf, Loop, Name, Node, Select
from .expressions import ROOTS
from .findings import did_you_mean
from .projection import FactPath

ROOT = "action"

_OPERATORS = {
    "_&&_", "_||_", "!_", "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "@in", "_-_", "-_", "_?_:_", "_[_]",
}  # fmt: skip
_FUNCTIONS = {"startsWith", "endsWith", "contains", "matches", "size", "timestamp", "duration"}
_MACROS = ("has", "all", "exists", "filter")
_ACCUMULATOR = "@result"
_INDEXED = 2


@dataclass(slots=True)
class Lint:
    """What one walk over a tree found; `complain` is told the offset and the problem."""

    complain: Callable[[int, str], None]
    reads: set[FactPath] = field(default_factory=set)
    tests: set[FactPath] = field(default_factory=set)
    patterns: list[tuple[int, str]] = field(default_factory=list)

    def walk(self, node: Node, variables: tuple[str, ...] = ()) -> None:
        """Check a node; `variables` are the loop variables around it."""
        path = fact_path(node)
        if path is not None:
            self._read(node, path)
            return
        match node.shape:
            case Constant():
                pass
            case Name(name):
                self._name(node, name, variables)
            case Select(operand, key, test):
                self._select(node, operand, key, variables, test=test)
            case Call(function, arguments):
                self._call(node, function, arguments, variables)
            case ListOf(elements):
                for element in elements:
                    self.walk(element, variables)
            case Loop() as loop:
                self._loop(node, loop, variables)
            case _:
                self.complain(
                    node.offset, "map and message literals are not allowed; compare the fields one by one"
                )

    def _name(self, node: Node, name: str, variables: tuple[str, ...]) -> None:
        if name not in (*variables, _ACCUMULATOR):
            self.complain(node.offset, f"unknown name `{name}`; facts begin with `{ROOT}.`")

    def _read(self, node: Node, path: FactPath) -> None:
        if self._known(node, path):
            self.reads.add(path)

    def _known(self, node: Node, path: FactPath) -> bool:
        if not path:
            known = ", ".join(f"`{ROOT}.{root}`" for root in ROOTS)
            self.complain(_start(node), f"`{ROOT}` is not a value; read one of {known}")
        elif path[0] not in ROOTS:
            hint = did_you_mean(path[0], ROOTS, f"known below `{ROOT}`: {', '.join(ROOTS)}")
            self.complain(_start(node), f"unknown fact `{ROOT}.{path[0]}`; {hint}")
        elif path[0] != "arguments" and len(path) > 1:
            self.complain(_start(node), f"`{ROOT}.{path[0]}` is text and has no fields; remove `.{path[1]}`")
        else:
            return True
        return False

    def _select(self, node: Node, operand: Node, key: str, variables: tuple[str, ...], *, test: bool) -> None:
        parent = fact_path(operand)
        if test and parent is not None:
            if self._known(node, (*parent, key)):
                self.tests.add((*parent, key))
            return
        self.walk(operand, variables)

    def _call(
        self, node: Node, function: str, arguments: tuple[Node, ...], variables: tuple[str, ...]
    ) -> None:
        if function not in _OPERATORS | _FUNCTIONS:
            self.complain(node.offset, _refusal(function))
        if function == "matches":
            self._pattern(arguments[-1])
        if function == "@in" and variables and not isinstance(arguments[-1].shape, ListOf):
            self.complain(node.offset, "`in` over a value inside a loop is a nested loop; use two rules")
        if function == "contains" and variables and not isinstance(arguments[-1].shape, Constant):
            self.complain(node.offset, "`contains` inside a loop must search for a text written in the rule")
        for argument in arguments:
            self.walk(argument, variables)

    def _pattern(self, node: Node) -> None:
        """An agent's own pattern would be compiled by the gate, so it must be the operator's."""
        match node.shape:
            case Constant(text=str() as pattern):
                self.patterns.append((node.offset, pattern))
            case _:
                self.complain(
                    node.offset, "the pattern of `matches` must be a text in the rule; write it out"
                )

    def _loop(self, node: Node, loop: Loop, variables: tuple[str, ...]) -> None:
        body = _body(loop)
        if body is None:
            self.complain(node.offset, f"this loop is not allowed; allowed macros: {', '.join(_MACROS)}")
            return
        if variables:
            self.complain(node.offset, "a loop inside a loop is not allowed; use two rules")
        if loop.variable == ROOT:
            self.complain(node.offset, f"a loop variable cannot be called `{ROOT}`; choose another name")
            return
        self.walk(loop.over, variables)
        self.walk(body, (*variables, loop.variable))


def fact_path(node: Node) -> FactPath | None:
    """The path below `action` that a node reads, None when it is no plain path."""
    match node.shape:
        case Name(name) if name.removeprefix(".") == ROOT:
            return ()
        case Select(operand, key, False):
            parent = fact_path(operand)
            return None if parent is None else (*parent, key)
        case Call("_[_]", arguments) if len(arguments) == _INDEXED:
            parent = fact_path(arguments[0])
            match arguments[1].shape:
                case Constant(text=str() as key) if parent is not None:
                    return (*parent, key)
    return None


def selected(node: Node) -> frozenset[FactPath]:
    """Every path below `action` that a tree selects with dots alone, and every path around it."""
    path = _dotted(node)
    if path is not None:
        return frozenset(path[:length] for length in range(1, len(path) + 1))
    return frozenset[FactPath]().union(*map(selected, _parts(node)))


def tested(node: Node) -> frozenset[FactPath]:
    """Every path below `action`, with dots alone, that a tree tests with `has()`."""
    below = frozenset[FactPath]().union(*map(tested, _parts(node)))
    match node.shape:
        case Select(operand, key, True) if (around := _dotted(operand)) is not None:
            return below | {(*around, key)}
    return below


def _parts(node: Node) -> tuple[Node, ...]:
    match node.shape:
        case Select(operand, _, _):
            return (operand,)
        case Call(_, parts) | ListOf(parts):
            return parts
        case Loop(_, over, start, condition, step, result):
            return (over, start, condition, step, result)
    return ()


def _dotted(node: Node) -> FactPath | None:
    match node.shape:
        case Name(name) if name.removeprefix(".") == ROOT:
            return ()
        case Select(operand, key, False):
            above = _dotted(operand)
            return None if above is None else (*above, key)
    return None


def _start(node: Node) -> int:
    """Where a path begins; the offset of a select is that of its last dot."""
    match node.shape:
        case Select(operand, _, _) | Call("_[_]", (operand, *_)):
            return _start(operand)
    return node.offset


def _body(loop: Loop) -> Node | None:
    """The condition inside `all`, `exists` or `filter`, None for any other loop."""
    match loop.start.shape, loop.step.shape:
        case Constant(truth=True), Call("_&&_", (_, body)):
            return body
        case Constant(truth=False), Call("_||_", (_, body)):
            return body
        case ListOf(()), Call("_?_:_", (body, grown, _)) if _keeps_element(grown, loop.variable):
            return body
    return None


def _keeps_element(node: Node, variable: str) -> bool:
    """Whether the step of a loop appends the element itself, as `filter` does."""
    match node.shape:
        case Call("_+_", (_, Node(ListOf((Node(Name(name)),))))):
            return name == variable
    return False


def _refusal(function: str) -> str:
    if function == "_+_":
        return (
            "`+` is not allowed: it is the one way to grow memory without limit; compare the parts one by one"
        )
    shown = function.strip("_") or function
    hint = did_you_mean(
        shown, sorted(_FUNCTIONS), f"allowed: {', '.join(sorted(_FUNCTIONS))}, {', '.join(_MACROS)}"
    )
    return f"`{shown}` is not allowed; {hint}"
