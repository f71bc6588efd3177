"""Stand between Kafka's clients and one broker, pass every frame on, and do to some what the aims say.

Frames stay whole and in order on their connection, as TCP keeps them: a request that is held back holds back those
behind it. Loopback only. Nothing is decrypted and nothing changed: a login passes through like everything else.

A request that is held, or that was cut off behind, reaches the broker although its client has gone: so do the bytes of
a real network. That is also the way to get the late copy of a request that its client has repeated meanwhile: delay it
for longer than the client waits. `REPEAT` sends the copy at once, on the same connection, because TCP never brings the
same bytes twice later on.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from .aims import Aims, Armed, Fault
from .frames import (
    LARGEST_FRAME_BYTES,
    LENGTH_BYTES,
    Api,
    NotAFrameError,
    Request,
    correlation_of,
    parse_request,
)

LOOPBACK: Final = "127.0.0.1"
BUFFER_BYTES: Final = 1 << 20
BACKLOG: Final = 256
ANSWER_LIMIT_S: Final = 60.0
"""How long the broker's side is kept for the answer to a request whose client was cut off."""
END_LIMIT_S: Final = 10.0

T = TypeVar("T")


class Proxy:
    """One broker's address for clients; bound when the object exists, so that a broker can advertise it.

    `with` it, or `close` it. It takes connections at once; those for which no broker listens are reset.
    """

    def __init__(self, aims: Aims, *, port: int = 0, upstream: int | None = None, node: int = 1) -> None:
        """`port` 0 takes a free one; `upstream` is the broker's own port, told later when it is not known yet."""
        self.aims = aims
        self.node = node
        self.upstream = upstream
        listening = socket.create_server((LOOPBACK, port), backlog=BACKLOG)
        self.port: int = listening.getsockname()[1]
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy-{self.port}", daemon=True)
        self._thread.start()
        self._do(self._listen(listening))

    @property
    def address(self) -> str:
        """`127.0.0.1:port`."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._lines)

    def refuse(self) -> None:
        """From now on connections are refused, as at the port of a dead process; open ones end with their broker."""
        self._do(self._stop_listening())

    def accept(self) -> None:
        """Listen again at the same port; nothing happens when it does."""
        if self._server is None:
            self._do(self._listen(socket.create_server((LOOPBACK, self.port), backlog=BACKLOG)))

    def cut_all(self) -> None:
        """Reset every connection there is."""
        self._do(self._end_lines())

    def close(self) -> None:
        """End every connection and stop listening; nothing happens the second time."""
        if self._loop.is_closed():
            return
        self._do(self._stop_listening())
        self._do(self._end_lines())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(END_LIMIT_S)
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(END_LIMIT_S)

    async def _listen(self, listening: socket.socket) -> None:
        self._server = await asyncio.start_server(self._serve, sock=listening, limit=BUFFER_BYTES)

    async def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _end_lines(self) -> None:
        lines = tuple(self._lines)
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        if line is None:
            raise AssertionError("asyncio calls this in a task of its own")
        self._lines.add(line)
        try:
            broker = await asyncio.open_connection(LOOPBACK, self.upstream, limit=BUFFER_BYTES)
            await _Line(self, _Side(reader, writer), _Side(*broker)).run()
        except (OSError, NotAFrameError, asyncio.CancelledError):
            # Nobody behind us, or we are told to end: either way the client sees its connection break.
            _reset(writer)
        finally:
            self._lines.discard(line)


@dataclass(frozen=True, slots=True)
class _Side:
    """One end of a line."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def frame(self) -> bytes | None:
        """The next frame without its length; None when the connection has ended, by whatever."""
        try:
            length = int.from_bytes(await self.reader.readexactly(LENGTH_BYTES), signed=True)
            if not 0 <= length <= LARGEST_FRAME_BYTES:
                return None
            return await self.reader.readexactly(length)
        except (asyncio.IncompleteReadError, OSError):
            return None

    def write(self, frame: bytes) -> None:
        """Lost when the other end has gone."""
        if not self.writer.is_closing():
            self.writer.writelines((len(frame).to_bytes(LENGTH_BYTES), frame))

    async def drain(self) -> None:
        """Wait until there is room again."""
        with contextlib.suppress(OSError):
            await self.writer.drain()


