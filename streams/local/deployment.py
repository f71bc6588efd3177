"""Set up and hold everything one machine needs, in the order that leaves nothing open.

1. broker: the running one of the state folder, or start it
2. users, rights, topics
3. the operator, and the gate's key as a signed document
4. the gate's workers, and one of masking

Each step is repeatable, and only what was started here is stopped by `close`.
"""

import logging
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Self

from sluicegate.schemas.document import Agent, DocumentKind, Floor
from sluicegate.schemas.keys import PrivateKey
from sluicegate.streams.clients.operator import Operator
from sluicegate.streams.clients.privacy_key import privacy_key_or_new
from sluicegate.streams.clients.stored_key import key_or_new
from sluicegate.streams.gate_workers import GATE_KEY, gate_spec
from sluicegate.streams.kafka.admin import Admin
from sluicegate.streams.kafka.connection import Connection, connect, connect_as
from sluicegate.streams.kafka.embedded import EmbeddedBroker, Lifetime, running_broker
from sluicegate.streams.kafka.principals import Naming, Principal, Role
from sluicegate.streams.kafka.provision import provision_cluster, provision_executor
from sluicegate.streams.kafka.topics import Layout
from sluicegate.streams.masking_workers import MASKING_KEY, masking_spec
from sluicegate.streams.releasing import RELEASER, releaser, releasing_keys
from sluicegate.streams.settings import GateSettings, Settings, TrustSettings
from sluicegate.streams.state_folder import StateFolder

from .adoption import await_adoption
from .gate_process import GateProcess

OPERATOR: Final = "operator"
"""Name of the operator's key file."""

Said = Callable[[str], None]
"""Called with one short sentence before each step that takes time."""


