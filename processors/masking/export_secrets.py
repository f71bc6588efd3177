"""The secret of each export: drawn when its chain begins, kept encrypted while the chain is open, gone when it ends.

Surrogates are keyed hashes under this secret, so one value has one surrogate in all batches of an export, whichever worker masks
them and however often one crashes. INVARIANT: no key that stays can make the secret again. It stands in the chain's state alone, under a key that
derives from the masking key and names the chain (libsodium secretbox): a copy put beside another chain does not open. The chain's last
batch takes it out of the state; of a stream, the state is forgotten with the stream. Until the changelog is compacted (an hour, see its
topic), older records of it hold the sealed secret still, for whoever has the masking key.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from sluicegate.processors.masking.identifiers import Operator
from sluicegate.processors.masking.profile import Profile
from sluicegate.schemas.state import ExportProgress

from .engine.surrogates import Surrogates
from .export_progress import progress_key
from .sealing import derived

SECRET_BYTES: Final = 32
Draw = Callable[[int], bytes]
"""Random bytes, so many (`secrets.token_bytes`)."""


@dataclass(frozen=True, slots=True)
class ExportSecrets:
    """Secrets of exports under one masking key; `draw` is where chance comes from."""

    masking_key: bytes = field(repr=False)
    draw: Draw = field(repr=False)

    def taken(self, progress: ExportProgress) -> tuple[bytes, ExportProgress]:
        """The secret of a chain, drawn if it has none that opens, and the chain as it is to be kept: closed, without it.

        A secret that does not open was sealed under another masking key: surrogates begin anew, and none is made twice.
        """
        box = SecretBox(derived(self.masking_key, "export secret", progress_key(progress)))
        secret, sealed = _opened(box, progress.sealed_secret), progress.sealed_secret
        if secret is None:
            secret = self.draw(SECRET_BYTES)
            sealed = bytes(box.encrypt(secret, self.draw(SecretBox.NONCE_SIZE)))
        return secret, progress.model_copy(update={"sealed_secret": None if progress.closed else sealed})

    def surrogates(self, secret: bytes, profile: Profile) -> Surrogates:
        """What stands for identifiers in an export with this secret.

        Where the profile has pseudonyms, they and all proofs derive from the masking key instead, for ever: the same in every export.
        """
        if not profile.uses(Operator.PSEUDONYM):
            return Surrogates(secret)
        return Surrogates(secret, pseudonym_key=derived(self.masking_key, "pseudonyms", b""))


def _opened(box: SecretBox, sealed: bytes | None) -> bytes | None:
    if sealed is None:
        return None
    try:
        return box.decrypt(sealed)
    except (CryptoError, ValueError):
        return None
