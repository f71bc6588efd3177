"""What is measured on: one record of each kind, a policy of so many rules, signed actions."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from sluicegate.processors.contract import Position, Record
from sluicegate.schemas.action import Action
from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.fields import Wire
from sluicegate.schemas.keys import PrivateKey
from sluicegate.schemas.kinds import MODELS
from sluicegate.streams.clients.signed_record import SignedRecord, sign_record

AGENT: Final = "ops"
EXECUTOR: Final = "crm"
ACTION_TYPE: Final = "crm.read"
_GOLDEN: Final = Path(__file__).parents[1] / "tests" / "cases" / "schemas" / "golden.json"


def records() -> Mapping[str, Wire]:
    """One record of each kind: the one of the golden cases with every field."""
    golden: dict[str, list[dict[str, Any]]] = json.loads(_GOLDEN.read_text("utf-8"))
    return {
        kind: MODELS[kind].model_validate_json(json.dumps(cases[0]["record"]))
        for kind, cases in golden.items()
    }


def policy(rules: int) -> str:
    """One rule that allows, and rules about the same type that all must be evaluated and do not hold."""
    others = "\n".join(
        f"  - {{id: large-{number}, on: [{ACTION_TYPE}], when: action.arguments.rows > {1_000 + number}, "
        "effect: review, review: one}"
        for number in range(rules - 1)
    )
    return f"""version: 1
name: measured
default: deny
reviews:
  one: {{groups: {{security: 1}}, within: 30s}}
rules:
  - {{id: reads, on: [{ACTION_TYPE}], effect: allow}}
{others}
"""


def actions(
    count: int,
    *,
    deployment: str,
    key: PrivateKey,
    now_ms: int,
    first: int = 0,
    agent: str = AGENT,
    lane: str = AGENT,
) -> Iterable[SignedRecord]:
    """Signed actions that every policy here allows, each with its own id."""
    for number in range(first, first + count):
        action = Action(
            deployment=deployment,
            action_id=f"ac-{now_ms}-{number}",
            agent=agent,
            lane=lane,
            type=ACTION_TYPE,
            nonce=sha256(b"%d" % number)[:16],
            created_at_ms=now_ms,
            arguments=arguments(number),
        )
        yield sign_record(key, action)


def arguments(number: int) -> dict[str, Any]:
    """About as much as a call of a tool says."""
    return {
        "patient": f"p-{number}",
        "rows": number % 900,
        "fields": ["name", "ward"],
        "limit": 10,
        "why": "round",
    }


def arrived(signed: Iterable[SignedRecord], now_ms: int, first: int = 0) -> list[Record]:
    """As the gate reads them from partition 0, from offset `first` on."""
    return [
        Record(Position("actions", 0, offset), now_ms, AGENT.encode(), record.headers, record.value)
        for offset, record in enumerate(signed, start=first)
    ]
