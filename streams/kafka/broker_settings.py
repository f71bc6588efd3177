"""The configuration of a single-node development broker: loopback only, everybody authenticates, default deny.

The controller's listener authenticates too: without that, one frame from any local process could grant itself
everything. The broker's own user logs in by PLAIN, whose password is in the 0600 configuration file; SCRAM users
would have to be given on the command line when the folder is formatted, where every local user could read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .broker_folder import BrokerFolder, Ports

SUPER_USER = "broker"
CONTAINER_DATA = "/var/lib/kafka/data"
"""Where the official image of Apache Kafka keeps its data: a volume of its own."""
CONTAINER_CONTROLLER_PORT = 19_093
"""On loopback inside the container; out of the way of a client port that somebody chooses."""
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"

LOGGING = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="ERROR" shutdownHook="disable">
  <Appenders>
    <Console name="out" target="SYSTEM_OUT"><PatternLayout pattern="%d{ISO8601} %p %c{1}: %m%n"/></Console>
  </Appenders>
  <Loggers>
    <Logger name="kafka.authorizer.logger" level="INFO"/>
    <Root level="WARN"><AppenderRef ref="out"/></Root>
  </Loggers>
</Configuration>
"""
"""Warnings, and each denied operation with its principal: the only trace of what the broker itself refused."""


@dataclass(frozen=True, slots=True)
class Member:
    """One of several brokers of one cluster on this machine: for tests of what a single one cannot show.

    Every record is kept by all of them, and acknowledged when a majority has it.
    """

    node: int
    cluster_id: str
    controllers: Mapping[int, int]
    """The controller's port of each node, this one's too."""

    @property
    def majority(self) -> int:
        """More than half of the members."""
        return len(self.controllers) // 2 + 1


def broker_properties(folder: BrokerFolder, ports: Ports, password: str, member: Member | None = None) -> str:
    """The text of `server.properties`; holds the broker's own password."""
    listeners = {"CLIENT": ports.client, "INTERNAL": ports.internal, "CONTROLLER": ports.controller}
    told = {**listeners, "CLIENT": ports.advertised or ports.client}
    alone = {"controller.quorum.bootstrap.servers": f"127.0.0.1:{ports.controller}"}
    return _text(
        {
            "listeners": _listeners(listeners),
            "advertised.listeners": _listeners(told),
            "log.dirs": folder.data,
            **_secured(password),
            **({} if ports.internal is None else _internal(password)),
            **(alone if member is None else _together(member)),
        }
    )


def _listeners(ports: Mapping[str, int | None]) -> str:
    return ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items() if port is not None)


def _internal(password: str) -> dict[str, str | int | Path]:
    # What brokers say to each other must not pass what stands between them and their clients.
    return {
        "listener.security.protocol.map": (
            "CLIENT:SASL_PLAINTEXT,INTERNAL:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT"
        ),
        "inter.broker.listener.name": "INTERNAL",
        "listener.name.internal.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.internal.plain.sasl.jaas.config": _login(password),
    }


def _together(member: Member) -> dict[str, str | int | Path]:
    copies, majority = len(member.controllers), member.majority
    voters = ",".join(f"{node}@127.0.0.1:{port}" for node, port in sorted(member.controllers.items()))
    return {
        "node.id": member.node,
        "controller.quorum.voters": voters,
        "default.replication.factor": copies,
        "min.insync.replicas": majority,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": majority,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": majority,
        # Others take over when it is over; a process that was only slow must not lose its leaderships all the time.
        "broker.session.timeout.ms": 4_000,
        "broker.heartbeat.interval.ms": 500,
        # At the default of 30 s a broker that is frozen stays among those which a write waits for.
        "replica.lag.time.max.ms": 6_000,
    }


def container_properties(port: int, password: str) -> str:
    """`server.properties` for a container of the official image, mounted at `/mnt/shared/config`; holds the password.

    A published port reaches the container from outside its loopback, so the listener takes every address of the
    container. What it tells clients is `127.0.0.1:port`: the same within the container's network and, when the same
    port is published on 127.0.0.1, on the host.
    """
    return _text(
        {
            "controller.quorum.voters": f"1@127.0.0.1:{CONTAINER_CONTROLLER_PORT}",
            "listeners": f"CLIENT://0.0.0.0:{port},CONTROLLER://127.0.0.1:{CONTAINER_CONTROLLER_PORT}",
            "advertised.listeners": f"CLIENT://127.0.0.1:{port}",
            "log.dirs": CONTAINER_DATA,
            **_secured(password),
        }
    )


def _secured(password: str) -> dict[str, str | int | Path]:
    login = _login(password)
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "listener.security.protocol.map": "CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
        "inter.broker.listener.name": "CLIENT",
        "controller.listener.names": "CONTROLLER",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.client.sasl.enabled.mechanisms": "SCRAM-SHA-256,PLAIN",
        "listener.name.client.scram-sha-256.sasl.jaas.config": f"{_SCRAM} required;",
        "listener.name.client.plain.sasl.jaas.config": login,
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.controller.plain.sasl.jaas.config": login,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{SUPER_USER}",
        "allow.everyone.if.no.acl.found": "false",
        "auto.create.topics.enable": "false",
        "delete.topic.enable": "false",
        **_SINGLE_NODE,
        **_SMALL,
        **_GROUPS,
    }


def _login(password: str) -> str:
    return f'{_PLAIN} required username="{SUPER_USER}" password="{password}" user_{SUPER_USER}="{password}";'


_SINGLE_NODE: dict[str, str | int] = {
    "default.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.num.partitions": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    # After a crash the controller takes the broker back only when the session of its predecessor is over: 60 s made that
    # restart 65 s long, and Kafka gives up waiting at just 60. A pause beyond the session costs a new leader afterwards.
    "broker.session.timeout.ms": 9_000,
}
_SMALL: dict[str, str | int] = {
    "log.cleaner.dedupe.buffer.size": 8_388_608,  # the default takes 128 MB of the heap
    "num.network.threads": 2,
    "num.io.threads": 4,
    "log.index.size.max.bytes": 1_048_576,
}
_GROUPS: dict[str, str | int] = {
    # An idle group must not lose its offsets after a week: the greatest value there is.
    "offsets.retention.minutes": 2_147_483_647,
    "group.initial.rebalance.delay.ms": 0,
    # A member learns of a move at its next heartbeat, which the broker sets; at the default of 5 s one partition
    # stands still for almost as long.
    "group.consumer.heartbeat.interval.ms": 500,
    "group.consumer.min.heartbeat.interval.ms": 100,
    "group.consumer.session.timeout.ms": 6_000,
    "group.consumer.min.session.timeout.ms": 1_000,
}


def _text(values: dict[str, str | int | Path]) -> str:
    return "".join(f"{key}={_escaped(str(value))}\n" for key, value in values.items())


def _escaped(value: str) -> str:
    # java.util.Properties reads Latin-1, and UTF-16 units in escapes: `a\\b` for a backslash, `\\u00e9` for an accent.
    units = value.replace("\\", "\\\\").encode("utf-16-be")
    codes = (int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2))
    return "".join(chr(code) if 0x20 <= code < 0x7F else f"\\u{code:04x}" for code in codes)  # noqa: PLR2004 - ASCII
