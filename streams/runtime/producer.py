"""The transactional producer of one worker slot, and what each of its errors means.

- retriable: the same call again, nothing else with this producer meanwhile, up to a limit. When it then succeeds, the
  producer object is replaced before the next transaction (same id, new epoch): the new epoch fences a late copy of the
  repeated request, which under the old transaction protocol could end the *next* transaction.
- `txn_requires_abort`: `MustAbort`.
- anything else, or the limit passed: `UnclearError`. Nobody knows what the log will say, so the process ends at once,
  without closing the producer; its successor asks the log.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from sluicegate.schemas.envelope import Headers
from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.logs import get_logger

from .task import Progress
from .time_limit import within
from .transaction import Blamed, MustAbort
from .watchdog import Watchdog

CALL_S: Final = 10.0
RETRY_S: Final = 45.0
"""How long a retriable call is repeated: longer than the longest pause of a broker that we expect."""
_SAY_EVERY_S: Final = 5.0
_LATE_S: Final = 10.0
"""A call that has not returned this long after its time limit is taken for lost."""

_FENCED: Final = {
    KafkaError._FENCED,  # noqa: SLF001  # the client's public constant
    KafkaError.PRODUCER_FENCED,
    KafkaError.INVALID_PRODUCER_EPOCH,
}
_REFUSED: Final = {
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.RECORD_LIST_TOO_LARGE,
    KafkaError.INVALID_RECORD,
    KafkaError.INVALID_MSG,
    KafkaError.POLICY_VIOLATION,
    KafkaError.TOPIC_EXCEPTION,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001  # the client's public constant
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001  # the client's public constant
}
"""A record is refused for what it is or where it goes: the same record again would be refused again."""
_CONFLICT: Final = KafkaError._CONFLICT  # noqa: SLF001  # the client's public constant


class UnclearError(Exception):
    """What became of the transaction is unknown: end the process, do not close the producer."""


class KafkaProducer:
    """A `TransactionalProducer` on a cluster. `group_metadata` is asked afresh for every commit."""

    reports_only_failures = True
    """A call back into Python for every delivered record costs as much as handing it over."""
    again_s = 0.01
    """Between a retriable error and the same call again."""

    def __init__(
        self,
        connection: Connection,
        slot: int,
        group_metadata: Callable[[], Any],
        watchdog: Watchdog,
        *,
        call_s: float = CALL_S,
        retry_s: float = RETRY_S,
    ) -> None:
        self._connection = connection
        self._slot = slot
        self._group_metadata = group_metadata
        self._watchdog = watchdog
        self._call_s = call_s
        self._retry_s = retry_s
        self.epochs = 0
        """How many producer objects this slot has had."""
        self._failed: list[tuple[str, int, KafkaError]] = []
        self._repeated = False
        self._say_again_s = 0.0
        self._names: dict[str, str] = {}
        self._knows = False
        self._single: frozenset[str] = frozenset()
        self._producer = self._open()

    def know(self, partitions: dict[str, int]) -> None:
        """Which topics have one partition: those take the records of every task on partition 0."""
        self._single = frozenset(topic for topic, count in partitions.items() if count == 1)
        self._names = {topic: self._connection.topic(topic) for topic in partitions}
        self._knows = True

    def begin(self) -> None:
        """Start a transaction, with a new producer object when the last one had to repeat a call."""
        if self._repeated:
            get_logger("sluicegate.worker").warning(
                "a call had to be repeated, changing to a new producer epoch"
            )
            self._producer = self._open()
            self._repeated = False
        self._failed.clear()
        self._producer.begin_transaction()

    def produce(self, topic: str, partition: int, key: bytes, value: bytes | None, headers: Headers) -> None:
        """Hand over one record, waiting while the client's queue is full."""
        name = self._names.get(topic) or self._name(topic, partition)
        number = 0 if topic in self._single else partition
        while True:
            try:
                # Never produce_batch: it drops headers silently.
                self._producer.produce(name, value, key, number, headers=list(headers))
            except BufferError:
                self._producer.poll(0.01)
            except KafkaException as error:
                raise self._refusal(topic, partition, error.args[0]) from error
            else:
                return

    def _name(self, topic: str, partition: int) -> str:
        """The name on the cluster of a topic that is new here; `Blamed` when it is not there.

        The client would look for it until the transaction has timed out, and hold up everybody in it.
        """
        name = self._connection.topic(topic)
        if self._knows and self._is_absent(name):
            raise Blamed(f"there is no topic `{topic}` that may be written to", partition)
        return self._names.setdefault(topic, name)

    def _is_absent(self, name: str) -> bool:
        self._watchdog.beat("look for a topic")
        try:
            found = self._producer.list_topics(name, timeout=self._call_s).topics.get(name)
        except KafkaException:
            return False  # nothing is known: the record itself will tell
        return found is None or (found.error is not None and found.error.code() in _REFUSED)

    def flush(self) -> None:
        """Wait until every record is acknowledged; `MustAbort` when one could not be delivered."""
        deadline = time.monotonic() + self._retry_s
        self._watchdog.beat("flush")
        while self._unacknowledged():
            if time.monotonic() > deadline:
                raise UnclearError("records were not acknowledged in time")
            self._watchdog.beat("flush")
        if self._failed:
            raise self._undelivered()

    def _unacknowledged(self) -> int:
        """How many records are left after a flush.

        The client raises a fatal error of its background thread here, wrapped in a SystemError by the binding.
        """
        try:
            return self._producer.flush(self._call_s)
        except (KafkaException, SystemError) as error:
            cause: BaseException | None = error
            while cause is not None and not isinstance(cause, KafkaException):
                cause = cause.__cause__ or cause.__context__
            fatal = self._fatal() if cause is None else cause.args[0]
            if fatal is None:
                raise UnclearError("flush: the client failed") from error
            raise self._meaning(fatal, "flush") from error

    def _fatal(self) -> KafkaError | None:
        """The fatal error that the client keeps, where the binding lost it on the way.

        Beginning again is refused in any case while a transaction is open: asking sends nothing and changes nothing.
        """
        try:
            self._producer.begin_transaction()
        except KafkaException as error:
            known: KafkaError = error.args[0]
            return known if known.fatal() else None
        return None

    def send_offsets(self, progress: Sequence[Progress]) -> None:
        """Add the group's offsets to the transaction."""
        offsets = [
            TopicPartition(self._connection.topic(each.topic), each.partition, each.offset, each.metadata)
            for each in progress
        ]
        metadata = self._group_metadata()
        self._settle(
            "send offsets",
            lambda: self._returning(
                lambda: self._producer.send_offsets_to_transaction(offsets, metadata, self._call_s)
            ),
        )

    def _returning(self, call: Callable[[], object]) -> None:
        """Make a call that does not keep its own time limit; UnclearError when it has not returned long after it.

        Seen after the broker was killed: it answered again, and the call went on waiting for minutes.
        """
        try:
            within(self._call_s + _LATE_S, call)
        except TimeoutError as error:
            raise UnclearError("send offsets: the call does not return") from error

    def commit(self) -> None:
        """End the transaction well."""
        self._settle("commit", lambda: self._producer.commit_transaction(self._call_s))

    def abort(self) -> None:
        """End the transaction as if it had never been."""
        self._settle("abort", lambda: self._producer.abort_transaction(self._call_s))

    def _client(self) -> Producer:
        """A new object of the client; a simulation gives it another one."""
        return Producer(
            {
                **self._connection.transactional_config(self._slot),
                "on_delivery": self._delivered,
                "delivery.report.only.error": self.reports_only_failures,
            }
        )

    def _open(self) -> Producer:
        producer = self._client()
        self._settle("init transactions", lambda: producer.init_transactions(self._call_s))
        self._repeated = False
        self.epochs += 1
        return producer

    def _settle(self, doing: str, call: Callable[[], Any]) -> None:
        deadline = time.monotonic() + self._retry_s
        while True:
            self._watchdog.beat(doing)
            try:
                call()
            except KafkaException as error:
                self._again_or_raise(error.args[0], doing, deadline)
            else:
                return

    def _again_or_raise(self, error: KafkaError, doing: str, deadline: float) -> None:
        """Return when the same call is to be made again."""
        is_retriable = error.retriable() and not error.txn_requires_abort() and error.code() != _CONFLICT
        if not is_retriable or error.fatal() or time.monotonic() > deadline:
            raise self._meaning(error, doing)
        self._repeated = True
        self._say_repeating(doing, error)
        time.sleep(self.again_s)

    def _say_repeating(self, doing: str, error: KafkaError) -> None:
        """At most one line in a while: some errors come back at once, for as long as the broker is away."""
        now_s = time.monotonic()
        if now_s >= self._say_again_s:
            self._say_again_s = now_s + _SAY_EVERY_S
            get_logger("sluicegate.worker").warning("repeating a call", doing=doing, code=error.name())

    def _refusal(self, topic: str, partition: int, error: KafkaError) -> Exception:
        if error.code() in _REFUSED and not error.txn_requires_abort() and not error.fatal():
            owner = None if topic in self._single else partition
            return Blamed(f"a record cannot be handed over for `{topic}`: {error.name()}", owner)
        return self._meaning(error, f"produce to {topic}")

    def _undelivered(self) -> MustAbort:
        """What the records say that were not delivered; one that is refused says most."""
        topic, partition, error = next(
            (each for each in self._failed if each[2].code() in _REFUSED), self._failed[0]
        )
        said = f"a record could not be delivered to `{topic}`: {error.name()}"
        if error.code() not in _REFUSED:
            return MustAbort(said)
        return Blamed(said, None if self._connection.logical(topic) in self._single else partition)

    def _meaning(self, error: KafkaError, doing: str) -> Exception:
        if error.txn_requires_abort():
            self._producer.poll(0)  # what was not delivered is the reason, when it has been told by now
            return self._undelivered() if self._failed else MustAbort(f"{doing}: {error.name()}")
        if error.code() == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
            name = self._connection.transactional_id(self._slot)
            return ConfigurationError(f"`{self._connection.user}` may not use the transactional id `{name}`")
        if error.code() in _FENCED:
            return UnclearError(
                f"{doing}: the transactional id of slot {self._slot} is no longer this worker's: it stood still "
                "for longer than a transaction may last, or another worker has taken it; if it happens again, "
                "give every host slots of its own"
            )
        return UnclearError(f"{doing}: {error.name()}")

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failed.append((str(message.topic()), message.partition() or 0, error))
