"""The shortest loops that copy records at all: the baselines. Each runs in processes of its own, on partitions of its own."""

import multiprocessing
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from typing import Any, Final

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.kafka.embedded import EmbeddedBroker
from sluicegate.streams.testing.cluster import Cluster

from .machine import cpu_seconds
from .measuring import Measure
from .world import backlog_writer, flushed

VALUE: Final = bytes(900)
KEY: Final = b"ops"
BATCH: Final = 500
MARKERS_S: Final = 0.003
"""Between transactions, as the runtime has it: sooner, the broker refuses the next one and the client waits longer."""
HEADERS: Final[list[tuple[str, str | bytes | None]]] = [("origin", b"actions-0@123456"), ("known", b"")]


@dataclass(frozen=True, slots=True)
class Part:
    """What one process copies, and how."""

    connection: Connection
    partitions: tuple[int, ...]
    transactional: bool
    slot: int


def measure(
    broker: EmbeddedBroker, *, transactional: bool, partitions: int, workers: int, rounds: int, count: int
) -> tuple[Measure, Measure, Measure]:
    """Wall time, CPU of the loops, CPU of the broker per record."""
    cluster = Cluster.fresh(broker, partitions=partitions)
    connection = cluster.super_user().connection
    writer, topic = backlog_writer(connection), connection.topic("actions")
    context = multiprocessing.get_context("spawn")
    loops: list[tuple[Pipe, Any]] = []
    for slot in range(workers):
        ours, theirs = context.Pipe()
        part = Part(connection, tuple(range(slot, partitions, workers)), transactional, slot)
        process = context.Process(target=copy_when_told, args=(part, theirs), daemon=True)
        process.start()
        loops.append((ours, process))
    wall_s, cpu_s, broker_s = [], [], []
    try:
        for pipe, _ in loops:
            pipe.recv()
        for _ in range(rounds + 1):
            write_evenly(writer, topic, partitions, count)
            broker_before = cpu_seconds(broker.mark.pid)
            for slot, (pipe, _) in enumerate(loops):
                pipe.send(
                    sum(_share(number, partitions, count) for number in range(slot, partitions, workers))
                )
            told = [pipe.recv() for pipe, _ in loops]
            wall_s.append(max(end for _, end, _ in told) - min(start for start, _, _ in told))
            cpu_s.append(sum(cpu for _, _, cpu in told))
            broker_s.append(cpu_seconds(broker.mark.pid) - broker_before)
    finally:
        for pipe, process in loops:
            pipe.close()
            process.join(10)
            process.kill()
    what = "bare transactional loop" if transactional else "bare consume and produce"
    name = f"{what}, {partitions} partitions, {workers} workers"
    labels: dict[str, str | int] = {"what": what, "partitions": partitions, "workers": workers}
    return (
        Measure.of(f"{name}, wall", count, wall_s[1:], **labels, clock="wall"),
        Measure.of(f"{name}, CPU", count, cpu_s[1:], **labels, clock="cpu"),
        Measure.of(f"{name}, CPU of the broker", count, broker_s[1:], **labels, clock="broker"),
    )


def write_evenly(writer: Producer, topic: str, partitions: int, count: int, value: bytes = VALUE) -> None:
    """So many records over all partitions, acknowledged."""
    for number in range(count):
        writer.produce(topic, value, KEY, number % partitions)
        writer.poll(0)
    flushed(writer)


def copy_when_told(part: Part, pipe: Pipe) -> None:
    """Main function of a process: told a number, copy so many records and say when it began and ended and the CPU time."""
    connection = part.connection
    config = (
        connection.transactional_config(part.slot) if part.transactional else connection.producer_config()
    )
    producer = Producer({**config, "queue.buffering.max.messages": 1_000_000})
    if part.transactional:
        producer.init_transactions(30)
    topic = connection.topic("actions")
    with closing(Consumer(connection.reader_config())) as consumer:
        consumer.assign([TopicPartition(topic, number, 0) for number in part.partitions])
        pipe.send("ready")
        while True:
            try:
                count = pipe.recv()
            except EOFError:
                return
            began, cpu_began = time.monotonic(), time.process_time()
            _copy(part, consumer, producer, count)
            pipe.send((began, time.monotonic(), time.process_time() - cpu_began))


def _copy(part: Part, consumer: Consumer, producer: Producer, count: int) -> None:
    topic = part.connection.topic("outcomes")
    copied, committed_s = 0, 0.0
    while copied < count:
        first = consumer.poll(1)
        if first is None:
            continue
        messages = [first, *consumer.consume(BATCH - 1, 0)]
        if not part.transactional:
            _produce(producer, topic, messages)
        else:
            time.sleep(max(0.0, committed_s + MARKERS_S - time.monotonic()))
            producer.begin_transaction()
            _produce(producer, topic, messages)
            producer.flush(10)
            positions = consumer.position(consumer.assignment())
            producer.send_offsets_to_transaction(positions, consumer.consumer_group_metadata(), 10)
            producer.commit_transaction(10)
            committed_s = time.monotonic()
        copied += len(messages)
    flushed(producer)


def _produce(producer: Producer, topic: str, messages: Sequence[Message]) -> None:
    for message in messages:
        producer.produce(topic, message.value(), message.key(), message.partition() or 0, headers=HEADERS)
    producer.poll(0)


def _share(number: int, partitions: int, count: int) -> int:
    return len(range(number, count, partitions))
