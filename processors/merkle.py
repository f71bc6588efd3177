"""Merkle trees as RFC 6962 section 2.1 defines them, as pure functions over SHA-256 hashes.

Leaf and node hashes carry different prefixes, so no node can be passed off as a leaf (second preimage, section 2.1).
Errors are RecordError: a path arrives with a record.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from sluicegate.schemas.errors import RecordError

EMPTY_ROOT = sha256(b"").digest()
"""The root of no leaves."""

HASH_BYTES = 32


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256 of `00` and the leaf."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 of `01` and two child hashes."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Tree:
    """All hashes of one tree: `levels[0]` are the leaf hashes, the last level holds the root alone."""

    levels: tuple[tuple[bytes, ...], ...]

    @classmethod
    def of(cls, leaf_hashes: Sequence[bytes]) -> "Tree":
        """Hash upwards; an odd last node moves up as it is, which gives exactly RFC 6962's split at a power of two."""
        levels = [tuple(leaf_hashes)]
        while len(levels[-1]) > 1:
            below = levels[-1]
            pairs = zip(below[::2], below[1::2], strict=False)
            above = tuple(node_hash(left, right) for left, right in pairs)
            levels.append(above + below[-1:] if len(below) % 2 else above)
        return cls(tuple(levels))

    @property
    def root(self) -> bytes:
        """The tree's one hash; `EMPTY_ROOT` without leaves."""
        return self.levels[-1][0] if self.levels[-1] else EMPTY_ROOT

    def path(self, index: int) -> tuple[bytes, ...]:
        """The siblings from leaf `index` up to the root (section 2.1.1); RecordError for a leaf that is not there."""
        if not 0 <= index < len(self.levels[0]):
            raise RecordError("the tree has no leaf at this index")
        siblings = []
        for level in self.levels[:-1]:
            sibling = index ^ 1
            if sibling < len(level):
                siblings.append(level[sibling])
            index >>= 1
        return tuple(siblings)


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """The Merkle tree hash of a list of leaf hashes."""
    return Tree.of(leaf_hashes).root


def inclusion_path(leaf_hashes: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The audit path of leaf `index`; RecordError for a leaf that is not there."""
    return Tree.of(leaf_hashes).path(index)


def root_from_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that follows from a leaf hash and its path (RFC 9162 section 2.1.3.2).

    RecordError when index, size and length of the path cannot belong together.
    """
    if not 0 <= index < size:
        raise RecordError("the leaf index lies outside the tree")
    if any(len(each) != HASH_BYTES for each in (leaf, *path)):
        raise RecordError("a hash of the inclusion path has not 32 bytes")
    at, last, hashed = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise RecordError("the inclusion path is too long for this tree")
        if at % 2 or at == last:
            hashed = node_hash(sibling, hashed)
            # The last node of an odd level moved up without a sibling: skip those levels.
            while at % 2 == 0 and at:
                at, last = at >> 1, last >> 1
        else:
            hashed = node_hash(hashed, sibling)
        at, last = at >> 1, last >> 1
    if last:
        raise RecordError("the inclusion path is too short for this tree")
    return hashed


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], expected_root: bytes) -> None:
    """RecordError unless the leaf hash stands at `index` in the tree of `size` leaves with this root."""
    if root_from_path(leaf, index, size, path) != expected_root:
        raise RecordError("the leaf is not in the tree with this root")
