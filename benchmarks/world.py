"""A gate under measurement: a deployment of its own on a running broker, with one agent per partition."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Final, Self

from confluent_kafka import Producer

from sluicegate.processors.contract import Topology
from sluicegate.processors.gate.topology import GateTopology
from sluicegate.processors.tables import Trust
from sluicegate.schemas import document
from sluicegate.schemas.document import DocumentKind
from sluicegate.schemas.ids import partition_of
from sluicegate.schemas.keys import PublicKey
from sluicegate.schemas.outcome import Outcome, OutcomeKind
from sluicegate.streams.bench import Submitter
from sluicegate.streams.clients.operator import Operator, Statement
from sluicegate.streams.clients.reading import read_record
from sluicegate.streams.clients.signed_record import SignedRecord
from sluicegate.streams.clients.stored_key import key_or_new
from sluicegate.streams.clients.topic_reader import From, TopicReader
from sluicegate.streams.gate_workers import GATE_KEY, gate_spec, gate_topology
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.kafka.embedded import EmbeddedBroker
from sluicegate.streams.local.adoption import await_adoption
from sluicegate.streams.local.gate_process import GateProcess
from sluicegate.streams.runtime.spec import WorkerSpec
from sluicegate.streams.settings import TrustSettings
from sluicegate.streams.testing import seeded_key
from sluicegate.streams.testing.cluster import Cluster

from .material import ACTION_TYPE, EXECUTOR, actions, arguments, policy

RULES: Final = 50
QUIET: Final = 40
"""The workers' log level: errors."""
ADOPTED_S: Final = 120.0
_CHECKED: Final = 97
"""Every so manyeth outcome is decoded; all are counted."""


class GateWorld:
    """Topics, keys and documents; `spec` is what workers are told."""

    def __init__(self, broker: EmbeddedBroker, partitions: int, *, grant_life_ms: int = 300_000) -> None:
        self.broker = broker
        cluster = Cluster.fresh(broker, partitions=partitions)
        self.cluster = cluster
        operator = seeded_key("operator")
        self.settings = cluster.settings.model_copy(
            update={"trust": TrustSettings(operators={operator.key_id: operator.public.text})}
        )
        trust = Trust(self.settings.deployment, {operator.key_id: operator.public})
        self.operator = Operator(cluster.connection("operator"), operator, trust)
        gate_key, _ = key_or_new(broker.state, GATE_KEY)
        self.operator.enrol_gate(GATE_KEY, gate_key.public)
        self.submitters = tuple(_submitter(number, partitions) for number in range(partitions))
        self.submitted = 0
        self._enrol(grant_life_ms)
        self.spec = gate_spec(self.settings, log_level=QUIET)

    def set_rules(self, rules: int) -> None:
        """Put the policy with so many rules in force; a running gate adopts it."""
        self.operator.publish_policy("measured", policy(rules))

    def unverified(self) -> WorkerSpec:
        """The same gate with the check of signatures taken out."""
        settings = self.settings
        topology = partial(
            unverified_topology,
            settings.deployment,
            dict(settings.trust.operators),
            settings.partitions,
            settings.gate.closing_window_ms,
            settings.gate.skew_ms,
            frozenset(settings.gate.json_topics),
        )
        return replace(self.spec, topology=topology)

    @contextmanager
    def gate(self, workers: int = 1, spec: WorkerSpec | None = None) -> Iterator[GateProcess]:
        """A gate that has adopted everything published so far."""
        process = GateProcess(spec or self.spec, workers=workers)
        process.start()
        try:
            self.await_adoption()
            yield process
        finally:
            process.stop()

    def await_adoption(self) -> None:
        """Return when every partition uses what was published so far."""
        self.operator.refresh()
        await_adoption(
            self.cluster.connection("analyst-local"),
            self.settings.partitions,
            self.operator.tables.positions,
            ADOPTED_S,
        )

    def signed(self, count: int) -> list[tuple[int, SignedRecord]]:
        """Fresh actions, the agents in turn, each with its partition."""
        each = -(-count // len(self.submitters))
        now_ms, first = time.time_ns() // 1_000_000, self.submitted
        self.submitted += each * len(self.submitters)
        made = [
            actions(
                each,
                deployment=self.settings.deployment,
                key=submitter.key,
                now_ms=now_ms,
                first=first,
                agent=submitter.agent,
                lane=submitter.lane,
            )
            for submitter in self.submitters
        ]
        return [(number, record) for turn in zip(*made, strict=True) for number, record in enumerate(turn)]

    def write(self, signed: list[tuple[int, SignedRecord]]) -> None:
        """Hand them to Kafka, acknowledged."""
        connection = self.cluster.connection("agent-local")
        writer, topic = backlog_writer(connection), connection.topic("actions")
        for partition, record in signed:
            writer.produce(topic, record.value, record.key, partition, headers=list(record.headers))
            writer.poll(0)
        flushed(writer)

    def check_all_granted(self) -> None:
        """Every action submitted so far was granted, once."""
        told = 0
        with TopicReader(self.cluster.connection("agent-local"), "outcomes", From.BEGINNING) as reader:
            for told, record in enumerate(reader.to_end(), start=1):
                if not told % _CHECKED and read_record(record, Outcome).outcome is not OutcomeKind.GRANTED:
                    raise AssertionError("an action was not granted")
        if told != self.submitted:
            raise AssertionError(f"{self.submitted} actions were submitted, {told} outcomes told")

    def close(self) -> None:
        """Leave; the topics stay until the broker ends."""
        self.operator.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _enrol(self, grant_life_ms: int) -> None:
        owner, reviewer = self.operator.enrol_person(), self.operator.enrol_person()
        self.operator.enrol_group("security", [reviewer])
        self.cluster.add_executor(EXECUTOR)
        key = seeded_key(EXECUTOR).public
        self.operator.enrol_executor(EXECUTOR, key, [ACTION_TYPE], grant_life_ms=grant_life_ms)
        self.operator.ensure_many(
            Statement(
                DocumentKind.AGENT,
                one.agent,
                document.Agent(key=one.key.public.text, owners=(owner,), lane=one.lane),
            )
            for one in self.submitters
        )
        self.set_rules(RULES)


def unverified_topology(*told: Any) -> Topology[Any]:
    """The gate's topology in a process in which no signature is looked at."""
    take_out_verification()
    topology: GateTopology = gate_topology(*told)
    return topology


def take_out_verification() -> None:
    """From here on every signature holds in this process; for measuring what the check costs."""
    setattr(PublicKey, "verify", lambda _key, _message, _signature: None)  # noqa: B010  # no type allows it


def backlog_writer(connection: Connection) -> Producer:
    """A producer for many records at once."""
    return Producer(
        {**connection.producer_config(), "linger.ms": 5, "queue.buffering.max.messages": 1_000_000}
    )


def flushed(writer: Producer) -> None:
    """Return when everything is acknowledged."""
    if writer.flush(60):
        raise AssertionError("the records to read were not written in time")


@contextmanager
def standing_still(processes: list[int]) -> Iterator[None]:
    """Stop processes while the block writes their backlog, so that its end is the start of the work."""
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


def _submitter(number: int, partitions: int) -> Submitter:
    """The agent whose lane is on a partition."""
    lane = next(
        name
        for name in (f"lane-{number}-{salt}" for salt in range(100_000))
        if partition_of(name, partitions) == number
    )
    agent = f"ops-{number}"
    return Submitter(agent, lane, seeded_key(agent), ACTION_TYPE, arguments)
