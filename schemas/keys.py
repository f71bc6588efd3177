"""Ed25519 keys (RFC 8032): sign and verify exact bytes.

A key id is the first 16 hex digits of the SHA-256 of the public key: a hint where to look, never proof.
"""

from dataclasses import dataclass, field

from nacl.exceptions import BadSignatureError, CryptoError
from nacl.signing import SigningKey as _Seed
from nacl.signing import VerifyKey

from .canonical import sha256
from .errors import ConfigurationError, SignatureError
from .fields import decode_base64url, encode_base64url

KEY_BYTES = 32
SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half; compares by its 32 bytes. `key_id` is 16 hex digits that name it."""

    raw: bytes
    key_id: str = field(compare=False)
    _verify: VerifyKey = field(repr=False, compare=False)

    @classmethod
    def from_text(cls, text: str) -> "PublicKey":
        """Read base64url; ConfigurationError when it is no Ed25519 public key."""
        try:
            return cls.from_bytes(decode_base64url(text))
        except (ValueError, CryptoError):
            raise ConfigurationError(
                "a public key is not 32 bytes of base64url; make one with `sluicegate key new`"
            ) from None

    @classmethod
    def from_bytes(cls, raw: bytes) -> "PublicKey":
        """Take 32 raw bytes; ValueError for any other length."""
        if len(raw) != KEY_BYTES:
            raise ValueError("an Ed25519 public key has 32 bytes")
        return cls(raw, sha256(raw).hex()[:16], VerifyKey(raw))

    @property
    def text(self) -> str:
        """Base64url of the 32 bytes."""
        return encode_base64url(self.raw)

    def verify(self, message: bytes, signature: bytes) -> None:
        """SignatureError unless `signature` is this key's over exactly `message`."""
        if len(signature) != SIGNATURE_BYTES:
            raise SignatureError("a signature has 64 bytes")
        try:
            self._verify.verify(message, signature)
        except (BadSignatureError, CryptoError, ValueError):
            raise SignatureError(
                "the signature does not match the bytes; sign exactly what is sent"
            ) from None


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """The secret half. Its representation never shows the seed."""

    public: PublicKey
    _seed: _Seed = field(repr=False, compare=False)

    @classmethod
    def generate(cls) -> "PrivateKey":
        """A new key from the operating system's random numbers."""
        return cls._of(_Seed.generate())

    @classmethod
    def from_text(cls, text: str) -> "PrivateKey":
        """Read the base64url of a 32-byte seed; ConfigurationError when it is none."""
        try:
            return cls.from_seed(decode_base64url(text.strip()))
        except (ValueError, CryptoError, TypeError):
            raise ConfigurationError(
                "a key file does not hold 32 bytes of base64url; make one with `sluicegate key new`"
            ) from None

    @classmethod
    def from_seed(cls, seed: bytes) -> "PrivateKey":
        """Take a 32-byte seed; ValueError for any other length."""
        return cls._of(_Seed(seed))

    @classmethod
    def _of(cls, seed: _Seed) -> "PrivateKey":
        return cls(PublicKey.from_bytes(bytes(seed.verify_key)), seed)

    @property
    def key_id(self) -> str:
        """16 hex digits that name this key."""
        return self.public.key_id

    def secret_text(self) -> str:
        """The seed as base64url: for a file of mode 0600 and nothing else."""
        return encode_base64url(bytes(self._seed))

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature over exactly `message`."""
        return self._seed.sign(message).signature
