"""The privacy office's X25519 key on this machine: what quarantined batches are sealed to."""

import secrets
from pathlib import Path
from typing import Final

from sluicegate.processors.masking.sealing import KEY_BYTES, Recipient, recipient_of
from sluicegate.schemas.errors import ConfigurationError
from sluicegate.schemas.fields import encode_base64url
from sluicegate.streams.state_folder import StateFolder, read_private, write_private

NAME: Final = "privacy.x25519"
"""In `keys/` of the state folder. It belongs to the privacy office: move it there, and put the public half into settings."""


def privacy_key_path(state: StateFolder) -> Path:
    """Where the private half is kept unless somebody has moved it."""
    return state.path / "keys" / NAME


def privacy_key_or_new(state: StateFolder) -> tuple[Recipient, bool]:
    """The public half of this machine's key, made when there is none, and whether it was."""
    text = encode_base64url(secrets.token_bytes(KEY_BYTES))
    made = write_private(privacy_key_path(state), text.encode(), replace=False)
    return recipient_of(private_key_text(privacy_key_path(state))), made


def private_key_text(path: Path) -> str:
    """The private half in a file; ConfigurationError when it is missing or others can read it."""
    text = read_private(path)
    if text is None:
        raise ConfigurationError(
            f"there is no `{path}`: opening a batch needs the privacy office's private key; name its file with `--key`"
        )
    return text.decode("ascii", errors="replace")


def recipient(state: StateFolder, configured: str | None) -> Recipient:
    """Whom to seal to: the key of the settings, else this machine's."""
    if configured is not None:
        return Recipient.from_text(configured)
    path = privacy_key_path(state)
    if not path.exists():
        raise ConfigurationError(
            "nobody to seal quarantined batches to: set `[masking] privacy_key` to the privacy office's public key "
            f"(`sluicegate init` makes a key pair in `{path.parent}`)"
        )
    return recipient_of(private_key_text(path))
