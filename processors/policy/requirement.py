"""Who has to decide on a held action, how many of them, and until when.

Kept apart from the evaluator so that a reviewer's client or an offline verifier can read a frozen requirement.
"""

from dataclasses import dataclass, replace

from sluicegate.schemas.errors import InvariantError

from .profiles import is_well_formed, strictest


@dataclass(frozen=True, slots=True)
class Requirement:
    """What must be met before a held action is approved; an empty one cannot be built.

    Attributes:
        groups: (group, people needed from it), sorted by group; all of them are needed.
        quorum: distinct people needed in total, at least the sum over the groups.
        within_ms: time between request and deadline, in milliseconds.
        reason_required: every decision must carry a reason.
        mask: masking profile of what the action returns, or several joined by `+`; None asks for none.
        remind_after_ms: time between request and reminder, in milliseconds, always before the deadline; None reminds nobody.
    """

    groups: tuple[tuple[str, int], ...]
    quorum: int
    within_ms: int
    reason_required: bool
    mask: str | None = None
    remind_after_ms: int | None = None

    def __post_init__(self) -> None:
        """Refuse what nobody, or too few people, could satisfy."""
        names = [name for name, _ in self.groups]
        if names != sorted(set(names)):
            raise InvariantError("a requirement's groups must be sorted and distinct")
        if any(count < 1 for _, count in self.groups):
            raise InvariantError("a requirement needs at least one person from every group it names")
        # INVARIANT: nobody asked means refused; a quorum of zero would approve by itself.
        if self.quorum < max(1, sum(count for _, count in self.groups)):
            raise InvariantError(
                "a requirement's quorum must be at least 1 and at least the sum of its groups"
            )
        if self.within_ms < 1:
            raise InvariantError("a requirement's deadline must lie after the request")
        if self.remind_after_ms is not None and not 0 < self.remind_after_ms < self.within_ms:
            raise InvariantError("a requirement's reminder must lie between the request and its deadline")
        if self.mask is not None and not is_well_formed(self.mask):
            raise InvariantError("a requirement names a masking profile that cannot exist")

    def stricter(self, other: "Requirement") -> "Requirement":
        """The least requirement that satisfies both: commutative, associative and idempotent."""
        groups = dict(self.groups)
        for name, count in other.groups:
            groups[name] = max(count, groups.get(name, 0))
        within_ms = min(self.within_ms, other.within_ms)
        reminders = [at for at in (self.remind_after_ms, other.remind_after_ms) if at is not None]
        return Requirement(
            groups=tuple(sorted(groups.items())),
            quorum=max(self.quorum, other.quorum, sum(groups.values())),
            within_ms=within_ms,
            reason_required=self.reason_required or other.reason_required,
            mask=strictest(self.mask, other.mask),
            # The earliest; what would come after the earlier deadline reminds nobody.
            remind_after_ms=min((at for at in reminders if at < within_ms), default=None),
        )

    def masked(self, profile: str | None) -> "Requirement":
        """The same requirement with at least this masking profile."""
        mask = strictest(self.mask, profile)
        return self if mask == self.mask else replace(self, mask=mask)
