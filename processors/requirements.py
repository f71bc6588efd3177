"""The frozen requirement of a request, and the stricter of a frozen and a current one."""

from sluicegate.schemas.approval import FrozenRequirement

from .policy import Requirement
from .policy.profiles import strictest

DEFAULT_PROFILE = "pii-basic"
"""What masks a result when no rule says more."""


def freeze(requirement: Requirement, append_ms: int) -> FrozenRequirement:
    """Copy a requirement into a request; the deadline counts from the action's log-append time."""
    return FrozenRequirement(
        groups=dict(requirement.groups),
        quorum=requirement.quorum,
        deadline_ms=append_ms + requirement.within_ms,
        reason_required=requirement.reason_required,
        mask=requirement.mask or DEFAULT_PROFILE,
    )


def stricter(one: FrozenRequirement, two: FrozenRequirement) -> FrozenRequirement:
    """Union of groups, largest quorum, earliest deadline, strongest masking."""
    groups = dict(one.groups)
    for name, count in two.groups.items():
        groups[name] = max(count, groups.get(name, 0))
    return FrozenRequirement(
        groups=groups,
        quorum=max(one.quorum, two.quorum, sum(groups.values())),
        deadline_ms=min(one.deadline_ms, two.deadline_ms),
        reason_required=one.reason_required or two.reason_required,
        mask=strictest(one.mask, two.mask) or DEFAULT_PROFILE,
    )
