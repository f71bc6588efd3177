"""`host:port` to listen on; beyond loopback only when that is asked for."""

from dataclasses import dataclass
from typing import Self

from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.settings import is_loopback

_PORTS = range(65_536)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 takes a free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, *, beyond_loopback: bool = False) -> Self:
        """Read `host:port` or `[v6]:port`; ConfigurationError otherwise, and for a host that others may reach."""
        host, colon, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) not in _PORTS:
            raise ConfigurationError(f"`{text}` is no address to serve health at: write `127.0.0.1:9464`")
        if not beyond_loopback and not is_loopback(host):
            raise ConfigurationError(
                f"`{host}` can be reached by other machines, and metrics and health have neither TLS nor a password: "
                "use 127.0.0.1, or set `http_beyond_loopback = true`"
            )
        return cls(host, int(port))
