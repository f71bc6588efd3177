"""The client's errors in our own words: who, where, what could not be done, and what to do about it."""

from confluent_kafka import KafkaError, KafkaException

from sluicegate.schemas.errors import AccessError, ConfigurationError, SluicegateError, TimedOutError

DENIED = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)
UNANSWERED = frozenset(
    {KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN}  # noqa: SLF001 - public constants
)


def trouble_of(error: KafkaException) -> KafkaError:
    """The client's error inside its exception."""
    trouble = error.args[0]
    return trouble if isinstance(trouble, KafkaError) else KafkaError(KafkaError._FAIL, str(trouble))  # noqa: SLF001


def translate(error: KafkaException, *, user: str, bootstrap: str, what: str) -> SluicegateError:
    """One of our errors; `what` completes "may not ..." and "did not ... in time"."""
    trouble = trouble_of(error)
    if trouble.code() in DENIED:
        return AccessError(f"`{user}` may not {what} on `{bootstrap}`: {trouble.name()}")
    if trouble.code() in UNANSWERED:
        return TimedOutError(f"Kafka at `{bootstrap}` did not {what} in time ({trouble.name()})")
    return ConfigurationError(f"Kafka at `{bootstrap}` would not {what}: {trouble.name()}, {trouble.str()}")
