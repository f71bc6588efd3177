"""Read `execution.<executor>` as a member of the executor's group, and know what was done with each partition's grants.

No grant of a partition is handed out before the executor's own claims of that partition have been read back: a group whose
offsets were rewound must not make a used grant new.
"""

import time
from collections.abc import Sequence
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from sluicegate.processors.contract import Record
from sluicegate.schemas.errors import TimedOutError
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.logs import get_logger
from sluicegate.streams.runtime.end_offsets import EndOffsets
from sluicegate.streams.runtime.open_transactions import OFFSETS, TO_DO, Held, OpenTransactions
from sluicegate.streams.runtime.records import RecordReader, raise_for
from sluicegate.streams.runtime.task import Progress
from sluicegate.streams.runtime.watchdog import Watchdog

from .claim_book import REMEMBERED_MS, ClaimBook
from .execution_records import Scribe
from .receipts_back import receipts_back

_CALL_S: Final = 5.0
_COMMITTED_FOR_S: Final = 45.0
"""Longer than a dead executor's transaction can keep offsets from being stable."""
_AGAIN_S: Final = 0.05


class GrantReader:
    """One consumer. `gather` also restores partitions that were just assigned."""

    def __init__(self, connection: Connection, scribe: Scribe, ends: EndOffsets, watchdog: Watchdog) -> None:
        self.topic = f"execution.{scribe.executor}"
        self._connection = connection
        self._scribe = scribe
        self._ends = ends
        self._watchdog = watchdog
        self._reader = RecordReader(connection)
        self._books: dict[int, ClaimBook] = {}
        self._waiting: dict[int, TopicPartition] = {}
        self._log = get_logger("sluicegate.clients")
        self.consumer = Consumer(connection.member_config())
        self.consumer.subscribe(
            [connection.topic(self.topic)],
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_revoke,
        )

    @property
    def ready(self) -> bool:
        """Whether partitions are assigned and all of them restored."""
        return bool(self._books) and not self._waiting

    def book(self, partition: int) -> ClaimBook:
        """What was done with the grants of a partition."""
        return self._books[partition]

    def gather(self, most: int, wait_s: float) -> list[Record]:
        """At most this many grants, by partition and offset; empty after `wait_s` without one."""
        self._watchdog.beat("poll")
        first = self.consumer.poll(0.0 if self._waiting else wait_s)
        self._restore()
        if first is None:
            return []
        # consume(n, t) would wait for n records; with 0 it drains.
        records = []
        for message in (first, *(self.consumer.consume(most - 1, 0) if most > 1 else ())):
            if message.error() is not None:
                raise_for(message.error(), self.topic)
                continue
            records.append(self._reader.record(message))
        # A rebalance inside `consume` takes partitions away; one that waits is read from its start once it is restored.
        return [record for record in records if record.position.partition in self._books]

    def progress(self, records: Sequence[Record]) -> list[Progress]:
        """The offsets after these records."""
        after = {record.position.partition: record.position.offset + 1 for record in records}
        return [Progress(self.topic, partition, offset, "") for partition, offset in after.items()]

    def rewind(self, records: Sequence[Record]) -> None:
        """Read these records again: their transaction was aborted."""
        first: dict[int, int] = {}
        for record in records:
            first.setdefault(record.position.partition, record.position.offset)
        for partition, offset in first.items():
            self._seek(TopicPartition(self._connection.topic(self.topic), partition, offset))

    def close(self) -> None:
        """Leave the group."""
        self.consumer.close()

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        committed = self._committed(consumer, partitions)
        # Without a committed offset at the beginning: checks, life and own claims protect what was used.
        starts = [
            TopicPartition(each.topic, each.partition, each.offset if each.offset >= 0 else OFFSET_BEGINNING)
            for each in committed
        ]
        consumer.incremental_assign(starts)
        consumer.pause(partitions)
        self._waiting.update({start.partition: start for start in starts})

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        del consumer
        for each in partitions:
            self._waiting.pop(each.partition, None)
            self._books.pop(each.partition, None)

    def _restore(self) -> None:
        for partition, start in sorted(self._waiting.items()):
            book = self._read_back(partition)
            if not self._seek(start):
                return  # the client is not ready yet: the next turn reads back once more
            self.consumer.resume([start])
            self._books[partition] = book
            del self._waiting[partition]
            self._log.info("restored claims", partition=partition, known=len(book))

    def _seek(self, place: TopicPartition) -> bool:
        """Read on from there; False when the partition is not the client's to seek in (yet, or any more)."""
        try:
            self.consumer.seek(place)
        except KafkaException as error:
            if error.args[0].code() != KafkaError._STATE:  # noqa: SLF001  # the client's public constant
                raise
            return False
        return True

    def _read_back(self, partition: int) -> ClaimBook:
        """This executor's own claims and refusals, as far back as a grant can live.

        Up to the high watermark, asked for after the offsets were stable: a predecessor's claim may be committed there while
        the end of committed records still stops before it.
        """
        book = ClaimBook()
        for record in receipts_back(
            self._connection,
            self._ends,
            partition,
            time.time_ns() // 1_000_000 - REMEMBERED_MS,
            beat=lambda: self._watchdog.beat("restore claims"),
            log=self._log,
        ):
            own = self._scribe.own(record)
            if own is not None:
                book.note(own, record.append_ms)
        return book

    def _committed(self, consumer: Consumer, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Stable committed offsets: while a dead executor's transaction is open, the call waits and times out."""
        deadline, waiting = time.monotonic() + _COMMITTED_FOR_S, OpenTransactions(self._log)
        while True:
            self._watchdog.beat("ask for committed offsets")
            try:
                found = consumer.committed(partitions, timeout=_CALL_S)
            except KafkaException as error:
                trouble = error.args[0]
            else:
                trouble = next((each.error for each in found if each.error is not None), None)
                if trouble is None:
                    waiting.look({}, int(time.monotonic() * 1_000))
                    return found
            self._watchdog.beat("ask whether offsets are stable")
            held = self._ends.unstable(partitions) or frozenset()
            waiting.look(dict.fromkeys(held, Held(OFFSETS)), int(time.monotonic() * 1_000))
            if time.monotonic() > deadline:
                because = (
                    f"an open transaction is in the way at partition {min(held)}; {TO_DO}"
                    if held
                    else trouble.name()
                )
                raise TimedOutError(f"the committed offsets could not be learned: {because}")
            time.sleep(_AGAIN_S)
