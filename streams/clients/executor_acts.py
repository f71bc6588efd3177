"""Steps 4 to 6 of an executor's turn, for one claim: was it in time, act, put what was returned into batches."""

from dataclasses import dataclass

from sluicegate.processors.release import Check, stopped
from sluicegate.schemas.receipt import NoResult, ResultPlace

from .execution_records import OwnRecord
from .executor_claims import Claimed
from .executor_steps import ExecutorStep
from .executor_workplace import Workplace
from .results_slices import UnsendableError, slices
from .results_writing import WrittenResult, write_result


@dataclass(frozen=True, slots=True)
class Executed:
    """It happened. `result` waits to be written; its receipt is made once its place is known."""

    claimed: Claimed
    at_ms: int
    result: WrittenResult | None = None
    no_result: NoResult | None = None

    def receipt(self, work: Workplace, place: ResultPlace | None) -> OwnRecord:
        """What the gate is told."""
        return work.scribe.executed(
            self.claimed.read,
            self.claimed.claim_id,
            self.at_ms,
            result_digest=self.result.digest if self.result is not None else None,
            result=place,
            no_result=self.no_result,
        )


End = Executed | OwnRecord
"""How a claim ended: executed, or a receipt that says failed or refused."""


def end(work: Workplace, claimed: Claimed) -> End:
    """Act on one claim, unless it came too late or operators have stopped it since."""
    refused = _late(claimed) or _stopped(work, claimed)
    if refused is None:
        return _act(work, claimed)
    work.counts["refused"] += 1
    work.log.warning("refused after the claim", check=refused.value, grant=claimed.read.grant.grant_id)
    return work.scribe.refusal(claimed.read, refused, work.clock.wall_ms(), claimed=claimed.claim_id)


def _late(claimed: Claimed) -> Check | None:
    # INVARIANT: a claim appended at or after the expiry has no effect; the gate judges by the same time.
    return Check.CLAIM_LATE if claimed.appended_ms >= claimed.read.grant.expires_at_ms else None


def _stopped(work: Workplace, claimed: Claimed) -> Check | None:
    """Claims of a batch wait for their turn, and a process may have slept: look once more just before the act."""
    tables, now_ms, grant = work.tables.freshen(), work.clock.wall_ms(), claimed.read.grant
    own = tables.directory.executors.get(work.scribe.executor)
    if own is None or not work.is_enrolled(tables):
        return Check.REVOKED_EXECUTOR
    if now_ms >= claimed.appended_ms + own.lease_ms:
        # INVARIANT: the gate may have said `unknown` by now and a person may have settled it.
        return Check.LEASE_OVER
    return stopped(grant, tables, now_ms)


def _act(work: Workplace, claimed: Claimed) -> End:
    result, no_result = None, None
    work.fault(ExecutorStep.ACT)  # 5
    work.watchdog.rest("act")
    try:
        returned = work.handlers[claimed.action.type](claimed.action, claimed.read.grant)
        work.fault(ExecutorStep.RESULT)  # 6
        # What a handler yields it does while it is read: its errors are the action's.
        result = write_result(work.scribe, claimed.read, slices(returned), work.clock.wall_ms())
    except UnsendableError as error:
        no_result = error.code
        work.counts["withheld"] += 1
        work.log.warning("the result goes nowhere", code=no_result.value, grant=claimed.read.grant.grant_id)
    except Exception as error:  # noqa: BLE001  # whatever a handler raises: the action failed
        work.counts["failed"] += 1
        return work.scribe.failed(claimed.read, claimed.claim_id, work.clock.wall_ms(), error)
    finally:
        work.watchdog.beat("act")
    work.counts["executed"] += 1
    work.counts["results"] += result is not None
    return Executed(claimed, work.clock.wall_ms(), result, no_result)
