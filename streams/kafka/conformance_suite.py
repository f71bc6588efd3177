"""The long form of `conformance`, for the doctor: every promise of transactions that the runtime leans on, read back.

Each check does what its sentence says on the topic `conformance` and looks with readers of committed records. It needs
the rights of the gate: on that topic, its transactional ids, and the scratch group `<prefix>gate.conformance`. What takes a
special broker or minutes (time limits of transactions, compaction, killed brokers) is for the tests of this project.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from confluent_kafka import (
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from .client_errors import translate
from .conformance import BETWEEN_TRANSACTIONS_S, LIMIT_S, Check, Conformance, check_transactions
from .connection import Config, Connection

SCRATCH_GROUP: Final = "conformance"
"""Ends the name of the group whose offsets the checks commit, after the gate's own and a dot."""
_QUIET_S: Final = 0.5
"""What is still unseen after this long behind a record that was seen is taken as hidden."""


def check_every_promise(connection: Connection, topic: str, slot: str) -> Conformance:
    """All checks, in order, on a logical topic that the connection may read and write; about five seconds.

    `slot` names the transactional ids: two checks at once need two. Whatever Kafka refuses is an error of ours.
    """
    suite = _Suite(connection, connection.topic(topic), slot)
    try:
        return Conformance((*check_transactions(connection, topic, slot).checks, *suite.checks()))
    except KafkaException as error:
        raise translate(
            error, user=connection.user, bootstrap=connection.bootstrap, what="try transactions"
        ) from None


