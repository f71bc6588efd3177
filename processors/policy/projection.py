"""What rules see of an action: its facts, capped in size so that a verdict's cost is bounded.

A value over a cap is left out and its path is listed as unreadable. Leaving it out must never make a rule weaker:

- a rule that selects the value, or anything below it, meets a missing key, which is an error, and a rule that errs
  never weakens the verdict;
- a rule that tests it with `has()`, or reads a map around it as a whole (`size`, `in`, `==`, a loop), would not notice
  that it is gone: `matching` lets such a rule err without evaluating it.

A list is never shortened: one unreadable element makes the whole list unreadable. So what was cut lies always at a
path of map keys, and the two cases above are all there are. Numbers outside 64 bits, NaN, infinities, text that is not
Unicode and keys that are not text are unreadable too: the evaluator would read them wrongly or not at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

MAX_TEXT = 16_384
"""Characters of one string."""
MAX_TOTAL_TEXT = 65_536
"""Characters of all strings and keys together."""
MAX_ENTRIES = 1_000
"""Elements of one list, entries of one map."""
MAX_VALUES = 2_000
"""Values in total, nested ones included."""
MAX_DEPTH = 12
"""Maps and lists inside each other."""
_FEW_LEVELS = 6
"""Of maps and lists that are looked through at first; fewer than `MAX_DEPTH` allows."""
MAX_UNREADABLE = 32
"""Unreadable places; with more of them the arguments are unreadable as a whole."""

_INT64_MIN = -(2**63)
_UINT64_MAX = 2**64 - 1

FactPath = tuple[str, ...]
"""Keys from the action down: `("arguments", "rows")` is `action.arguments.rows`."""


@dataclass(frozen=True, slots=True)
class Projection:
    """The facts of one action that rules may read.

    Attributes:
        action_type: chooses the rules; also the fact `action.type`.
        facts: `type`, `agent`, `arguments`, and `on_behalf_of` and `lane` when the action has them. Raw values.
        unreadable: places that were left out: over a cap, or not of the type the policy declares.
    """

    action_type: str
    facts: Mapping[str, Any]
    unreadable: tuple[FactPath, ...] = ()


def project(
    action_type: str,
    agent: str | None,
    arguments: Mapping[str, Any] | None,
    *,
    on_behalf_of: str | None = None,
    lane: str | None = None,
) -> Projection:
    """The size-capped projection of an action; what is None is a missing fact."""
    given: dict[str, Any] = {"type": action_type}
    if agent is not None:
        given["agent"] = agent
    if on_behalf_of is not None:
        given["on_behalf_of"] = on_behalf_of
    if lane is not None:
        given["lane"] = lane
    if type(arguments) is dict:
        given["arguments"] = arguments
    elif arguments is not None:
        given["arguments"] = dict(arguments) if isinstance(arguments, Mapping) else arguments
    if _is_small(given):
        return Projection(action_type, given)
    cut = _Cut()
    facts = cut.map(given, ())
    if len(cut.unreadable) > MAX_UNREADABLE:
        facts.pop("arguments", None)
        kept = [path for path in cut.unreadable if path[0] != "arguments"]
        return Projection(action_type, facts, (*kept, ("arguments",)))
    return Projection(action_type, facts, tuple(cut.unreadable))


def _is_small(facts: dict[str, Any]) -> bool:
    """Whether everything is certainly readable and below every cap, so that nothing has to be copied.

    Looked at level by level; False decides nothing, it only means that `_Cut` has to look.
    """
    texts: list[Any] = []
    values, level = MAX_VALUES, [facts]
    for _ in range(_FEW_LEVELS):
        below: list[Any] = []
        for around in level:
            values -= len(around)
            if values < 0 or len(around) > MAX_ENTRIES or not _sorted_out(around, texts, below):
                return False
        if not below:
            return _are_short(texts)
        level = below
    return False


def _sorted_out(around: Any, texts: list[Any], below: list[Any]) -> bool:
    """Put what is directly in a map or list to the texts or to what has to be looked through; False for what is unreadable."""
    if type(around) is dict:
        texts += around
        around = around.values()
    for value in around:
        kind = type(value)
        if kind is str:
            texts.append(value)
        elif kind is dict or kind is list:
            below.append(value)
        elif not (value is None or kind is bool or _is_number(value)):
            return False
    return True


def _are_short(texts: list[Any]) -> bool:
    """Whether these are texts of ASCII, all together no longer than one may be."""
    try:
        joined = "".join(texts)
    except TypeError:
        return False
    return len(joined) <= MAX_TEXT and joined.isascii()


class _Unreadable(Exception):  # noqa: N818 - a way out of the recursion, never seen outside
    """A value is over a cap."""


@dataclass(slots=True)
class _Cut:
    """One walk over one action, with what is left of the budget."""

    text: int = MAX_TOTAL_TEXT
    values: int = MAX_VALUES
    unreadable: list[FactPath] = field(default_factory=list)

    def map(self, source: Mapping[Any, Any], path: FactPath | None, depth: int = 0) -> dict[str, Any]:
        """Copy a map without what is over a cap; inside a list (`path` is None) nothing can be left out."""
        if len(source) > MAX_ENTRIES or depth > MAX_DEPTH:
            raise _Unreadable
        copy = {}
        for key, value in source.items():
            if not isinstance(key, str):
                raise _Unreadable
            self._take(key)
            listed = len(self.unreadable)
            try:
                if type(value) is dict:
                    copy[key] = self._nested(value, path, key, depth)
                else:
                    copy[key] = self._value(value, depth + 1)
            except _Unreadable:
                if path is None:
                    raise
                self.unreadable[listed:] = [(*path, key)]
        return copy

    def _nested(self, source: dict[Any, Any], path: FactPath | None, key: str, depth: int) -> dict[str, Any]:
        self._count()
        return self.map(source, None if path is None else (*path, key), depth + 1)

    def _value(self, value: Any, depth: int) -> Any:
        """Copy a value that is no map below a map; only the exact types of parsed JSON are readable."""
        self._count()
        kind = type(value)
        if kind is str:
            self._take(value)
        elif kind is list or kind is tuple:
            if len(value) > MAX_ENTRIES or depth > MAX_DEPTH:
                raise _Unreadable
            return [self._value(element, depth + 1) for element in value]
        elif kind is dict:
            return self.map(value, None, depth)
        elif not (_is_number(value) or value is None or kind is bool):
            raise _Unreadable
        return value

    def _count(self) -> None:
        self.values -= 1
        if self.values < 0:
            raise _Unreadable

    def _take(self, text: str) -> None:
        size = len(text)
        if size > MAX_TEXT or size > self.text or not (text.isascii() or _is_unicode(text)):
            raise _Unreadable
        self.text -= size


def _is_number(value: Any) -> bool:
    """Whether it is a number that the evaluator reads as it is: 64 bits, finite."""
    return (type(value) is int and _INT64_MIN <= value <= _UINT64_MAX) or (
        type(value) is float and isfinite(value)
    )


def _is_unicode(text: str) -> bool:
    """Whether there is no lone surrogate; the evaluator stops at one."""
    return not any("\ud800" <= char <= "\udfff" for char in text)
