"""Whose record it is: the fields of an object, or the columns of a table, that a profile names as its subject."""

import re
from collections.abc import Sequence
from typing import Final

from sluicegate.processors.masking.columns import closed
from sluicegate.processors.masking.json_tree import Node, Object, Scalar

from .folding import fold_word

_TAIL: Final = re.compile(r"[^/:]*$")
"""`Patient/42` and `urn:uuid:42` refer to `42`."""


class Subjects:
    """The paths of a profile's `subject`; the first that leads to a value counts."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = [
            (path.startswith("$."), tuple(map(closed, path.removeprefix("$.").split(".")))) for path in paths
        ]

    def __bool__(self) -> bool:
        """Whether the profile names any."""
        return bool(self._paths)

    @property
    def paths(self) -> Sequence[tuple[str, ...]]:
        """Names from a row to the value, spelled as `closed` does."""
        return [names for _, names in self._paths]

    def of_object(self, node: Object, *, is_root: bool) -> bytes | None:
        """The subject that an object itself names."""
        for anchored, names in self._paths:
            value = _value(node, names) if is_root or not anchored else None
            if value is not None and (found := plain(value)) is not None:
                return found
        return None


def plain(value: str) -> bytes | None:
    """One spelling of a subject; None for what names nobody."""
    tail = _TAIL.search(fold_word(value).strip())
    named = "".join(filter(str.isalnum, tail[0].casefold())) if tail else ""
    return named.encode(errors="replace") or None


def _value(node: Node, names: Sequence[str]) -> str | None:
    for name in names:
        members = node.members if isinstance(node, Object) else ()
        inner = next((value for key, value in members if closed(key.value or "") == name), None)
        if inner is None:
            return None
        node = inner
    return node.value if isinstance(node, Scalar) else None
