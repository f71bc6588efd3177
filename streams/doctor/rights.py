"""What a principal may do, as Kafka itself says, against the table. Pure."""

from collections.abc import Iterable, Mapping

from sluicegate.streams.kafka.principals import Naming, Principal
from sluicegate.streams.kafka.rights import Right, denials, rights_of

IMPLIED: Mapping[str, frozenset[str]] = {
    "read": frozenset({"describe"}),
    "write": frozenset({"describe"}),
    "delete": frozenset({"describe"}),
    "alter": frozenset({"describe"}),
    "alter_configs": frozenset({"describe_configs"}),
}
"""Operations that Kafka allows along with another one."""


def expected_operations(
    principal: Principal, naming: Naming, topics: Iterable[str]
) -> dict[str, frozenset[str]]:
    """The operations on each logical topic that the table allows, implied ones included."""
    rights = [right for right in rights_of(principal, naming) if right.resource == "topic"]
    denied = denials(naming)
    return {topic: _operations(rights, denied, naming.topic(topic)) for topic in topics}


def differences(
    expected: Mapping[str, frozenset[str]], found: Mapping[str, frozenset[str]]
) -> tuple[list[str], list[str]]:
    """What is missing and what is too much, each as `operation topic`."""
    missing, extra = [], []
    for topic, wanted in sorted(expected.items()):
        allowed = found.get(topic, frozenset())
        missing += [f"{operation} {topic}" for operation in sorted(wanted - allowed)]
        extra += [f"{operation} {topic}" for operation in sorted(allowed - wanted)]
    return missing, extra


def _operations(rights: Iterable[Right], denied: Iterable[Right], name: str) -> frozenset[str]:
    allowed: set[str] = set()
    for right in rights:
        if right.name == name or (right.pattern == "prefixed" and name.startswith(right.name)):
            allowed |= {right.operation, *IMPLIED.get(right.operation, ())}
    return frozenset(allowed) - {right.operation for right in denied if right.name == name}
