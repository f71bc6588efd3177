"""Ed25519 keys: RFC 8032, and nothing that a key says about itself is proof."""

import pytest

from sluicegate.schemas.errors import ConfigurationError, SignatureError
from sluicegate.schemas.fields import encode_base64url
from sluicegate.schemas.keys import PrivateKey, PublicKey

# RFC 8032 section 7.1: secret key, public key, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
]
KEY = PrivateKey.from_seed(bytes(range(32)))
ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC_8032)
def test_signatures_are_those_of_the_rfc(seed: str, public: str, message: str, signature: str) -> None:
    """The test vectors of RFC 8032 come out, and verify."""
    key = PrivateKey.from_seed(bytes.fromhex(seed))
    assert key.public.raw.hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature
    key.public.verify(bytes.fromhex(message), bytes.fromhex(signature))


@pytest.mark.parametrize("bit", [0, 7, 100, 255, 256, 300, 511])
def test_signature_with_one_bit_flipped_is_refused(bit: int) -> None:
    """Any flipped bit of a signature makes it wrong."""
    damaged = bytearray(KEY.sign(b"message"))
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SignatureError):
        KEY.public.verify(b"message", bytes(damaged))


def test_signature_has_one_spelling() -> None:
    """The malleable twin (s + group order) of a good signature is refused (RFC 8032 section 5.1.7)."""
    good = KEY.sign(b"message")
    twin = good[:32] + (int.from_bytes(good[32:], "little") + ORDER).to_bytes(32, "little")
    with pytest.raises(SignatureError):
        KEY.public.verify(b"message", twin)


@pytest.mark.parametrize("signature", [b"", b"\x00", bytes(63), bytes(64), bytes(65), b"\xff" * 64])
def test_bytes_that_are_no_signature_are_refused(signature: bytes) -> None:
    """Every length and content other than the signature ends in SignatureError."""
    with pytest.raises(SignatureError):
        KEY.public.verify(b"message", signature)


@pytest.mark.parametrize("raw", [bytes(32), b"\x01" + bytes(31), b"\xff" * 32])
def test_weak_public_key_verifies_nothing(raw: bytes) -> None:
    """A public key of small order or off the curve accepts no signature, not even the all-zero one."""
    for signature in (bytes(64), raw + bytes(32)):
        with pytest.raises(SignatureError):
            PublicKey.from_bytes(raw).verify(b"message", signature)


def test_keys_survive_their_text() -> None:
    """Public and secret text read back to the same key; the text of a file may end in a newline."""
    assert PublicKey.from_text(KEY.public.text) == KEY.public
    again = PrivateKey.from_text(KEY.secret_text() + "\n")
    assert again.sign(b"message") == KEY.sign(b"message")
    assert KEY.key_id == KEY.public.key_id == again.key_id
    assert len(KEY.key_id) == 16


@pytest.mark.parametrize("text", ["", "AAAA", "=" * 43, "A" * 42, "A" * 44, "A" * 42 + "B", "é" * 43])
def test_text_that_is_no_key_is_refused(text: str) -> None:
    """Text of another length, alphabet or spelling ends in ConfigurationError."""
    for read in (PublicKey.from_text, PrivateKey.from_text):
        with pytest.raises(ConfigurationError):
            read(text)


def test_o2_secret_is_never_shown() -> None:
    """Neither `repr` nor `str` of a key contains its seed."""
    seed = bytes(range(32))
    shown = repr(KEY) + str(KEY)
    for secret in (KEY.secret_text(), seed.hex(), repr(seed), encode_base64url(seed)):
        assert secret not in shown


def test_generated_keys_differ() -> None:
    """Two new keys are two keys."""
    assert PrivateKey.generate().public != PrivateKey.generate().public
