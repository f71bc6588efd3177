"""The frozen requirement of a request, the stricter of a frozen and a current one, and when people are reminded."""

from sluicegate.processors.policy import Requirement
from sluicegate.processors.policy.profiles import DEFAULT_PROFILE
from sluicegate.schemas.approval import FrozenRequirement


def freeze(requirement: Requirement, append_ms: int) -> FrozenRequirement:
    """Copy a requirement into a request; the deadline counts from the action's log-append time."""
    return FrozenRequirement(
        groups=dict(requirement.groups),
        quorum=requirement.quorum,
        deadline_ms=append_ms + requirement.within_ms,
        reason_required=requirement.reason_required,
        mask=requirement.mask or DEFAULT_PROFILE,
    )


def reminder_ms(requirement: Requirement, append_ms: int) -> int | None:
    """When the people of a new request are reminded, None for never; counted from the action's log-append time."""
    return None if requirement.remind_after_ms is None else append_ms + requirement.remind_after_ms


def next_reminder_ms(*reminders: int | None, after_ms: int, deadline_ms: int) -> int | None:
    """The earliest of these that is still to come and lies before the deadline; None when there is none."""
    return min((at for at in reminders if at is not None and after_ms < at < deadline_ms), default=None)


def stricter(frozen: FrozenRequirement, current: FrozenRequirement) -> FrozenRequirement:
    """Union of groups, largest quorum, earliest deadline.

    The masking profile stays as frozen: only the global tables can rank those that operators publish. Whether a reason is demanded stays as frozen: who decided without one was not asked for it, and their decision stands.
    """
    groups = dict(frozen.groups)
    for name, count in current.groups.items():
        groups[name] = max(count, groups.get(name, 0))
    return FrozenRequirement(
        groups=groups,
        quorum=max(frozen.quorum, current.quorum, sum(groups.values())),
        deadline_ms=min(frozen.deadline_ms, current.deadline_ms),
        reason_required=frozen.reason_required,
        mask=frozen.mask,
    )
