"""Everything `outcomes` has said about one action, and what of it answers a waiting agent. Pure."""

from bisect import insort
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sluicegate.processors.events import Reason
from sluicegate.schemas.outcome import Outcome, OutcomeKind

_ABOUT_A_COPY: Final = frozenset({Reason.CONFLICT, Reason.TOO_OLD, Reason.FROM_THE_FUTURE})
"""Reasons that refuse one record and say nothing about the action that has its id."""
_BEFORE_THE_ACT: Final = frozenset({OutcomeKind.PENDING, OutcomeKind.GRANTED})


class Until(StrEnum):
    """What a wait is for."""

    DECIDED = "decided"
    """Anything but `pending`: a person or the policy has answered."""
    FINAL = "final"
    """No later outcome can follow."""

    def met_by(self, outcome: OutcomeKind) -> bool:
        """Whether this outcome ends the wait."""
        return outcome.final if self is Until.FINAL else outcome is not OutcomeKind.PENDING


@dataclass(frozen=True, slots=True, order=True)
class _Told:
    offset: int
    outcome_id: str
    digest: bytes


class OutcomeHistory:
    """The outcomes of one (agent, action id), by offset, in whatever order they are added.

    An outcome seen twice counts once. Two different ones under one id are both refused: a doubled record of an abandoned
    transaction must not decide anything.
    """

    __slots__ = (
        "__weakref__",
        "_outcomes",
        "_refused",
        "_told",
        "action_id",
        "agent",
        "has_results",
        "is_own",
        "is_whole",
        "open_ms",
    )

    def __init__(self, agent: str, action_id: str) -> None:
        self.agent = agent
        self.action_id = action_id
        self.is_whole = False
        """Whether nothing older can be missing."""
        self.is_own = False
        """Whether this history was there before the action was sent."""
        self.has_results = False
        """Whether every result that stood on `exports.masked` when it had been told of was taken or let go."""
        self.open_ms: int | None = None
        """When the broker appended the first outcome that was told before anything was executed."""
        self._told: list[_Told] = []
        self._outcomes: dict[str, tuple[bytes, Outcome]] = {}
        self._refused: set[str] = set()

    def add(self, offset: int, digest: bytes, outcome: Outcome, append_ms: int | None = None) -> bool:
        """Take one outcome; `digest` is that of its bytes. False when it is refused and calls for an alarm."""
        if append_ms is not None and outcome.outcome in _BEFORE_THE_ACT and not outcome.repeated:
            self.open_ms = append_ms if self.open_ms is None else min(self.open_ms, append_ms)
        seen = self._outcomes.get(outcome.outcome_id)
        if seen is None:
            self._outcomes[outcome.outcome_id] = digest, outcome
            insort(self._told, _Told(offset, outcome.outcome_id, digest))
            return True
        if seen[0] != digest:
            self._refused.add(outcome.outcome_id)
        return seen[0] == digest

    @property
    def end(self) -> int:
        """The offset of the last outcome added so far, -1 before the first."""
        return self._told[-1].offset if self._told else -1

    def told(self, after: int = -1) -> tuple[Outcome, ...]:
        """Every outcome beyond offset `after` that is to be believed, in order."""
        return tuple(
            self._outcomes[told.outcome_id][1]
            for told in self._told
            if told.offset > after and told.outcome_id not in self._refused
        )

    def latest(self, digest: bytes | None, after: int = -1) -> Outcome | None:
        """The last outcome beyond offset `after` that concerns the sender of this digest (None: who asks by id alone)."""
        about_a_copy = None
        for told in reversed(self._told):
            if told.offset <= after:
                break
            if told.outcome_id in self._refused:
                continue
            outcome = self._outcomes[told.outcome_id][1]
            if outcome.repeated or outcome.reason not in _ABOUT_A_COPY or outcome.action_digest == digest:
                return outcome
            # Asked by id alone, a stale record that nothing else is known of is the action itself.
            if digest is None and outcome.reason != Reason.CONFLICT:
                about_a_copy = about_a_copy or outcome
        return about_a_copy


@dataclass(frozen=True, slots=True)
class Awaited:
    """Whose answers count for one wait: those told after `after` that concern the record of `digest`, if there is one."""

    history: OutcomeHistory
    digest: bytes | None = None
    after: int = -1

    def told(self) -> tuple[Outcome, ...]:
        """Everything told about the action since this wait began."""
        return self.history.told(self.after)

    def latest(self) -> Outcome | None:
        """The last outcome that concerns this wait, None while there is none."""
        return self.history.latest(self.digest, self.after)

    def answer(self, until: Until) -> Outcome | None:
        """The outcome that ends the wait, None while there is none."""
        outcome = self.latest()
        return outcome if outcome is not None and until.met_by(outcome.outcome) else None
