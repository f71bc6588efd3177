"""Apache Kafka in a container: the official image, or a stand-in of the same layout, secured as the compose stack is."""

import os
import socket
import time
from dataclasses import dataclass
from typing import Final, Self

from testcontainers.core.container import DockerContainer

from sluicegate.schemas.errors import SluicegateError
from sluicegate.streams.kafka.broker_settings import SUPER_USER, container_properties
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.kafka.embedded import READINESS_NAMING, await_transactions, super_user_of
from sluicegate.streams.kafka.principals import Naming
from sluicegate.streams.state_folder import StateFolder

IMAGE: Final = os.environ.get("KAFKA_IMAGE", "apache/kafka:4.3.0")
SETTINGS: Final = "/mnt/shared/config/server.properties"
"""Where the image looks for a file to use instead of its own."""
READY_S: Final = 90.0


def free_port() -> int:
    """A port of loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ApacheKafka(DockerContainer):
    """One broker, published on 127.0.0.1 only.

    The port is chosen beforehand: a random one would change when the container starts again, and Kafka has to be told
    what its clients call it.
    """

    def __init__(self, port: int, password: str, image: str = IMAGE) -> None:
        properties = container_properties(port, password).encode("ascii")
        super().__init__(image, transferables=[(properties, SETTINGS, 0o644)])
        self.with_env("KAFKA_HEAP_OPTS", "-Xmx512m")
        # A test kills it: its successor is let in once the session of the killed one is over.
        self.with_env("KAFKA_BROKER_SESSION_TIMEOUT_MS", "3000")
        # `with_bind_ports` would listen on every address of the machine.
        self.ports[f"{port}/tcp"] = ("127.0.0.1", port)  # type: ignore[assignment]  # the client takes a pair too


@dataclass(frozen=True, slots=True)
class ContainerBroker:
    """A `Broker` for `Cluster`, with the switches of its container."""

    state: StateFolder
    port: int
    container: ApacheKafka

    @classmethod
    def start(cls, state: StateFolder) -> Self:
        """Start one and return when it keeps transactions; what the container logged is in the error otherwise."""
        state.create()
        port = free_port()
        broker = cls(state, port, ApacheKafka(port, state.secret_or_new(SUPER_USER)[0]))
        try:
            broker.container.start()
            broker.await_ready()
        except BaseException:
            broker.stop()
            raise
        return broker

    @property
    def bootstrap(self) -> str:
        """Where it is published."""
        return f"127.0.0.1:{self.port}"

    def super_user(self, naming: Naming) -> Connection:
        """By the password of its settings."""
        return super_user_of(self.state, self.bootstrap, naming)

    def await_ready(self) -> None:
        """Return when a transaction was committed and read back."""
        deadline = time.monotonic() + READY_S
        while True:
            wrapped = self.container.get_wrapped_container()
            wrapped.reload()
            if wrapped.status in {"exited", "dead"}:
                raise AssertionError(f"Kafka's container ended: {wrapped.logs(tail=40).decode()}")
            try:
                await_transactions(self.super_user(READINESS_NAMING), limit_s=5)
            except SluicegateError as error:
                if time.monotonic() > deadline:
                    raise AssertionError(f"{error}: {wrapped.logs(tail=40).decode()}") from None
            else:
                return

    def kill(self) -> None:
        """As when the machine loses its power: no signal handler runs."""
        wrapped = self.container.get_wrapped_container()
        wrapped.kill("KILL")
        wrapped.wait()

    def start_again(self) -> None:
        """The same container, data and port."""
        self.container.get_wrapped_container().start()

    def pause(self) -> None:
        """Connections stay open and nobody answers."""
        self.container.get_wrapped_container().pause()

    def unpause(self) -> None:
        """Go on where it stood."""
        self.container.get_wrapped_container().unpause()

    def stop(self) -> None:
        """Remove it and its data."""
        self.container.stop()
