"""One tampered history per rule of each invariant: each must be caught, by that invariant, at that entry."""

from collections.abc import Callable
from typing import Any

import pytest

from sluicegate.processors.events import Event, Reason
from sluicegate.processors.verification import Finding, Invariant, Placed, Report, Verifier
from sluicegate.processors.verification.chains import FORGOTTEN_MS
from sluicegate.schemas.audit import ActionOutcome, AuditEntry
from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.testing.audit_history import LIFE_MS, WITHIN_MS, AuditHistory

Tamper = Callable[[AuditHistory], None]


def report_of(entries: list[AuditEntry]) -> Report:
    """The report on these entries of partition 0, in this order."""
    verifier = Verifier()
    for offset, entry in enumerate(entries):
        verifier.take(0, offset, 1, entry)
    return verifier.report()


def findings_of(tamper: Tamper, invariant: Invariant) -> tuple[Finding, ...]:
    """What the check of one invariant finds in a history."""
    history = AuditHistory()
    tamper(history)
    history.tile()
    return report_of([placed.entry for placed in history.placed]).check(invariant).findings


def change(history: AuditHistory, **fields: Any) -> None:
    """Tamper with the entry written last."""
    last = history.placed[-1]
    entry = last.entry.model_copy(update=fields)
    history.placed[-1] = Placed(last.partition, last.offset, last.append_ms, entry)


# --- I1 -----------------------------------------------------------------------------------------------------------------


def claim_without_grant(history: AuditHistory) -> None:
    """No grant was ever issued."""
    history.ask("a-1")
    history.claim("a-1")


def claim_before_grant(history: AuditHistory) -> None:
    """The grant comes after its claim."""
    history.claim("a-1")
    history.allow("a-1")


def claim_by_another_executor(history: AuditHistory) -> None:
    """The claim is counted for another executor than the audience."""
    history.allow("a-1")
    history.claim("a-1")
    change(history, executor="hr")


def claim_of_another_action(history: AuditHistory) -> None:
    """The claim names a grant of another action."""
    history.allow("a-1")
    history.allow("a-2")
    history.claim("a-1")
    change(history, action_id="a-2")


def executed_without_claim(history: AuditHistory) -> None:
    """A receipt says executed, nobody claimed."""
    history.allow("a-1")
    history.receive("a-1")


def receipt_of_another_claim(history: AuditHistory) -> None:
    """The receipt names another claim than the counted one."""
    history.allow("a-1")
    history.claim("a-1")
    history.receive("a-1")
    change(history, claim_id="cl-other")


def unknown_without_claim(history: AuditHistory) -> None:
    """An unclaimed grant ends unknown."""
    history.allow("a-1")
    history.lose("a-1")


def reconciled_without_unknown(history: AuditHistory) -> None:
    """A person settles what was not unknown."""
    history.allow("a-1")
    history.claim("a-1")
    history.reconcile("a-1")


# --- I2 -----------------------------------------------------------------------------------------------------------------


def two_claims(history: AuditHistory) -> None:
    """A second claim is counted."""
    history.allow("a-1")
    history.claim("a-1")
    history.claim("a-1")
    change(history, claim_id="cl-2")


def two_receipts(history: AuditHistory) -> None:
    """A second receipt is counted."""
    history.allow("a-1")
    history.claim("a-1")
    history.receive("a-1")
    history.receive("a-1")


def claim_after_lapse(history: AuditHistory) -> None:
    """A lapsed grant is claimed."""
    history.allow("a-1")
    history.wait(LIFE_MS)
    history.lapse("a-1")
    history.claim("a-1")


def two_grants_of_one_id(history: AuditHistory) -> None:
    """A grant id is issued twice."""
    history.allow("a-1")
    history.allow("a-2")
    change(history, grant_id="gr-a-1")


def two_grants_of_one_action(history: AuditHistory) -> None:
    """An action that has a grant gets another."""
    history.allow("a-1")
    history.allow("a-1")
    change(history, grant_id="gr-2")


# --- I3 -----------------------------------------------------------------------------------------------------------------


def one_person_twice(history: AuditHistory) -> None:
    """One person fills both places."""
    history.ask("a-1", {"security": 2})
    history.approve("a-1", "p-1")
    history.approve_last("a-1", "p-1", people=("p-1",), requirement={"security": 2})


