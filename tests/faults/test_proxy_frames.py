"""What the proxy understands of a frame, what an aim takes, and what its sockets do when nothing is as it should be."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from faults.aims import Aim, Aims, Fault
from faults.brokers import bucket_of
from faults.frames import Api, NotAFrameError, Request, name_of, parse_request
from faults.proxy import Proxy

PATIENCE_S = 10.0


def frame(api_key: int, version: int, body: bytes, client: bytes = b"gate", correlation: int = 7) -> bytes:
    """A request without its length, with the header that all versions share."""
    header = api_key.to_bytes(2) + version.to_bytes(2) + correlation.to_bytes(4)
    return header + len(client).to_bytes(2) + client + body


def request_of(client: str, api_key: int = Api.END_TXN, transactional_id: str | None = "gate.0") -> Request:
    """A request as the proxy would have read it."""
    return Request(api_key, 1, 1, client, transactional_id)


@pytest.mark.parametrize(
    ("api", "version", "body"),
    [
        (Api.END_TXN, 1, b"\x00\x06gate.0" + bytes(11)),
        (Api.END_TXN, 3, b"\x00\x07gate.0" + bytes(11)),
        (Api.END_TXN, 4, b"\x01\x00\x02ab\x07gate.0" + bytes(11)),
        (Api.PRODUCE, 8, b"\x00\x06gate.0" + bytes(20)),
        (Api.PRODUCE, 12, b"\x00\x07gate.0" + bytes(20)),
        (Api.ADD_PARTITIONS_TO_TXN, 3, b"\x00\x07gate.0" + bytes(20)),
        (Api.ADD_OFFSETS_TO_TXN, 2, b"\x00\x06gate.0" + bytes(20)),
        (Api.TXN_OFFSET_COMMIT, 3, b"\x00\x07gate.0" + bytes(20)),
    ],
)
def test_the_transaction_of_a_request_is_read(api: Api, version: int, body: bytes) -> None:
    """With long and compact strings, and behind tagged fields of the header."""
    request = parse_request(frame(api, version, body))
    assert request == Request(api, version, 7, "gate", "gate.0")
    assert request.in_transaction


@pytest.mark.parametrize(
    ("api", "version", "body"),
    [
        (Api.PRODUCE, 8, b"\xff\xff" + bytes(20)),
        (Api.PRODUCE, 12, b"\x00\x00" + bytes(20)),
        (Api.FETCH, 12, bytes(20)),
        (Api.CONSUMER_GROUP_HEARTBEAT, 0, bytes(20)),
        (Api.ADD_PARTITIONS_TO_TXN, 4, bytes(20)),
    ],
)
def test_what_has_no_transaction_is_in_none(api: Api, version: int, body: bytes) -> None:
    """An idempotent produce, a fetch, a heartbeat, and what brokers say to each other."""
    request = parse_request(frame(api, version, body))
    assert request.transactional_id is None
    assert not request.in_transaction


@pytest.mark.parametrize(
    "bad", [b"", bytes(7), bytes(9), b"\x00\x12\x00\x03\x00\x00\x00\x01\x00\x09short", frame(26, 3, b"\x00")]
)
def test_what_ends_too_early_is_no_frame(bad: bytes) -> None:
    """Always our own error, whatever is missing."""
    with pytest.raises(NotAFrameError):
        parse_request(bad)


def test_a_client_without_a_name_is_one() -> None:
    """A null client id is allowed, and no aim with a prefix takes it."""
    request = parse_request(bytes.fromhex("0012000300000001ffff"))
    assert (request.api_key, request.client_id) == (18, "")
    assert not Aim(18, "gate", Fault.CUT_BEFORE).covers(request)


def test_an_aim_takes_what_it_covers_after_what_it_skips_and_no_more() -> None:
    """Other clients, other requests and other transactions pass; then `skip` of its own; then it takes `count`."""
    aims = Aims()
    aim = Aim(Api.END_TXN, "gate", Fault.CUT_AFTER, count=2, skip=1, transactional_id_prefix="gate.")
    armed = aims.arm(aim)
    assert aims.take(request_of("executor-crm")) is None
    assert aims.take(request_of("gate", Api.PRODUCE)) is None
    assert aims.take(request_of("gate", transactional_id="other")) is None
    assert [aims.take(request_of("gate")) for _ in range(4)] == [None, armed, armed, None]
    assert (armed.left, armed.hits, armed.wait(0)) == (0, (), False)


def test_what_happened_is_counted_by_fault_and_request_with_its_time() -> None:
    """Also for one who waits, also after the aim has gone."""
    aims = Aims()
    armed = aims.arm(Aim(Api.END_TXN, "gate", Fault.REPEAT))
    before_ms = time.time_ns() // 1_000_000
    threading.Timer(0.05, lambda: armed.happened(request_of("gate"), 2)).start()
    assert armed.wait(PATIENCE_S)
    aims.disarm()
    assert aims.counts() == {("repeat", name_of(Api.END_TXN)): 1}
    assert aims.in_transaction() == 1
    assert aims.hits() == armed.hits
    assert armed.hits[0].at_ms >= before_ms
    assert armed.hits[0].node == 2
    assert aims.take(request_of("gate")) is None


def test_where_kafka_keeps_a_name_is_known() -> None:
    """As `String.hashCode` has it, with the one value that has no absolute in 32 bits."""
    assert bucket_of("gate", 1_000_000) == 3_165_387 % 1_000_000
    assert bucket_of("polygenelubricants", 50) == 0
    assert bucket_of("sluicegate.gate.0", 4) in range(4)


@contextmanager
def echoing_broker() -> Iterator[int]:
    """Answers each frame with its correlation id and its length; its port."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=256)

    def answer(connection: socket.socket) -> None:
        with suppress(OSError), connection, connection.makefile("rb") as stream:
            while len(head := stream.read(4)) == 4:
                got = stream.read(int.from_bytes(head))
                connection.sendall((8).to_bytes(4) + got[4:8] + len(got).to_bytes(4))

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def asked(connection: socket.socket, correlation: int) -> int:
    """Ask the echoing broker; the correlation id of its answer."""
    sent = frame(Api.FETCH, 4, bytes(100), correlation=correlation)
    connection.sendall(len(sent).to_bytes(4) + sent)
    answer = b""
    while len(answer) < 12:
        more = connection.recv(12 - len(answer))
        assert more, "the connection has ended"
        answer += more
    return int.from_bytes(answer[4:8])


