"""How a call of a gated function ends: with what may leave, or with an error that says whether the function has run."""

from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

from sluicegate.processors.events import Reason
from sluicegate.schemas.decision import Settled
from sluicegate.schemas.errors import InvariantError, RefusedError, WithheldError
from sluicegate.schemas.outcome import OutcomeKind

from .results_answer import Answer


def has_run(action_type: str, answer: Answer) -> bool:
    """Whether it was executed and its result is in the answer; False for one that failed.

    RefusedError for one that was not run. Of one that was settled after its lease nothing comes back unless a late receipt
    names a result: WithheldError when receipt or person say that it ran, InvariantError when they say that it failed.
    """
    match answer.outcome:
        case OutcomeKind.EXECUTED:
            return True
        case OutcomeKind.FAILED:
            return False
        case OutcomeKind.RECONCILED:
            return _was_told_late(action_type, answer)
    reason = f" ({answer.reason})" if answer.reason else ""
    raise RefusedError(f"`{action_type}` was not run: {answer.outcome.value}{reason}")


def _was_told_late(action_type: str, answer: Answer) -> bool:
    if answer.result_digest is not None:
        return True
    if answer.reason == Reason.LATE_REFUSAL:
        raise RefusedError(f"`{action_type}` was not run: reconciled ({answer.reason})")
    if answer.reason in {Settled.EXECUTED, Reason.LATE_RECEIPT}:
        raise WithheldError(
            f"`{action_type}` has run, as was told after its lease ({answer.reason}); no result comes back"
        )
    raise InvariantError(
        f"`{action_type}` may have run: reconciled ({answer.reason}); look before you call it again"
    )


def result_of(action_type: str, answer: Answer) -> Any:
    """What it returned, masked; WithheldError when that does not come back."""
    if answer.release:
        raise WithheldError(
            f"`{action_type}` has run, and people still decide whether its result comes back ({', '.join(answer.release)}): "
            "wait for the action again, do not call it again"
        )
    if answer.withheld:
        raise WithheldError(
            f"`{action_type}` has run, and its result is in quarantine ({', '.join(answer.withheld)}); do not call it again for it"
        )
    if answer.outcome is OutcomeKind.EXECUTED and answer.reason is not None:
        raise WithheldError(
            f"`{action_type}` has run, and its result does not come back ({answer.reason}); return less, or JSON"
        )
    return answer.result


def noting(records: Iterator[Any], ran: "Future[None]") -> Iterator[Any]:
    """The same records; what a function does while they are read belongs to its run, and so does its error."""
    try:
        yield from records
    except GeneratorExit:
        ran.set_result(None)
        raise
    except BaseException as error:
        ran.set_exception(error)
        raise
    ran.set_result(None)


def elsewhere(action_type: str, ran: "Future[None]") -> BaseException:
    """What to raise when waiting for the run took too long: the function's own error, or that nothing ran here."""
    if ran.done():
        return ran.exception() or InvariantError("the function ended without an end")
    return InvariantError(
        f"`{action_type}` failed in another process of its executor, so its error is not here"
    )


def unfinished(action_type: str) -> InvariantError:
    """It ran here without an error, and its receipt says that it failed."""
    return InvariantError(
        f"`{action_type}` has run, and its executor could not finish; look before you call it again"
    )
