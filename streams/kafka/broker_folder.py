"""What a development broker leaves in its folder: ports, the mark of its process, configuration, log, data."""

import json
import secrets
import socket
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

from sluicegate.schemas.errors import BrokerError, ConfigurationError
from sluicegate.streams.state_folder import read_private, write_private

from .process import ProcessMark

# Below the range that systems take outgoing ports from: a stopped broker finds its port free again.
PORTS = range(20_000, 32_000)
ATTEMPTS = 200


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of a broker, all on 127.0.0.1; kept, so that clients find a restarted broker."""

    client: int
    controller: int
    internal: int | None = None
    """Where brokers talk to each other, when that is not the clients' port."""
    advertised: int | None = None
    """What clients are told instead of `client`: something in between listens there and passes everything on."""

    @property
    def address(self) -> str:
        """What clients call `bootstrap`."""
        return f"127.0.0.1:{self.advertised or self.client}"


@dataclass(frozen=True, slots=True)
class BrokerFolder:
    """`<state folder>/broker`; every file in it is for its owner only."""

    path: Path

    @property
    def data(self) -> Path:
        """Kafka's own log folder."""
        return self.path / "data"

    @property
    def log(self) -> Path:
        """What the broker's process writes: warnings, errors, and each denied operation."""
        return self.path / "broker.log"

    @property
    def properties(self) -> Path:
        """The broker's configuration; holds its own password."""
        return self.path / "server.properties"

    @property
    def log_settings(self) -> Path:
        """The configuration of the broker's logger."""
        return self.path / "log4j2.xml"

    @property
    def scratch(self) -> Path:
        """Where Java unpacks native libraries, instead of a folder that everybody can write."""
        return self.path / "tmp"

    def mark(self) -> ProcessMark | None:
        """The broker's process when it runs; None when it ended, or another process has its number."""
        mark = ProcessMark.parse(read_private(self.path / "process.json"))
        return mark if mark is not None and mark.is_running() else None

    def write_mark(self, mark: ProcessMark) -> None:
        """Remember the running process."""
        write_private(self.path / "process.json", mark.to_json())

    def ports(self) -> Ports | None:
        """The ports of the last start."""
        content = read_private(self.path / "ports.json")
        if content is None:
            return None
        try:
            return Ports(**json.loads(content))
        except (ValueError, TypeError):
            raise ConfigurationError(f"`{self.path / 'ports.json'}` is damaged: delete it") from None

    def running_address(self) -> str | None:
        """`127.0.0.1:port` of the broker when its process runs."""
        ports = self.ports() if self.mark() else None
        return ports.address if ports else None

    def claim_ports(
        self, wanted: int | None, *, controller: int | None = None, advertised: int | None = None
    ) -> Ports:
        """The wanted, remembered or newly chosen ports, free at this moment; else a `BrokerError`.

        A broker of several (its `controller` port is given) and one that is `advertised` elsewhere get an internal one.
        """
        known = self.ports()
        ports = Ports(
            client := wanted or (known.client if known else choose_port()),
            control := controller or (known.controller if known else choose_port({client})),
            None
            if controller is None and advertised is None
            else (known.internal if known else None) or choose_port({client, control}),
            advertised,
        )
        for port in filter(None, (ports.client, ports.controller, ports.internal)):
            if not is_free(port):
                raise BrokerError(
                    f"port {port} on 127.0.0.1 is taken: end what listens there (log: `{self.log}`), "
                    "or start the broker with another port"
                )
        write_private(self.path / "ports.json", json.dumps(asdict(ports)).encode())
        return ports

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Hold the right to start a broker here; a `BrokerError` when another start is under way."""
        lock = self.path / "start.lock"
        write_private(lock, b"", replace=False)
        with lock.open("wb") as file:
            try:
                flock(file, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                raise BrokerError(
                    f"another start of the broker in `{self.path}` is under way: wait for it"
                ) from None
            yield


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def choose_port(taken: Collection[int] = ()) -> int:
    """A port of 127.0.0.1 that is free now and not among those `taken`; else a `BrokerError`."""
    for _ in range(ATTEMPTS):
        port = secrets.choice(PORTS)
        if port not in taken and is_free(port):
            return port
    raise BrokerError("no free port on 127.0.0.1 between 20000 and 31999: give one")
