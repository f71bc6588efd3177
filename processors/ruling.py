"""What a processor decides about one input, before it becomes records: event, facts, store changes, records to send."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sluicegate.schemas.approval import ApprovalRequest, Reminder, Resolution, Tally
from sluicegate.schemas.grant import Grant
from sluicegate.schemas.ids import derived_id
from sluicegate.schemas.outcome import Outcome

from .contract import Put
from .events import Event, Reason

Sent = ApprovalRequest | Tally | Reminder | Resolution | Grant | Outcome
"""What the gate writes about an action."""


@dataclass(frozen=True, slots=True)
class Cause:
    """The input at hand: what ids derive from, and its two times.

    `origin` is the input position as text, or for a punctuation its store, key, kind and due time. `at_ms` is the record's
    log-append time, or the time a punctuation was due. `now_ms` is the transaction's wall-clock time.
    """

    origin: str
    at_ms: int
    now_ms: int

    def id(self, prefix: str, *parts: str | int) -> str:
        """An id that this input, and no other, leads to."""
        return derived_id(prefix, self.origin, *parts)


@dataclass(frozen=True, slots=True)
class Send:
    """A record to write to the task's own partition of `topic`; `signed` for what carries the gate's authority."""

    topic: str
    model: Sent
    id: str
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Ruling:
    """Everything one input leads to. `facts` are fields of its audit entry."""

    event: Event
    facts: Mapping[str, Any] = field(default_factory=dict)
    puts: tuple[Put, ...] = ()
    sends: tuple[Send, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    lane: str | None = None

    def joined(self, other: "Ruling") -> "Ruling":
        """This ruling, with what another one changes and sends done first; event and facts of this one win."""
        return Ruling(
            event=self.event,
            facts={**other.facts, **self.facts},
            puts=(*other.puts, *self.puts),
            sends=(*other.sends, *self.sends),
            outcomes=(*other.outcomes, *self.outcomes),
            lane=self.lane,
        )


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that cannot be read or trusted: it touches no state and gets no outcome."""

    reason: Reason
