"""One approval request as lines for people: what is asked, who is needed, how long is left, and what may be seen."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.text import Text

from sluicegate.processors.masking.visible import visible_again
from sluicegate.schemas.approval import ApprovalRequest, Tally
from sluicegate.streams.clients.inbox import view_holds

from .screen import span, words

FENCE: Final = "| "
"""Stands before every line of text that an agent wrote."""
_WIDTH: Final = 76
_INDENT: Final = "  "
_MISSING: Final = {
    "cut": "(CUT: there is more than what is shown here)",
    "not-masked": "(NOT MASKED: something could not be masked and is left out)",
}
"""Why a view is incomplete."""
_FIXED: Final = ("type", "agent", "action")
"""Fields of a view that the heading shows already."""


def card(request: ApprovalRequest, tally: Tally | None, now_ms: int, names: Mapping[str, str]) -> list[Text]:
    """The request, line by line; `names` are those of persons, by id."""
    left_ms = request.requirement.deadline_ms - now_ms
    heading = Text(request.request_id, style="bold")
    heading.append(f"  {request.type} by {request.agent}", style="not bold")
    heading.append(f"  {_left(left_ms)}", style="yellow" if left_ms < 300_000 else "dim")  # noqa: PLR2004 - five minutes
    lines = [heading, *_labelled("action", [request.action_id])]
    lines += _labelled("needs", [_needs(request), _progress(request, tally)])
    lines += _labelled("not", [_excluded(request, names)])
    lines += _labelled("why", [visible_again(why) for why in request.whys])
    lines += _labelled("rules", [", ".join(request.rules)] if request.rules else [])
    if request.revision > 1:
        lines += _labelled(
            "raised", [f"revision {request.revision}: more is needed now than when it was asked first"]
        )
    lines += _labelled("view", [_trust(request)])
    return [*lines, *(Text(_INDENT * 2 + line) for line in view_lines(request.view.text))]


def view_lines(text: str) -> Iterator[str]:
    """A view as indented lines. What an agent wrote is fenced; identifiers in it are tags such as `<name>`."""
    try:
        view = json.loads(text)
    except ValueError:
        yield "(the view cannot be read; reject the request)"
        return
    if not isinstance(view, dict):
        yield "(the view is no object; reject the request)"
        return
    missing = view.pop("incomplete", ())
    for reason in missing if isinstance(missing, list) else ():
        yield _MISSING.get(str(reason), "(something is missing; reject the request)")
    for name, value in view.items():
        if name == "arguments" and isinstance(value, dict):
            yield from _named_lines(value, 0) if value else iter(("no arguments",))
        elif name not in _FIXED:
            yield from _named_lines({name: value}, 0)


def _named_lines(table: dict[str, Any], depth: int) -> Iterator[str]:
    widest = max((len(visible_again(name)) for name in table), default=0)
    for name, value in table.items():
        label = _INDENT * depth + visible_again(name).ljust(min(widest, 24))
        if _is_plain(value):
            yield from _plain_lines(label, value)
        else:
            yield label.rstrip()
            yield from _named_lines(_as_table(value), depth + 1)


def _as_table(value: Any) -> dict[str, Any]:
    return (
        value if isinstance(value, dict) else {f"[{place}]": element for place, element in enumerate(value)}
    )


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return not value or "quoted" in value
    return not isinstance(value, list) or not value


def _plain_lines(label: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict) and isinstance(value.get("quoted"), str):
        cut = f" (cut: {value['cut']} characters in all)" if "cut" in value else ""
        yield from _fenced(label, value["quoted"])
        if cut:
            yield " " * len(label) + _INDENT + cut.strip()
    else:
        yield f"{label}{_INDENT}{visible_again(json.dumps(value))}"


def _fenced(label: str, text: str) -> Iterator[str]:
    lines = textwrap.wrap(visible_again(text), max(20, _WIDTH - len(label)), drop_whitespace=False) or [""]
    for place, line in enumerate(lines):
        yield f"{label if place == 0 else ' ' * len(label)}{_INDENT}{FENCE}{line}"


def _labelled(label: str, values: list[str]) -> list[Text]:
    lines = []
    for place, value in enumerate(value for value in values if value):
        line = Text(_INDENT)
        line.append((label if place == 0 else "").ljust(8), style="dim")
        line.append(value)
        lines.append(line)
    return lines


def _left(left_ms: int) -> str:
    return f"{span(left_ms)} left" if left_ms > 0 else "past its deadline"


def _needs(request: ApprovalRequest) -> str:
    needed = request.requirement
    groups = ", ".join(f"{count} of {group}" for group, count in sorted(needed.groups.items())) or "anybody"
    reason = "; a reason is required" if needed.reason_required else ""
    return f"{groups}; {needed.quorum} {'person' if needed.quorum == 1 else 'people'} in all{reason}"


def _progress(request: ApprovalRequest, tally: Tally | None) -> str:
    if tally is None:
        return (
            f"nobody has decided yet; missing: {', '.join(sorted(request.requirement.groups)) or 'anybody'}"
        )
    missing = ", ".join(tally.open_groups) or "more people"
    return f"{tally.people} of {tally.needed} counted; missing: {missing}"


def _excluded(request: ApprovalRequest, names: Mapping[str, str]) -> str:
    return ", ".join(names.get(person, person) for person in request.excluded) + " (behind the action)"


def _trust(request: ApprovalRequest) -> str:
    if not view_holds(request):
        return "NOT WHAT ITS DIGEST SAYS: decide nothing and call the operators"
    said = f"digest {words(request.view.digest)}"
    return said if request.view.complete else f"INCOMPLETE: it cannot be approved, only rejected; {said}"
