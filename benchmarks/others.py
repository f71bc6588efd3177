"""The same small routing in a bare loop, on our runtime, on Quix Streams and on FastStream: one broker, one run, 6 partitions, one process.

Consume an action as JSON, decide by one rule, produce an outcome and an audit record. Quix Streams is told
`processing_guarantee="exactly-once"`, once with its default `commit_interval` of 5 s and once with 0.1 s; FastStream has no
transactions for this: batches, an idempotent producer, `NACK_ON_ERROR`, so at least once. Latency counts from the due
time of an open loop until the outcome is read under `read_committed`.
"""

import json
import multiprocessing
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from confluent_kafka import Consumer, Producer, TopicPartition

from sluicegate.processors.contract import Output, Record, Step, StoreReader
from sluicegate.streams.bench import Latencies
from sluicegate.streams.clients.topic_reader import From, TopicReader
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.kafka.embedded import EmbeddedBroker, temporary_broker
from sluicegate.streams.local.gate_process import GateProcess
from sluicegate.streams.runtime.spec import WorkerSpec
from sluicegate.streams.testing import PassThrough
from sluicegate.streams.testing.cluster import Cluster
from sluicegate.streams.testing.topologies import Seen

from .bare import BATCH, MARKERS_S
from .elsewhere.rule import entry, outcome, written
from .machine import TREE, cpu_seconds
from .measuring import Effort, Measure
from .throughput import HEAP_MIB
from .world import QUIET, backlog_writer, flushed, standing_still

PYTHON: Final = TREE / ".venv-bench" / "bin" / "python"
PARTITIONS: Final = 6
ROUNDS: Final = 3
COPIED: Final = 10_000
RATE: Final = 1_000
SECONDS: Final = 8.0
LIMIT_S: Final = 90.0


@dataclass(frozen=True, slots=True)
class Contender:
    """Who routes, and what it was told; without `script` it is ours, or with `bare` the shortest loop there is."""

    name: str
    guarantee: str
    script: str | None = None
    module: str | None = None
    options: Mapping[str, float | int] = field(default_factory=dict)
    bare: bool = False


CONTENDERS: Final = (
    Contender("bare transactional loop", "exactly once", bare=True),
    Contender("sluicegate runtime", "exactly once"),
    Contender("Quix Streams", "exactly once", "quix_router.py", "quixstreams"),
    Contender(
        "Quix Streams, commit_interval=0.1",
        "exactly once",
        "quix_router.py",
        "quixstreams",
        {"commit_interval": 0.1},
    ),
    Contender("FastStream", "at least once", "faststream_router.py", "faststream", {"max_records": 500}),
)


class Router(PassThrough):
    """The routing as a topology."""

    def process(self, stores: StoreReader, tables: Seen, record: Record, now_ms: int) -> Step:
        """An outcome and an entry."""
        del stores, tables, now_ms
        action, key = json.loads(record.value or b"{}"), record.key or b""
        headers = (("origin", str(record.position).encode()),)
        return Step(
            outputs=(
                Output("outcomes", key, written(outcome(action)), headers),
                Output("audit", key, written(entry(action)), headers),
            )
        )


def route_bare(connection: Connection) -> None:
    """Main function of a process: the routing in the shortest loop that is transactional at all."""
    producer = Producer(
        {**connection.transactional_config("bare"), "queue.buffering.max.messages": 1_000_000}
    )
    producer.init_transactions(30)
    outcomes, audit = connection.topic("outcomes"), connection.topic("audit")
    consumer = Consumer(connection.reader_config())
    consumer.assign([TopicPartition(connection.topic("actions"), number, 0) for number in range(PARTITIONS)])
    committed_s = 0.0
    while True:
        first = consumer.poll(1)
        if first is None:
            continue
        messages = [first, *consumer.consume(BATCH - 1, 0)]
        time.sleep(max(0.0, committed_s + MARKERS_S - time.monotonic()))
        producer.begin_transaction()
        for message in messages:
            action, partition = json.loads(message.value() or b"{}"), message.partition() or 0
            producer.produce(outcomes, written(outcome(action)), message.key(), partition)
            producer.produce(audit, written(entry(action)), message.key(), partition)
        producer.flush(10)
        positions = consumer.position(consumer.assignment())
        producer.send_offsets_to_transaction(positions, consumer.consumer_group_metadata(), 10)
        producer.commit_transaction(10)
        committed_s = time.monotonic()


