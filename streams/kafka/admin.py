"""Ask and tell a cluster about topics, rights and users, with time limits and our own errors.

Pure plans are in `topics` and `access`; this is the edge they read from and act through.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from sluicegate.schemas.errors import AccessError, SluicegateError, TimedOutError

from .bindings import from_kafka, to_kafka
from .client_errors import DENIED, translate, trouble_of
from .connection import Connection
from .principals import Naming
from .rights import Right

REQUEST_S = 15.0
ONE_TRY_S = 3.0
LEADERS_S = 45.0
ASK_AGAIN_S = 0.5
ASK_WHETHER_SEEN_S = 0.02
NO_LEADER_YET = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError._NOENT,  # noqa: SLF001 - public constants: the client knows no leader, or had no answer
        KafkaError._TIMED_OUT,  # noqa: SLF001
    }
)
SCRAM_ITERATIONS = 4096  # RFC 7677, section 4: at least

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FoundTopic:
    """A topic as the cluster has it; `config` holds every value in force."""

    partitions: int
    replication: int
    config: Mapping[str, str]


class Admin:
    """An administrative client of one principal; keep it until its answers are in (it closes the client)."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._trouble: list[int] = []
        config: Any = {**connection.client_config(), "error_cb": self._note}
        self.client = AdminClient(config)

    @property
    def naming(self) -> Naming:
        """The names of this deployment."""
        return self.connection.naming

    def reachable(self, limit_s: float = REQUEST_S) -> None:
        """Return when the cluster answers; `AccessError` at once for a wrong password, else `TimedOutError`."""
        deadline = time.monotonic() + limit_s
        while True:
            try:
                self._call("answer", lambda: self.client.list_topics(timeout=ASK_AGAIN_S))
            except TimedOutError:
                if time.monotonic() > deadline:
                    raise
            else:
                return

    def partitions(self) -> dict[str, int]:
        """Logical name and number of partitions of each topic of this deployment that may be described."""
        found = self._call("list topics", lambda: self.client.list_topics(timeout=REQUEST_S))
        named = ((self.naming.logical(name), topic) for name, topic in found.topics.items())
        return {logical: len(topic.partitions) for logical, topic in named if logical is not None}

    def topics(self) -> dict[str, FoundTopic]:
        """Every topic of this deployment with its configuration, by logical name."""
        found = self._call("list topics", lambda: self.client.list_topics(timeout=REQUEST_S))
        ours = {name: topic for name, topic in found.topics.items() if self.naming.logical(name) is not None}
        configs = self._configs(ours)
        return {
            name.removeprefix(self.naming.prefix): FoundTopic(
                partitions=len(topic.partitions),
                replication=min((len(part.replicas) for part in topic.partitions.values()), default=0),
                config=configs[name],
            )
            for name, topic in ours.items()
        }

    def create_topics(self, topics: Mapping[str, tuple[int, int, Mapping[str, str]]]) -> None:
        """Create topics: logical name to partitions, replication and configuration; existing ones stay."""
        new = [
            NewTopic(
                self.naming.topic(name), num_partitions=count, replication_factor=copies, config=dict(config)
            )
            for name, (count, copies, config) in topics.items()
        ]
        if new:
            futures = self.client.create_topics(new, request_timeout=REQUEST_S)
            self._settle("create topics", futures, but={KafkaError.TOPIC_ALREADY_EXISTS})
            self.await_leaders(topic.topic for topic in new)

    def await_leaders(self, names: Iterable[str] | None = None) -> None:
        """Return when every partition has a leader that answers; of all topics, or of those `names` on the cluster.

        A topic just made, or a broker just started, first answers "not leader", which some calls do not retry.
        """
        wanted = None if names is None else list(names)
        deadline = time.monotonic() + LEADERS_S
        while waiting := self._without_leader(self._partitions_of(wanted)):
            if time.monotonic() > deadline:
                raise TimedOutError(
                    f"{len(waiting)} partitions at `{self.connection.bootstrap}` have no leader"
                )
            time.sleep(ASK_WHETHER_SEEN_S)

    def _partitions_of(self, names: Sequence[str] | None) -> dict[TopicPartition, OffsetSpec]:
        """Every partition of these topics, as the cluster tells now.

        Asked anew each time: a client that once heard "unknown topic" goes on saying so from memory.
        """
        found = self._call("list topics", lambda: self.client.list_topics(timeout=REQUEST_S)).topics
        latest: Any = OffsetSpec.latest()
        return {
            TopicPartition(name, partition): latest
            for name in (found if names is None else names)
            for partition in (found[name].partitions if name in found else [0])
        }

    def _without_leader(
        self, partitions: dict[TopicPartition, OffsetSpec]
    ) -> dict[TopicPartition, OffsetSpec]:
        if not partitions:
            return {}
        waiting = {}
        # A short limit each time: on a broker just started one request can be lost, and the next one is answered.
        for partition, future in self.client.list_offsets(partitions, request_timeout=ONE_TRY_S).items():
            try:
                future.result(REQUEST_S)
            except KafkaException as error:
                if trouble_of(error).code() not in NO_LEADER_YET:
                    raise self._error("ask for offsets", error, partition.topic) from None
                waiting[partition] = partitions[partition]
        return waiting

    def configure_topics(self, changes: Mapping[str, Mapping[str, str]]) -> None:
        """Set configuration values of topics, leaving their others as they are."""
        resources = [
            ConfigResource(
                ConfigResource.Type.TOPIC,
                self.naming.topic(name),
                incremental_configs=[
                    ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
                    for key, value in values.items()
                ],
            )
            for name, values in changes.items()
        ]
        if resources:
            futures = self.client.incremental_alter_configs(resources, request_timeout=REQUEST_S)
            self._settle("configure topics", futures)
            names = [resource.name for resource in resources]
            self._await_seen(
                "show the configuration of topics",
                lambda: all(
                    values.items() <= self._configs(names)[self.naming.topic(name)].items()
                    for name, values in changes.items()
                ),
            )

    def rights(self) -> frozenset[Right]:
        """Every right on the cluster; without the right to ask, Kafka answers with none and no error."""
        anything: Any = None  # the stub wants text where the client takes None for "any"
        everything = AclBindingFilter(
            ResourceType.ANY,
            anything,
            ResourcePatternType.ANY,
            anything,
            anything,
            AclOperation.ANY,
            AclPermissionType.ANY,
        )
        answer = self._call(
            "list rights",
            lambda: self.client.describe_acls(everything, request_timeout=REQUEST_S).result(REQUEST_S),
        )
        return frozenset(from_kafka(binding) for binding in answer)

    def add_rights(self, rights: Iterable[Right]) -> None:
        """Put rights in force and return when they are; those that exist stay."""
        wanted = frozenset(rights)
        bindings = [AclBinding(*to_kafka(right)) for right in sorted(wanted)]
        if bindings:
            self._settle("add rights", self.client.create_acls(bindings, request_timeout=REQUEST_S))
            self._await_seen("show the new rights", lambda: wanted <= self.rights())

    def remove_rights(self, rights: Iterable[Right]) -> None:
        """Take exactly these rights away and return when they are."""
        unwanted = frozenset(rights)
        filters = [AclBindingFilter(*to_kafka(right)) for right in sorted(unwanted)]
        if filters:
            self._settle("remove rights", self.client.delete_acls(filters, request_timeout=REQUEST_S))
            self._await_seen("forget the old rights", lambda: not unwanted & self.rights())

    def users(self) -> frozenset[str]:
        """The users that have a SCRAM password."""
        # With None it asks for all; the stub says otherwise.
        ask: Any = self.client.describe_user_scram_credentials
        answer = self._call("list users", lambda: ask(request_timeout=REQUEST_S).result(REQUEST_S))
        return frozenset(answer)

    def put_users(self, passwords: Mapping[str, str]) -> None:
        """Create SCRAM-SHA-256 users or change their passwords; connections that are open stay open."""
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, SCRAM_ITERATIONS)
        changes: list[Any] = [
            UserScramCredentialUpsertion(user, info, password.encode())
            for user, password in passwords.items()
        ]
        if changes:
            futures = self.client.alter_user_scram_credentials(changes, request_timeout=REQUEST_S)
            self._settle("create users", futures)
            self._await_seen("show the new users", lambda: set(passwords) <= self.users())

    def may(self, logical: str) -> frozenset[str]:
        """The operations on a topic that this principal is allowed, found out without trying any."""
        name = self.naming.topic(logical)
        futures = self.client.describe_topics(
            TopicCollection([name]), include_authorized_operations=True, request_timeout=REQUEST_S
        )
        try:
            described = futures[name].result(REQUEST_S)
        except KafkaException as error:
            if trouble_of(error).code() in DENIED:
                return frozenset()
            raise self._error("describe a topic", error) from None
        operations: Any = described.authorized_operations
        return frozenset(operation.name.lower() for operation in operations or ())

    def may_all(self, topics: Iterable[str]) -> dict[str, frozenset[str]]:
        """As `may`, for many logical topics in one request; a topic that may not even be described allows nothing."""
        names = {self.naming.topic(topic): topic for topic in topics}
        futures = self.client.describe_topics(
            TopicCollection(list(names)), include_authorized_operations=True, request_timeout=REQUEST_S
        )
        found = {}
        for name, topic in names.items():
            operations: Any = ()
            try:
                operations = futures[name].result(REQUEST_S).authorized_operations or ()
            except KafkaException as error:
                if trouble_of(error).code() not in DENIED | {KafkaError.UNKNOWN_TOPIC_OR_PART}:
                    raise self._error("describe a topic", error, name) from None
            found[topic] = frozenset(operation.name.lower() for operation in operations)
        return found

    def _configs(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
        if not resources:
            return {}
        futures = self.client.describe_configs(resources, request_timeout=REQUEST_S)
        answers = self._settle("read topic configuration", futures)
        return {
            resource.name: {entry.name: entry.value for entry in answer.values()}
            for resource, answer in answers.items()
        }

    def _await_seen(self, what: str, is_seen: Callable[[], bool]) -> None:
        """Wait for the broker to know what its controller has already decided: a few milliseconds, or more."""
        deadline = time.monotonic() + REQUEST_S
        while not is_seen():
            if time.monotonic() > deadline:
                raise TimedOutError(f"Kafka at `{self.connection.bootstrap}` did not {what} in time")
            time.sleep(ASK_WHETHER_SEEN_S)

    def _settle(
        self, what: str, futures: Mapping[Any, "Future[T]"], but: frozenset[int] | set[int] = frozenset()
    ) -> dict[Any, T]:
        """Wait for all answers; the first error that is not in `but` becomes one of ours."""
        answers = {}
        for about, future in futures.items():
            try:
                answers[about] = future.result(REQUEST_S)
            except KafkaException as error:
                if trouble_of(error).code() not in but:
                    raise self._error(what, error, about) from None
            except TimeoutError:
                raise TimedOutError(
                    f"Kafka at `{self.connection.bootstrap}` did not {what} in time"
                ) from None
        return answers

    def _call(self, what: str, call: Any) -> Any:
        try:
            return call()
        except KafkaException as error:
            raise self._error(what, error) from None
        except TimeoutError:
            raise TimedOutError(f"Kafka at `{self.connection.bootstrap}` did not {what} in time") from None

    def _error(self, what: str, error: KafkaException, about: Any = None) -> SluicegateError:
        self.client.poll(0)  # a wrong password shows itself only in the callback
        user, bootstrap = self.connection.user, self.connection.bootstrap
        if KafkaError._AUTHENTICATION in self._trouble:  # noqa: SLF001 - the client's public constant
            return AccessError(f"Kafka at `{bootstrap}` does not accept the password of `{user}`")
        return translate(error, user=user, bootstrap=bootstrap, what=what + _named(about))

    def _note(self, error: KafkaError) -> None:
        self._trouble.append(error.code())


def _named(about: Any) -> str:
    name = getattr(about, "name", about)
    return f" (`{name}`)" if isinstance(name, str) else ""
