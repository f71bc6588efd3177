"""The table of rights: what each role may do, and nothing else (default deny).

Run-time roles hold topic, group and transactional-id rights only. Group rights are write rights in disguise (an
offset commit needs nothing else), so each principal has its own group, by its literal name.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sluicegate.processors.export_release import RELEASER

from .conformance_suite import SCRATCH_GROUP
from .principals import Naming, Principal, Role

CLUSTER = "cluster"
EVERYBODY = "*"
DOCUMENTS = ("policies", "identities", "controls")
UNDELETABLE = ("audit", "checkpoints")
"""Evidence: for everybody, whatever else allows it, Delete, Alter and AlterConfigs are denied."""


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One allowed or denied operation of one user, in Kafka's words, lower case."""

    user: str
    resource: str
    """`topic`, `group`, `transactional_id` or `cluster`."""
    name: str
    """The name on the cluster, prefix included; empty for `cluster`."""
    operation: str
    pattern: str = "literal"
    permission: str = "allow"


@dataclass(frozen=True, slots=True)
class RoleRights:
    """One row of the table: logical topics by operation; `{name}` stands for the principal's name.

    A trailing `.` or an empty name means every topic that starts so.
    """

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    describe: tuple[str, ...] = ()
    describe_configs: tuple[str, ...] = ()
    create: tuple[str, ...] = ()
    alter: tuple[str, ...] = ()
    alter_configs: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    group: bool = True
    scratch_group: bool = False
    """Also the group that `conformance_suite` commits offsets of."""
    transactions: bool = False
    cluster: tuple[str, ...] = ()

    def by_operation(self) -> Iterator[tuple[str, str]]:
        """Operation and logical topic, one pair per right."""
        for operation in (
            "read",
            "write",
            "describe",
            "describe_configs",
            "create",
            "alter",
            "alter_configs",
            "delete",
        ):
            for topic in getattr(self, operation):
                yield operation, topic


CHANGELOGS = ("gate.pending.changelog", "gate.closed.changelog")
MASKING_CHANGELOGS = ("masking.exports.changelog", "masking.held.changelog")
RELEASES = f"execution.{RELEASER}"

TABLE: dict[Role, RoleRights] = {
    Role.ADMIN: RoleRights(
        create=("",), alter=("",), alter_configs=("",), read=("identities",), cluster=("alter",)
    ),
    Role.OPERATOR: RoleRights(write=DOCUMENTS, read=DOCUMENTS, describe=("",), describe_configs=("",)),
    Role.GATE: RoleRights(
        read=("actions", "decisions", "receipts", *DOCUMENTS, "audit", *CHANGELOGS, "conformance"),
        write=(
            "approvals",
            "outcomes",
            "audit",
            "execution.",
            *CHANGELOGS,
            "conformance",
            "dlq.actions",
            "dlq.decisions",
            "dlq.receipts",
            *(f"dlq.{document}" for document in DOCUMENTS),
        ),
        transactions=True,
        scratch_group=True,
    ),
    Role.MASKING: RoleRights(
        # What it has written proves that a partition was worked on before (see `runtime.first_start`).
        read=("exports.raw", RELEASES, *DOCUMENTS, *MASKING_CHANGELOGS, "exports.masked", "conformance"),
        write=(
            "exports.masked",
            "exports.quarantine",
            "audit",
            "actions",
            "receipts",
            *MASKING_CHANGELOGS,
            "dlq.exports.raw",
            f"dlq.{RELEASES}",
            "conformance",
        ),
        transactions=True,
    ),
    Role.NOTARY: RoleRights(read=("audit", "checkpoints"), write=("checkpoints",), transactions=True),
    Role.AGENT: RoleRights(write=("actions",), describe=("actions",), read=("outcomes", "exports.masked")),
    Role.PIPELINE: RoleRights(write=("exports.raw",), group=False),
    Role.REVIEWER: RoleRights(
        read=("approvals", "outcomes"), describe=("approvals", "outcomes"), write=("decisions",)
    ),
    Role.EXECUTOR: RoleRights(
        read=("execution.{name}", "receipts", *DOCUMENTS),
        write=("receipts", "exports.raw", "dlq.execution.{name}"),
        transactions=True,
    ),
    Role.ANALYST: RoleRights(read=UNDELETABLE, describe=UNDELETABLE),
    Role.PRIVACY: RoleRights(read=("exports.quarantine", "dlq.")),
}


def rights_of(principal: Principal, naming: Naming) -> frozenset[Right]:
    """Exactly the rights that a principal has in a deployment."""
    row, user = TABLE[principal.role], principal.user
    rights = {
        Right(user, "topic", naming.topic(topic.format(name=principal.name)), operation, _pattern(topic))
        for operation, topic in row.by_operation()
    }
    rights |= {Right(user, CLUSTER, "", operation) for operation in row.cluster}
    if row.group:
        rights.add(Right(user, "group", naming.group(principal), "read"))
    if row.scratch_group:
        # The gate is one principal, so nobody's name ends in this.
        rights.add(Right(user, "group", f"{naming.group(principal)}.{SCRATCH_GROUP}", "read"))
    if row.transactions:
        # The dot ends the name: an executor `a` must not fence `a-b`.
        stem = naming.transactional_id(principal, "")
        rights.add(Right(user, "transactional_id", stem, "write", "prefixed"))
    return frozenset(rights)


def denials(naming: Naming) -> frozenset[Right]:
    """What is denied to everybody; Deny beats Allow, except for the broker's own super user."""
    return frozenset(
        Right(EVERYBODY, "topic", naming.topic(topic), operation, permission="deny")
        for topic in UNDELETABLE
        for operation in ("delete", "alter", "alter_configs")
    )


def _pattern(topic: str) -> str:
    return "prefixed" if not topic or topic.endswith(".") else "literal"
