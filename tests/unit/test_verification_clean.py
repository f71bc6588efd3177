"""Histories that a gate which keeps its promises can write: the verifier finds nothing, and says what it looked at."""

import pytest

from sluicegate.processors.events import Event, Reason
from sluicegate.processors.verification import Invariant, Report, Verifier
from sluicegate.schemas.errors import InvariantError
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.testing.audit_history import LIFE_MS, WITHIN_MS, AuditHistory


def report_of(*histories: AuditHistory) -> Report:
    """The report on these histories."""
    verifier = Verifier()
    for history in histories:
        for placed in history.placed:
            verifier.take_placed(placed)
    return verifier.report()


def everything(partition: int = 0) -> AuditHistory:
    """Every way an action can go, in several transactions."""
    history = AuditHistory(partition)
    history.allow("a-1")
    history.ask("a-2")
    history.deny("a-3")
    history.bury("actions")
    history.tile()
    history.skip("actions", 2)
    history.claim("a-1")
    history.receive_result("a-1", 3)
    history.refuse_decision("a-2", "p-owner")
    history.approve_last("a-2", "p-1")
    history.bury("decisions", Reason.BAD_SIGNATURE)
    history.mask("a-1", 0)
    history.withhold("a-1", 1)
    history.repeat_batch("a-1", 1)
    history.mask("a-1", 2, count=3)
    history.refuse_batch("a-1")
    history.tile()
    history.claim("a-2")
    history.ignore(Event.CLAIM_IGNORED, "a-2", Reason.SECOND_CLAIM)
    history.ask("a-4")
    history.ask("a-5", {"security": 1, "data-owner": 1})
    history.approve("a-5", "p-1", ("data-owner", "security"))
    history.tile()
    history.approve_last("a-5", "p-2", people=("p-1",), requirement={"security": 1, "data-owner": 1})
    history.ask("a-6", superseded="a-4")
    history.reject("a-6", "p-2")
    history.repeat("a-6", OutcomeKind.REJECTED)
    history.conflict("a-6")
    history.tile()
    history.ask("a-7")
    history.ask("a-8")
    history.withdraw("a-7")
    history.allow("a-9")
    history.tile()
    history.wait(WITHIN_MS + LIFE_MS)
    history.lose("a-2")
    history.expire("a-8")
    history.lapse("a-9")
    history.claim_late("a-5")
    history.allow("a-10")
    history.tile()
    history.reconcile("a-2")
    history.refuse("a-10")
    history.ask("a-11")
    history.tile()
    return history


def test_everything_a_gate_can_do_is_clean() -> None:
    """A history with every kind of end has no violation and begins at the beginning."""
    report = report_of(everything())
    assert report.findings == ()
    assert report.ok
    assert report.is_complete
    assert report.verdict.startswith("clean: ")


def test_checks_say_what_they_looked_at() -> None:
    """Each check counts what it judged, so that a check of nothing is visible."""
    report = report_of(everything())
    assert report.check(Invariant.I1).checked == {
        "claims": 2, "receipts": 2, "reconciliations": 1, "unknown ends": 1,
    }  # fmt: skip
    assert report.check(Invariant.I3).checked["grants by people"] == 2
    assert report.check(Invariant.I3).checked["allowed grants"] == 3
    assert report.check(Invariant.I4).checked["actions"] == 11
    assert report.check(Invariant.I8).checked["late claims"] == 1
    assert report.check(Invariant.I12).checked["dead letters"] == 2
    assert report.check(Invariant.I13).checked == {
        "masked": 2, "refused": 1, "repeated": 1, "results compared": 1, "results complete": 1, "results told": 1,
        "withheld": 1,
    }  # fmt: skip
    assert report.check(Invariant.I5).checked["tiles"] == 8
    assert all(check.checked for check in report.checks)


