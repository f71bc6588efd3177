"""Private keys of this machine, from the state folder."""

from sluicegate.schemas.errors import ConfigurationError
from sluicegate.schemas.keys import PrivateKey
from sluicegate.streams.state_folder import StateFolder, read_private, write_private

LONGEST_ID = 128


def stored_key(state: StateFolder, name: str) -> PrivateKey:
    """The key in `keys/<name>.ed25519`; ConfigurationError when it is missing or others can read it."""
    path = state.key_path(name)
    text = read_private(path)
    if text is None:
        raise ConfigurationError(f"there is no key `{path}`; make one with `sluicegate key new`")
    return PrivateKey.from_text(text.decode("ascii", errors="replace"))


def key_or_new(state: StateFolder, name: str) -> tuple[PrivateKey, bool]:
    """The key of an id, made when there is none, and whether it was."""
    if not name or len(name) > LONGEST_ID or not name.isascii() or not name.isprintable():
        raise ConfigurationError(f"a key id is 1 to {LONGEST_ID} printable ASCII characters")
    made = write_private(state.key_path(name), PrivateKey.generate().secret_text().encode(), replace=False)
    return stored_key(state, name), made
