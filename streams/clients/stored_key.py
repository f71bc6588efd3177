"""Private keys of this machine, from the state folder."""

from sluicegate.schemas.errors import ConfigurationError
from sluicegate.schemas.keys import PrivateKey
from sluicegate.streams.state_folder import StateFolder, read_private


def stored_key(state: StateFolder, name: str) -> PrivateKey:
    """The key in `keys/<name>.ed25519`; ConfigurationError when it is missing or others can read it."""
    path = state.key_path(name)
    text = read_private(path)
    if text is None:
        raise ConfigurationError(f"there is no key `{path}`; make one with `sluicegate key new`")
    return PrivateKey.from_text(text.decode("ascii", errors="replace"))