def one_person_for_two_groups(history: AuditHistory) -> None:
    """A person in both groups counts for both."""
    history.ask("a-1", {"security": 1, "privacy": 1})
    history.approve_last("a-1", "p-1", ("security", "privacy"), requirement={"security": 1, "privacy": 1})


def too_few_for_the_quorum(history: AuditHistory) -> None:
    """The groups are filled, the quorum is not."""
    history.ask("a-1", {"security": 1}, quorum=2)
    history.approve_last("a-1", "p-1", quorum=2)


def weaker_than_the_request(history: AuditHistory) -> None:
    """The grant asks for less than the request did: the stricter holds."""
    history.ask("a-1", {"security": 2})
    history.approve_last("a-1", "p-1", requirement={"security": 1})


def weaker_than_the_grant(history: AuditHistory) -> None:
    """The grant asks for more than it has, the request asked for less."""
    history.ask("a-1", {"security": 1})
    history.approve_last("a-1", "p-1", requirement={"security": 1, "privacy": 1}, quorum=2)


def wrong_group(history: AuditHistory) -> None:
    """The person is in none of the groups."""
    history.ask("a-1")
    history.approve_last("a-1", "p-1", ("sales",))


def the_owner_approves(history: AuditHistory) -> None:
    """A person in the request's origin set is counted."""
    history.ask("a-1", excluded=("p-1",))
    history.approve_last("a-1", "p-1", excluded=())


def excluded_at_the_grant(history: AuditHistory) -> None:
    """A person whom the grant excludes is among its people."""
    history.ask("a-1", {"security": 2}, excluded=())
    history.approve("a-1", "p-1")
    history.approve_last("a-1", "p-2", people=("p-1",), requirement={"security": 2}, excluded=("p-1",))


def a_person_nobody_counted(history: AuditHistory) -> None:
    """The grant names a person who never decided."""
    history.ask("a-1", {"security": 2})
    history.approve_last("a-1", "p-1", people=("p-2",), requirement={"security": 2})


def approval_of_another_request(history: AuditHistory) -> None:
    """An approval of one request is used for another."""
    history.ask("a-1", {"security": 2})
    history.ask("a-2")
    history.approve("a-2", "p-2")
    history.approve_last("a-1", "p-1", people=("p-2",), requirement={"security": 2})


def grant_without_request(history: AuditHistory) -> None:
    """A decision leads to a grant, nothing was asked."""
    history.approve_last("a-1", "p-1")


def grant_after_rejection(history: AuditHistory) -> None:
    """A rejection is final."""
    history.ask("a-1")
    history.reject("a-1", "p-2")
    history.approve_last("a-1", "p-1")


def grant_after_expiry(history: AuditHistory) -> None:
    """An expired request is granted."""
    history.ask("a-1")
    history.wait(WITHIN_MS)
    history.expire("a-1")
    history.approve_last("a-1", "p-1")


def reminded_twice(history: AuditHistory) -> None:
    """People are reminded twice of a request that nobody raised in between."""
    history.ask("a-1")
    history.remind("a-1")
    history.remind("a-1", 2)


def reminded_after_the_end(history: AuditHistory) -> None:
    """Of what has ended nobody is reminded."""
    history.ask("a-1")
    history.reject("a-1", "p-2")
    history.remind("a-1")


def reminded_of_another_action(history: AuditHistory) -> None:
    """The reminder names another action than its request."""
    history.ask("a-1")
    history.remind("a-1")
    change(history, action_id="a-2")


def late_approval(history: AuditHistory) -> None:
    """The approval was appended after the deadline."""
    history.ask("a-1")
    history.wait(WITHIN_MS + 1)
    history.approve_last("a-1", "p-1")


def allowed_with_a_requirement(history: AuditHistory) -> None:
    """The entry says people are needed, and that nobody was asked."""
    history.allow("a-1")
    change(history, requirement={"security": 1}, quorum=1)


def asks_for_nobody(history: AuditHistory) -> None:
    """An empty requirement never approves."""
    history.ask("a-1", {}, quorum=0)


