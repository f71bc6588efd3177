"""The compose stack: what is made before its Kafka runs, and what when it does.

Each container gets a folder with what its role needs and nothing else: the gate's holds the gate's key and password,
Kafka's holds `server.properties` with the broker's own password, and only the operator's holds everything.
"""

from pathlib import Path
from typing import Final

from sluicegate.schemas.errors import ConfigurationError
from sluicegate.streams.clients.stored_key import key_or_new
from sluicegate.streams.kafka.admin import Admin
from sluicegate.streams.kafka.broker_settings import SUPER_USER, container_properties
from sluicegate.streams.kafka.embedded import READINESS_NAMING, await_transactions, super_user_of
from sluicegate.streams.kafka.principals import Naming, Role
from sluicegate.streams.kafka.provision import provision_cluster
from sluicegate.streams.kafka.topics import Layout
from sluicegate.streams.settings import FILE_NAME, Settings
from sluicegate.streams.state_folder import StateFolder, write_private

from .deployment import LocalDeployment, Said

PROCESSORS: Final = (Role.GATE, Role.MASKING)
"""Roles that run in containers of their own; the key file and the user of each have the role's name."""

_READ_BY_ITS_GROUP: Final = 0o640
"""Kafka's container runs as another user, who is put into our group."""


def write_broker_settings(state: StateFolder, folder: Path, port: int) -> None:
    """`server.properties` for Kafka's container, with a password that stays the same when this is repeated."""
    password, _ = state.secret_or_new(SUPER_USER)
    path = folder / "server.properties"
    path.touch(mode=_READ_BY_ITS_GROUP)
    path.chmod(_READ_BY_ITS_GROUP)
    path.write_text(container_properties(port, password), encoding="ascii")


def hand_out(home: Path, state: StateFolder, folder: Path, role: Role) -> None:
    """A folder to run `role` from: the settings, and of all keys and passwords the two of this role."""
    password, _ = state.secret_or_new(role.value)
    key, _ = key_or_new(state, role.value)
    given = StateFolder(folder / state.path.name)
    write_private(given.secret_path(role.value), password.encode())
    write_private(given.key_path(role.value), key.secret_text().encode())
    (folder / FILE_NAME).write_bytes((home / FILE_NAME).read_bytes())


def provision_stack(settings: Settings, *, said: Said = lambda _: None) -> None:
    """Users, rights, topics and the documents of the processors, on a Kafka that has only just been started.

    Repeatable. Raises `BrokerError` when the broker does not answer, or fails the check of transactions.
    """
    if settings.bootstrap is None:
        raise ConfigurationError("`bootstrap` is not set: this command is for the Kafka of the compose stack")
    state = StateFolder(settings.state_dir)
    said("waiting for Apache Kafka")
    await_transactions(super_user_of(state, settings.bootstrap, READINESS_NAMING))
    # A new cluster knows nobody but the broker's own user: it makes the administrator, who does the rest.
    broker = Admin(super_user_of(state, settings.bootstrap, Naming(settings.prefix)))
    provision_cluster(broker, state, Layout.of(settings))
    with LocalDeployment(settings, said=said) as deployment:
        deployment.provision()
