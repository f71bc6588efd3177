"""A recording of the tests' own making: agents of a hospital at night, call by call, and what must become of them."""

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any, Final

from sluicegate.streams.play.recording import Call

APPROVE_WHEN: Final = "signed_off"
POLICY: Final = """
version: 1
name: night-shift
default: deny
reviews:
  one: {groups: {charge-nurses: 1}, within: 10m}
  two: {groups: {charge-nurses: 1, physicians: 1}, within: 10m, reason: required}
rules:
  - {id: looking-passes, on: [chart.read, ward.list], effect: allow}
  - {id: orders-wait, on: [order.place], effect: review, review: one}
  - {id: moves-wait-for-two, on: [patient.move], effect: review, review: two}
  - {id: charts-stay, on: [chart.erase], effect: deny}
"""
_TOOLS: Final = ("chart.read", "ward.list", "order.place", "patient.move", "chart.erase")
_OFTEN: Final = (45, 20, 18, 12, 5)
_REVIEWED: Final = frozenset({"order.place", "patient.move"})


def lines(count: int = 120, *, runs: int = 10, seed: int = 7) -> list[dict[str, Any]]:
    """So many calls of so many runs, the same ones for the same seed."""
    rng = random.Random(seed)  # noqa: S311  # the same night every time
    steps: Counter[str] = Counter()
    found = []
    for number in range(count):
        run = f"night-{rng.randrange(runs):02}"
        tool = rng.choices(_TOOLS, _OFTEN)[0]
        found.append(
            {
                "run": run,
                "seq": steps[run],
                "agent": "ward-clerk",
                "tool": tool,
                "args": {"bed": rng.randrange(40), "note": f"call {number}"},
                "result": {"done": tool, "number": number},
                APPROVE_WHEN: rng.random() < 0.5,
            }
        )
        steps[run] += 1
    return found


def write(path: Path, recorded: Sequence[Mapping[str, Any]]) -> Path:
    """As a file of JSON lines."""
    path.write_text("".join(json.dumps(line) + "\n" for line in recorded))
    return path


def expected(recorded: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """The totals that `play` must come to, whatever happens to the gate meanwhile."""
    tools = Counter(line["tool"] for line in recorded)
    reviewed = [line for line in recorded if line["tool"] in _REVIEWED]
    approved = sum(line[APPROVE_WHEN] for line in reviewed)
    allowed = tools["chart.read"] + tools["ward.list"]
    return {
        "actions": len(recorded),
        "allowed": allowed,
        "reviewed": len(reviewed),
        "approved": approved,
        "denied": tools["chart.erase"],
        "rejected": len(reviewed) - approved,
        "expired": 0,
        "executed": allowed + approved,
        "refused": 0,
        "unknown": 0,
    }


def executed(recorded: Sequence[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """(agent, action id) of every call that must really be done, once."""
    return {
        (f"{line['agent']}/{line['run']}", f"{line['run']}:{line['seq']}")
        for line in recorded
        if line["tool"] in {"chart.read", "ward.list"} or (line["tool"] in _REVIEWED and line[APPROVE_WHEN])
    }


@dataclass(slots=True)
class Ward:
    """Where the recorded calls happen: counts what is done to it, and takes its time."""

    takes_s: float = 0.0
    effects: Counter[tuple[str, str]] = field(default_factory=Counter)
    _guard: Lock = field(default_factory=Lock)

    def watch(self, calls: Sequence[Call]) -> list[Call]:
        """The same calls; whoever takes the result of one has done it."""
        return [replace(call, fields=_Watched(call.fields, self._done_by(call))) for call in calls]

    def _done_by(self, call: Call) -> Callable[[], None]:
        def done() -> None:
            with self._guard:
                self.effects[call.agent_id, call.action_id] += 1
            time.sleep(self.takes_s)

        return done


class _Watched(Mapping[str, Any]):
    """The further fields of a recorded call."""

    def __init__(self, fields: Mapping[str, Any], done: Callable[[], None]) -> None:
        self._fields = fields
        self._done = done

    def __getitem__(self, name: str) -> Any:
        if name == "result":
            self._done()
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)