def nobody_approved(history: AuditHistory) -> None:
    """The grant names no people."""
    history.ask("a-1")
    history.approve_last("a-1", "p-1")
    change(history, people=())


def reconciled_by_the_owner(history: AuditHistory) -> None:
    """Somebody behind the action settles its unknown end."""
    history.ask("a-1")
    history.approve_last("a-1", "p-1")
    history.claim("a-1")
    history.lose("a-1")
    history.reconcile("a-1", "p-owner")


# --- I4 -----------------------------------------------------------------------------------------------------------------


def two_final_outcomes(history: AuditHistory) -> None:
    """A withdrawn action is withdrawn again."""
    history.ask("a-1")
    history.withdraw("a-1")
    history.withdraw("a-1")


def the_same_record_runs_twice(history: AuditHistory) -> None:
    """A denied record is taken up again."""
    history.deny("a-1")
    history.deny("a-1")


def taken_up_while_open(history: AuditHistory) -> None:
    """An open action is taken up again."""
    history.ask("a-1")
    history.ask("a-1")
    change(history, request_id="rq-2", action_digest=sha256(b"other"))


def executed_after_unknown(history: AuditHistory) -> None:
    """Unknown can only be reconciled."""
    history.allow("a-1")
    history.claim("a-1")
    history.lose("a-1")
    history.receive("a-1", OutcomeKind.EXECUTED)


def outcome_that_does_not_follow(history: AuditHistory) -> None:
    """A denied action is told that it was executed."""
    history.deny("a-1")
    change(history, outcomes=(ActionOutcome(action_id="a-1", outcome=OutcomeKind.EXECUTED),))


def end_without_outcome(history: AuditHistory) -> None:
    """The agent is told nothing."""
    history.deny("a-1")
    change(history, outcomes=(), written=())


def outcome_of_a_stranger(history: AuditHistory) -> None:
    """An ignored claim ends the action all the same."""
    history.allow("a-1")
    history.ignore(Event.CLAIM_IGNORED, "a-1", Reason.NOT_THE_AUDIENCE)
    change(history, outcomes=(ActionOutcome(action_id="a-1", outcome=OutcomeKind.REFUSED),))


def outcome_of_nothing(history: AuditHistory) -> None:
    """An action that was never taken up ends."""
    history.withdraw("a-1")


# --- I5 -----------------------------------------------------------------------------------------------------------------


def gap_between_tiles(history: AuditHistory) -> None:
    """Positions are in no tile."""
    history.allow("a-1")
    history.tile()
    tile = history.placed[-1].entry.tile
    assert tile is not None
    history.skip("actions", 3)
    history._covered = dict(history._next)
    history.allow("a-2")


def overlap_of_tiles(history: AuditHistory) -> None:
    """Positions are in two tiles."""
    history.allow("a-1")
    history.tile()
    history._covered["actions"] = 0
    history.allow("a-2")


def another_input_begins_late(history: AuditHistory) -> None:
    """The first tile of a second input does not begin at 0."""
    history.allow("a-1")
    history.tile()
    history._covered["receipts"] = history._next["receipts"] = 7
    history.claim("a-1")


def count_of_the_tile(history: AuditHistory) -> None:
    """The tile counts more records than are there."""
    history.allow("a-1")
    history.deny("a-2")
    del history.placed[-1]


def leaf_outside_its_tile(history: AuditHistory) -> None:
    """The leaf is of another position than the tile covers."""
    history.allow("a-1")
    leaf = history.placed[-1].entry.leaf
    assert leaf is not None
    change(history, leaf=leaf.model_copy(update={"offset": 12}))


def leaf_of_another_partition(history: AuditHistory) -> None:
    """The leaf is of another partition."""
    history.allow("a-1")
    leaf = history.placed[-1].entry.leaf
    assert leaf is not None
    change(history, leaf=leaf.model_copy(update={"partition": 3}))


def one_position_two_leaves(history: AuditHistory) -> None:
    """Two entries say different things about one position."""
    history.allow("a-1")
    leaf = history.placed[-1].entry.leaf
    assert leaf is not None
    history.deny("a-2")
    change(history, leaf=leaf.model_copy(update={"value": sha256(b"other")}))


