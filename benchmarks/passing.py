"""What the runtime costs: a worker with `PassThrough` against the shortest loop that is transactional at all."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from confluent_kafka import Consumer, Producer, TopicPartition

from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.kafka.embedded import EmbeddedBroker
from sluicegate.streams.local.gate_process import GateProcess
from sluicegate.streams.runtime.spec import WorkerSpec
from sluicegate.streams.testing import PassThrough
from sluicegate.streams.testing.cluster import Cluster

from .measuring import Measure
from .working import Work

VALUE: Final = bytes(900)
KEY: Final = b"ops"
BATCH: Final = 500
MARKERS_S: Final = 0.003
"""Between transactions, as the runtime has it: sooner, the broker refuses the next one and the client waits longer."""


def measure(broker: EmbeddedBroker, rounds: int, count: int) -> Iterator[Measure]:
    """The bare loop and the runtime, each on topics of its own."""
    wall, bare = _bare_loop(Cluster.fresh(broker).super_user().connection, rounds, count)
    yield from (wall, bare)
    cluster = Cluster.fresh(broker)
    connection = cluster.super_user().connection
    workers = GateProcess(WorkerSpec(PassThrough, cluster.connection("gate"), 2, log_level=40), workers=1)
    workers.start()
    try:
        work, writer, topic = Work(workers), _writer(connection), connection.topic("actions")
        for _ in range(rounds + 1):
            with work.on(count):
                _write(writer, topic, count)
        rows = work.measures("runtime with PassThrough", count)
        yield from (row.against(baseline) for row, baseline in zip(rows, (wall, bare), strict=False))
    finally:
        workers.stop()


def _bare_loop(connection: Connection, rounds: int, count: int) -> tuple[Measure, Measure]:
    wall_s, cpu_s = [], []
    writer, topic = _writer(connection), connection.topic("actions")
    producer = Producer(connection.transactional_config("bare"))
    producer.init_transactions(30)
    with closing(Consumer(connection.reader_config())) as consumer:
        consumer.assign([TopicPartition(topic, 0, 0)])
        for _ in range(rounds + 1):
            _write(writer, topic, count)
            began, cpu_began = time.monotonic(), time.process_time()
            _copy(consumer, producer, connection.topic("outcomes"), count)
            wall_s.append(time.monotonic() - began)
            cpu_s.append(time.process_time() - cpu_began)
    name = "bare transactional loop, 900 bytes"
    return Measure.of(f"{name}, wall", count, wall_s[1:]), Measure.of(f"{name}, CPU", count, cpu_s[1:])


def _copy(consumer: Consumer, producer: Producer, topic: str, count: int) -> None:
    copied, committed_s = 0, 0.0
    while copied < count:
        first = consumer.poll(1)
        if first is None:
            continue
        messages = [first, *consumer.consume(BATCH - 1, 0)]
        time.sleep(max(0.0, committed_s + MARKERS_S - time.monotonic()))
        producer.begin_transaction()
        for message in messages:
            headers: list[tuple[str, str | bytes | None]] = [
                ("origin", b"actions-0@%d" % (message.offset() or 0)),
                ("known", b""),
            ]
            producer.produce(topic, message.value(), message.key(), 0, headers=headers)
        producer.flush(10)
        producer.send_offsets_to_transaction(
            consumer.position(consumer.assignment()), consumer.consumer_group_metadata(), 10
        )
        producer.commit_transaction(10)
        committed_s = time.monotonic()
        copied += len(messages)


def _writer(connection: Connection) -> Producer:
    return Producer({**connection.producer_config(), "linger.ms": 5})


def _write(writer: Producer, topic: str, count: int) -> None:
    for _ in range(count):
        writer.produce(topic, VALUE, KEY, 0)
        writer.poll(0)
    if writer.flush(30):
        raise AssertionError("the records to read were not written in time")
