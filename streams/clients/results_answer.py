"""What a wait ends with: the outcome as the gate told it, and the masked result that came back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from sluicegate.schemas.outcome import Outcome, OutcomeKind

from .results_chain import Result


@dataclass(frozen=True, slots=True)
class Answer:
    """`told` is the gate's record; its fields are here too. Of `told.result`, `place` is the name: `result` is the value.

    `result` is what the executor returned, after masking under `profile`: JSON, or None when nothing was returned. When a
    batch is in quarantine it is None too, and `withheld` has the reasons. `masked` counts replaced spans per type. `release` names the
    actions by which people still decide whether it comes all the same, `released` those by which they let some of it come.
    """

    told: Outcome
    result: Any = field(default=None, repr=False)
    profile: str | None = None
    withheld: tuple[str, ...] = ()
    masked: Mapping[str, int] = field(default_factory=dict)
    release: tuple[str, ...] = ()
    released: tuple[str, ...] = ()

    @classmethod
    def of(cls, outcome: Outcome, result: Result | None) -> Self:
        """An outcome with what came back, if anything did."""
        if result is None:
            return cls(outcome)
        return cls(
            outcome,
            result.value,
            result.profile,
            result.withheld,
            result.masked,
            result.release,
            result.released,
        )

    @property
    def outcome(self) -> OutcomeKind:
        """What has become of the action."""
        return self.told.outcome

    @property
    def reason(self) -> str | None:
        """A code; of an executed action without result why it does not come back."""
        return self.told.reason

    @property
    def rules(self) -> tuple[str, ...]:
        """The policy's rules that decided."""
        return self.told.rules

    @property
    def outcome_id(self) -> str:
        """The id of the record."""
        return self.told.outcome_id

    @property
    def agent(self) -> str:
        """Whose action it is."""
        return self.told.agent

    @property
    def action_id(self) -> str:
        """The action."""
        return self.told.action_id

    @property
    def lane(self) -> str:
        """The agent's lane."""
        return self.told.lane

    @property
    def action_digest(self) -> bytes:
        """Of the record that this answers."""
        return self.told.action_digest

    @property
    def request_id(self) -> str | None:
        """The request that people decided on."""
        return self.told.request_id

    @property
    def grant_id(self) -> str | None:
        """The grant."""
        return self.told.grant_id

    @property
    def result_digest(self) -> bytes | None:
        """The digest that the chain of batches ends in."""
        return self.told.result_digest

    @property
    def repeated(self) -> bool:
        """Whether this was told before."""
        return self.told.repeated

    @property
    def at_ms(self) -> int:
        """When the gate said so, by its wall clock."""
        return self.told.at_ms
