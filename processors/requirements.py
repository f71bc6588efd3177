"""The frozen requirement of a request, and the stricter of a frozen and a current one."""

from sluicegate.schemas.approval import FrozenRequirement

from .policy import Requirement
from .policy.profiles import DEFAULT_PROFILE, strictest


def freeze(requirement: Requirement, append_ms: int) -> FrozenRequirement:
    """Copy a requirement into a request; the deadline counts from the action's log-append time."""
    return FrozenRequirement(
        groups=dict(requirement.groups),
        quorum=requirement.quorum,
        deadline_ms=append_ms + requirement.within_ms,
        reason_required=requirement.reason_required,
        mask=requirement.mask or DEFAULT_PROFILE,
    )


def stricter(frozen: FrozenRequirement, current: FrozenRequirement) -> FrozenRequirement:
    """Union of groups, largest quorum, earliest deadline, strongest masking.

    Whether a reason is demanded stays as frozen: who decided without one was not asked for it, and their decision stands.
    """
    groups = dict(frozen.groups)
    for name, count in current.groups.items():
        groups[name] = max(count, groups.get(name, 0))
    return FrozenRequirement(
        groups=groups,
        quorum=max(frozen.quorum, current.quorum, sum(groups.values())),
        deadline_ms=min(frozen.deadline_ms, current.deadline_ms),
        reason_required=frozen.reason_required,
        mask=strictest(frozen.mask, current.mask) or DEFAULT_PROFILE,
    )
