"""What a play came to: counts per action type, latencies, and the verifier's word."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from sluicegate.schemas.outcome import Outcome, OutcomeKind

COLUMNS = (
    "actions",
    "allowed",
    "reviewed",
    "approved",
    "denied",
    "rejected",
    "expired",
    "executed",
    "refused",
    "unknown",
)
"""What became of actions, counted per action type and in all."""

RESULT_COLUMNS = ("returned", "withheld", "missing")
"""What became of results: came back masked, are in quarantine, or had not come when the play ended."""


@dataclass(frozen=True, slots=True)
class Told:
    """Everything one action's agent was told, in order, and when (milliseconds after the submit)."""

    action_type: str
    outcomes: tuple[Outcome, ...]
    final_after_ms: float | None
    result: str | None = None
    """One of `RESULT_COLUMNS`; None when nothing was returned."""

    @property
    def last(self) -> OutcomeKind | None:
        """What the agent was told last."""
        return self.outcomes[-1].outcome if self.outcomes else None


@dataclass(slots=True)
class Tallies:
    """Counts per action type."""

    by_type: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, told: Told) -> None:
        """Count one action."""
        counts = self.by_type[told.action_type]
        counts["actions"] += 1
        counts.update(_columns(told))

    @property
    def total(self) -> Counter[str]:
        """All types together."""
        return sum(self.by_type.values(), Counter())


def tallied(actions: Iterable[Told]) -> Tallies:
    """Counts over all actions."""
    tallies = Tallies()
    for told in actions:
        tallies.add(told)
    return tallies


def percentiles(values: Sequence[float]) -> Mapping[str, float | None]:
    """p50, p95, p99 and the worst (nearest rank), rounded to a tenth; None of no values."""
    ordered = sorted(values)
    if not ordered:
        return {"p50": None, "p95": None, "p99": None, "worst": None}
    ranks = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "worst": 1.0}
    return {name: round(ordered[ceil(share * len(ordered)) - 1], 1) for name, share in ranks.items()}


def _columns(told: Told) -> set[str]:
    """The columns an action counts in. Who waited was reviewed; who was granted without a request was allowed."""
    kinds = {outcome.outcome for outcome in told.outcomes}
    reviewed = any(outcome.request_id for outcome in told.outcomes)
    granted = any(outcome.grant_id for outcome in told.outcomes)
    columns = {kind.value for kind in kinds} & {
        "denied",
        "rejected",
        "expired",
        "executed",
        "refused",
        "unknown",
    }
    if reviewed:
        columns.add("reviewed")
    if granted:
        columns.add("approved" if reviewed else "allowed")
    if told.result is not None:
        columns.add(told.result)
    return columns
