"""Compare the rights on a cluster with the table, and put the missing ones in force.

Rights that the table does not know are reported and never taken away by `apply`: removing is a step of its own.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sluicegate.schemas.errors import ConfigurationError

from .admin import Admin
from .principals import LOCAL_PRINCIPALS, Naming, Principal
from .rights import CLUSTER, EVERYBODY, Right, denials, rights_of


@dataclass(frozen=True, slots=True)
class AccessPlan:
    """The difference between the table and the cluster."""

    missing: tuple[Right, ...]
    unexpected: tuple[Right, ...]
    """Rights that reach this deployment's names and are in no row of the table."""
    in_force: int
    """How many rights are as the table says."""

    @property
    def is_clean(self) -> bool:
        """Whether the cluster grants exactly what the table says."""
        return not self.missing and not self.unexpected


def plan_access(admin: Admin, principals: Iterable[Principal] = LOCAL_PRINCIPALS) -> AccessPlan:
    """What `apply_access` would add; changes nothing.

    Principals that the cluster already knows by their rights (executors, agents) are checked too.
    """
    return compare(admin.rights(), principals, admin.naming)


def apply_access(admin: Admin, principals: Iterable[Principal] = LOCAL_PRINCIPALS) -> AccessPlan:
    """Add the missing rights and return the plan that was carried out."""
    plan = plan_access(admin, principals)
    # The denials come first: no moment in which an Allow stands alone.
    admin.add_rights(right for right in plan.missing if right.permission == "deny")
    admin.add_rights(right for right in plan.missing if right.permission == "allow")
    return plan


def remove_unexpected(admin: Admin, plan: AccessPlan) -> tuple[Right, ...]:
    """Take away the unexpected rights on this deployment's own names; wider ones are not ours to touch."""
    ours = tuple(right for right in plan.unexpected if right.name.startswith(admin.naming.prefix))
    admin.remove_rights(ours)
    return ours


def compare(found: frozenset[Right], principals: Iterable[Principal], naming: Naming) -> AccessPlan:
    """The plan, from the rights found; pure."""
    relevant = {right for right in found if _reaches(right, naming.prefix)}
    known = set(principals) | {principal for right in relevant if (principal := _known(right))}
    wanted = denials(naming).union(*(rights_of(principal, naming) for principal in known))
    return AccessPlan(
        missing=tuple(sorted(wanted - found)),
        unexpected=tuple(sorted(relevant - wanted)),
        in_force=len(wanted & found),
    )


def _reaches(right: Right, prefix: str) -> bool:
    if right.resource == CLUSTER or right.name.startswith(prefix):
        return True
    return right.name == "*" or (right.pattern == "prefixed" and prefix.startswith(right.name))


def _known(right: Right) -> Principal | None:
    """The principal whose right this is; None when the user is none of ours."""
    if right.user == EVERYBODY or right.resource == CLUSTER:
        return None
    try:
        return Principal.parse(right.user)
    except ConfigurationError:
        return None
