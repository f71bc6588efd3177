"""The store `held`: masked batches that do not leave unless people say so, encrypted, until their action has ended.

A batch is sealed with a key of masking (libsodium secretbox, https://doc.libsodium.org/secret-key_cryptography/secretbox), so
neither the changelog nor who reads it tells what the look at the bytes objected to. INVARIANT: every entry ends: by the release, by
the end of its action that the gate tells, or at the latest at `until_ms`, which is beyond the longest deadline of any policy.
"""

from typing import Final

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from sluicegate.processors.contract import Due, Put, StoreReader, StoreSpec
from sluicegate.schemas import codec
from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.errors import RecordError
from sluicegate.schemas.export import MaskedBatch
from sluicegate.schemas.state import HeldExport

from .sealing import derived

STORE: Final = "held"
CHANGELOG: Final = "masking.held.changelog"
GRANTS: Final = "execution.masking"
"""Where grants, and the ends of actions without one, come from."""
SPEC: Final = StoreSpec(STORE, CHANGELOG)
HELD_MS: Final = 31 * 24 * 3_600_000
"""A policy's deadline is at most 30 days."""
_PURPOSE: Final = "held export"


def sealed_batch(secret: bytes, action_id: str, value: bytes) -> bytes:
    """The encoded masked batch, sealed: the same for the same three, so that a replay writes the same."""
    # The nonce derives from what is sealed: no two batches share one.
    nonce = derived(secret, "held nonce", sha256(value))[: SecretBox.NONCE_SIZE]
    return bytes(_box(secret, action_id).encrypt(value, nonce))


def opened_batch(secret: bytes, held: HeldExport) -> MaskedBatch:
    """The masked batch; RecordError when it was sealed with another secret, or is not the one whose digest was approved."""
    try:
        value = _box(secret, held.action_id).decrypt(held.sealed)
    except (CryptoError, ValueError):
        raise RecordError("a held export does not open: was masking's key exchanged?") from None
    if sha256(value) != held.held_digest:
        raise RecordError("a held export is not the one whose digest was shown")
    return codec.decode_own(value, MaskedBatch)


def read_held(stores: StoreReader, action_id: str) -> HeldExport | None:
    """What is held for this action."""
    value = stores.get(STORE, action_id.encode())
    return None if value is None else codec.decode_own(value, HeldExport)


def put_held(held: HeldExport) -> Put:
    """Hold it."""
    return Put(STORE, held.action_id.encode(), codec.encode(held).value)


def end_held(action_id: str) -> Put:
    """Hold it no longer: released, or destroyed."""
    return Put(STORE, action_id.encode(), None)


def held_due(key: bytes, value: bytes) -> Due:
    """When it is destroyed although nobody has said anything about it."""
    return Due(codec.decode_own(value, HeldExport).until_ms, key, "unanswered", STORE, GRANTS)


def _box(secret: bytes, action_id: str) -> SecretBox:
    return SecretBox(derived(secret, _PURPOSE, action_id.encode()))
