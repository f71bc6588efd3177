"""What of all that was told about an action answers one wait."""

from typing import Any

import pytest

from sluicegate.schemas.outcome import Outcome, OutcomeKind
from sluicegate.streams.clients.outcome_history import Awaited, OutcomeHistory, Until

MINE, OTHER = b"m" * 32, b"o" * 32


def outcome(name: str, kind: OutcomeKind = OutcomeKind.EXECUTED, **fields: Any) -> Outcome:
    """An outcome of one action."""
    given: dict[str, Any] = {"action_digest": MINE} | fields
    return Outcome(
        **given,
        outcome_id=name,
        action_id="a",
        lane="ops",
        agent="ops",
        outcome=kind,
        at_ms=1,
    )


def history(*told: tuple[int, Outcome]) -> OutcomeHistory:
    """A history with these outcomes by offset."""
    made = OutcomeHistory("ops", "a")
    for offset, one in told:
        made.add(offset, one.outcome_id.encode(), one)
    return made


def test_nothing_told_answers_nothing() -> None:
    """An empty history has no latest outcome."""
    assert history().latest(MINE) is None


def test_the_order_is_that_of_offsets_not_of_adding() -> None:
    """What was read back later does not hide what came after it."""
    made = history((9, outcome("oc-2")), (3, outcome("oc-1", OutcomeKind.PENDING)))
    assert made.latest(MINE) == outcome("oc-2")


@pytest.mark.parametrize("reason", ["conflict", "too-old", "from-the-future"])
def test_a_refused_copy_answers_only_its_own_sender(reason: str) -> None:
    """Such an outcome names one record and says nothing about the action under that id."""
    copy = outcome("oc-2", OutcomeKind.DENIED, reason=reason, action_digest=OTHER)
    made = history((1, outcome("oc-1", OutcomeKind.PENDING)), (2, copy))
    assert made.latest(MINE) == outcome("oc-1", OutcomeKind.PENDING)
    assert made.latest(OTHER) == copy
    assert made.latest(None) == outcome("oc-1", OutcomeKind.PENDING)


def test_a_stale_action_that_nothing_else_is_known_of_answers_who_asks_by_id() -> None:
    """But a conflict never does: the first record has outcomes of its own."""
    stale = outcome("oc-1", OutcomeKind.DENIED, reason="too-old", action_digest=OTHER)
    conflict = outcome("oc-2", OutcomeKind.DENIED, reason="conflict", action_digest=OTHER)
    assert history((1, stale)).latest(None) == stale
    assert history((1, conflict)).latest(None) is None


def test_a_repeated_refusal_is_about_the_action_itself() -> None:
    """A marker that says from-the-future answers every copy."""
    repeated = outcome(
        "oc-1", OutcomeKind.DENIED, reason="from-the-future", action_digest=OTHER, repeated=True
    )
    assert history((1, repeated)).latest(MINE) == repeated


def test_the_same_outcome_twice_counts_once() -> None:
    """The same bytes under one id are a copy."""
    made = history((1, outcome("oc-1")))
    assert made.add(2, b"oc-1", outcome("oc-1"))
    assert made.end == 1


def test_two_different_outcomes_under_one_id_are_both_refused() -> None:
    """The ghost of an abandoned transaction must not decide anything, whichever came first."""
    made = history((1, outcome("oc-0", OutcomeKind.PENDING)), (2, outcome("oc-1")))
    assert not made.add(3, b"ghost", outcome("oc-1", OutcomeKind.FAILED))
    assert made.latest(MINE) == outcome("oc-0", OutcomeKind.PENDING)


def test_what_was_told_before_sending_is_no_answer() -> None:
    """An id that was used, ended and forgotten may run again: only news counts."""
    made = history((5, outcome("oc-1")))
    assert Awaited(made, MINE, after=made.end).answer(Until.FINAL) is None
    made.add(6, b"oc-2", outcome("oc-2", OutcomeKind.DENIED))
    answer = Awaited(made, MINE, after=5).answer(Until.FINAL)
    assert answer is not None
    assert answer.outcome is OutcomeKind.DENIED


@pytest.mark.parametrize("kind", list(OutcomeKind))
def test_until_says_which_outcomes_end_a_wait(kind: OutcomeKind) -> None:
    """Everything but `pending` is a decision; `granted` and `unknown` are not the end."""
    assert Until.DECIDED.met_by(kind) is (kind is not OutcomeKind.PENDING)
    assert Until.FINAL.met_by(kind) is (
        kind not in {OutcomeKind.PENDING, OutcomeKind.GRANTED, OutcomeKind.UNKNOWN}
    )
