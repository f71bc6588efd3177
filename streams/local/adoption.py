"""Wait until every partition of a gate, or of masking, uses what operators have published, by what it writes to `audit`."""

import time
from collections.abc import Collection, Mapping

from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.errors import TimedOutError
from sluicegate.streams.clients.reading import read_record
from sluicegate.streams.clients.topic_reader import From, Start, TopicReader
from sluicegate.streams.kafka.connection import Connection


def await_adoption(
    connection: Connection,
    partitions: int,
    positions: Mapping[str, int],
    timeout_s: float,
    processors: Collection[str] = ("gate",),
    *,
    start: Start = From.BEGINNING,
) -> None:
    """Return when each partition's latest adoption is at least at `positions`; TimedOutError names the ones behind.

    `start` is where reading `audit` begins: not after the documents in question were published.
    """
    deadline = time.monotonic() + timeout_s
    waiting = {(processor, number) for processor in processors for number in range(partitions)}
    with TopicReader(connection, "audit", start) as reader:
        while waiting:
            for record in reader.poll(0.2):
                entry = read_record(record, AuditEntry)
                if _has_adopted(entry, positions):
                    waiting.discard((entry.processor, entry.partition))
            if waiting and time.monotonic() > deadline:
                names = ", ".join(f"{processor} {number}" for processor, number in sorted(waiting))
                raise TimedOutError(
                    f"partitions ({names}) do not use the published documents yet; does it run? see `sluicegate up`"
                )


def _has_adopted(entry: AuditEntry, positions: Mapping[str, int]) -> bool:
    # The last entry of every transaction is a tile, and it names the positions that were in force.
    used = entry.tile.tables if entry.tile is not None else entry.tables
    return used is not None and all(used.get(topic, 0) >= offset for topic, offset in positions.items())
