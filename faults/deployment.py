"""A whole deployment to be broken: topics, people and policy on a broker, workers, executors, and where they show their steps."""

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from sluicegate.schemas import document
from sluicegate.schemas.action import AccountName
from sluicegate.schemas.document import DocumentKind
from sluicegate.streams.clients.operator import Statement
from sluicegate.streams.clients.stored_key import key_or_new
from sluicegate.streams.gate_workers import gate_spec
from sluicegate.streams.kafka.admin import Admin
from sluicegate.streams.kafka.principals import Naming
from sluicegate.streams.kafka.provision import provision_cluster
from sluicegate.streams.kafka.topics import Layout
from sluicegate.streams.local import LocalDeployment
from sluicegate.streams.local.deployment import OPERATOR
from sluicegate.streams.runtime.spec import WorkerSpec
from sluicegate.streams.runtime.transaction import CommitStep
from sluicegate.streams.settings import GateSettings, Settings, TrustSettings
from sluicegate.streams.testing.cluster import Broker

from .executing import ExecutorSpec
from .hooks import StepHook, WrongClock
from .oracle.history import Effect, Known
from .policy import AGENTS, EXECUTORS, GRANT_LIFE_MS, GROUPS, ISSUER, LEASE_MS, OWNER, PERSONS, POLICY, TYPES
from .processes import Executors, Workers

PREFIX: Final = "faults."
SKEW_MS: Final = 1_500


@dataclass(frozen=True, slots=True)
class Deployed:
    """Everything that runs."""

    local: LocalDeployment
    workers: Workers
    executors: Executors
    spec: WorkerSpec
    board: Path
    effects_file: Path
    known: Known
    ended: threading.Event = field(default_factory=threading.Event)
    """Set when people and counters shall go home."""

    def effects(self) -> list[Effect]:
        """What has happened in the outside world."""
        if not self.effects_file.exists():
            return []
        return [Effect(*line.split()) for line in self.effects_file.read_text("utf-8").splitlines()]


@contextmanager
def deployed(
    broker: Broker, folder: Path, *, workers: int, partitions: int, replication: int = 1
) -> Iterator[Deployed]:
    """Set everything up and start it; what still runs at the end is ended."""
    board = folder / "board"
    board.mkdir(parents=True)
    operator = key_or_new(broker.state, OPERATOR)[0]
    settings = Settings(
        bootstrap=broker.bootstrap,
        prefix=PREFIX,
        partitions=partitions,
        replication=replication,
        state_dir=broker.state.path,
        trust=TrustSettings(operators={operator.key_id: operator.public.text}),
        gate=GateSettings(skew_ms=SKEW_MS),
    )
    provision_cluster(Admin(broker.super_user(Naming(PREFIX))), broker.state, Layout.of(settings))
    with ExitStack() as stack:
        local = stack.enter_context(LocalDeployment(settings))
        _enrol(local)
        spec = replace(
            gate_spec(settings, log_level=logging.INFO),
            fault=StepHook(board, CommitStep.BEGIN, CommitStep.MERGE),
            clock=WrongClock(board),
        )
        running = Workers(spec, workers=workers)
        stack.callback(running.end)
        local.await_adoption()
        effects = folder / "effects"
        executors = Executors({name: _executor(local, name, effects, board) for name in EXECUTORS})
        stack.callback(executors.end)
        operators = {operator.key_id: operator.public.raw}
        known = Known(settings.deployment, operators, TYPES)
        everything = Deployed(local, running, executors, spec, board, effects, known)
        stack.callback(everything.ended.set)
        yield everything


def _executor(local: LocalDeployment, name: str, effects: Path, board: Path) -> ExecutorSpec:
    return ExecutorSpec(
        local.executor_connection(name),
        local.key(name).secret_text(),
        EXECUTORS[name],
        local.settings.deployment,
        dict(local.settings.trust.operators),
        effects,
        board,
    )


def _enrol(local: LocalDeployment) -> None:
    local.operator.enrol_gate("gate", local.key("gate").public)
    for name, types in EXECUTORS.items():
        local.add_executor(name, types)
    statements = [Statement(DocumentKind.PERSON, name, document.Person()) for name in PERSONS]
    statements += [
        Statement(
            DocumentKind.ACCOUNT,
            name,
            document.Account(
                account=AccountName(issuer=ISSUER, subject=name), person=name, key=local.key(name).public.text
            ),
        )
        for name in PERSONS
    ]
    statements += [
        Statement(DocumentKind.GROUP, name, document.Group(members=members))
        for name, members in GROUPS.items()
    ]
    statements += [
        Statement(DocumentKind.AGENT, name, document.Agent(key=local.key(name).public.text, owners=(OWNER,)))
        for name in AGENTS
    ]
    statements += [
        Statement(
            DocumentKind.EXECUTOR,
            name,
            document.Executor(
                key=local.key(name).public.text,
                types=types,
                lease_ms=LEASE_MS,
                grant_life_ms=GRANT_LIFE_MS,
                reconcilers=("ops",),
            ),
        )
        for name, types in EXECUTORS.items()
    ]
    local.operator.ensure_many(statements)
    local.operator.publish_policy("faults", POLICY)
