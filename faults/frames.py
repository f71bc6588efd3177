"""As much of Kafka's wire format as is needed to tell requests apart: lengths, API keys, who asks, in which transaction.

Source: the protocol guide of Apache Kafka (request headers 1 and 2) and KIP-482 (compact strings, tagged fields).
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

LENGTH_BYTES: Final = 4
LARGEST_FRAME_BYTES: Final = 256 * 1024 * 1024
"""Anything longer is no frame: a broker closes such a connection, and so do we."""


class Api(IntEnum):
    """The requests at which faults are aimed, and those that a proxy must know."""

    PRODUCE = 0
    FETCH = 1
    HEARTBEAT = 12
    SASL_HANDSHAKE = 17
    INIT_PRODUCER_ID = 22
    ADD_PARTITIONS_TO_TXN = 24
    ADD_OFFSETS_TO_TXN = 25
    END_TXN = 26
    TXN_OFFSET_COMMIT = 28
    CONSUMER_GROUP_HEARTBEAT = 68


def name_of(api_key: int) -> str:
    """`end-txn`, or the number of one that has no name here."""
    return Api(api_key).name.lower().replace("_", "-") if api_key in _NAMED else str(api_key)


_NAMED: Final = frozenset(Api)
# Of each request that begins with its transactional id: the first version with compact strings, and the first
# version that no longer begins so (AddPartitionsToTxn 4 is for brokers among themselves).
_TRANSACTIONAL: Final[dict[int, tuple[int, int]]] = {
    Api.PRODUCE: (9, 1_000),
    Api.INIT_PRODUCER_ID: (2, 1_000),
    Api.ADD_PARTITIONS_TO_TXN: (3, 4),
    Api.ADD_OFFSETS_TO_TXN: (3, 1_000),
    Api.END_TXN: (3, 1_000),
    Api.TXN_OFFSET_COMMIT: (3, 1_000),
}
_FIRST_WITH_TRANSACTIONAL_ID: Final = {Api.PRODUCE: 3}
_INSIDE: Final = frozenset(
    {Api.PRODUCE, Api.ADD_PARTITIONS_TO_TXN, Api.ADD_OFFSETS_TO_TXN, Api.END_TXN, Api.TXN_OFFSET_COMMIT}
)


@dataclass(frozen=True, slots=True)
class Request:
    """What the beginning of a request says."""

    api_key: int
    api_version: int
    correlation_id: int
    client_id: str
    transactional_id: str | None = None
    """None outside of transactions, and of requests that do not begin with it."""

    @property
    def in_transaction(self) -> bool:
        """Whether it is a step of an open transaction by its nature, with the fault before or after it."""
        return self.transactional_id is not None and self.api_key in _INSIDE


class NotAFrameError(ValueError):
    """The bytes are no request that a Kafka client would send."""


def parse_request(frame: bytes) -> Request:
    """The header of a request, without its length; `NotAFrameError` when it is none."""
    try:
        return _parse(frame)
    except (IndexError, UnicodeDecodeError):
        raise NotAFrameError("the frame ends too early, or its client id is no text") from None


def correlation_of(response: bytes) -> int:
    """The correlation id with which every response begins."""
    if len(response) < LENGTH_BYTES:
        raise NotAFrameError("a response is shorter than its correlation id")
    return int.from_bytes(response[:4], signed=True)


def _parse(frame: bytes) -> Request:
    key, version = _int16(frame, 0), _int16(frame, 2)
    _ = frame[7]  # the correlation id is complete
    correlation = int.from_bytes(frame[4:8], signed=True)
    length = _int16(frame, 8)
    end = 10 + max(0, length)
    if end > len(frame):
        raise IndexError
    client = frame[10:end].decode()
    return Request(key, version, correlation, client, _transactional_id(frame, end, key, version))


def _transactional_id(frame: bytes, at: int, key: int, version: int) -> str | None:
    if key not in _TRANSACTIONAL:
        return None
    compact_from, ends = _TRANSACTIONAL[key]
    if not _FIRST_WITH_TRANSACTIONAL_ID.get(Api(key), 0) <= version < ends:
        return None
    if version < compact_from:
        length = _int16(frame, at)
        at += 2
    else:
        at = _after_tags(frame, at)
        length, at = _varint(frame, at)
        length -= 1  # KIP-482: the length plus one, zero for none
    return None if length < 0 else frame[at : at + length].decode()


def _after_tags(frame: bytes, at: int) -> int:
    count, at = _varint(frame, at)
    for _ in range(count):
        _, at = _varint(frame, at)
        size, at = _varint(frame, at)
        at += size
    return at


def _varint(frame: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = frame[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the high bit says that more follows
            return value, at
        shift += 7


def _int16(frame: bytes, at: int) -> int:
    _ = frame[at + 1]
    return int.from_bytes(frame[at : at + 2], signed=True)
