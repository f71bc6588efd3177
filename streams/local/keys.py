"""Private signing keys of this machine, made when they are missing."""

from sluicegate.schemas.keys import PrivateKey
from sluicegate.streams.clients.stored_key import stored_key
from sluicegate.streams.state_folder import StateFolder, write_private


def key_or_new(state: StateFolder, name: str) -> PrivateKey:
    """The key in `keys/<name>.ed25519`; a new one when there is none."""
    write_private(state.key_path(name), PrivateKey.generate().secret_text().encode(), replace=False)
    return stored_key(state, name)
