"""Render an action for reviewers: a function of its bytes and of what the operator declared harmless.

First form: the argument paths that a policy lists under `show:` appear as they are, because the operator signed that they
identify nobody. Every other value appears as its type and size, every other key as a number: keys are written by agents too.
The detectors of the masking processor take the place of "type and size" when they are in.

Text that is shown stands under `quoted`, with every character that could deceive the eye written as its code point: it is
what an agent wrote, never part of the view itself.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from sluicegate.schemas.action import Action
from sluicegate.schemas.approval import View
from sluicegate.schemas.canonical import canonical_json, sha256

MAX_VIEW_BYTES = 64 * 1024
"""Longest text of a view; a longer one is replaced by a cut one that cannot be approved."""
MAX_QUOTED = 2_000
"""Characters of one quoted string; a longer one is cut, and the view with it."""

_DECEPTIVE = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
_Path = tuple[str, ...]


def render(action: Action, shown: Sequence[str]) -> View:
    """The view of an action under these paths (`*` stands for any key or element at its place)."""
    paths = [tuple(path.split(".")) for path in shown]
    rendering = _Rendering()
    fields = {
        "type": action.type,
        "agent": action.agent,
        "action": action.action_id,
        "supersedes": action.supersedes,
        "arguments": rendering.mapping(action.arguments, paths),
        "summary": None if action.summary is None else _size_of(action.summary),
    }
    text = canonical_json({name: value for name, value in fields.items() if value is not None})
    if len(text) > MAX_VIEW_BYTES:
        rendering.complete = False
        text = canonical_json({"type": action.type, "agent": action.agent, "cut": {"bytes": len(text)}})
    return View(text=text.decode(), digest=sha256(text), complete=rendering.complete)


def visible(text: str) -> str:
    """The text with every control, format, bidirectional, unassigned or odd space character as `<U+XXXX>`.

    Against Trojan Source (https://trojansource.codes) and invisible text. In text of several scripts every letter that is not
    Latin is marked by its code point too, so look-alikes show (UTS 39).
    """
    mixed = _is_mixed(text)
    # INVARIANT: two texts never look the same, so a text that spells a mark itself is marked: no two keys become one.
    return "<U+003C>U+".join(_marked(piece, mixed=mixed) for piece in text.split("<U+"))


def visible_again(text: str) -> str:
    """Text of a view once more, for who shows it: marks stay, and a view that lacks some gets them all the same."""
    return _marked(text, mixed=_is_mixed(text))


def _marked(text: str, *, mixed: bool) -> str:
    return "".join(_visible(char, mixed=mixed) for char in text)


def _is_mixed(text: str) -> bool:
    return len({_script(char) for char in text if char.isalpha()}) > 1


def _visible(char: str, *, mixed: bool) -> str:
    if char.isascii() and char.isprintable():
        return char
    category = unicodedata.category(char)
    odd = category in _DECEPTIVE or category == "Zs" or category.startswith("M")
    foreign = mixed and char.isalpha() and _script(char) != "LATIN"
    # Full-width, mathematical and other compatibility forms of ASCII look like what they are not.
    twin = unicodedata.normalize("NFKC", char).isascii()
    return f"<U+{ord(char):04X}>" if odd or foreign or twin else char


def _script(char: str) -> str:
    return unicodedata.name(char, "UNKNOWN").split(" ", 1)[0]


class _Rendering:
    """One walk over one action."""

    def __init__(self) -> None:
        self.complete = True

    def mapping(self, value: Mapping[str, Any], paths: Sequence[_Path]) -> dict[str, Any]:
        rendered: dict[str, Any] = {}
        for number, key in enumerate(sorted(value), start=1):
            below = [path[1:] for path in paths if path and path[0] in {key, "*"}]
            named = any(path and path[0] == key for path in paths)
            rendered[visible(key) if named else f"#{number}"] = self.value(value[key], below)
        return rendered

    def value(self, value: Any, paths: Sequence[_Path]) -> Any:
        if () in paths:
            return self.shown(value)
        match value:
            case dict() if paths:
                return self.mapping(value, paths)
            case list() if paths:
                below = [path[1:] for path in paths if path[0] == "*"]
                return [self.value(element, below) for element in value]
            case _:
                return _size_of(value)

    def shown(self, value: Any) -> Any:
        match value:
            case str():
                if len(value) > MAX_QUOTED:
                    self.complete = False
                    return {"quoted": visible(value[:MAX_QUOTED]), "cut": len(value)}
                return {"quoted": visible(value)}
            case dict():
                return {visible(key): self.shown(inner) for key, inner in value.items()}
            case list():
                return [self.shown(element) for element in value]
            case _:
                return value


def _size_of(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"hidden": "boolean"}
        case int() | float():
            return {"hidden": "number"}
        case str():
            return {"hidden": "text", "size": len(value)}
        case list():
            return {"hidden": "list", "size": len(value)}
        case dict():
            return {"hidden": "object", "size": len(value)}
        case _:
            return {"hidden": "null"}
