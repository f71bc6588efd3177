"""The audit log of a real Kafka as Parquet: the shipped commands in a process of their own, with their largest memory.

`python -m benchmarks --lake --scale 50` is a log of a million entries.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from confluent_kafka import Producer

from sluicegate.processors.verification import Placed
from sluicegate.schemas import codec
from sluicegate.schemas.envelope import record_headers
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.kafka.embedded import temporary_broker
from sluicegate.streams.testing.audit_history import AuditHistory
from sluicegate.streams.testing.cluster import Cluster

from .measuring import Effort, Measure

ENTRIES: Final = 20_000
PARTITIONS: Final = 2
_COMMIT_EVERY: Final = 2_000
_KIB: Final = 1024


def measure(effort: Effort) -> Iterator[Measure]:
    """Every row, as it is ready."""
    with temporary_broker(heap_mib=512) as broker, tempfile.TemporaryDirectory() as folder:
        cluster = Cluster.fresh(broker, partitions=PARTITIONS)
        count = sum(
            write(cluster, partition, effort.of(ENTRIES // PARTITIONS)) for partition in range(PARTITIONS)
        )
        lake = str(Path(folder) / "lake")
        yield _command(cluster, "audit export, everything", count, "audit", "export", lake)
        yield _command(cluster, "audit export, nothing new", count, "audit", "export", lake)
        yield _command(cluster, "verify FOLDER", count, "verify", lake)


def transactions(partition: int) -> Iterator[list[Placed]]:
    """Transactions of a busy gate without end: most actions pass, every fifth waits for a person, every fifth is denied."""
    history, number = AuditHistory(partition), 0
    while True:
        action_id = f"ac-{partition}-{number:07d}"
        match number % 5:
            case 3:
                history.deny(action_id)
            case 4:
                history.ask(action_id)
                history.tile()
                history.approve_last(action_id, f"p-{number % 7}")
                _run(
                    history, action_id, OutcomeKind.FAILED if not (number + 1) % 50 else OutcomeKind.EXECUTED
                )
            case _:
                history.allow(action_id)
                _run(history, action_id, OutcomeKind.EXECUTED)
        history.tile()
        history.wait(300)
        number += 1
        # Only what the broker will place matters here; a history of millions would not fit.
        yield list(history.placed)
        history.placed.clear()


def write(cluster: Cluster, partition: int, least: int) -> int:
    """Write at least so many entries to a partition of `audit`, with the gate's rights; how many they are."""
    connection = cluster.connection("gate")
    topic, written = connection.topic("audit"), 0
    producer = Producer({**connection.transactional_config(f"lake-{partition}"), "linger.ms": 5})
    producer.init_transactions(20)
    found = transactions(partition)
    while written < least:
        producer.begin_transaction()
        size = 0
        while size < _COMMIT_EVERY and written + size < least:
            entries = next(found)
            for placed in entries:
                _produce(producer, topic, placed)
            producer.poll(0)
            size += len(entries)
        producer.commit_transaction(20)
        written += size
    return written


def _produce(producer: Producer, topic: str, placed: Placed) -> None:
    entry, encoded = placed.entry, codec.encode(placed.entry)
    leaf = entry.leaf
    headers = record_headers(
        kind=entry.kind,
        payload_type=encoded.payload_type,
        id=entry.entry_id,
        subject=entry.action_id or entry.event,
        source="/gate/bench",
        origin=f"{leaf.topic}-{leaf.partition}@{leaf.offset}" if leaf else None,
        ordinal=0 if leaf else None,
    )
    producer.produce(topic, encoded.value, entry.agent or "", placed.partition, headers=list(headers))


def _run(history: AuditHistory, action_id: str, outcome: OutcomeKind) -> None:
    history.tile()
    history.claim(action_id)
    history.receive(action_id, outcome)


def _command(cluster: Cluster, name: str, count: int, *words: str) -> Measure:
    settings = cluster.settings
    environment = {
        **os.environ,
        "SLUICEGATE_BOOTSTRAP": str(settings.bootstrap),
        "SLUICEGATE_PREFIX": settings.prefix,
        "SLUICEGATE_PARTITIONS": str(settings.partitions),
        "SLUICEGATE_STATE_DIR": str(settings.state_dir),
    }
    began = time.monotonic()
    command = [sys.executable, "-m", "sluicegate", *words, "--json"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603  # our own program
    _, status, used = os.wait4(process.pid, 0)
    took = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise AssertionError(f"`{name}` ended with {process.returncode}")
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else _KIB) / 1e6
    cpu_s = used.ru_utime + used.ru_stime
    return Measure.of(f"{name}: {count:,} in {took:.1f} s ({cpu_s:.1f} CPU), {peak:.0f} MB", count, [took])
