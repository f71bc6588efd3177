"""What operators have stopped: pauses and revocations, from `controls`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sluicegate.schemas.document import Pause, Revocation


@dataclass(frozen=True, slots=True)
class Controls:
    """Pauses and revocations in force, by document id."""

    pauses: Mapping[str, Pause] = field(default_factory=dict)
    revocations: Mapping[str, Revocation] = field(default_factory=dict)

    def after(self, name: str, body: Pause | Revocation) -> "Controls":
        """Controls once this document counts."""
        if isinstance(body, Pause):
            return replace(self, pauses={**self.pauses, name: body})
        return replace(self, revocations={**self.revocations, name: body})

    def paused(self, *, action_type: str, executor: str | None, agent: str) -> bool:
        """Whether a pause matches: each field a pause names must fit, one that names nothing stops everything."""
        return any(
            pause.active
            and pause.action_type in {None, action_type}
            and pause.executor in {None, executor}
            and pause.agent in {None, agent}
            for pause in self.pauses.values()
        )

    def key_revoked(self, key_id: str, append_ms: int) -> bool:
        """Whether a record signed by this key and appended then counts for nothing."""
        return any(r.key_id == key_id and append_ms >= r.from_ms for r in self.revocations.values())

    def grant_revoked(self, grant_id: str) -> bool:
        """Whether this grant was taken back."""
        return any(r.grant_id == grant_id for r in self.revocations.values())
