"""Ids and places that are derived, never drawn: from input positions, from names, from lanes."""

from struct import Struct
from typing import Final

from .canonical import sha256

_DIGITS: Final = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS: Final = tuple(first + second for first in _DIGITS for second in _DIGITS)
_TWO_WORDS: Final = Struct(">QQ")


def derived_id(prefix: str, *parts: str | int) -> str:
    """`<prefix>-` and 26 characters of base32 over the parts: same parts, same id."""
    text = "\x1f".join(map(str, parts)).encode()
    return f"{prefix}-{_base32(sha256(text)[:16])}"


def _base32(value: bytes) -> str:
    """RFC 4648 section 6 for 16 bytes, lower case without padding; the standard library takes four times as long."""
    # 26 digits of five bits are the 128 bits and two zeros behind them: two digits at a time, written out, because numbers
    # of a machine word are shifted faster than one of 130 bits. The seventh pair lies across both words.
    high, low = _TWO_WORDS.unpack(value)
    return "".join((
        _PAIRS[high >> 54],
        _PAIRS[high >> 44 & 0x3FF],
        _PAIRS[high >> 34 & 0x3FF],
        _PAIRS[high >> 24 & 0x3FF],
        _PAIRS[high >> 14 & 0x3FF],
        _PAIRS[high >> 4 & 0x3FF],
        _PAIRS[(high & 0xF) << 6 | low >> 58],
        _PAIRS[low >> 48 & 0x3FF],
        _PAIRS[low >> 38 & 0x3FF],
        _PAIRS[low >> 28 & 0x3FF],
        _PAIRS[low >> 18 & 0x3FF],
        _PAIRS[low >> 8 & 0x3FF],
        _PAIRS[low << 2 & 0x3FF],
    ))  # fmt: skip


def partition_of(lane: str, partitions: int) -> int:
    """The partition of a lane: Kafka's default partitioner, murmur2 of the key (`murmur2_random` in librdkafka)."""
    return (murmur2(lane.encode()) & 0x7FFFFFFF) % partitions


def murmur2(key: bytes) -> int:
    """MurmurHash2, 32 bit, with Kafka's seed (org.apache.kafka.common.utils.Utils.murmur2)."""
    mask, mix = 0xFFFFFFFF, 0x5BD1E995
    length = len(key)
    state = (0x9747B28C ^ length) & mask
    whole = length & ~3
    for start in range(0, whole, 4):
        block = int.from_bytes(key[start : start + 4], "little") * mix & mask
        block = (block ^ (block >> 24)) * mix & mask
        state = (state * mix & mask) ^ block
    if length > whole:
        state = (state ^ int.from_bytes(key[whole:], "little")) * mix & mask
    state = (state ^ (state >> 13)) * mix & mask
    return state ^ (state >> 15)
