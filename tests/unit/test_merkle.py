"""Merkle trees against RFC 6962: published vectors where they are at hand, and the RFC's own recursion everywhere."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.processors import merkle
from sluicegate.schemas.errors import RecordError

VECTORS = Path(__file__).resolve().parents[3] / "shared/data/vectors/merkle/inclusion.json"
"""Published inclusion proofs, beside the checkout on some machines; the cases below stand without them."""

LEAVES = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
LEAVES.append(bytes(range(0x60, 0x70)))
# The example tree that certificate transparency implementations share.
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def recursive_root(leaves: list[bytes]) -> bytes:
    """MTH exactly as section 2.1 writes it down."""
    if not leaves:
        return merkle.EMPTY_ROOT
    if len(leaves) == 1:
        return merkle.leaf_hash(leaves[0])
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return merkle.node_hash(recursive_root(leaves[:split]), recursive_root(leaves[split:]))


def own_cases() -> list[dict[str, Any]]:
    """Every leaf of every tree of up to eight leaves, right, with another root, and with a path cut or lengthened."""
    cases = []
    for size in range(1, len(LEAVES) + 1):
        hashes = [merkle.leaf_hash(leaf) for leaf in LEAVES[:size]]
        tree = merkle.Tree.of(hashes)
        for index in range(size):
            right = {"index": index, "size": size, "leaf": hashes[index], "root": tree.root}
            path = tree.path(index)
            cases += [
                {**right, "path": path, "wrong": False},
                {**right, "path": path, "root": merkle.EMPTY_ROOT, "wrong": True},
                {**right, "path": path, "index": size, "wrong": True},
                {**right, "path": (*path, merkle.EMPTY_ROOT), "wrong": True},
            ]
            if path:
                cases.append({**right, "path": path[:-1], "wrong": True})
    return cases


def published_cases() -> list[dict[str, Any]]:
    """The vectors beside the checkout, or none."""
    if not VECTORS.is_file():
        return []
    decode = base64.b64decode
    return [
        {
            "index": case["leafIdx"],
            "size": case["treeSize"],
            "leaf": decode(case["leafHash"] or ""),
            "root": decode(case["root"] or ""),
            "path": tuple(decode(step) for step in case["proof"] or ()),
            "wrong": case["wantErr"],
        }
        for case in json.loads(VECTORS.read_text())
    ]


@pytest.mark.parametrize("size", range(1, len(ROOTS) + 1))
def test_the_shared_example_tree_has_its_known_roots(size: int) -> None:
    """Roots of one to eight leaves are those that every implementation of RFC 6962 gives."""
    assert merkle.root([merkle.leaf_hash(leaf) for leaf in LEAVES[:size]]).hex() == ROOTS[size - 1]


@pytest.mark.parametrize("case", [*own_cases(), *published_cases()])
def test_an_inclusion_proof_holds_exactly_when_it_is_right(case: dict[str, Any]) -> None:
    """A right path is accepted; another root, index, or length of path is refused with our own error."""
    arguments = (case["leaf"], case["index"], case["size"], case["path"], case["root"])
    if case["wrong"]:
        with pytest.raises(RecordError):
            merkle.verify_inclusion(*arguments)
    else:
        merkle.verify_inclusion(*arguments)


def test_no_leaves_have_the_root_of_nothing() -> None:
    """The root of an empty list is the hash of no bytes, and it has no paths."""
    assert merkle.root([]) == merkle.EMPTY_ROOT
    with pytest.raises(RecordError, match="no leaf"):
        merkle.inclusion_path([], 0)


@given(st.lists(st.binary(max_size=4), max_size=70), st.data())
def test_levels_give_what_the_recursion_of_the_rfc_gives(leaves: list[bytes], data: st.DataObject) -> None:
    """Hashing level by level equals the RFC's recursion, and every path leads to that root."""
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    root = merkle.root(hashes)
    assert root == recursive_root(leaves)
    if leaves:
        index = data.draw(st.integers(0, len(leaves) - 1))
        merkle.verify_inclusion(hashes[index], index, len(leaves), merkle.inclusion_path(hashes, index), root)