def until(holds: Callable[[], bool]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_many_connections_each_get_their_own_answers() -> None:
    """Two hundred at once, and none is left when their clients have gone."""
    with echoing_broker() as upstream, Proxy(Aims(), upstream=upstream) as proxy:
        clients = [
            socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_S) for _ in range(200)
        ]
        assert [asked(client, number) for number, client in enumerate(clients)] == list(range(200))
        assert proxy.connections == 200
        for client in clients:
            client.close()
        until(lambda: proxy.connections == 0)


def test_a_client_that_says_half_a_frame_holds_nobody_up() -> None:
    """It may wait for ever, or go; the others are answered, and `close` does not wait for it."""
    with echoing_broker() as upstream:
        with Proxy(Aims(), upstream=upstream) as proxy:
            silent = socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_S)
            silent.sendall(b"\x00\x00\x01\x00\x00\x12")
            with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_S) as other:
                assert asked(other, 3) == 3
            until(lambda: proxy.connections == 1)
        assert_broken(silent)


@pytest.mark.parametrize("length", [b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00\x00\x00\x02"])
def test_what_no_client_says_ends_its_connection(length: bytes) -> None:
    """A length that no frame has, and a frame without a header."""
    with echoing_broker() as upstream, Proxy(Aims(), upstream=upstream) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_S) as stranger:
            stranger.sendall(length + b"GET / HTTP/1.1\r\n\r\n")
            assert_broken(stranger)
        until(lambda: proxy.connections == 0)


def test_a_dead_broker_is_dead_through_the_proxy_too() -> None:
    """Refused while told so, reset while nobody listens behind it, and there again at the same port."""
    with Proxy(Aims(), upstream=1) as proxy:
        with suppress(ConnectionResetError):  # it may be reset before the call has returned
            assert_broken(socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_S))
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_S)
        with echoing_broker() as upstream:
            proxy.upstream = upstream
            proxy.accept()
            with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_S) as back:
                assert asked(back, 5) == 5
                proxy.cut_all()
                assert_broken(back)
    proxy.close()


def assert_broken(connection: socket.socket) -> None:
    """Closed or reset, within the connection's time limit."""
    with suppress(ConnectionResetError):
        assert connection.recv(1) == b""
    connection.close()
