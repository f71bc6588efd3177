"""From settings to explicit client configurations: nothing that matters is left to a client's default.

Every value with a reason cites it; the reasons were measured on Apache Kafka 4.3.0 with librdkafka 2.16.0.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.logs import CLIENT_LOGGER
from sluicegate.streams.settings import Settings
from sluicegate.streams.state_folder import StateFolder

from .broker_folder import BrokerFolder
from .principals import Naming, Principal, Role

TRANSACTION_TIMEOUT_MS = 10_000
DELIVERY_TIMEOUT_MS = 300_000
"""How long a client goes on handing over a record while the broker is away: minutes, as an outage takes."""
LARGEST_RECORD_BYTES = 8 * 1024 * 1024
FETCH_QUEUE_BACKOFF_MS = 5

Config = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Connection:
    """One principal's way to one cluster; makes client configurations, opens nothing itself."""

    bootstrap: str
    naming: Naming
    principal: Principal | None
    """None is the development broker's own super user, used to set up rights and to check readiness."""
    security: Mapping[str, str] = field(repr=False)

    @property
    def user(self) -> str:
        """The name used as `client.id` and in messages."""
        return "broker" if self.principal is None else self.principal.user

    @property
    def group(self) -> str:
        """The consumer group this principal may use."""
        return f"{self.naming.prefix}broker" if self.principal is None else self.naming.group(self.principal)

    def transactional_id(self, slot: int | str) -> str:
        """The stable transactional id of a worker slot; starting a slot again fences its last user."""
        if self.principal is None:
            return f"{self.naming.prefix}broker.{slot}"
        return self.naming.transactional_id(self.principal, slot)

    def topic(self, logical: str) -> str:
        """The name on the cluster of a logical topic."""
        return self.naming.topic(logical)

    def logical(self, topic: str) -> str | None:
        """The logical name of a topic on the cluster; None for a topic of another deployment."""
        return self.naming.logical(topic)

    def reader_config(self, *, isolation: str = "read_committed") -> Config:
        """A consumer that assigns its partitions and starts where it says; commits nothing."""
        return {
            **self._consumer(isolation),
            # Nothing joins the group: the client only insists on having the name of one.
            "group.id": self.group,
        }

    def member_config(self) -> Config:
        """A consumer that subscribes as a member of this principal's group, under the KIP-848 protocol.

        In `on_assign` call `committed()`, then `incremental_assign` with explicit offsets.
        """
        return {
            **self._consumer("read_committed"),
            "group.id": self.group,
            "group.protocol": "consumer",
            # `range` gives equal partition numbers of several topics to one member; the default does not.
            "group.remote.assignor": "range",
        }

    def producer_config(self) -> Config:
        """An idempotent producer without transactions, as agents and reviewers use it."""
        return {**self._producer(), "delivery.timeout.ms": DELIVERY_TIMEOUT_MS}

    def transactional_config(self, slot: int | str) -> Config:
        """The transactional producer of one worker slot."""
        return {
            **self._producer(),
            "transactional.id": self.transactional_id(slot),
            "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
            # Both must end before the transaction does; the client refuses longer ones.
            "delivery.timeout.ms": TRANSACTION_TIMEOUT_MS - 1_000,
            "socket.timeout.ms": TRANSACTION_TIMEOUT_MS - 1_000,
            # A transaction that follows another is refused until its markers are written: ask again soon.
            # At the default of 100 ms back-to-back transactions take 107 ms each, with 2 ms three to four.
            "retry.backoff.ms": 2,
        }

    def client_config(self) -> Config:
        """What every kind of client needs to connect: address, credentials, time limits, where it logs."""
        return {
            **self.security,
            "bootstrap.servers": self.bootstrap,
            "client.id": self.user,
            "socket.timeout.ms": 30_000,
            "reconnect.backoff.ms": 20,
            "reconnect.backoff.max.ms": 1_000,
            "logger": logging.getLogger(CLIENT_LOGGER),
        }

    def _consumer(self, isolation: str) -> Config:
        return {
            **self.client_config(),
            "isolation.level": isolation,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            # A position that is gone is an error to stop at, not a place to guess from.
            "auto.offset.reset": "error",
            # At the default of 1,000 a restore takes four times as long.
            "fetch.queue.backoff.ms": FETCH_QUEUE_BACKOFF_MS,
            # Every other request on the same connection waits behind a fetch that waits: at the default of 500 an
            # idle reader took 0.3 s to learn where its topic ends.
            "fetch.wait.max.ms": 50,
            "allow.auto.create.topics": False,
        }

    def _producer(self) -> Config:
        return {
            **self.client_config(),
            "acks": "all",
            "enable.idempotence": True,
            # Keys must land where a Java producer, and the gate's own check, would put them.
            "partitioner": "murmur2_random",
            "message.max.bytes": LARGEST_RECORD_BYTES,
            "linger.ms": 0,
        }


def connect(settings: Settings, principal: Principal) -> Connection:
    """The connection of `principal`: to the configured cluster, or to the running development broker."""
    state = StateFolder(settings.state_dir)
    bootstrap = settings.bootstrap or BrokerFolder(state.broker).running_address()
    if bootstrap is None:
        raise ConfigurationError(
            "no broker to connect to: set `bootstrap` in sluicegate.toml, or start one with `sluicegate up`"
        )
    return Connection(
        bootstrap, Naming(settings.prefix), principal, _security(settings.kafka, state, principal)
    )


def connect_as(settings: Settings, role: Role) -> Connection:
    """The connection a command with this role uses: `principal` of the settings, or the local one of the role."""
    chosen = Principal.local(role) if settings.principal is None else Principal.parse(settings.principal)
    return connect(settings, chosen)


def _security(table: Mapping[str, str], state: StateFolder, principal: Principal) -> dict[str, str]:
    protocol = table.get("security.protocol", "SASL_PLAINTEXT").upper()
    if not protocol.startswith("SASL") or "sasl.username" in table or "sasl.oauthbearer.config" in table:
        return dict(table)
    password = state.secret(principal.user)
    return {
        "security.protocol": protocol,
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": principal.user,
        "sasl.password": password,
        **table,
    }
