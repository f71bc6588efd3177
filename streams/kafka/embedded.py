"""The development broker: a real single-node Apache Kafka as a child process, on loopback, secure by default.

Start, in this order, and each step fails with the reason and the log's name: the folder is ours alone; no broker
runs in it; its ports are free; data is formatted once; the process runs; it answers; a transaction commits and is
read back. Ready means all of it.
"""

import base64
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self

from sluicegate.schemas.errors import BrokerError, SluicegateError
from sluicegate.streams.state_folder import StateFolder, write_private

from . import leash
from .admin import Admin
from .broker_folder import BrokerFolder, Ports
from .broker_settings import LOGGING, SUPER_USER, Member, broker_properties
from .conformance import check_transactions
from .connection import Connection
from .java import HEAP_MIB, Java, environment
from .principals import Naming
from .process import POLL_S, ProcessMark

ANSWER_LIMIT_S = 60.0
LISTEN_LIMIT_S = 90.0
"""After a crash the controller takes the broker back only when the old one's session is over: it is waited for too."""
STOP_LIMIT_S = 20.0
CLEARED_LIMIT_S = 60.0
READINESS_NAMING = Naming("broker-")
READINESS_TOPIC = "readiness"


class Lifetime(StrEnum):
    """What ends a broker besides `stop`."""

    DETACHED = "detached"
    """Nothing: it runs on when the command that started it is done."""
    WITH_PARENT = "with-parent"
    """The end of the process that started it, however that ends."""
    TEMPORARY = "temporary"
    """As WITH_PARENT, and its whole state folder is deleted."""


@dataclass(frozen=True, slots=True)
class BrokerStatus:
    """What is known about the broker of a state folder."""

    running: bool
    pid: int | None
    bootstrap: str | None
    log: Path


@dataclass(frozen=True, slots=True)
class EmbeddedBroker:
    """A running broker that has answered a transaction.

    Keep the object of a broker that lives with its parent: the broker ends when the object is gone.
    """

    state: StateFolder
    mark: ProcessMark
    ports: Ports
    _leash: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def bootstrap(self) -> str:
        """`127.0.0.1:port`."""
        return self.ports.address

    @property
    def log(self) -> Path:
        """The file with the broker's warnings and denied operations."""
        return BrokerFolder(self.state.broker).log

    @classmethod
    def start(
        cls,
        state: StateFolder,
        *,
        port: int | None = None,
        advertised: int | None = None,
        member: Member | None = None,
        lifetime: Lifetime = Lifetime.DETACHED,
        heap_mib: int = HEAP_MIB,
        java: Java | None = None,
    ) -> Self:
        """Start the broker of a state folder and return when it is ready.

        `port` None takes the remembered one, at first a free one. `advertised` is what clients are told instead: what
        listens there must pass them on, and does so already. A `member` of several is only waited for until it listens:
        alone it cannot be ready. Raises `BrokerError` or `ConfigurationError`.
        """
        state.create()
        folder = BrokerFolder(state.broker)
        with folder.starting():
            _refuse_second(folder)
            chosen = java or Java.provide(heap_mib=heap_mib)
            own = None if member is None else member.controllers[member.node]
            ports = folder.claim_ports(port, controller=own, advertised=advertised)
            with _naming_log(folder, lifetime):
                _prepare(state, folder, ports, chosen, member)
                holder, mark = _launch(folder, chosen, lifetime, state.path)
            folder.write_mark(mark)
            broker = cls(state, mark, ports, holder)
            try:
                with _naming_log(folder, lifetime):
                    _await_port(broker)
                    if member is None:
                        await_transactions(broker.super_user(READINESS_NAMING))
            except BaseException:
                broker.stop()
                raise
        return broker

    def super_user(self, naming: Naming) -> Connection:
        """The connection of the broker's own user, whom no right binds: for setting up, never at run time."""
        return super_user_of(self.state, self.bootstrap, naming)

    def stop(self, limit_s: float = STOP_LIMIT_S) -> bool:
        """SIGTERM, after `limit_s` SIGKILL; whether it ended cleanly."""
        clean = self.mark.end(limit_s)
        if self._leash is not None:
            if self._leash.stdin is not None:
                self._leash.stdin.close()
            # It deletes the folder, of thousands of partitions perhaps; a slow disk is no failure, and it ends by itself.
            with suppress(subprocess.TimeoutExpired):
                self._leash.wait(CLEARED_LIMIT_S)
        return clean


@contextmanager
def temporary_broker(*, heap_mib: int = HEAP_MIB) -> Iterator[EmbeddedBroker]:
    """A broker in a folder of its own that ends, and whose folder goes, with the block or with this process."""
    folder = Path(tempfile.mkdtemp(prefix="sluicegate-"))
    try:
        broker = EmbeddedBroker.start(StateFolder(folder), lifetime=Lifetime.TEMPORARY, heap_mib=heap_mib)
        try:
            yield broker
        finally:
            broker.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def broker_status(state: StateFolder) -> BrokerStatus:
    """Whether the broker of a state folder runs, and where."""
    folder = BrokerFolder(state.broker)
    mark = folder.mark()
    return BrokerStatus(mark is not None, mark.pid if mark else None, folder.running_address(), folder.log)


