"""What one call of the program was told before its command: which settings, and with them who acts."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import cast

import typer

from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.kafka.admin import Admin
from sluicegate.streams.kafka.connection import Connection, connect_as
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.kafka.topics import Layout
from sluicegate.streams.settings import FILE_NAME, Settings, find_file, load
from sluicegate.streams.state_folder import StateFolder

from .identities_file import FILE_NAME as IDENTITIES
from .identities_file import Identities, read_identities


@dataclass
class Invocation:
    """One call. Settings are read when they are first needed, so that `--help` needs none."""

    config: Path | None = None
    _given: Settings | None = field(default=None, repr=False)

    @cached_property
    def settings(self) -> Settings:
        """What is in force; a `ConfigurationError` that names file and setting otherwise."""
        if self._given is not None:
            return self._given
        if self.config is not None and not self.config.is_file():
            raise ConfigurationError(
                f"there is no settings file `{self.config}`: `sluicegate init` writes one"
            )
        return load(self.config)

    @property
    def state(self) -> StateFolder:
        """The state folder of this machine."""
        return StateFolder(self.settings.state_dir)

    @property
    def layout(self) -> Layout:
        """Partitions, replication and window of the deployment."""
        return Layout.of(self.settings)

    @property
    def folder(self) -> Path:
        """Where the settings file is, else the working directory."""
        found = self.config or find_file(Path.cwd())
        return Path.cwd() if found is None else found.resolve().parent

    @property
    def identities_path(self) -> Path:
        """`identities.toml` beside the settings."""
        return self.folder / IDENTITIES

    @cached_property
    def identities(self) -> Identities:
        """What `identities.toml` says; nobody when there is none."""
        path = self.identities_path
        return read_identities(path) if path.is_file() else Identities()

    def connection(self, role: Role) -> Connection:
        """The way to the cluster as this role."""
        return connect_as(self.settings, role)

    def admin(self) -> Admin:
        """An administrative client with the administrator's rights."""
        return Admin(self.connection(Role.ADMIN))

    def agent(self, chosen: str | None) -> str:
        """The agent that is meant: the one named, else the first of `identities.toml` whose key is on this machine."""
        name = chosen or self._first_with_key(tuple(self.identities.agents))
        if name is None:
            raise ConfigurationError(f"which agent? name one with `--agent`{self._hint()}")
        return name

    def account(self, chosen: str | None) -> str:
        """The account a person decides with: the one named, else the first of `identities.toml` with its key here."""
        name = chosen or self._first_with_key(tuple(self.identities.accounts))
        if name is None:
            raise ConfigurationError(f"who decides? name your account with `--as`{self._hint()}")
        return name

    def _hint(self) -> str:
        if (self.config or find_file(Path.cwd())) is None:
            return f"; there is no {FILE_NAME} here or above: `sluicegate init` writes one"
        return f": none of `{self.identities_path}` has a key in `{self.state.path / 'keys'}`"

    def _first_with_key(self, names: tuple[str, ...]) -> str | None:
        return next((name for name in names if self.state.key_path(name).is_file()), None)


def invocation(ctx: typer.Context) -> Invocation:
    """The invocation that the program made before this command."""
    return cast("Invocation", ctx.find_root().obj)
