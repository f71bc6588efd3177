"""Seal what did not pass for the privacy office, so that a replay gives the same bytes.

A libsodium sealed box (https://doc.libsodium.org/public-key_cryptography/sealed_boxes): ephemeral public key, then a box
whose nonce is BLAKE2b over both public keys. The ephemeral key is not drawn but derived from a secret and the digest of what
is sealed: no two batches share one, and who knows neither secret nor private key learns nothing.
"""

import hmac
from dataclasses import dataclass
from typing import Final

from nacl.encoding import RawEncoder
from nacl.exceptions import CryptoError
from nacl.hash import blake2b
from nacl.public import Box, PrivateKey, PublicKey, SealedBox

from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.errors import ConfigurationError, RecordError
from sluicegate.schemas.fields import decode_base64url, encode_base64url

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class Recipient:
    """The privacy office's X25519 public key."""

    raw: bytes

    @classmethod
    def from_text(cls, text: str) -> "Recipient":
        """Read base64url; ConfigurationError when it is no X25519 public key."""
        return cls(_key_bytes(text, "the privacy office's public key"))

    @property
    def text(self) -> str:
        """Base64url of the 32 bytes."""
        return encode_base64url(self.raw)

    @property
    def key_id(self) -> str:
        """16 hex digits that name this key."""
        return sha256(self.raw).hex()[:16]

    def seal(self, value: bytes, secret: bytes, digest: bytes) -> bytes:
        """The sealed box of `value`, whose digest is `digest`; the same for the same three."""
        ephemeral = PrivateKey(derived(secret, "seal", digest))
        theirs = PublicKey(self.raw)
        nonce = blake2b(bytes(ephemeral.public_key) + self.raw, digest_size=_NONCE_BYTES, encoder=RawEncoder)
        return bytes(ephemeral.public_key) + Box(ephemeral, theirs).encrypt(value, nonce).ciphertext


def derived(secret: bytes, purpose: str, name: bytes) -> bytes:
    """32 bytes for one purpose and name (HMAC-SHA256); who sees them learns nothing of the secret."""
    return hmac.digest(secret, purpose.encode() + b"\0" + name, "sha256")


def recipient_of(private_text: str) -> Recipient:
    """The public half of a private key."""
    return Recipient(bytes(_private(private_text).public_key))


def open_sealed(private_text: str, sealed: bytes) -> bytes:
    """What was sealed to this private key; RecordError when it was sealed to another, or changed since."""
    try:
        return SealedBox(_private(private_text)).decrypt(sealed)
    except (CryptoError, ValueError):
        raise RecordError(
            "the batch is sealed to another key, or was changed: use the key it names"
        ) from None


def _private(text: str) -> PrivateKey:
    return PrivateKey(_key_bytes(text.strip(), "the privacy office's key file"))


def _key_bytes(text: str, what: str) -> bytes:
    try:
        raw = decode_base64url(text)
    except ValueError:
        raw = b""
    if len(raw) != KEY_BYTES:
        raise ConfigurationError(f"{what} is not 32 bytes of base64url; `sluicegate init` makes one")
    return raw
