"""The state folder of one machine: broker data, passwords of principals, private keys.

Everything in it is for its owner only: folders 0700, files 0600, written completely or not at all.
"""

import os
import secrets
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sluicegate.schemas.errors import ConfigurationError

PASSWORD_BYTES = 32


@dataclass(frozen=True, slots=True)
class StateFolder:
    """Paths and private files below one folder (`.sluicegate/` unless the settings say otherwise)."""

    path: Path

    @property
    def broker(self) -> Path:
        """Where the development broker keeps its data, log and ports."""
        return self.path / "broker"

    def secret_path(self, user: str) -> Path:
        """The file that holds the password of a SASL user."""
        return self.path / "secrets" / user

    def key_path(self, key_id: str) -> Path:
        """The file that holds a private signing key; a `/` and other odd characters of the id are written `%2F`."""
        # An id such as `airline/run-7` must neither make folders nor leave this one.
        return self.path / "keys" / f"{quote(key_id, safe='@:')}.ed25519"

    def create(self) -> None:
        """Make the folder and its parts, owner only; a `ConfigurationError` when that is not possible."""
        for folder in (self.path, self.broker, self.path / "secrets", self.path / "keys"):
            _private_folder(folder)

    def secret(self, user: str) -> str:
        """The password of a SASL user; a `ConfigurationError` when it is missing or others could read it."""
        path = self.secret_path(user)
        secret = read_private(path)
        if secret is None:
            raise ConfigurationError(
                f"there is no password for `{user}`: `{path}` is missing; "
                "start the broker with this state folder, or put the password there"
            )
        return secret.decode().strip()

    def secret_or_new(self, user: str) -> tuple[str, bool]:
        """The password of a SASL user, generated when there is none, and whether it was."""
        path = self.secret_path(user)
        made = write_private(path, secrets.token_urlsafe(PASSWORD_BYTES).encode(), replace=False)
        return self.secret(user), made


def read_private(path: Path) -> bytes | None:
    """The content of a private file, None when there is none; refused when group or others may read it."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ConfigurationError(f"others can read `{path}`: change its mode to 0600")
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, error) from None


def write_private(path: Path, content: bytes, *, replace: bool = True) -> bool:
    """Write a file of mode 0600, completely or not at all; without `replace` an existing one stays.

    Returns whether the file now holds `content` because of this call. Two processes may race: one wins.
    """
    try:
        _private_folder(path.parent)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            return _publish(Path(temporary), path, replace=replace)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise _unusable(path, error) from None


def _publish(temporary: Path, path: Path, *, replace: bool) -> bool:
    if replace:
        temporary.replace(path)
        return True
    try:
        path.hardlink_to(temporary)  # fails when the name is taken, unlike a rename
    except FileExistsError:
        return False
    return True


def _private_folder(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if stat.S_IMODE(path.stat().st_mode) != stat.S_IRWXU:
            path.chmod(0o700)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError
    except OSError as error:
        raise _unusable(path, error) from None


def _unusable(path: Path, error: OSError) -> ConfigurationError:
    reason = (
        "not writable" if isinstance(error, PermissionError) else (error.strerror or "not usable").lower()
    )
    return ConfigurationError(
        f"`{path}` cannot be used as state folder ({reason}): fix it, or set `state_dir` elsewhere"
    )