class LocalDeployment:
    """A deployment whose state folder, and so every key and password, is on this machine."""

    def __init__(self, settings: Settings, *, said: Said = lambda _: None) -> None:
        """Nothing is started yet; `said` hears what is being done."""
        self.settings = settings
        self.state = StateFolder(settings.state_dir)
        self.gate: GateProcess | None = None
        self.masking: GateProcess | None = None
        self._said = said
        self._stack = ExitStack()
        self._admin: Admin | None = None
        self._operator: Operator | None = None

    @classmethod
    @contextmanager
    def temporary(
        cls,
        *,
        partitions: int = 2,
        workers: int = 1,
        gate: GateSettings | None = None,
        said: Said = lambda _: None,
    ) -> Iterator[Self]:
        """Everything, in a folder that goes with the block; every key in it is new."""
        folder = Path(tempfile.mkdtemp(prefix="sluicegate-"))
        try:
            state = StateFolder(folder)
            state.create()
            key, _ = key_or_new(state, OPERATOR)
            settings = Settings(
                state_dir=folder,
                bootstrap=None,
                partitions=partitions,
                trust=TrustSettings(operators={key.key_id: key.public.text}),
                gate=gate or GateSettings(),
            )
            with cls(settings, said=said) as deployment:
                deployment.start_broker(lifetime=Lifetime.WITH_PARENT)
                deployment.provision()
                deployment.start_masking()
                deployment.start_gate(workers)
                yield deployment
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def start_broker(self, *, port: int | None = None, lifetime: Lifetime = Lifetime.WITH_PARENT) -> None:
        """Step 1; does nothing for a configured cluster or a broker that runs."""
        if self.settings.bootstrap is not None or running_broker(self.state) is not None:
            return
        self._said("starting Apache Kafka")
        broker = EmbeddedBroker.start(self.state, port=port, lifetime=lifetime)
        self._stack.callback(broker.stop)

    def provision(self) -> None:
        """Steps 2 and 3."""
        self._said("users, rights and topics")
        broker = running_broker(self.state) if self.settings.bootstrap is None else None
        admin = Admin(broker.super_user(Naming(self.settings.prefix))) if broker else self.admin
        provision_cluster(admin, self.state, Layout.of(self.settings))
        self.operator.enrol_gate(GATE_KEY, key_or_new(self.state, GATE_KEY)[0].public)
        self.make_masking_keys()

    def make_masking_keys(self) -> None:
        """The key of masking, and the privacy office's key unless settings name one."""
        key_or_new(self.state, MASKING_KEY)
        if self.settings.masking.privacy_key is None:
            privacy_key_or_new(self.state)

    def start_masking(self, workers: int = 1) -> None:
        """Step 4, beside the gate; returns at once. Results wait on `exports.raw` until it works."""
        self._said("masking")
        spec = masking_spec(
            self.settings,
            before_building=lambda: self._said("masking's vocabulary, built once (some seconds)"),
            log_level=logging.ERROR,
        )
        self.masking = GateProcess(spec, workers=workers)
        self._stack.callback(self.masking.stop)
        self.masking.start()

    def start_gate(self, workers: int) -> None:
        """Step 4; returns when every partition has adopted what operators have published."""
        self._said("the gate")
        self.gate = GateProcess(gate_spec(self.settings, log_level=logging.ERROR), workers=workers)
        self._stack.callback(self.gate.stop)
        self.gate.start()
        self.await_adoption()

    @property
    def connection_address(self) -> str:
        """Where clients connect to."""
        return self.connection(Role.OPERATOR).bootstrap

    @property
    def admin(self) -> Admin:
        """With the administrator's rights, never at run time of anything else."""
        if self._admin is None:
            self._admin = Admin(self.connection(Role.ADMIN))
            # Before the broker stops: a client that outlives it complains until the process ends.
            self._stack.callback(self._drop_admin)
        return self._admin

    @property
    def operator(self) -> Operator:
        """Signs with the operator's key of this machine."""
        if self._operator is None:
            self._operator = Operator.connect(OPERATOR, settings=self.settings)
            self._stack.callback(self._operator.close)
        return self._operator

    def connection(self, role: Role) -> Connection:
        """As the local principal of a role."""
        return connect_as(self.settings, role)

    def executor_connection(self, name: str) -> Connection:
        """As an executor."""
        return connect(self.settings, Principal(Role.EXECUTOR, name))

    def key(self, name: str) -> PrivateKey:
        """A signing key of this machine, new when it is missing."""
        return key_or_new(self.state, name)[0]

    def add_executor(
        self,
        name: str,
        types: Collection[str],
        *,
        floor: Mapping[str, Floor] | None = None,
        reconcilers: Collection[str] = (),
    ) -> PrivateKey:
        """Key, user, topics, rights, then the signed document: a route to an absent topic would deny everything."""
        key = self.key(name)
        provision_executor(self.admin, self.state, Layout.of(self.settings), name)
        self.operator.enrol_executor(name, key.public, types, floor=floor, reconcilers=tuple(reconcilers))
        return key

    def enrol_masking(self, owners: Collection[str], name: str = "masking") -> None:
        """Let masking ask people to release what it holds; these persons answer for it, and never decide on what it asks."""
        keys = releasing_keys(self.state)
        agent = Agent(key=keys.agent.public.text, owners=tuple(owners), releases=True)
        known = self.operator.tables.directory.executors.get(RELEASER)
        self.operator.ensure(DocumentKind.AGENT, name, agent)
        self.operator.ensure(DocumentKind.EXECUTOR, RELEASER, releaser(keys, known))

    def await_adoption(self, timeout_s: float = 60.0) -> None:
        """Return once every partition of what was started here uses everything published so far."""
        self.operator.refresh()
        running = {"gate": self.gate, "masking": self.masking}
        await_adoption(
            self.connection(Role.ANALYST),
            self.settings.partitions,
            self.operator.tables.positions,
            timeout_s,
            [name for name, process in running.items() if process is not None] or ["gate"],
        )

    def _drop_admin(self) -> None:
        self._admin = None

    def close(self) -> None:
        """Stop what was started here, the last first."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
