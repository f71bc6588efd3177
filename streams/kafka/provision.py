"""Make principals, topics and rights on a cluster, in the order that leaves nothing open; every step repeatable.

Passwords are generated once, kept in the state folder and given to the cluster; a user whose password file is new
gets that password, so a lost file is healed by provisioning again.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sluicegate.processors.export_release import RELEASER
from sluicegate.streams.state_folder import StateFolder

from .access import AccessPlan, apply_access
from .admin import Admin
from .principals import LOCAL_PRINCIPALS, Principal, Role
from .rights import rights_of
from .topics import Layout, TopicPlan, apply_topics


@dataclass(frozen=True, slots=True)
class Provisioned:
    """What was missing and is now there."""

    users: tuple[str, ...]
    topics: TopicPlan
    rights: AccessPlan


def provision_cluster(
    admin: Admin,
    state: StateFolder,
    layout: Layout,
    principals: Iterable[Principal] = LOCAL_PRINCIPALS,
    executors: Iterable[str] = (),
) -> Provisioned:
    """Everything a deployment needs: users, rights, topics; of executors too when they are named."""
    executor_names = tuple(executors)
    everyone = (*principals, *(Principal(Role.EXECUTOR, name) for name in executor_names))
    # Rights before topics: a topic never exists without the denials that protect it.
    users = provision_users(admin, state, everyone)
    rights = apply_access(admin, everyone)
    return Provisioned(users, apply_topics(admin, layout, executor_names), rights)


def provision_executor(admin: Admin, state: StateFolder, layout: Layout, name: str) -> Provisioned:
    """The user, topics and rights of one executor; its key and its signed document are not made here.

    Order: user, topics, rights. The document that routes actions to it comes after: a route to an absent topic
    would stop the gate. Masking has its own user and rights, and is the executor of releases with them.
    """
    if name == RELEASER:
        return Provisioned((), apply_topics(admin, layout), _provision_rights(admin, Principal(Role.MASKING)))
    executor = Principal(Role.EXECUTOR, name)
    users = provision_users(admin, state, (executor,))
    topics = apply_topics(admin, layout, (name,))
    return Provisioned(users, topics, _provision_rights(admin, executor))


def provision_principal(admin: Admin, state: StateFolder, role: Role, name: str | None = None) -> Principal:
    """The user and rights of an agent, reviewer, analyst or any other principal without topics of its own."""
    principal = Principal(role, name)
    provision_users(admin, state, (principal,))
    _provision_rights(admin, principal)
    return principal


def provision_users(admin: Admin, state: StateFolder, principals: Iterable[Principal]) -> tuple[str, ...]:
    """Create the SCRAM users that are missing; those whose users were created or given a new password."""
    present = admin.users()
    passwords = {}
    for principal in principals:
        password, is_new = state.secret_or_new(principal.user)
        if is_new or principal.user not in present:
            passwords[principal.user] = password
    admin.put_users(passwords)
    return tuple(sorted(passwords))


def _provision_rights(admin: Admin, principal: Principal) -> AccessPlan:
    wanted = rights_of(principal, admin.naming)
    missing = wanted - admin.rights()
    admin.add_rights(missing)
    return AccessPlan(tuple(sorted(missing)), (), len(wanted) - len(missing))