def missing_output(history: AuditHistory) -> None:
    """An ordinal is missing."""
    history.allow("a-1")
    change(history, written=history.placed[-1].entry.written[1:])


def grant_that_nobody_wrote(history: AuditHistory) -> None:
    """The entry issues a grant, no record of it was written."""
    history.allow("a-1")
    outcome = history.placed[-1].entry.written[1].model_copy(update={"ordinal": 0})
    change(history, written=(outcome,))


def grant_without_saying_so(history: AuditHistory) -> None:
    """A denied action writes to an executor."""
    history.deny("a-1")
    outcome = history.placed[-1].entry.written[0]
    grant = outcome.model_copy(update={"topic": "execution.crm", "ordinal": 1})
    change(history, written=(outcome, grant))


def tables_nobody_adopted(history: AuditHistory) -> None:
    """The tile was made under other positions of the tables than were adopted."""
    history.allow("a-1")
    history.adopt({"controls": 1, "identities": 10, "policies": 2})


# --- I8 -----------------------------------------------------------------------------------------------------------------


def claim_counted_at_the_expiry(history: AuditHistory) -> None:
    """At the expiry is too late."""
    history.allow("a-1")
    history.wait(LIFE_MS)
    history.claim("a-1")


def late_claim_in_time(history: AuditHistory) -> None:
    """One millisecond before the expiry is in time."""
    history.allow("a-1")
    history.wait(LIFE_MS - 1)
    history.claim_late("a-1")


def late_claim_without_end(history: AuditHistory) -> None:
    """A late claim must end refused."""
    history.allow("a-1")
    history.wait(LIFE_MS)
    history.claim_late("a-1")
    change(history, outcomes=(), written=())


def grant_without_expiry(history: AuditHistory) -> None:
    """A grant must expire."""
    history.allow("a-1")
    change(history, expires_at_ms=None)


# --- I12 and the entries themselves -------------------------------------------------------------------------------------


def lost_dead_letter(history: AuditHistory) -> None:
    """The unreadable bytes were not kept."""
    history.bury("actions")
    change(history, written=())


def dead_letter_elsewhere(history: AuditHistory) -> None:
    """They were kept under another input's name."""
    history.bury("actions")
    record = history.placed[-1].entry.written[0]
    change(history, written=(record.model_copy(update={"topic": "dlq.receipts"}),))


def refusal_without_reason(history: AuditHistory) -> None:
    """A denial that does not say why."""
    history.deny("a-1")
    change(history, reason=None)


def one_id_two_entries(history: AuditHistory) -> None:
    """Two entries with one id and other content."""
    history.allow("a-1")
    entry_id = history.placed[-1].entry.entry_id
    history.deny("a-2")
    change(history, entry_id=entry_id)


def unknown_event(history: AuditHistory) -> None:
    """A word that this version does not know."""
    history.allow("a-1")
    change(history, event="action.whatever")


def record_without_leaf(history: AuditHistory) -> None:
    """A consumed record has a leaf."""
    history.allow("a-1")
    change(history, leaf=None)


def entry_of_another_partition(history: AuditHistory) -> None:
    """An entry was copied from another partition."""
    history.allow("a-1")
    change(history, partition=4)


def batch_of_the_gate(history: AuditHistory) -> None:
    """An entry about a batch says that the gate wrote it."""
    history.allow("a-1")
    history.mask("a-1", 0)
    change(history, processor="gate")


# --- I13 ----------------------------------------------------------------------------------------------------------------


def stream_batch(history: AuditHistory, name: str, sequence: int) -> None:
    """A batch of a standing stream."""
    history.record(
        Event.BATCH_MASKED,
        "exports.raw",
        writes=("exports.masked",),
        stream="nightly",
        executor="crm-pipeline",
        batch_id=f"ba-{name}",
        batch_digest=sha256(name.encode()),
        sequence=sequence,
        profile="pii-basic",
    )


def returned(history: AuditHistory) -> None:
    """An action that was executed and returned one batch so far."""
    history.allow("a-1")
    history.claim("a-1")
    history.tile()
    history.mask("a-1", 0)


def result_without_grant(history: AuditHistory) -> None:
    """A result of an action that nobody granted."""
    history.deny("a-1")
    history.tile()
    history.mask("a-1", 0)