@dataclass(slots=True)
class _Awaited:
    """An answer that the broker owes."""

    correlation_id: int
    request: Request
    armed: Armed | None = None
    is_for_nobody: bool = False
    came: asyncio.Event = field(default_factory=asyncio.Event)


class _Line:
    """One client's connection and ours to the broker for it."""

    def __init__(self, proxy: Proxy, client: _Side, broker: _Side) -> None:
        self._proxy = proxy
        self._client = client
        self._broker = broker
        # A broker answers the requests of a connection in their order.
        self._awaited: deque[_Awaited] = deque()

    async def run(self) -> None:
        """Until the broker's side has ended."""
        requests = asyncio.create_task(self._requests())
        try:
            await self._responses()
            self._client.writer.close()
        finally:
            requests.cancel()
            _reset(self._broker.writer)
            await asyncio.gather(requests, return_exceptions=True)

    async def _requests(self) -> None:
        understood = True
        while (frame := await self._client.frame()) is not None:
            try:
                request = parse_request(frame) if understood else None
            except NotAFrameError:
                break
            if request is None:
                self._broker.write(frame)
            elif not await self._request(frame, request):
                break
            # Version 0 is followed by tokens without a header of their own; no client of ours speaks it.
            understood = understood and (
                request is None or (request.api_key, request.api_version) != (Api.SASL_HANDSHAKE, 0)
            )
            await self._broker.drain()
        with contextlib.suppress(OSError):
            self._broker.writer.write_eof()

    async def _request(self, frame: bytes, request: Request) -> bool:
        """Pass it on, or do what the aims say; whether the connection goes on."""
        armed = self._proxy.aims.take(request)
        if armed is None:
            self._forward(frame, request)
            return True
        match armed.aim.fault:
            case Fault.DELAY_REQUEST:
                armed.happened(request, self._proxy.node)
                await asyncio.sleep(armed.aim.delay_ms / 1_000)
                self._forward(frame, request)
            case Fault.DELAY_RESPONSE | Fault.DROP_RESPONSE:
                self._forward(frame, request, armed)
            case Fault.REPEAT:
                self._forward(frame, request)
                self._forward(frame, request, is_for_nobody=True)
                armed.happened(request, self._proxy.node)
            case Fault.CUT_BEFORE:
                _reset(self._client.writer)
                armed.happened(request, self._proxy.node)
                return False
            case Fault.CUT_AFTER:
                await self._cut_after(frame, request, armed)
                return False
        return True

    def _forward(
        self, frame: bytes, request: Request, armed: Armed | None = None, *, is_for_nobody: bool = False
    ) -> _Awaited:
        awaited = _Awaited(request.correlation_id, request, armed, is_for_nobody)
        self._awaited.append(awaited)
        self._broker.write(frame)
        return awaited

    async def _cut_after(self, frame: bytes, request: Request, armed: Armed) -> None:
        awaited = self._forward(frame, request, is_for_nobody=True)
        await self._broker.drain()
        _reset(self._client.writer)
        armed.happened(request, self._proxy.node)
        # What a broker has not read yet is lost when its connection breaks: keep ours until it has answered.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(awaited.came.wait(), ANSWER_LIMIT_S)

    async def _responses(self) -> None:
        while (frame := await self._broker.frame()) is not None:
            if await self._is_for_the_client(frame):
                self._client.write(frame)
                await self._client.drain()

    async def _is_for_the_client(self, frame: bytes) -> bool:
        awaited = self._settled(frame)
        if awaited is None:
            return True
        awaited.came.set()
        armed = awaited.armed
        if armed is not None:
            armed.happened(awaited.request, self._proxy.node)
            if armed.aim.fault is Fault.DROP_RESPONSE:
                return False
            await asyncio.sleep(armed.aim.delay_ms / 1_000)
        return not awaited.is_for_nobody

    def _settled(self, frame: bytes) -> _Awaited | None:
        """The request that this answers; those before it are never answered (a produce may ask for no answer)."""
        correlation = correlation_of(frame)
        if all(awaited.correlation_id != correlation for awaited in self._awaited):
            return None
        while (first := self._awaited.popleft()).correlation_id != correlation:
            pass
        return first


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection at once: the other end sees it break, not close."""
    transport = writer.transport
    if not transport.is_closing():
        plain: socket.socket = transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