def measure(effort: Effort) -> Iterator[Measure]:
    """Every row, as it is ready; who is not installed is left out, loudly."""
    base: tuple[Measure, ...] = ()
    with temporary_broker(heap_mib=HEAP_MIB) as broker:
        for contender in CONTENDERS:
            version = _version(contender)
            if version is None:
                sys.stdout.write(
                    f"!! NOT MEASURED: {contender.name} is not installed; `make bench-others` installs it\n"
                )
                continue
            found = _contend(broker, contender, version, effort)
            yield from (row.against(below) for row, below in zip(found, base, strict=True)) if base else found
            base = base or found


def _version(contender: Contender) -> str | None:
    if contender.module is None:
        return ""
    if not PYTHON.exists():
        return None
    ask = f"from importlib.metadata import version; print(version('{contender.module}'))"
    told = subprocess.run([PYTHON, "-c", ask], capture_output=True, text=True, check=False)  # noqa: S603  # our own
    return told.stdout.strip() or None


def _contend(
    broker: EmbeddedBroker, contender: Contender, version: str, effort: Effort
) -> tuple[Measure, ...]:
    cluster = Cluster.fresh(broker, partitions=PARTITIONS)
    connection = cluster.super_user().connection
    count, name = effort.of(COPIED), f"{contender.name} {version}".strip()
    wall_s, cpu_s = [], []
    with _running(cluster, connection, contender) as process, _Told(connection) as told:
        writer, topic = backlog_writer(connection), connection.topic("actions")
        for number in range(ROUNDS + 1):
            with standing_still([process()]) if number else _nothing():
                _write(writer, topic, told.sent, count)
            began_s, cpu_before = time.monotonic(), cpu_seconds(process())
            told.await_all(count)
            wall_s.append(told.last_s - began_s)
            cpu_s.append(cpu_seconds(process()) - cpu_before)
        latencies = _latency(writer, topic, told, RATE, SECONDS * min(effort.scale, 1.0))
    labels: dict[str, str | int] = {
        "what": contender.name,
        "version": version,
        "guarantee": contender.guarantee,
    }
    named = f"{name} ({contender.guarantee})"
    return (
        Measure.of(f"routing, {named}, wall", count, wall_s[1:], **labels, clock="wall"),
        Measure.of(f"routing, {named}, CPU", count, cpu_s[1:], **labels, clock="cpu"),
        *(
            Measure.values(
                f"routing, {named}, due to outcome at {RATE:,}/s, {share}",
                "ms",
                [getattr(latencies, share)],
                **labels,
                share=share,
                rate=RATE,
            )
            for share in ("p50", "p99", "worst")
        ),
    )


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _running(cluster: Cluster, connection: Connection, contender: Contender) -> Iterator[Callable[[], int]]:
    """The process that routes, as a function that tells its number."""
    if contender.bare:
        loop = multiprocessing.get_context("spawn").Process(
            target=route_bare, args=(connection,), daemon=True
        )
        loop.start()
        try:
            yield lambda: loop.pid or 0
        finally:
            loop.kill()
            loop.join()
        return
    if contender.script is None:
        ours = GateProcess(
            WorkerSpec(Router, cluster.connection("gate"), PARTITIONS, log_level=QUIET), workers=1
        )
        ours.start()
        try:
            yield lambda: _process_of(ours)
        finally:
            ours.stop()
        return
    security = connection.security
    told = {
        "bootstrap": connection.bootstrap,
        "user": security["sasl.username"],
        "password": security["sasl.password"],
        "group": f"{connection.naming.prefix}elsewhere",
        "options": dict(contender.options),
        **{name: connection.topic(topic) for name, topic in _TOPICS.items()},
    }
    script = Path(__file__).parent / "elsewhere" / contender.script
    with tempfile.TemporaryDirectory() as scratch, (Path(scratch) / "log").open("wb") as log:
        command = [PYTHON, script]
        other = subprocess.Popen(command, cwd=scratch, stdin=subprocess.PIPE, stdout=log, stderr=log)  # noqa: S603  # our own
        assert other.stdin is not None  # noqa: S101  # a pipe was asked for
        with other.stdin as said:
            said.write(json.dumps(told).encode())
        try:
            yield lambda: other.pid
        finally:
            other.terminate()
            try:
                other.wait(20)
            except subprocess.TimeoutExpired:
                other.kill()
                other.wait()


