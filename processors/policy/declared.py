"""Hold an action to the argument types that a policy declares for it.

Equality in CEL never errs: `action.arguments.classification == "phi"` is simply false for the list `["phi"]`, and an agent
could slip past the rule. Where the policy declares a type, a value of another type is unreadable instead, so every rule
that looks at it errs and counts where that is stricter.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .projection import Projection

_CLASSES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "int": (int,),
    "bool": (bool,),
    "number": (int, float),
    "list": (list,),
    "map": (dict,),
}


def held_to(declared: Mapping[str, str], projection: Projection) -> Projection:
    """The projection without the arguments that are not of their declared type; those become unreadable."""
    arguments = projection.facts.get("arguments")
    if not declared or not isinstance(arguments, dict):
        return projection
    wrong = [
        name for name, kind in declared.items() if name in arguments and not _fits(arguments[name], kind)
    ]
    if not wrong:
        return projection
    kept = {name: value for name, value in arguments.items() if name not in wrong}
    return replace(
        projection,
        facts={**projection.facts, "arguments": kept},
        unreadable=(*projection.unreadable, *(("arguments", name) for name in wrong)),
    )


def _fits(value: Any, kind: str) -> bool:
    """Exact classes: in Python `True` is an int, in JSON it is not."""
    return kind == "any" or type(value) in _CLASSES[kind]
