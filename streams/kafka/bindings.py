"""Our rights as the client library's access-control bindings, and back."""

from typing import Any

from confluent_kafka.admin import AclOperation, AclPermissionType, ResourcePatternType, ResourceType

from .rights import CLUSTER, Right

CLUSTER_NAME = "kafka-cluster"  # Kafka's own name for the one resource of this kind


def to_kafka(right: Right) -> tuple[Any, ...]:
    """The arguments of the client's `AclBinding` and `AclBindingFilter`."""
    return (
        ResourceType.BROKER if right.resource == CLUSTER else ResourceType[right.resource.upper()],
        CLUSTER_NAME if right.resource == CLUSTER else right.name,
        ResourcePatternType[right.pattern.upper()],
        f"User:{right.user}",
        "*",
        AclOperation[right.operation.upper()],
        AclPermissionType[right.permission.upper()],
    )


def from_kafka(binding: Any) -> Right:
    """The right that one of the client's bindings stands for."""
    is_cluster = binding.restype == ResourceType.BROKER
    return Right(
        user=binding.principal.removeprefix("User:"),
        resource=CLUSTER if is_cluster else binding.restype.name.lower(),
        name="" if is_cluster else binding.name,
        pattern=binding.resource_pattern_type.name.lower(),
        operation=binding.operation.name.lower(),
        permission=binding.permission_type.name.lower(),
    )