def running_broker(state: StateFolder) -> EmbeddedBroker | None:
    """The running broker of a state folder, None when there is none."""
    folder = BrokerFolder(state.broker)
    mark, ports = folder.mark(), folder.ports()
    return EmbeddedBroker(state, mark, ports) if mark and ports else None


def stop_broker(state: StateFolder) -> bool:
    """End the broker of a state folder; whether one was running."""
    broker = running_broker(state)
    if broker is not None:
        broker.stop()
    return broker is not None


def _refuse_second(folder: BrokerFolder) -> None:
    if (mark := folder.mark()) is not None:
        raise BrokerError(
            f"a broker already runs in `{folder.path}` (process {mark.pid}, {folder.running_address()}): "
            "use it, or stop it first with `sluicegate broker stop`"
        )


def _prepare(
    state: StateFolder, folder: BrokerFolder, ports: Ports, java: Java, member: Member | None
) -> None:
    password, _ = state.secret_or_new(SUPER_USER)
    folder.scratch.mkdir(mode=0o700, exist_ok=True)
    if folder.log.exists():
        folder.log.replace(folder.log.with_suffix(".log.1"))
    write_private(folder.log, b"")
    write_private(folder.log_settings, LOGGING.encode())
    write_private(folder.properties, broker_properties(folder, ports, password, member).encode())
    if not (folder.data / "meta.properties").exists():
        cluster_id = new_cluster_id() if member is None else member.cluster_id
        java.format(folder.properties, cluster_id, folder.log, standalone=member is None)


@contextmanager
def _naming_log(folder: BrokerFolder, lifetime: Lifetime) -> Iterator[None]:
    """Errors inside name the broker's log; that of a temporary broker is saved first."""
    try:
        yield
    except SluicegateError as error:
        log = folder.log
        if lifetime is Lifetime.TEMPORARY and log.exists():
            handle, name = tempfile.mkstemp(prefix="sluicegate-broker-", suffix=".log")
            with os.fdopen(handle, "wb") as kept:
                kept.write(log.read_bytes())
            log = Path(name)
        raise BrokerError(f"the broker is not usable: {error}; its log is `{log}`") from None


def new_cluster_id() -> str:
    """A random name for a cluster that is about to be formatted."""
    # Kafka's form: 16 bytes, base64url without padding; it refuses a leading `-` on the command line.
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


def _launch(
    folder: BrokerFolder, java: Java, lifetime: Lifetime, whole: Path
) -> "tuple[subprocess.Popen[bytes] | None, ProcessMark]":
    command = java.broker_command(
        folder.properties,
        {"log4j2.configurationFile": folder.log_settings, "java.io.tmpdir": folder.scratch},
    )
    held = lifetime is not Lifetime.DETACHED
    holder = subprocess.Popen(  # noqa: S603 - our own file and command line
        [
            *(sys.executable, "-I", "-S", leash.__file__),
            "hold" if held else "go",
            str(folder.log),
            str(whole) if lifetime is Lifetime.TEMPORARY else "-",
            *command,
        ],
        stdin=subprocess.PIPE if held else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=environment(),
        # Ctrl-C in a terminal reaches every process of the group: the broker must outlive the gate's draining.
        start_new_session=True,
    )
    line = holder.stdout.readline() if holder.stdout else b""
    if holder.stdout:
        holder.stdout.close()
    mark = ProcessMark.of(int(line)) if line.strip().isdigit() else None
    if not held:
        holder.wait(STOP_LIMIT_S)
    if mark is None:
        raise BrokerError("it ended at once")
    return (holder if held else None), mark


def await_transactions(connection: Connection, limit_s: float = ANSWER_LIMIT_S) -> None:
    """Return when a broker answers its own user and a transaction has been committed and read back; `BrokerError` else."""
    admin = Admin(connection)
    admin.reachable(limit_s)
    admin.await_leaders()
    if READINESS_TOPIC not in admin.partitions():
        admin.create_topics({READINESS_TOPIC: (1, 1, {"retention.ms": "3600000"})})
    check_transactions(connection, READINESS_TOPIC).require()


def _await_port(broker: EmbeddedBroker) -> None:
    deadline = time.monotonic() + LISTEN_LIMIT_S
    while time.monotonic() < deadline:
        if not broker.mark.is_running():
            raise BrokerError("it ended while it started")
        try:
            socket.create_connection(("127.0.0.1", broker.ports.client), timeout=1).close()
        except OSError:
            time.sleep(POLL_S)
        else:
            return
    raise BrokerError(f"it did not listen within {LISTEN_LIMIT_S:.0f} s")


def super_user_of(state: StateFolder, bootstrap: str, naming: Naming) -> Connection:
    """The connection of the broker's own user, by the password that the state folder keeps for it."""
    security = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": SUPER_USER,
        "sasl.password": state.secret(SUPER_USER),
    }
    return Connection(bootstrap, naming, None, security)