@dataclass(frozen=True, slots=True)
class _Suite:
    connection: Connection
    topic: str
    slot: str

    def checks(self) -> Iterator[Check]:
        """One after the other: each waits for the markers of the one before."""
        for check in (self._open, self._interleaved, self._fenced, self._offsets, self._left, self._kept):
            time.sleep(BETWEEN_TRANSACTIONS_S)
            yield from check()

    def _open(self) -> Iterator[Check]:
        """A transaction that stays open, and a plain record behind it."""
        start, inside, behind = self._end("read_uncommitted"), uuid4().bytes, uuid4().bytes
        producer = self._begun("a")
        self._write(producer, inside)
        plain = Producer(self.connection.producer_config())
        self._write(plain, behind)
        seen = self._read(start, set(), _QUIET_S)
        yield Check("an open transaction is invisible", inside not in seen)
        yield Check("records behind an open transaction wait for its end", behind not in seen)
        yield Check(
            "the end for readers of committed records lies before it", self._end("read_committed") <= start
        )
        producer.commit_transaction(LIMIT_S)
        seen = self._read(start, {inside, behind}, LIMIT_S)
        yield Check("they are visible once it has ended", {inside, behind} <= seen)

    def _interleaved(self) -> Iterator[Check]:
        """Two producers write in turns; one commits, one aborts."""
        start = self._end("read_uncommitted")
        kept, dropped = [uuid4().bytes for _ in range(3)], [uuid4().bytes for _ in range(3)]
        first, second = self._begun("a"), self._begun("b")
        for one, other in zip(kept, dropped, strict=True):
            self._write(first, one)
            self._write(second, other)
        second.abort_transaction(LIMIT_S)
        first.commit_transaction(LIMIT_S)
        seen = self._read(start, set(kept), LIMIT_S)
        # Workers that run write to this topic too.
        is_told_apart = set(kept) <= seen and seen.isdisjoint(dropped)
        yield Check("of interleaved transactions only the committed one is visible", is_told_apart)

    def _fenced(self) -> Iterator[Check]:
        """The id of an open transaction is taken over, as after the death of its process."""
        start, dead, alive = self._end("read_uncommitted"), uuid4().bytes, uuid4().bytes
        older = self._begun("a")
        self._write(older, dead)
        newer = self._begun("a")
        self._write(newer, alive)
        newer.commit_transaction(LIMIT_S)
        yield Check("an older producer of the same id is fenced", _refused(lambda: _commit(older)))
        seen = self._read(start, {alive}, LIMIT_S)
        yield Check("what it had written is hidden", dead not in seen and alive in seen)

    def _offsets(self) -> Iterator[Check]:
        """Positions committed by a transaction, and by one that is aborted."""
        consumer = Consumer({**self.connection.reader_config(), "group.id": self._group})
        try:
            before = self._committed(consumer)
            for ended, offset in ((_commit, before + 1), (_abort, before + 2)):
                producer = self._begun("a")
                producer.send_offsets_to_transaction(
                    [TopicPartition(self.topic, 0, offset)], consumer.consumer_group_metadata(), LIMIT_S
                )
                ended(producer)
                time.sleep(BETWEEN_TRANSACTIONS_S)
        finally:
            consumer.close()
        again = Consumer({**self.connection.reader_config(), "group.id": self._group})
        try:
            after = self._committed(again)
        finally:
            again.close()
        yield Check("positions commit with their transaction and are there after a restart", after > before)
        yield Check("positions of an aborted transaction are dropped", after == before + 1)

    def _left(self) -> Iterator[Check]:
        """A member of the group under KIP-848 that has left, and tries to commit."""
        member = Consumer({**self.connection.member_config(), "group.id": self._group})
        member.subscribe([self.topic], on_assign=_assign_ends)
        deadline = time.monotonic() + LIMIT_S
        while not member.assignment() and time.monotonic() < deadline:
            member.poll(0.1)
        metadata, has_joined = member.consumer_group_metadata(), bool(member.assignment())
        member.close()
        yield Check("a member joins and is assigned partitions (KIP-848)", has_joined)
        producer = self._begun("a")
        position = [TopicPartition(self.topic, 0, 0)]
        yield Check(
            "positions of a member that has left the group are refused",
            _refused(lambda: producer.send_offsets_to_transaction(position, metadata, LIMIT_S)),
        )
        producer.abort_transaction(LIMIT_S)

    def _kept(self) -> Iterator[Check]:
        """A record with headers, read back."""
        start, value = self._end("read_uncommitted"), uuid4().bytes
        producer = self._begun("a")
        producer.produce(self.topic, value, partition=0, headers=[("a", b"1"), ("b", b"\x00"), ("a", b"2")])
        producer.commit_transaction(LIMIT_S)
        found = [message for message in self._messages(start, {value}, LIMIT_S) if message.value() == value]
        headers = found[0].headers() if found else None
        yield Check("headers come back as they were", headers == [("a", b"1"), ("b", b"\x00"), ("a", b"2")])
        stamped = bool(found) and found[0].timestamp()[0] == TIMESTAMP_LOG_APPEND_TIME
        yield Check("records carry the time of the broker's log", stamped)

    @property
    def _group(self) -> str:
        return f"{self.connection.group}.{SCRATCH_GROUP}"

    def _begun(self, name: str) -> Producer:
        config: Config = self.connection.transactional_config(f"{self.slot}-{name}")
        producer = Producer(config)
        producer.init_transactions(LIMIT_S)
        producer.begin_transaction()
        return producer

    def _write(self, producer: Producer, value: bytes) -> None:
        producer.produce(self.topic, value, partition=0)
        producer.flush(LIMIT_S)

    def _end(self, isolation: str) -> int:
        consumer = Consumer(self.connection.reader_config(isolation=isolation))
        try:
            _, end = consumer.get_watermark_offsets(TopicPartition(self.topic, 0), timeout=LIMIT_S)
        finally:
            consumer.close()
        return int(end)

    def _committed(self, consumer: Consumer) -> int:
        found = consumer.committed([TopicPartition(self.topic, 0)], timeout=LIMIT_S)[0]
        return max(found.offset, 0)

    def _read(self, start: int, until: set[bytes], limit_s: float) -> set[bytes]:
        return {message.value() or b"" for message in self._messages(start, until, limit_s)}

    def _messages(self, start: int, until: set[bytes], limit_s: float) -> list[Message]:
        """Committed records from `start` on, until those awaited are in or the time is over."""
        consumer = Consumer(self.connection.reader_config())
        found: list[Message] = []
        deadline = time.monotonic() + limit_s
        try:
            consumer.assign([TopicPartition(self.topic, 0, start)])
            while not until or not until <= {message.value() for message in found}:
                if time.monotonic() > deadline:
                    break
                message = consumer.poll(0.1)
                if message is not None and (error := message.error()) is not None:
                    raise KafkaException(error)
                if message is not None:
                    found.append(message)
        finally:
            consumer.close()
        return found


def _assign_ends(consumer: Consumer, partitions: list[TopicPartition]) -> None:
    consumer.incremental_assign([TopicPartition(each.topic, each.partition, 0) for each in partitions])


def _commit(producer: Producer) -> None:
    producer.commit_transaction(LIMIT_S)


def _abort(producer: Producer) -> None:
    producer.abort_transaction(LIMIT_S)


def _refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except KafkaException:
        return True
    return False
