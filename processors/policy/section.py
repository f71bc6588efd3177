"""Read one map of a policy file field by field, noting everything that is wrong with it."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from .document import place_of
from .durations import milliseconds, written
from .findings import Findings, Place, did_you_mean
from .profiles import NAME, PROFILES

_WHOLE = re.compile(r"[0-9]{1,9}")
_SLIP = 0.85
"""How alike two names are when one is the other, mistyped."""


@dataclass(slots=True)
class Section:
    """One map of the file; every reader returns None after a finding or when the field is absent.

    Attributes:
        node: the map; None reads as an empty map, anything else too and is a finding.
        findings: where to note what is wrong.
        subject: how findings name this part of the file; may be empty.
        known: the fields it may have; None lets any key in, for maps whose keys are names.
    """

    node: Node | None
    findings: Findings
    subject: str
    known: Sequence[str] | None = None
    _fields: dict[str, Node] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Look at the keys at once, so that a misspelt one is found even when nobody asks for it."""
        if self.node is not None and not isinstance(self.node, MappingNode):
            self.problem(self.node, "must be a map; write `name: value` lines")
        for key, value in self.node.value if isinstance(self.node, MappingNode) else ():
            if self.known is not None and key.value not in self.known:
                hint = did_you_mean(str(key.value), self.known, f"known here: {', '.join(self.known)}")
                self.problem(key, f"unknown field `{key.value}`; {hint}")
            else:
                self._fields[str(key.value)] = value

    def problem(self, node: Node | None, text: str) -> None:
        """Note what is wrong at a node, or at this map."""
        at = node or self.node
        self.findings.add(place_of(at) if at else Place(1, 1), self.subject, text)

    def get(self, name: str) -> Node | None:
        """The node of a field."""
        return self._fields.get(name)

    def names(self) -> list[tuple[str, Node]]:
        """All fields, in the order of the file."""
        return list(self._fields.items())

    def require(self, name: str, example: str) -> Node | None:
        """The node of a field that must be there."""
        node = self.get(name)
        if node is None and isinstance(self.node, MappingNode):
            self.problem(None, f"`{name}` is missing; add for example `{name}: {example}`")
        return node

    def text(self, name: str) -> str | None:
        """A field that is text."""
        node = self.get(name)
        if node is None or (isinstance(node, ScalarNode) and node.value != ""):
            return None if node is None else str(node.value)
        self.problem(node, f"`{name}` must be text; write one value")
        return None

    def name(self, name: str, form: re.Pattern[str], example: str) -> str | None:
        """A required field that is a name of a given form."""
        if self.require(name, example) is None:
            return None
        found = self.text(name)
        if found is not None and not form.fullmatch(found):
            self.problem(
                self.get(name), f"`{name}` must have the form `{form.pattern}`; write for example `{example}`"
            )
            return None
        return found

    def choice(self, name: str, options: Collection[str], *, required: bool = False) -> str | None:
        """A field that is one of a few words."""
        if required and self.require(name, next(iter(options))) is None:
            return None
        found = self.text(name)
        if found is not None and found not in options:
            hint = did_you_mean(found, options, f"write one of: {', '.join(options)}")
            self.problem(self.get(name), f"`{name}` cannot be `{found}`; {hint}")
            return None
        return found

    def profile(self, name: str) -> str | None:
        """A field that names a masking profile: a built-in one, or one that operators publish under this name.

        What only looks like a built-in one is taken for a slip of the pen: it would mean nothing until somebody published it.
        """
        found = self.text(name)
        if found is None or found in PROFILES:
            return found
        if not NAME.fullmatch(found):
            form = f"a profile has the form `{NAME.pattern}`"
            self.problem(self.get(name), f"`{name}` cannot be `{found}`; {form}")
            return None
        if near := get_close_matches(found, PROFILES, n=1, cutoff=_SLIP):
            other = "a profile of yours needs a name that nobody takes for it"
            self.problem(self.get(name), f"`{name}` cannot be `{found}`; did you mean `{near[0]}`? {other}")
            return None
        return found

    def whole(self, name: str, low: int, high: int) -> int | None:
        """A field that is a whole number within bounds."""
        found = self.text(name)
        if found is None:
            return None
        if _WHOLE.fullmatch(found) and low <= int(found) <= high:
            return int(found)
        self.problem(self.get(name), f"`{name}` must be a whole number from {low} to {high}; correct it")
        return None

    def duration(self, name: str, low_ms: int, high_ms: int) -> int | None:
        """A field that is a duration within bounds, in milliseconds."""
        found = self.text(name)
        if found is None:
            return None
        duration_ms = milliseconds(found)
        if duration_ms is not None and low_ms <= duration_ms <= high_ms:
            return duration_ms
        bounds = f"from {written(low_ms)} to {written(high_ms)}"
        self.problem(
            self.get(name), f"`{name}` must be a duration {bounds}; write for example `30m`, `2h` or `45s`"
        )
        return None

    def elements(self, name: str) -> list[Node]:
        """The elements of a field that is a list; none when it is absent."""
        node = self.get(name)
        if node is None or isinstance(node, SequenceNode):
            return [] if node is None else list(node.value)
        self.problem(node, f"`{name}` must be a list; write `- value` lines or `[value, value]`")
        return []

    def texts(self, name: str) -> list[tuple[str, Node]]:
        """The elements of a field that is a list of distinct, non-empty texts."""
        found: dict[str, Node] = {}
        for node in self.elements(name):
            if not isinstance(node, ScalarNode) or node.value == "":
                self.problem(node, f"`{name}` must hold text only; write one value per element")
            elif node.value in found:
                self.problem(node, f"`{node.value}` is in `{name}` twice; remove one of them")
            else:
                found[str(node.value)] = node
        return list(found.items())

    def section(self, name: str, known: Sequence[str] | None, subject: str | None = None) -> "Section":
        """A field that is a map; an empty one when it is absent."""
        return Section(self.get(name), self.findings, subject or self.subject, known)


def subject_of(kind: str, field: str, node: Node) -> str:
    """How findings name a rule, a test or a stream: its kind and, when it has one, its name."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if key.value == field and isinstance(value, ScalarNode):
                return f"{kind} `{value.value}`"
    return kind