_TOPICS: Final = {"source": "actions", "outcomes": "outcomes", "audit": "audit"}


def _process_of(workers: GateProcess) -> int:
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        worker = workers.status[0].worker
        if worker is not None and sum(place.running for place in worker.partitions) == PARTITIONS:
            return worker.process
        time.sleep(0.02)
    raise AssertionError("the worker was not ready in time")


class _Told:
    """Counts committed outcomes and entries in two threads; `heard_s` is when each outcome was read."""

    def __init__(self, connection: Connection) -> None:
        self.sent = 0
        self.last_s = 0.0
        self.heard_s: dict[int, float] = {}
        self.entries = 0
        self._ended = threading.Event()
        self._readers = [TopicReader(connection, topic, From.BEGINNING) for topic in ("outcomes", "audit")]
        takers = (self._take_outcomes, self._take_entries)
        self._threads = [
            threading.Thread(target=self._read, args=each, daemon=True)
            for each in zip(self._readers, takers, strict=True)
        ]

    def await_all(self, count: int) -> None:
        """Return when so many more outcomes and entries than before are there; `last_s` is when the last one came."""
        self.sent += count
        deadline = time.monotonic() + LIMIT_S
        while min(len(self.heard_s), self.entries) < self.sent:
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(self.heard_s)} of {self.sent} outcomes came in {LIMIT_S} s")
            time.sleep(0.005)
        self.last_s = time.monotonic()
        if self.entries != self.sent:
            raise AssertionError(f"{self.entries} entries for {self.sent} actions")

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread, reader in zip(self._threads, self._readers, strict=True):
            thread.join()
            reader.close()

    def _read(self, reader: TopicReader, take: Callable[[Sequence[Record]], None]) -> None:
        while not self._ended.is_set():
            if found := reader.poll(0.1):
                take(found)

    def _take_outcomes(self, records: Sequence[Record]) -> None:
        now_s = time.monotonic()
        for record in records:
            self.heard_s.setdefault(int(json.loads(record.value or b"{}")["id"]), now_s)

    def _take_entries(self, records: Sequence[Record]) -> None:
        self.entries += len(records)


def _action(number: int) -> bytes:
    arguments: dict[str, Any] = {"patient": f"p-{number}", "rows": number % 1_100, "fields": ["name", "ward"]}
    return written(
        {"id": number, "agent": f"ops-{number % PARTITIONS}", "type": "crm.read", "arguments": arguments}
    )


def _write(writer: Producer, topic: str, first: int, count: int) -> None:
    for number in range(first, first + count):
        writer.produce(topic, _action(number), b"ops-%d" % (number % PARTITIONS), number % PARTITIONS)
        writer.poll(0)
    flushed(writer)


def _latency(writer: Producer, topic: str, told: _Told, rate: int, seconds: float) -> Latencies:
    """An open loop: due times fixed in advance, latency counts from them."""
    count, first, began_s = int(rate * seconds), told.sent, time.monotonic()
    values = [_action(first + number) for number in range(count)]
    began_s = time.monotonic()
    for number, value in enumerate(values):
        time.sleep(max(0.0, began_s + number / rate - time.monotonic()))
        writer.produce(topic, value, b"ops-%d" % (number % PARTITIONS), number % PARTITIONS)
        writer.poll(0)
    told.await_all(count)
    warm = count // 5
    found = Latencies.of(
        told.heard_s[first + number] - began_s - number / rate for number in range(warm, count)
    )
    assert found is not None  # noqa: S101  # there are some
    return found