def result_of_another_executor(history: AuditHistory) -> None:
    """An executor returns what another was granted."""
    history.allow("a-1")
    history.tile()
    history.mask("a-1", 0)
    change(history, executor="hr")


def missing_batch(history: AuditHistory) -> None:
    """One batch between two others is not there."""
    returned(history)
    history.mask("a-1", 2)


def the_same_batch_twice(history: AuditHistory) -> None:
    """A batch was handed on a second time."""
    returned(history)
    history.mask("a-1", 0)


def batch_after_the_last(history: AuditHistory) -> None:
    """Something was added to a complete result."""
    returned(history)
    history.mask("a-1", 1, count=2)
    history.mask("a-1", 2)


def wrong_number_of_batches(history: AuditHistory) -> None:
    """The last batch says that there are more."""
    returned(history)
    history.mask("a-1", 1, count=3)


def masked_and_not_written(history: AuditHistory) -> None:
    """A batch was masked and nothing was handed on."""
    returned(history)
    change(history, written=())


def withheld_and_handed_on(history: AuditHistory) -> None:
    """A batch was withheld, and written as if it had passed."""
    returned(history)
    history.withhold("a-1", 1)
    change(history, written=history.placed[-2].entry.written)


def withheld_without_reason(history: AuditHistory) -> None:
    """A batch was withheld, and nobody said why."""
    returned(history)
    history.withhold("a-1", 1)
    change(history, reasons=())


def repetition_of_nothing(history: AuditHistory) -> None:
    """A batch that never came was called a repetition."""
    returned(history)
    history.repeat_batch("a-1", 1)


def receipt_of_another_result(history: AuditHistory) -> None:
    """The receipt names another last batch than masking saw."""
    returned(history)
    history.mask("a-1", 1, count=2)
    history.receive_result("a-1", 2)
    change(history, result_digest=sha256(b"another"))


def receipt_of_a_shorter_result(history: AuditHistory) -> None:
    """The receipt, which came first, names fewer batches."""
    returned(history)
    history.receive_result("a-1", 1)
    history.mask("a-1", 1, count=2)


def batch_of_nothing(history: AuditHistory) -> None:
    """A batch of neither a grant nor a stream."""
    returned(history)
    change(history, grant_id=None)


def batch_without_a_place(history: AuditHistory) -> None:
    """An entry about a batch does not say which one."""
    returned(history)
    change(history, batch_digest=None)


def stream_with_a_gap(history: AuditHistory) -> None:
    """A stream lost a batch."""
    stream_batch(history, "first", 0)
    stream_batch(history, "third", 2)


def stream_that_begins_again(history: AuditHistory) -> None:
    """A stream begins again at once, as a replay of its first batch would."""
    stream_batch(history, "first", 0)
    stream_batch(history, "second", 0)


CASES: dict[Invariant, tuple[Tamper, ...]] = {
    Invariant.I1: (
        claim_without_grant,
        claim_before_grant,
        claim_by_another_executor,
        claim_of_another_action,
        executed_without_claim,
        receipt_of_another_claim,
        unknown_without_claim,
        reconciled_without_unknown,
    ),
    Invariant.I2: (
        two_claims,
        two_receipts,
        claim_after_lapse,
        two_grants_of_one_id,
        two_grants_of_one_action,
    ),
    Invariant.I3: (
        one_person_twice,
        one_person_for_two_groups,
        too_few_for_the_quorum,
        weaker_than_the_request,
        weaker_than_the_grant,
        wrong_group,
        the_owner_approves,
        excluded_at_the_grant,
        a_person_nobody_counted,
        approval_of_another_request,
        grant_without_request,
        grant_after_rejection,
        grant_after_expiry,
        reminded_twice,
        reminded_after_the_end,
        reminded_of_another_action,
        late_approval,
        allowed_with_a_requirement,
        asks_for_nobody,
        nobody_approved,
        reconciled_by_the_owner,
    ),
    Invariant.I4: (
        two_final_outcomes,
        the_same_record_runs_twice,
        taken_up_while_open,
        executed_after_unknown,
        outcome_that_does_not_follow,
        end_without_outcome,
        outcome_of_a_stranger,
        outcome_of_nothing,
    ),
    Invariant.I5: (
        gap_between_tiles,
        overlap_of_tiles,
        another_input_begins_late,
        count_of_the_tile,
        leaf_outside_its_tile,
        leaf_of_another_partition,
        one_position_two_leaves,
        missing_output,
        grant_that_nobody_wrote,
        grant_without_saying_so,
        tables_nobody_adopted,
    ),
    Invariant.I8: (
        claim_counted_at_the_expiry,
        late_claim_in_time,
        late_claim_without_end,
        grant_without_expiry,
    ),
    Invariant.I12: (lost_dead_letter, dead_letter_elsewhere, refusal_without_reason),
    Invariant.I13: (
        result_without_grant,
        result_of_another_executor,
        missing_batch,
        the_same_batch_twice,
        batch_after_the_last,
        wrong_number_of_batches,
        masked_and_not_written,
        withheld_and_handed_on,
        withheld_without_reason,
        repetition_of_nothing,
        receipt_of_another_result,
        receipt_of_a_shorter_result,
        batch_of_nothing,
        batch_without_a_place,
        stream_with_a_gap,
        stream_that_begins_again,
    ),
    Invariant.ENTRIES: (
        one_id_two_entries,
        unknown_event,
        record_without_leaf,
        entry_of_another_partition,
        batch_of_the_gate,
    ),
}


