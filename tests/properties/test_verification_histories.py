"""Random valid histories pass; a dropped, altered or misplaced entry does not."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.processors.events import Event, Reason
from sluicegate.processors.verification import Invariant, Placed, Report, Verifier
from sluicegate.processors.verification.seating import enough
from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.outcome import OutcomeKind
from sluicegate.streams.testing.audit_history import LIFE_MS, WITHIN_MS, AuditHistory

STEPS = {
    None: ("allow", "ask", "deny"),
    "waiting": ("approve_last", "reject", "refuse_decision", "withdraw", "expire", "conflict"),
    "granted": ("claim", "refuse", "lapse", "claim_late"),
    "claimed": ("receive", "lose", "second_claim"),
    "unknown": ("reconcile", "late_receipt"),
    "ended": ("repeat", "conflict"),
}
"""What may happen to an action next, by how far it has come."""

Script = list[tuple[int, int, int]]


def history_of(script: Script) -> AuditHistory:
    """Let each line choose an action and one of its possible next steps; sometimes end the transaction."""
    history, phases = AuditHistory(), dict[str, str]()
    for number, choice, pause in script:
        action_id = f"a-{number}"
        possible = STEPS[phases.get(action_id)]
        after = _take(history, action_id, possible[choice % len(possible)])
        if after is not None:
            phases[action_id] = after
        if pause == 0:
            history.tile()
            history.skip("actions", choice)
        if pause == 1:
            history.bury("decisions")
    history.deny("the-last")
    history.tile()
    return history


def _take(history: AuditHistory, action_id: str, step: str) -> str | None:
    match step:
        case "expire" | "lapse" | "claim_late":
            # The others were claimed and decided before: only this action's times have run out.
            history.wait(WITHIN_MS if step == "expire" else LIFE_MS)
            getattr(history, step)(action_id)
            history.wait(-(WITHIN_MS if step == "expire" else LIFE_MS))
        case "approve_last" | "reject" | "refuse_decision":
            getattr(history, step)(action_id, "p-1")
        case "second_claim":
            history.ignore(Event.CLAIM_IGNORED, action_id, Reason.SECOND_CLAIM)
        case "late_receipt":
            history.receive(action_id, OutcomeKind.RECONCILED)
        case "repeat":
            history.repeat(action_id, OutcomeKind.DENIED)
        case _:
            getattr(history, step)(action_id)
    if step == "conflict":
        # Two copies with the same bytes would be two positions with two entries: nothing more to tell.
        return None
    return {
        "allow": "granted", "ask": "waiting", "approve_last": "granted", "claim": "claimed", "lose": "unknown",
        "refuse_decision": None, "second_claim": None, "repeat": None,
    }.get(step, "ended")  # fmt: skip


scripts = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 4)), min_size=1, max_size=40
)


def report_of(entries: Sequence[AuditEntry]) -> Report:
    """The report on these entries, in this order, as if they stood one after the other."""
    verifier = Verifier()
    for offset, entry in enumerate(entries):
        verifier.take(0, offset, 1, entry)
    return verifier.report()


def entries_of(placed: Sequence[Placed]) -> list[AuditEntry]:
    """Only the entries."""
    return [one.entry for one in placed]


def proves(report: Report) -> bool:
    """Whether a reader would take the history for whole and right."""
    return report.ok and report.is_complete


@settings(deadline=None)
@given(scripts)
def test_a_valid_history_verifies(script: Script) -> None:
    """Whatever a gate that keeps its promises writes is clean."""
    report = report_of(entries_of(history_of(script).placed))
    assert [str(finding) for finding in report.findings] == []
    assert proves(report)


@settings(deadline=None)
@given(scripts, st.data())
def test_a_dropped_entry_is_noticed(script: Script, data: st.DataObject) -> None:
    """Any one entry missing, tiles and adoptions included, is a violation."""
    entries = entries_of(history_of(script).placed)
    del entries[data.draw(st.integers(0, len(entries) - 1))]
    assert not report_of(entries).ok


@settings(deadline=None)
@given(scripts, st.data())
def test_a_dropped_run_of_entries_is_noticed(script: Script, data: st.DataObject) -> None:
    """Any run of entries missing from the middle is noticed; from the front it makes the history incomplete."""
    entries = entries_of(history_of(script).placed)
    start = data.draw(st.integers(0, len(entries) - 2))
    end = data.draw(st.integers(start + 1, len(entries) - 1))
    assert not proves(report_of(entries[:start] + entries[end:]))


@settings(deadline=None)
@given(scripts, st.data())
def test_a_doubled_entry_is_tolerated_and_counted(script: Script, data: st.DataObject) -> None:
    """The same entry again, anywhere behind itself, changes no judgement."""
    entries = entries_of(history_of(script).placed)
    which = data.draw(st.integers(0, len(entries) - 1))
    # Behind a tile its copy would end the next transaction.
    where = which + 1 if entries[which].tile else data.draw(st.integers(which + 1, len(entries)))
    report = report_of([*entries[:where], entries[which], *entries[where:]])
    assert report.ok
    assert report.copies == 1


@settings(deadline=None)
@given(scripts, st.data())
def test_another_content_under_a_used_id_is_an_alarm(script: Script, data: st.DataObject) -> None:
    """The same id with anything else in it."""
    entries = entries_of(history_of(script).placed)
    which = data.draw(st.integers(0, len(entries) - 2))
    other = entries[which].model_copy(update={"at_ms": 1})
    report = report_of([*entries[: which + 1], other, *entries[which + 1 :]])
    assert any(finding.alarm for finding in report.check(Invariant.ENTRIES).findings)


@settings(deadline=None)
@given(scripts, st.data())
def test_a_record_that_came_in_twice_is_noticed(script: Script, data: st.DataObject) -> None:
    """An entry under a new id for a position that has one already: the tile does not hold both."""
    entries = entries_of(history_of(script).placed)
    which = data.draw(st.sampled_from([i for i, entry in enumerate(entries) if entry.leaf]))
    twin = entries[which].model_copy(update={"entry_id": "en-twin"})
    assert not report_of([*entries[: which + 1], twin, *entries[which + 1 :]]).ok


@settings(deadline=None)
@given(scripts, st.data())
def test_swapped_entries_are_noticed_where_order_is_promised(script: Script, data: st.DataObject) -> None:
    """Two records of one input in the wrong order, or an entry on the wrong side of its tile."""
    entries = entries_of(history_of(script).placed)
    which = data.draw(st.integers(0, len(entries) - 2))
    one, two = entries[which : which + 2]
    entries[which : which + 2] = [two, one]
    same_input = one.leaf is not None and two.leaf is not None and one.leaf.topic == two.leaf.topic
    if same_input or one.tile or two.tile:
        assert not report_of(entries).ok


people = st.dictionaries(
    st.sampled_from("pqrst"), st.frozensets(st.sampled_from("abc"), max_size=3), max_size=5
)
groups = st.dictionaries(st.sampled_from("abc"), st.integers(1, 2), min_size=1, max_size=3)


def by_trying(places: list[str], there: dict[str, frozenset[str]]) -> bool:
    """Whether the places can be filled, by trying everybody everywhere."""
    if not places:
        return True
    return any(
        places[0] in spoken
        and by_trying(places[1:], {other: has for other, has in there.items() if other != person})
        for person, spoken in there.items()
    )


@settings(deadline=None)
@given(groups, st.integers(0, 5), people)
def test_seating_is_what_trying_everything_finds(
    asked: dict[str, int], quorum: int, there: dict[str, frozenset[str]]
) -> None:
    """The matching finds a seating exactly when one exists; a quorum of none is never met."""
    places = [group for group, count in asked.items() for _ in range(count)]
    expected = quorum >= 1 and len(there) >= quorum and by_trying(places, there)
    assert enough(asked, quorum, there) is expected
