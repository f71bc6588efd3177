"""One signature for all grants of a transaction."""

import pytest

from sluicegate.processors.grant_signature import (
    ROOT_PAYLOAD_TYPE,
    GrantSignature,
    root_value,
    sign_grants,
    verify_grant,
)
from sluicegate.processors.merkle import leaf_hash
from sluicegate.schemas.canonical import pre_authentication_encoding
from sluicegate.schemas.envelope import sign
from sluicegate.schemas.errors import SignatureError
from sluicegate.schemas.keys import PrivateKey

KEY = PrivateKey.from_seed(bytes(range(32)))
TYPE = "application/vnd.sluicegate.grant.v1+json"
GRANTS = [(TYPE, b"grant %d" % number) for number in range(5)]


def test_every_grant_of_a_transaction_verifies_on_its_own() -> None:
    """Each grant needs its own two headers and the key, nothing else."""
    for (payload_type, value), signature in zip(GRANTS, sign_grants(KEY, GRANTS), strict=True):
        verify_grant(KEY.public, payload_type, value, signature.sig, signature.path)


def test_one_signature_serves_all() -> None:
    """The `sig` of all grants is the same, and is over leaf count and root."""
    signatures = sign_grants(KEY, GRANTS[:1])
    root = leaf_hash(pre_authentication_encoding(*GRANTS[0]))
    assert signatures == (
        GrantSignature(sign(KEY, ROOT_PAYLOAD_TYPE, (1).to_bytes(4, "big") + root), "0/1:"),
    )
    assert len({signature.sig for signature in sign_grants(KEY, GRANTS)}) == 1


def test_no_grants_need_no_signature() -> None:
    """A transaction without grants signs nothing."""
    assert sign_grants(KEY, []) == ()


@pytest.mark.parametrize("index", range(5))
def test_a_grant_does_not_pass_for_another(index: int) -> None:
    """Other bytes, another payload type, and another grant's path are refused."""
    signatures = sign_grants(KEY, GRANTS)
    payload_type, value = GRANTS[index]
    sig, path = signatures[index].sig, signatures[index].path
    for wrong in (
        (payload_type, value + b"!", path),
        ("application/vnd.sluicegate.receipt.v1+json", value, path),
        (payload_type, value, signatures[index - 1].path),
    ):
        with pytest.raises(SignatureError):
            verify_grant(KEY.public, wrong[0], wrong[1], sig, wrong[2])


def test_the_leaf_count_is_signed() -> None:
    """A path that claims another number of grants is refused though its hashes are right."""
    sig, path = (signed := sign_grants(KEY, GRANTS)[4]).sig, signed.path
    with pytest.raises(SignatureError):
        verify_grant(KEY.public, *GRANTS[4], sig, path.replace("4/5:", "4/6:"))
    assert root_value(5, b"r" * 32)[:4] == b"\0\0\0\5"


def test_another_key_does_not_verify() -> None:
    """A signature by another key is refused, also when it names this key's id."""
    other = PrivateKey.generate()
    signature = sign_grants(other, GRANTS)[0]
    with pytest.raises(SignatureError, match="names another key"):
        verify_grant(KEY.public, *GRANTS[0], signature.sig, signature.path)
    forged = KEY.key_id + signature.sig[16:]
    with pytest.raises(SignatureError, match="does not match"):
        verify_grant(KEY.public, *GRANTS[0], forged, signature.path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "0/1",
        ":",
        "0/0:",
        "1/1:",
        "00/1:",
        "-1/1:",
        "0/1:AA",
        "0/1: ",
        "0/1:\n",
        "0/9999999:",
        "\u0660/1:",
        "0/1:" + "A" * 43,
        "0/1:é",
    ],
)
def test_a_malformed_path_ends_in_our_error(path: str) -> None:
    """Whatever stands in `sig-path`, the answer is a SignatureError."""
    sig = sign_grants(KEY, GRANTS[:1])[0].sig
    with pytest.raises(SignatureError):
        verify_grant(KEY.public, *GRANTS[0], sig, path)


def test_a_path_has_one_spelling() -> None:
    """A second spelling of the same siblings is refused."""
    signature = sign_grants(KEY, GRANTS[:2])[0]
    # 32 bytes leave four unused bits in the last of 43 characters.
    index = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".index(signature.path[-1])
    again = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[index ^ 1]
    with pytest.raises(SignatureError, match="base64url"):
        verify_grant(KEY.public, *GRANTS[0], signature.sig, signature.path[:-1] + again)
