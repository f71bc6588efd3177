"""A fresh deployment on a running broker: its own prefix, topics, users and rights; for tests on real Kafka."""

import secrets
from dataclasses import dataclass, field
from typing import Protocol, Self

from sluicegate.streams.kafka.admin import Admin
from sluicegate.streams.kafka.connection import Connection, connect
from sluicegate.streams.kafka.principals import Naming, Principal
from sluicegate.streams.kafka.provision import Provisioned, provision_cluster, provision_executor
from sluicegate.streams.kafka.topics import Layout
from sluicegate.streams.settings import Settings, load
from sluicegate.streams.state_folder import StateFolder


class Broker(Protocol):
    """A running Kafka that knows nobody but its own user: the development broker, or one in a container."""

    @property
    def state(self) -> StateFolder:
        """Where its own user's password is, and the passwords of the users that are made on it."""
        ...

    @property
    def bootstrap(self) -> str:
        """`host:port`."""
        ...

    def super_user(self, naming: Naming) -> Connection:
        """The connection of its own user, whom no right binds."""
        ...


@dataclass(frozen=True, slots=True)
class Cluster:
    """One deployment, apart from all others on the same broker by its prefix."""

    broker: Broker
    settings: Settings
    # An administrative client must live until its answers are in: all of them live as long as this.
    _admins: dict[str, Admin] = field(default_factory=dict, repr=False)

    @classmethod
    def fresh(cls, broker: Broker, *, partitions: int = 2) -> Self:
        """Topics, users and rights of every local principal, under a random prefix (about 0.2 s)."""
        settings = load(
            bootstrap=broker.bootstrap,
            prefix=f"t{secrets.token_hex(4)}.",
            partitions=partitions,
            state_dir=broker.state.path,
        )
        cluster = cls(broker, settings)
        provision_cluster(cluster.super_user(), broker.state, cluster.layout)
        return cluster

    @property
    def state(self) -> StateFolder:
        """The state folder with the passwords."""
        return self.broker.state

    @property
    def layout(self) -> Layout:
        """The layout that the topics have."""
        return Layout.of(self.settings)

    def connection(self, user: str) -> Connection:
        """The connection of a SASL user such as `agent-local`."""
        return connect(self.settings, Principal.parse(user))

    def admin(self, user: str = "admin") -> Admin:
        """The administrative client of a SASL user."""
        if user not in self._admins:
            self._admins[user] = Admin(self.connection(user))
        return self._admins[user]

    def super_user(self) -> Admin:
        """The administrative client of the broker's own user, which no right binds."""
        if "" not in self._admins:
            self._admins[""] = Admin(self.broker.super_user(Naming(self.settings.prefix)))
        return self._admins[""]

    def add_executor(self, name: str) -> Provisioned:
        """User, topics and rights of an executor, made with an administrator's rights."""
        return provision_executor(self.admin(), self.state, self.layout, name)
