"""Read back what an executor has told: its records on one partition of `receipts`, up to the high watermark.

Readers of committed records stop before the first open transaction. One of our own ends within seconds; whoever waits longer
waits for one that somebody has left open, and must know for what.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from sluicegate.processors.contract import Record
from sluicegate.schemas.errors import TimedOutError
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.runtime.end_offsets import EndOffsets
from sluicegate.streams.runtime.open_transactions import TO_DO, Held, OpenTransactions

from .topic_reader import TopicReader

RECEIPTS: Final = "receipts"
LONGEST_S: Final = 60.0
_POLL_S: Final = 0.1
_LOOK_EVERY_S: Final = 1.0


def receipts_back(
    connection: Connection,
    ends: EndOffsets,
    partition: int,
    since_ms: int,
    *,
    beat: Callable[[], None],
    log: Any,
) -> Iterator[Record]:
    """Everything that stands on the partition by now, from this log-append time on; `beat` is called again and again.

    TimedOutError when that cannot be read within `LONGEST_S`; it names an open transaction that is in the way, and so does a
    line in `log` before.
    """
    _, end = ends.wait([(RECEIPTS, partition)])[RECEIPTS, partition]
    began_s = looked_s = time.monotonic()
    waiting, held = OpenTransactions(log), dict[int, Held]()
    with TopicReader(connection, RECEIPTS, since_ms, partitions=[partition]) as reader:
        while (position := reader.positions()[partition]) < end:
            beat()
            yield from reader.poll(_POLL_S)
            now_s = time.monotonic()
            if now_s - looked_s > _LOOK_EVERY_S:
                looked_s = now_s
                is_held = position >= reader.ends()[partition]
                held = {partition: Held(RECEIPTS, position)} if is_held else {}
                waiting.look(held, int(now_s * 1_000))
            if now_s - began_s > LONGEST_S:
                because = f": an open transaction is in the way; {TO_DO}" if held else ""
                raise TimedOutError(
                    f"`{RECEIPTS}-{partition}` could not be read back in time, at {position} of {end}{because}"
                )
    waiting.look({}, int(time.monotonic() * 1_000))
