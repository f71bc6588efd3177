"""What Kafka said, as one of our errors: who was refused what, where, and what to do about it."""

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from confluent_kafka import KafkaError, KafkaException

from sluicegate.schemas.errors import AccessError, ConfigurationError, SluicegateError, TimedOutError
from sluicegate.streams.kafka.connection import Connection

UNKNOWN_PARTITION: Final = KafkaError._UNKNOWN_PARTITION  # noqa: SLF001  # the client's public constants begin with `_`
"""What the client itself answers as long as no broker is there that could know the partition: no broker has said it."""
_DENIED: Final = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)
_ABSENT: Final = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
        UNKNOWN_PARTITION,
    }
)
_SILENT: Final = frozenset(
    {
        KafkaError._TIMED_OUT,  # noqa: SLF001
        KafkaError._MSG_TIMED_OUT,  # noqa: SLF001
        KafkaError._TRANSPORT,  # noqa: SLF001
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
        KafkaError._DESTROY_BROKER,  # noqa: SLF001  # one of several has gone, or has another address now
        KafkaError.REQUEST_TIMED_OUT,
    }
)
_GONE: Final = frozenset(
    {KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET}  # noqa: SLF001
)
_HARMLESS: Final = frozenset(
    {
        # Reading assigned partitions needs no group; the client asks once all the same and reads on.
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError._PARTITION_EOF,  # noqa: SLF001
    }
)


_MOVING: Final = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError._WAIT_COORD,  # noqa: SLF001
        UNKNOWN_PARTITION,
    }
)
"""A partition that was just made, or is getting another leader, or whose only broker is away."""
_AGAIN_S: Final = 0.05
_STARTING_S: Final = 2.0

T = TypeVar("T")


def patiently(ask: Callable[[], T], limit_s: float) -> T:
    """Ask again while partitions are on the move; KafkaException for any other answer, or when the time is over.

    A broker that has only just started again knows no topic for a moment: it is asked again before that is believed.
    """
    began_s = time.monotonic()
    while True:
        try:
            return ask()
        except KafkaException as error:
            if time.monotonic() - began_s > _asked_for_s(error.args[0].code(), limit_s):
                raise
        time.sleep(_AGAIN_S)


def _asked_for_s(code: int, limit_s: float) -> float:
    """How long a question with this answer is asked again."""
    if code in _MOVING:
        return limit_s
    return min(_STARTING_S, limit_s) if code in _ABSENT else 0.0


def described(client: Any, name: str, limit_s: float) -> Any:
    """The metadata of a topic, by its name on the cluster; `error` is set when there is none.

    A broker that has only just started again knows no topic for a moment: it is asked again before that is believed.
    """
    until = time.monotonic() + _STARTING_S
    while True:
        found = client.list_topics(name, timeout=limit_s).topics[name]
        if found.error is None or found.error.code() not in _ABSENT or time.monotonic() > until:
            return found
        time.sleep(_AGAIN_S)


class Trouble:
    """The `error_cb` of a client: remembers a refused password, which no call ever reports."""

    def __init__(self) -> None:
        self.wrong_password = False

    def __call__(self, error: KafkaError) -> None:
        """Note what the client says beside its calls."""
        if error.code() == KafkaError._AUTHENTICATION:  # noqa: SLF001
            self.wrong_password = True


def passes(error: KafkaError) -> bool:
    """Whether a reader may go on: the client connects again and asks again by itself."""
    return error.code() in _HARMLESS or error.code() in _SILENT or (error.retriable() and not error.fatal())


def explain(
    connection: Connection, error: KafkaError | KafkaException, doing: str, topic: str, trouble: Trouble
) -> SluicegateError:
    """The error to raise; `doing` is a verb such as `write to`, `topic` a logical name."""
    cause: Any = error.args[0] if isinstance(error, KafkaException) else error
    code, user, place = cause.code(), connection.user, connection.bootstrap
    if trouble.wrong_password:
        return AccessError(
            f"Kafka at `{place}` does not accept the password of `{user}`; correct it and start again"
        )
    if code in _DENIED:
        return AccessError(
            f"`{user}` may not {doing} `{topic}`; compare its rights with `sluicegate acl plan`"
        )
    if code in _ABSENT:
        return AccessError(
            f"there is no topic `{topic}` at `{place}`; make it with `sluicegate topics apply`"
        )
    if code in _GONE:
        return AccessError(f"records of `{topic}` are gone before they were read; start the client again")
    if code == KafkaError.MSG_SIZE_TOO_LARGE:
        return ConfigurationError(f"the record is larger than `{topic}` takes; send less")
    if code in _SILENT:
        return TimedOutError(
            f"Kafka at `{place}` did not answer in time to {doing} `{topic}`; "
            "do the same again with the same id: nothing is doubled"
        )
    return AccessError(
        f"Kafka at `{place}` would not let `{user}` {doing} `{topic}` ({cause.name()}); start again"
    )
