"""Who may connect: roles, the SASL user of each, and the names of groups and transactions that follow from it.

A principal is a role (`gate`), or a role and a name (`executor-crm`). Topics, groups and transactional ids of
one deployment start with its prefix; the name in a group ends the group or is followed by a dot, so that no
name is a prefix of another's and prefixed rights cannot reach a neighbour.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from sluicegate.schemas.errors import ConfigurationError

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Role(StrEnum):
    """What a principal is for; the table of rights has one row per role."""

    ADMIN = "admin"
    OPERATOR = "operator"
    GATE = "gate"
    MASKING = "masking"
    NOTARY = "notary"
    AGENT = "agent"
    REVIEWER = "reviewer"
    EXECUTOR = "executor"
    ANALYST = "analyst"
    PRIVACY = "privacy"
    PIPELINE = "pipeline"


NAMED_ROLES = frozenset({Role.AGENT, Role.REVIEWER, Role.EXECUTOR, Role.ANALYST, Role.PRIVACY, Role.PIPELINE})
"""Roles with many principals; the others have exactly one."""

LOCAL_NAME = "local"
"""The name of the principal that commands on this machine use for a named role."""


@dataclass(frozen=True, slots=True, order=True)
class Principal:
    """One SASL user: a role, and a name exactly when the role has many principals."""

    role: Role
    name: str | None = None

    def __post_init__(self) -> None:
        if (self.name is not None) != (self.role in NAMED_ROLES):
            need = "needs a name" if self.role in NAMED_ROLES else "takes no name"
            raise ConfigurationError(f"the role `{self.role}` {need}")
        if self.name is not None and not NAME.fullmatch(self.name):
            raise ConfigurationError(
                f"`{self.name}` cannot name a principal: use 1 to 63 of a-z, 0-9 and -, not starting with -"
            )

    @property
    def user(self) -> str:
        """The SASL user, `gate` or `executor-crm`; also the name of its file in `secrets/`."""
        return self.role.value if self.name is None else f"{self.role.value}-{self.name}"

    @property
    def dotted(self) -> str:
        """The stem of its group and transactional ids, `gate` or `executor.crm`."""
        return self.role.value if self.name is None else f"{self.role.value}.{self.name}"

    @classmethod
    def parse(cls, user: str) -> "Principal":
        """The principal of a SASL user; a `ConfigurationError` when it is none of ours."""
        role, dash, name = user.partition("-")
        if role not in set(Role):
            roles = ", ".join(Role)
            raise ConfigurationError(f"`{user}` is no principal of sluicegate: start it with one of {roles}")
        return cls(Role(role), name if dash else None)

    @classmethod
    def local(cls, role: Role) -> "Principal":
        """The principal that a command on this machine uses for `role`."""
        return cls(role, LOCAL_NAME if role in NAMED_ROLES else None)


LOCAL_PRINCIPALS = tuple(Principal.local(role) for role in Role if role not in {Role.EXECUTOR, Role.NOTARY})
"""Who exists on a fresh development broker; executors are added one by one, the notary comes later."""


@dataclass(frozen=True, slots=True)
class Naming:
    """Logical names to the names on the cluster, and back; the only place that knows the prefix."""

    prefix: str

    def topic(self, logical: str) -> str:
        """The name on the cluster of a logical topic such as `execution.crm`."""
        return self.prefix + logical

    def logical(self, topic: str) -> str | None:
        """The logical name of a topic on the cluster; None for a topic of somebody else."""
        return topic.removeprefix(self.prefix) if topic.startswith(self.prefix) else None

    def group(self, principal: Principal) -> str:
        """The one consumer group of a principal, `<prefix>executor.crm`."""
        return self.prefix + principal.dotted

    def transactional_id(self, principal: Principal, slot: int | str) -> str:
        """The stable id of one worker slot, `<prefix>executor.crm.0`; a reused slot fences its last user."""
        return f"{self.prefix}{principal.dotted}.{slot}"
