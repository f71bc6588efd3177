"""Render an action for reviewers: a function of its bytes, of the masking profile, and of what the operator declared harmless.

The detectors and the column policy of the masking processor decide what appears: identifiers are tags, in values, in text and in
keys, because keys are written by agents too; whatever identifies nobody shows. The argument paths that a policy lists under
`show:` appear as they are: the operator signed that they identify nobody.

Text stands under `quoted`, with every character that could deceive the eye written as its code point: it is what an agent wrote,
never part of the view itself. What was cut or could not be masked is left out, `incomplete` says why, and nobody can approve.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sluicegate.schemas.action import Action
from sluicegate.schemas.approval import View
from sluicegate.schemas.canonical import canonical_json, sha256
from sluicegate.schemas.errors import InvariantError

from .profile import Profile
from .visible import visible, without_tags

MAX_VIEW_BYTES: Final = 64 * 1024
"""Longest text of a view; a longer one is replaced by a short one that cannot be approved."""
MAX_FIELDS: Final = 1_500
"""Most keys and values of the arguments; nobody reads more, and each costs the gate some time."""
MAX_QUOTED: Final = 8_000
"""Characters of one quoted string after masking; a longer one is cut, and the view with it."""
CUT: Final = "cut"
"""Why a view is incomplete: there is more than it shows."""
NOT_MASKED: Final = "not-masked"
"""Why a view is incomplete: something could not be masked, or a second look found more, and is left out."""
JSON: Final = "application/json"

_Path = tuple[str, ...]


def render(action: Action, shown: Sequence[str], profile: Profile) -> View:
    """The view of an action under these paths (`*` stands for any key or element at its place) and this profile."""
    fields = {"type": action.type, "agent": action.agent, "action": action.action_id}
    # Before masking: an agent must not decide how long the gate works on one action.
    size = _size(action)
    if size is None or size > MAX_VIEW_BYTES or _fields(action.arguments) > MAX_FIELDS:
        return _cut(fields, size)
    said = fields | ({} if action.supersedes is None else {"supersedes": action.supersedes})
    rendering = _Rendering(tuple(tuple(path.split(".")) for path in shown))
    text = canonical_json({**said, **rendering.fields(action, profile), **rendering.why_incomplete()})
    return _cut(fields, len(text)) if len(text) > MAX_VIEW_BYTES else _view(text, rendering.why_incomplete())


def _size(action: Action) -> int | None:
    """Bytes of what is to be seen; None for what is no JSON."""
    try:
        return len(canonical_json({"arguments": action.arguments, "summary": action.summary}))
    except (ValueError, TypeError, RecursionError):
        return None


def _fields(value: Any) -> int:
    """Keys and values at all depths."""
    match value:
        case dict():
            return len(value) + sum(map(_fields, value.values()))
        case list():
            return sum(map(_fields, value))
    return 1


def _cut(fields: Mapping[str, str], size: int | None) -> View:
    if size is None:
        incomplete: dict[str, Any] = {"incomplete": [NOT_MASKED]}
    else:
        incomplete = {"incomplete": [CUT], "cut": {"bytes": size}}
    return _view(canonical_json({**fields, **incomplete}), incomplete)


def _view(text: bytes, incomplete: Mapping[str, Any]) -> View:
    return View(text=text.decode(), digest=sha256(text), complete=not incomplete)


class _Rendering:
    """One walk over one action, over what is raw and what is masked side by side."""

    def __init__(self, paths: Sequence[_Path]) -> None:
        self._paths = paths
        self._missing: set[str] = set()

    def fields(self, action: Action, profile: Profile) -> dict[str, Any]:
        """Arguments and summary, masked together: a name that stands in a column is found in the summary as well."""
        try:
            harmless = _without_tags(action.arguments)
            # As one more field after the arguments, so that paths from the root mean the same as in a result.
            summary = {} if action.summary is None else {_free(harmless): without_tags(action.summary)}
            masked = list(_masked(harmless | summary, profile).items())
            rendered = {"arguments": self._value(harmless, dict(masked[: len(harmless)]), self._paths)}
            if summary:
                rendered["summary"] = self._quoted(masked[len(harmless)][1])
        except Exception:  # noqa: BLE001  # INVARIANT: whatever hostile values do to an engine, nothing of them shows
            self._missing.add(NOT_MASKED)
            return {"arguments": {}}
        return rendered

    def why_incomplete(self) -> dict[str, list[str]]:
        """The field that says what is missing; no field when nothing is."""
        return {"incomplete": sorted(self._missing)} if self._missing else {}

    def _value(self, raw: Any, masked: Any, paths: Sequence[_Path]) -> Any:
        """A value as the operator's paths and the masking let it show."""
        if () in paths:
            return self._quoted(raw)
        match raw, masked:
            case dict(), dict() if len(raw) == len(masked):
                return self._mapping(raw, masked, paths)
            case list(), list() if len(raw) == len(masked):
                below = [path[1:] for path in paths if path[0] == "*"]
                return [self._value(*both, below) for both in zip(raw, masked, strict=True)]
            case ((dict() | list()), (dict() | list())):
                # Not the same shape: nobody can say which value became which.
                self._missing.add(NOT_MASKED)
                return {}
        return self._quoted(masked)

    def _mapping(
        self, raw: Mapping[str, Any], masked: Mapping[str, Any], paths: Sequence[_Path]
    ) -> dict[str, Any]:
        rendered: dict[str, Any] = {}
        for (key, value), (masked_key, masked_value) in zip(raw.items(), masked.items(), strict=True):
            below = [path[1:] for path in paths if path[0] in {key, "*"}]
            named = any(path[0] == key for path in paths)
            name = visible(key if named else masked_key)
            if name in rendered:
                # INVARIANT: no argument hides behind another, whatever the masking made of their keys.
                self._missing.add(NOT_MASKED)
            else:
                rendered[name] = self._value(value, masked_value, below)
        return rendered

    def _quoted(self, value: Any) -> Any:
        """A value that may be seen, whole."""
        match value:
            case str():
                if len(value) > MAX_QUOTED:
                    self._missing.add(CUT)
                    return {"quoted": visible(value[:MAX_QUOTED]), "cut": len(value)}
                return {"quoted": visible(value)}
            case dict():
                return {visible(key): self._quoted(inner) for key, inner in value.items()}
            case list():
                return [self._quoted(element) for element in value]
            case _:
                return value


def _masked(value: dict[str, Any], profile: Profile) -> dict[str, Any]:
    """A JSON object with every identifier as a tag, after a second, independent look at it."""
    # Only a gate has the detectors (extra `gate`).
    from .check import check  # noqa: PLC0415
    from .text import mask_json  # noqa: PLC0415

    masked, _ = mask_json(value, profile)
    if check(JSON, _bytes(value), _bytes(masked), profile):
        raise InvariantError("the masking left something in a view")
    return dict(masked)


def _bytes(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _free(names: Mapping[str, Any]) -> str:
    """A name for the summary that no argument has."""
    return next(
        name for name in (f"summary{'_' * more}" for more in range(len(names) + 1)) if name not in names
    )


def _without_tags(value: Any) -> Any:
    """The same value in an order of its own, without anything that imitates a tag."""
    match value:
        case str():
            return without_tags(value)
        case dict():
            return {without_tags(key): _without_tags(inner) for key, inner in sorted(value.items())}
        case list():
            return [_without_tags(element) for element in value]
        case _:
            return value
