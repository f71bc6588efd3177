"""One signature for all grants of a transaction: over the root of a Merkle tree whose leaves are the grants.

A leaf is the DSSE encoding of (payload type, value) of one grant. The signature covers the DSSE encoding of
(`ROOT_PAYLOAD_TYPE`, 4-byte big-endian leaf count and the RFC 6962 root). A grant carries two headers:

- `sig`: `<key id>:<base64url signature>` over the root,
- `sig-path`: `<leaf index>/<leaf count>:<base64url of the siblings, leaf to root, 32 bytes each>`.

The path has one spelling, so a grant has one `sig-path` per signature.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sluicegate.schemas.canonical import pre_authentication_encoding
from sluicegate.schemas.envelope import sign, split_signature
from sluicegate.schemas.errors import RecordError, SignatureError
from sluicegate.schemas.fields import decode_base64url, encode_base64url
from sluicegate.schemas.keys import PrivateKey, PublicKey

from .merkle import HASH_BYTES, Tree, leaf_hash, root_from_path

ROOT_PAYLOAD_TYPE: Final = "application/vnd.sluicegate.grant-root.v1"
"""The payload type of what is signed; its value is no record of its own."""

MAX_GRANTS: Final = 1 << 20
"""More leaves than any transaction holds; a longer path is refused unread."""

_PATH = re.compile(
    r"(?P<index>0|[1-9][0-9]{0,6})/(?P<count>[1-9][0-9]{0,6}):(?P<siblings>[A-Za-z0-9_-]*)", re.ASCII
)


@dataclass(frozen=True, slots=True)
class GrantSignature:
    """The two headers of one grant."""

    sig: str
    path: str


def sign_grants(key: PrivateKey, grants: Sequence[tuple[str, bytes]]) -> tuple[GrantSignature, ...]:
    """Sign all (payload type, value) of one transaction at once, in this order; nothing for no grants."""
    if not grants:
        return ()
    tree = Tree.of([_leaf(payload_type, value) for payload_type, value in grants])
    count = len(grants)
    sig = sign(key, ROOT_PAYLOAD_TYPE, root_value(count, tree.root))
    return tuple(GrantSignature(sig, _spell(index, count, tree.path(index))) for index in range(count))


def root_value(count: int, root: bytes) -> bytes:
    """The value under the signature: leaf count in 4 bytes, big-endian, then the root."""
    return count.to_bytes(4, "big") + root


def verify_grant(public_key: PublicKey, payload_type: str, value: bytes, sig: str, path: str) -> None:
    """SignatureError unless `public_key` signed a transaction that holds exactly this grant.

    `sig` and `path` are the texts of the headers `sig` and `sig-path`.
    """
    key_id, signature = split_signature(sig)
    if key_id != public_key.key_id:
        raise SignatureError("the key id names another key")
    index, count, siblings = _read(path)
    try:
        root = root_from_path(_leaf(payload_type, value), index, count, siblings)
    except RecordError:
        raise SignatureError("`sig-path` does not fit a tree with this number of grants") from None
    public_key.verify(pre_authentication_encoding(ROOT_PAYLOAD_TYPE, root_value(count, root)), signature)


def _leaf(payload_type: str, value: bytes) -> bytes:
    return leaf_hash(pre_authentication_encoding(payload_type, value))


def _spell(index: int, count: int, siblings: Sequence[bytes]) -> str:
    return f"{index}/{count}:{encode_base64url(b''.join(siblings))}"


def _read(path: str) -> tuple[int, int, tuple[bytes, ...]]:
    match = _PATH.fullmatch(path)
    if not match:
        raise SignatureError("`sig-path` is not `<index>/<count>:<base64url siblings>`")
    try:
        joined = decode_base64url(match["siblings"])
    except ValueError:
        raise SignatureError("the siblings of `sig-path` are not base64url") from None
    index, count = int(match["index"]), int(match["count"])
    if count > MAX_GRANTS or len(joined) % HASH_BYTES:
        raise SignatureError("`sig-path` does not hold whole hashes of a tree of one transaction")
    return index, count, tuple(joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES))
