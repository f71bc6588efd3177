"""Step 3 of an executor's turn: claims, refusals and offsets in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from sluicegate.processors.burial import dead_letter
from sluicegate.processors.contract import Record
from sluicegate.processors.release import Check
from sluicegate.schemas.action import Action
from sluicegate.schemas.receipt import Claim
from sluicegate.streams.runtime.transaction import MustAbort

from .execution_records import OwnRecord, ReadGrant
from .executor_steps import ExecutorStep
from .executor_workplace import Workplace
from .judgement import Judgement


@dataclass(frozen=True, slots=True)
class Claimed:
    """A grant whose claim is committed; `appended_ms` is the broker's time of it."""

    read: ReadGrant
    action: Action
    claim_id: str
    appended_ms: int


def claim(work: Workplace, records: Sequence[Record], judgements: Sequence[Judgement]) -> list[Claimed]:
    """What may be acted on; nothing is claimed when the transaction has to be aborted."""
    written = [(judgement, _answer(work, judgement)) for judgement in judgements]
    try:
        work.begin()
        for judgement, own in written:
            _write(work, judgement, own)
        work.producer.flush()
        work.producer.send_offsets(work.grants.progress(records))
        work.fault(ExecutorStep.CLAIM_COMMIT)
        work.producer.commit()
    except MustAbort as reason:
        work.abort(reason)
        work.grants.rewind(records)
        return []
    work.ended_well()
    return [claim for judgement, own in written if (claim := _noted(work, judgement, own)) is not None]


def _answer(work: Workplace, judgement: Judgement) -> OwnRecord | None:
    read, now_ms = judgement.read, work.clock.wall_ms()
    if read is None:
        return None
    if judgement.action is not None:
        return work.scribe.claim(read, now_ms)
    return None if judgement.check is None else work.scribe.refusal(read, judgement.check, now_ms)


def _write(work: Workplace, judgement: Judgement, own: OwnRecord | None) -> None:
    if own is not None:
        if judgement.action is not None:
            work.producer.expect(own.value)
        work.send(own)
    elif judgement.read is None:
        record = judgement.record
        check = judgement.check or Check.UNREADABLE
        dead = dead_letter(record, check)
        work.producer.produce(dead.topic, 0, dead.key, dead.value, dead.headers)


def _noted(work: Workplace, judgement: Judgement, own: OwnRecord | None) -> Claimed | None:
    """Remember what is committed; the claim to act on, if it is one."""
    if judgement.check is not None:
        work.counts["refused"] += 1
        work.log.warning("refused", check=judgement.check.value, at=str(judgement.record.position))
    if own is None or judgement.read is None:
        return None
    work.grants.book(judgement.record.position.partition).note(own.model, work.clock.wall_ms())
    if judgement.action is None or not isinstance(own.model, Claim):
        return None
    place = work.producer.appended(own.value)
    # Unstamped means nobody knows when: as late as can be.
    appended_ms = (place and place.append_ms) or judgement.read.grant.expires_at_ms
    return Claimed(judgement.read, judgement.action, own.model.claim_id, appended_ms)