@pytest.mark.parametrize(
    ("invariant", "tamper"),
    [(invariant, tamper) for invariant, tampers in CASES.items() for tamper in tampers],
)
def test_tampering_is_found(invariant: Invariant, tamper: Tamper) -> None:
    """Each tampered history breaks its invariant, and the finding names place and ids."""
    findings = findings_of(tamper, invariant)
    assert findings
    assert all(finding.sentence and finding.ids for finding in findings)


def test_a_stream_that_was_silent_for_long_may_begin_again() -> None:
    """Masking has forgotten its chain by then, and refuses whatever is old enough to be of it."""
    history = AuditHistory()
    stream_batch(history, "first", 0)
    history.wait(FORGOTTEN_MS)
    stream_batch(history, "second", 0)
    history.tile()
    assert report_of([placed.entry for placed in history.placed]).ok


def test_a_history_that_begins_in_the_middle_of_a_result_is_no_violation() -> None:
    """What retention has taken is counted, not guessed about."""
    history = AuditHistory()
    history.deny("a-2")
    history.tile()
    history.skip("exports.raw", 3)
    history.mask("a-1", 3, count=4)
    history.tile()
    placed = [one.entry for one in history.placed]
    report = report_of(placed)
    assert report.check(Invariant.I13).findings
    cut = [entry for entry in placed if entry.processor == "masking"]
    tile = cut[-1]
    assert tile.tile is not None
    begin = tile.tile.inputs[0].model_copy(update={"start": 3})
    cut[-1] = tile.model_copy(update={"tile": tile.tile.model_copy(update={"inputs": (begin,)})})
    report = report_of(cut)
    assert report.check(Invariant.I13).findings == ()
    assert report.check(Invariant.I13).checked["before history"] == 1


def test_every_invariant_has_a_tampered_history() -> None:
    """No check goes untested."""
    assert set(CASES) == set(Invariant)


def test_two_contents_under_one_id_are_an_alarm() -> None:
    """Ids derive from input positions, so only a second writer explains two contents of one id."""
    assert [finding.alarm for finding in findings_of(one_id_two_entries, Invariant.ENTRIES)] == [True]


def test_a_missing_last_tile_is_found() -> None:
    """Entries whose transaction has no tile are reported, not forgotten."""
    history = AuditHistory()
    history.allow("a-1")
    found = report_of([placed.entry for placed in history.placed]).check(Invariant.I5).findings
    assert [finding.sentence for finding in found] == ["the last 2 entries have no tile"]


def test_a_tile_for_the_verifier_cut_off_at_the_front_is_no_gap() -> None:
    """Dropping the first transaction cannot be told from retention: it is said, not counted as a violation."""
    history = AuditHistory()
    history.deny("a-1")
    history.tile()
    history.deny("a-2")
    history.tile()
    report = report_of([placed.entry for placed in history.placed[3:]])
    assert report.ok
    assert not report.is_complete
