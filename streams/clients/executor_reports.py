"""Step 7 of an executor's turn: batches of results and the receipts that name them, in one transaction.

The batches first; once the broker has said where they stand, the receipts; then the commit. So no reader of committed
records sees a batch without its receipt, or a receipt without its batches.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from sluicegate.schemas.errors import InvariantError
from sluicegate.schemas.receipt import NoResult, ResultPlace
from sluicegate.streams.runtime.transaction import MustAbort

from .executor_acts import End, Executed
from .executor_steps import ExecutorStep
from .executor_workplace import Workplace
from .results_writing import TOPIC, WrittenResult

ROUND_BYTES: Final = 4 * 1024 * 1024
"""So much is handed to the client before its acknowledgement is waited for: the client's queue would take a gibibyte."""
WRITING_S: Final = 6.0
"""For all batches of a transaction, which the broker ends after ten seconds."""


class _TooSlow(Exception):  # noqa: N818  # no error: what happens next is decided one call up
    """The batches would outlive their transaction."""


def report(work: Workplace, ends: list[End]) -> None:
    """Commit what is to be told; after an abort the same again, because what it says has happened.

    A result that has to be left out is left out of `ends` too, so that whoever tells them again tells the same.
    """
    was_slow = False
    while ends:
        work.fault(ExecutorStep.RECEIPT)  # 7
        try:
            _write(work, ends)
        except MustAbort as reason:
            work.abort(reason)
            continue
        except _TooSlow:
            work.abort(MustAbort("results are not written in time"))
            # Once can be a broker that paused. What is too slow twice would be for ever.
            if was_slow:
                ends[:] = _without_results(work, ends)
            was_slow = True
            continue
        work.ended_well()
        _forget(ends)
        return


def size_of(end: End) -> int:
    """How many bytes of results wait to be written."""
    return end.result.size if isinstance(end, Executed) and end.result is not None else 0


def _write(work: Workplace, ends: Sequence[End]) -> None:
    work.begin()
    until_s = time.monotonic() + WRITING_S
    results = [each.result for each in ends if isinstance(each, Executed) and each.result is not None]
    for each in ends:
        if isinstance(each, Executed) and each.result is not None:
            _write_batches(work, each.claimed.read.grant.lane, each.result, until_s)
    if results:
        work.producer.flush()
    work.fault(ExecutorStep.RECEIPT_WRITE)
    for each in ends:
        work.send(each.receipt(work, _place(work, each)) if isinstance(each, Executed) else each)
    work.producer.flush()
    work.fault(ExecutorStep.RECEIPT_COMMIT)
    work.producer.commit()


def _write_batches(work: Workplace, lane: str, result: WrittenResult, until_s: float) -> None:
    key, partition, waiting = lane.encode(), work.partition(lane), 0
    work.producer.expect(result.first)
    for value, headers in result.records():
        work.producer.produce(TOPIC, partition, key, value, headers)
        waiting += len(value)
        if waiting > ROUND_BYTES:
            work.producer.flush()
            waiting = 0
            if time.monotonic() > until_s:
                raise _TooSlow


def _place(work: Workplace, executed: Executed) -> ResultPlace | None:
    if executed.result is None:
        return None
    place = work.producer.appended(executed.result.first)
    if place is None:
        raise InvariantError("a batch was acknowledged without its place; start the executor again")
    return ResultPlace(partition=place.partition, offset=place.offset, batches=executed.result.count)


def _without_results(work: Workplace, ends: Sequence[End]) -> list[End]:
    _forget(ends)
    kept: list[End] = []
    for each in ends:
        if isinstance(each, Executed) and each.result is not None:
            work.counts["withheld"] += 1
            work.log.warning("a result could not be written in time", grant=each.claimed.read.grant.grant_id)
            each = replace(each, result=None, no_result=NoResult.TOO_SLOW)  # noqa: PLW2901
        kept.append(each)
    return kept


def _forget(ends: Sequence[End]) -> None:
    for each in ends:
        if isinstance(each, Executed) and each.result is not None:
            with suppress(OSError):
                each.result.close()
