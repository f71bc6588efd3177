"""The rule and the two records that every router here writes; imports nothing but the standard library."""

import json
from typing import Any, Final

MOST_ROWS: Final = 1_000


def outcome(action: dict[str, Any]) -> dict[str, Any]:
    """What the agent is told."""
    return {"id": action["id"], "agent": action["agent"], "outcome": _decide(action)}


def entry(action: dict[str, Any]) -> dict[str, Any]:
    """What is written down."""
    said = {name: action[name] for name in ("id", "agent", "type")}
    return {"event": "action.decided", **said, "outcome": _decide(action), "rule": "rows-at-most"}


def written(record: dict[str, Any]) -> bytes:
    """As JSON."""
    return json.dumps(record).encode()


def _decide(action: dict[str, Any]) -> str:
    return "allowed" if action["arguments"]["rows"] <= MOST_ROWS else "denied"
