"""After an outage: which ends of claims does the log not know yet?

A transaction whose outcome is unknown may have told them or not. Receipts derive their ids from the claim, so reading back
this executor's own receipts answers it; what is missing is told again, and nothing twice.
"""

from collections.abc import Sequence

from sluicegate.schemas.receipt import Receipt
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.runtime.end_offsets import EndOffsets

from .claim_book import REMEMBERED_MS
from .executor_acts import End, Executed
from .executor_workplace import Workplace
from .receipts_back import receipts_back


def untold(work: Workplace, connection: Connection, ends: Sequence[End]) -> list[End]:
    """Those of these ends that no committed receipt tells; TimedOutError when `receipts` cannot be read."""
    if not ends:
        return []
    offsets = EndOffsets(connection)
    told: set[str] = set()
    for partition in {work.partition(_lane(each)) for each in ends}:
        told |= _told(work, connection, offsets, partition)
    return [each for each in ends if _claim_id(each) not in told]


def _told(work: Workplace, connection: Connection, offsets: EndOffsets, partition: int) -> set[str]:
    """Claims that have a receipt, up to the high watermark: an older transaction of ours may still be ending."""
    records = receipts_back(
        connection,
        offsets,
        partition,
        work.clock.wall_ms() - REMEMBERED_MS,
        beat=lambda: work.watchdog.beat("read back receipts"),
        log=work.log,
    )
    own = map(work.scribe.own, records)
    return {model.claim_id for model in own if isinstance(model, Receipt) and model.claim_id}


def _lane(end: End) -> str:
    return end.claimed.read.grant.lane if isinstance(end, Executed) else end.model.lane


def _claim_id(end: End) -> str | None:
    return end.claimed.claim_id if isinstance(end, Executed) else end.model.claim_id
