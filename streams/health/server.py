"""The HTTP server: three paths, GET and HEAD, answered from what workers said last."""

import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self

from sluicegate.schemas.errors import ConfigurationError

from .address import Address
from .readiness import readiness
from .watched import Watched

if TYPE_CHECKING:
    from .metrics import Metrics

LIVES_S: Final = 15.0
"""A supervisor looks at its workers twice a second; one that has not for so long hangs."""
REQUEST_S: Final = 5.0
"""A client that sends nothing for so long is cut off."""

Answer = tuple[HTTPStatus, str, bytes]


class HealthServer:
    """Listens from `__enter__` until `close`, in threads of this process."""

    def __init__(self, address: Address, watched: Sequence[Watched]) -> None:
        """Bind the address; ConfigurationError when that is not possible."""
        self._watched = tuple(watched)
        self._metrics = _metrics(self._watched)
        server: Any = _Server6 if ":" in address.host else _Server
        try:
            self._server: _Server = server((address.host, address.port), self._handler())
        except OSError as error:
            raise ConfigurationError(
                f"metrics and health cannot be served at `{address.host}:{address.port}`: {error.strerror}"
            ) from None
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.2,), name="sluicegate-health", daemon=True
        )

    @property
    def port(self) -> int:
        """The port it listens at."""
        return int(self._server.server_address[1])

    def answer(self, path: str) -> Answer:
        """Status, content type and body for a path."""
        match path.partition("?")[0]:
            case "/metrics":
                return HTTPStatus.OK, self._metrics.content_type, self._metrics.text()
            case "/healthz":
                return self._health()
            case "/readyz":
                return self._readiness()
            case _:
                return _json(HTTPStatus.NOT_FOUND, {"paths": ["/metrics", "/healthz", "/readyz"]})

    def _health(self) -> Answer:
        idle = {each.processor: round(each.supervisor.idle_s, 1) for each in self._watched}
        lives = all(seconds <= LIVES_S for seconds in idle.values())
        status = HTTPStatus.OK if lives else HTTPStatus.SERVICE_UNAVAILABLE
        return _json(status, {"lives": lives, "supervisor_idle_s": idle})

    def _readiness(self) -> Answer:
        now_ms = _now_ms()
        found = {
            each.processor: readiness(
                each.supervisor.status, now_ms, partitions=each.partitions, shared=each.shared
            )
            for each in self._watched
        }
        ready = bool(found) and all(each.ready for each in found.values())
        reasons = [
            {"processor": name, **{key: value for key, value in asdict(reason).items() if value is not None}}
            for name, each in found.items()
            for reason in each.reasons
        ]
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return _json(status, {"ready": ready, "reasons": reasons})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self.answer

        class Handler(BaseHTTPRequestHandler):
            timeout = REQUEST_S
            server_version = "sluicegate"
            sys_version = ""

            def do_GET(self) -> None:
                self._send(*answer(self.path))

            def do_HEAD(self) -> None:
                status, kind, body = answer(self.path)
                self._send(status, kind, body, with_body=False)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the library's
                """Say nothing: what strangers ask for is no line of our log."""

            def _send(self, status: HTTPStatus, kind: str, body: bytes, *, with_body: bool = True) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                if with_body:
                    self.wfile.write(body)

        return Handler

    def close(self) -> None:
        """Stop listening; safe to call twice."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def serving(
    http: str | None, watched: Sequence[Watched], *, beyond_loopback: bool = False
) -> Iterator[HealthServer | None]:
    """Serve the health of processors while the block runs; None and nothing at all without an address."""
    if http is None:
        yield None
        return
    with HealthServer(Address.parse(http, beyond_loopback=beyond_loopback), watched) as server:
        yield server


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is none of our business."""


class _Server6(_Server):
    address_family = socket.AF_INET6


def _metrics(watched: Sequence[Watched]) -> "Metrics":
    try:
        from .metrics import Metrics  # noqa: PLC0415  # Prometheus' client comes with an extra
    except ImportError:
        raise ConfigurationError(
            "metrics need an extra: install `sluicegate[gate]`, or set no `http`"
        ) from None
    return Metrics(watched, _now_ms)


def _json(status: HTTPStatus, value: Any) -> Answer:
    return status, "application/json", json.dumps(value).encode() + b"\n"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
