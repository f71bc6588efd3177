"""What has happened so far, counted when it happened; told by any thread."""

import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .schedule import BROKER_KILLS, KILLS, Fault, Kind


@dataclass(frozen=True, slots=True)
class Happened:
    """One fault that did happen."""

    number: int
    kind: Kind
    at_ms: int
    met_open: bool
    """Whether a transaction was open at that moment, in whatever was struck or depended on it."""
    detail: str


class Tally:
    """Of one round."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._happened: list[Happened] = []
        self.missed: Counter[str] = Counter()
        """Scheduled, and found nothing to strike in time."""
        self.rebalances = 0

    def note(self, fault: Fault, *, met_open: bool, detail: str = "") -> None:
        """It has happened."""
        found = Happened(fault.number, fault.kind, time.time_ns() // 1_000_000, met_open, detail)
        with self._lock:
            self._happened.append(found)

    def miss(self, fault: Fault) -> None:
        """It could not be done."""
        with self._lock:
            self.missed[fault.kind.value] += 1

    def happened(self) -> tuple[Happened, ...]:
        """Everything, in its order."""
        with self._lock:
            return tuple(self._happened)

    def figures(self) -> dict[str, int]:
        """The integers of a result that are about faults."""
        return figures(self.happened(), self.rebalances)

    def details(self) -> dict[str, Any]:
        """Per kind and per step, how often it happened and how often it met an open transaction."""
        every: dict[str, dict[str, int]] = {}
        for one in self.happened():
            for name in (one.kind.value, f"{one.kind} {one.detail}" if one.detail else ""):
                if name:
                    found = every.setdefault(name, {"happened": 0, "in_open_transaction": 0})
                    found["happened"] += 1
                    found["in_open_transaction"] += one.met_open
        return {"faults": dict(sorted(every.items())), "missed": dict(self.missed)}


def figures(happened: Iterable[Happened], rebalances: int) -> dict[str, int]:
    """How many of what the promise counts."""
    found = list(happened)
    return {
        "kills": sum(one.kind in KILLS for one in found),
        "rebalances": rebalances,
        "stalls": sum(one.kind is Kind.BROKER_STALLS for one in found),
        "broker_kills": sum(one.kind in BROKER_KILLS for one in found),
        "proxy_faults": sum(one.kind is Kind.PROXY for one in found),
        "in_open_transaction": sum(one.met_open for one in found),
    }