def test_open_actions_are_counted_by_phase() -> None:
    """An action without a final outcome is no violation; it is reported as open."""
    history = AuditHistory()
    history.allow("a-1")
    history.allow("a-2")
    history.ask("a-3")
    history.claim("a-2")
    history.allow("a-4")
    history.claim("a-4")
    history.lose("a-4")
    history.tile()
    report = report_of(history)
    assert report.ok
    assert report.open == {"claimed": 1, "granted": 1, "unknown": 1, "waiting": 1}


def test_partitions_are_independent() -> None:
    """The same ids in two partitions are two histories."""
    report = report_of(everything(0), everything(1))
    assert report.ok
    assert report.partitions == 2
    assert report.check(Invariant.I4).checked["actions"] == 22


def test_an_empty_audit_proves_nothing() -> None:
    """No entries: not ok, and the verdict says that nothing was verified."""
    report = Verifier().report()
    assert not report.ok
    assert report.violations == 0
    assert "nothing to verify" in report.verdict
    assert all(check.checked == {} for check in report.checks)


def test_the_same_entry_twice_is_tolerated_and_counted() -> None:
    """A copy with the same content is not judged again."""
    history = AuditHistory()
    history.allow("a-1")
    history.placed.append(history.placed[-1].__class__(0, 2, history.now_ms, history.placed[-1].entry))
    history.tile()
    verifier = Verifier()
    for offset, placed in enumerate(history.placed):
        verifier.take(0, offset, placed.append_ms, placed.entry)
    report = verifier.report()
    assert report.ok
    assert report.copies == 1


def test_a_late_receipt_settles_an_unknown_end() -> None:
    """`unknown` is no end: the receipt of its claim may reconcile it."""
    history = AuditHistory()
    history.allow("a-1")
    history.claim("a-1")
    history.lose("a-1")
    history.tile()
    history.receive("a-1", OutcomeKind.RECONCILED)
    history.tile()
    assert report_of(history).findings == ()


def test_a_history_that_begins_later_is_judged_from_there() -> None:
    """What was issued before the first entry is no violation, and the verdict says where history begins."""
    history = everything()
    first_tile = next(i for i, placed in enumerate(history.placed) if placed.entry.tile)
    verifier = Verifier()
    for placed in history.placed[first_tile + 3 :]:
        verifier.take_placed(placed)
    report = verifier.report()
    assert report.findings == ()
    assert not report.is_complete
    assert "history begins at actions-0@" in report.verdict
    assert report.check(Invariant.I3).checked["before history"] >= 1


def test_an_id_may_be_used_again_after_its_action_ended() -> None:
    """After the closing window another record may carry an old id: a new action, with its own outcome."""
    history = AuditHistory()
    history.deny("a-1")
    history.tile()
    second = history.deny("a-1").model_copy(update={"action_digest": b"\2" * 32})
    history.placed[-1] = history.placed[-1].__class__(0, 3, history.now_ms, second)
    history.tile()
    assert report_of(history).findings == ()


def test_a_person_who_approved_may_still_reject() -> None:
    """A rejection after one's own approval counts: it only makes the answer stricter."""
    history = AuditHistory()
    history.ask("a-1", {"security": 2})
    history.approve("a-1", "p-1")
    history.reject("a-1", "p-1")
    history.tile()
    assert report_of(history).findings == ()


def test_entries_out_of_order_are_the_callers_error() -> None:
    """The verifier refuses to judge entries of one partition in another order than theirs."""
    history = everything()
    verifier = Verifier()
    verifier.take_placed(history.placed[1])
    with pytest.raises(InvariantError, match="in their order"):
        verifier.take_placed(history.placed[0])


def test_the_report_turns_into_json() -> None:
    """`to_json` holds every invariant with its sentence, counts and findings."""
    told = report_of(everything()).to_json()
    assert told["ok"] is True
    assert set(told["invariants"]) == {invariant.value for invariant in Invariant}
    assert all(check["violations"] == 0 and check["sentence"] for check in told["invariants"].values())
