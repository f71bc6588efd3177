"""How a call of a gated function ends, for every outcome that ends it."""

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from sluicegate.schemas.errors import InvariantError, RefusedError, WithheldError
from sluicegate.schemas.outcome import Outcome, OutcomeKind
from sluicegate.streams.clients.gated_ends import has_run, noting, result_of
from sluicegate.streams.clients.results_answer import Answer
from sluicegate.streams.clients.results_chain import Result


def ended(outcome: OutcomeKind, reason: str | None = None, *, result: object = None) -> Answer:
    """An answer that says so; with a result, its outcome names one."""
    told = Outcome(
        outcome_id="oc-1",
        action_id="ac-1",
        action_digest=bytes(32),
        lane="ops",
        agent="ops",
        outcome=outcome,
        reason=reason,
        grant_id="gr-1",
        result_digest=None if result is None else bytes(32),
        at_ms=0,
    )
    return Answer.of(told, None if result is None else Result(result, "pii-basic"))


def test_what_a_late_receipt_brings_is_returned() -> None:
    """It ran; the caller still waits and must not believe that it did not."""
    answer = ended(OutcomeKind.RECONCILED, "late-receipt", result={"ok": True})
    assert has_run("iam.grant", answer)
    assert result_of("iam.grant", answer) == {"ok": True}


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("late-receipt", WithheldError),
        ("executed", WithheldError),
        ("late-failure", InvariantError),
        ("failed", InvariantError),
    ],
)
def test_what_was_settled_after_its_lease_is_never_called_not_run(
    reason: str, error: type[Exception]
) -> None:
    """Whoever reads `was not run` runs it again."""
    with pytest.raises(error):
        has_run("iam.grant", ended(OutcomeKind.RECONCILED, reason))


def test_what_its_executor_refused_late_was_not_run() -> None:
    """Claims wait for their turn: one whose lease was over by then is refused, and the gate hears of it after the lease."""
    with pytest.raises(RefusedError, match=r"was not run: reconciled \(late-refusal"):
        has_run("iam.grant", ended(OutcomeKind.RECONCILED, "late-refusal"))


def test_what_was_rejected_was_not_run() -> None:
    """With the outcome, for whoever reads the error."""
    with pytest.raises(RefusedError, match=r"was not run: rejected"):
        has_run("iam.grant", ended(OutcomeKind.REJECTED))


def test_the_error_of_an_iterator_is_the_runs() -> None:
    """A generator runs while it is read: its caller must not take a half-read one for a success."""

    def half() -> Iterator[int]:
        yield 1
        raise ValueError("half way")

    ran: Future[None] = Future()
    with pytest.raises(ValueError, match="half way"):
        list(noting(half(), ran))
    assert isinstance(ran.exception(0), ValueError)


@pytest.mark.parametrize("is_read_whole", [True, False])
def test_an_iterator_has_run_once_it_is_read_or_left(*, is_read_whole: bool) -> None:
    """The executor stops reading where a result becomes too large."""
    ran: Future[None] = Future()
    records = noting(iter([1, 2]), ran)
    assert next(records) == 1
    assert not ran.done()
    if is_read_whole:
        assert list(records) == [2]
    else:
        records.close()  # type: ignore[attr-defined]  # it is a generator
    assert ran.result(0) is None
