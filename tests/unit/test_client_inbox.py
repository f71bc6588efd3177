"""Rebuilding what waits for people from `approvals`."""

from typing import Any

from sluicegate.processors.contract import Position
from sluicegate.schemas.approval import (
    ApprovalRequest,
    FrozenRequirement,
    Reminder,
    Resolution,
    ResolutionKind,
    Tally,
    View,
)
from sluicegate.schemas.canonical import sha256
from sluicegate.streams.cli.reviews import reminder_in_words
from sluicegate.streams.clients.inbox import Alarm, AlarmReason, Inbox
from sluicegate.streams.clients.seen import Seen, Sighting

PLACE = Position("approvals", 0, 1)


def request(**changes: Any) -> ApprovalRequest:
    """A request that waits."""
    fields: dict[str, Any] = {
        "request_id": "rq-1",
        "action_id": "a",
        "action_digest": bytes(32),
        "lane": "ops",
        "agent": "ops",
        "type": "data.export",
        "requirement": FrozenRequirement(
            groups={"privacy": 1}, quorum=1, deadline_ms=1, reason_required=False, mask="pii-basic"
        ),
        "excluded": (),
        "rules": (),
        "whys": (),
        "policies": (),
        "view": View(text="{}", digest=sha256(b"{}"), complete=True),
        "requested_at_ms": 1,
    }
    return ApprovalRequest(**fields | changes)


def resolution() -> Resolution:
    """The end of that request."""
    return Resolution(
        request_id="rq-1",
        action_id="a",
        lane="ops",
        agent="ops",
        resolution=ResolutionKind.EXPIRED,
        people=(),
        resolved_at_ms=2,
    )


def test_a_request_waits_until_its_resolution() -> None:
    """Opened, then gone; a copy that comes later opens nothing again."""
    inbox = Inbox()
    assert inbox.take(request(), b"1", PLACE) == request()
    assert dict(inbox.open) == {"rq-1": request()}
    assert inbox.take(resolution(), b"2", PLACE) == resolution()
    assert not inbox.open
    assert inbox.take(request(), b"1", PLACE) is None
    assert inbox.take(request(revision=2), b"3", PLACE) is None
    assert not inbox.open


def test_the_latest_revision_wins_in_whatever_order_they_come() -> None:
    """A raised request takes the place of the earlier one, never the other way round."""
    inbox = Inbox()
    raised = request(revision=2)
    inbox.take(raised, b"2", PLACE)
    assert inbox.take(request(), b"1", PLACE) is None
    assert inbox.open["rq-1"] == raised


def test_two_versions_of_one_revision_are_both_refused_for_good() -> None:
    """Neither waits any more, and a later revision does not heal it."""
    inbox = Inbox()
    inbox.take(request(), b"1", PLACE)
    alarm = inbox.take(request(type="other"), b"2", PLACE)
    assert alarm == Alarm(AlarmReason.TWO_VERSIONS, PLACE, "rq-1")
    assert inbox.is_refused("rq-1")
    assert inbox.take(request(revision=2), b"3", PLACE) is None
    assert not inbox.open


def test_d3_a_view_that_is_not_what_its_digest_says_is_refused() -> None:
    """Nobody may decide on text that the digest does not name."""
    inbox = Inbox()
    forged = request(view=View(text='{"rows":1}', digest=sha256(b"{}"), complete=True))
    assert inbox.take(forged, b"1", PLACE) == Alarm(AlarmReason.VIEW_DIGEST, PLACE, "rq-1")
    assert inbox.is_refused("rq-1")


def test_a_tally_is_told_once_per_answer() -> None:
    """A copy is silent."""
    inbox = Inbox()
    tally = Tally(
        decision_id="de-1",
        request_id="rq-1",
        action_id="a",
        lane="ops",
        agent="ops",
        person=None,
        counted=False,
        reason="late",
        people=0,
        needed=1,
    )
    assert inbox.take(tally, b"1", PLACE) == tally
    assert inbox.take(tally, b"1", PLACE) is None


def test_what_is_remembered_is_bounded() -> None:
    """The oldest id is forgotten first."""
    seen = Seen(remembered=2)
    assert [seen.sight(name, b"x") for name in ("a", "b", "a", "c", "a")] == [
        Sighting.NEW,
        Sighting.NEW,
        Sighting.COPY,
        Sighting.NEW,
        Sighting.NEW,
    ]
    assert seen.sight("a", b"y") is Sighting.CONFLICT


def test_a_reminder_of_what_waits_is_told_once() -> None:
    """A copy says nothing new, and of what has ended or is not believed nobody is reminded."""
    inbox = Inbox()
    assert inbox.take(reminder(), b"early", PLACE) is None
    inbox = Inbox()
    inbox.take(request(), b"1", PLACE)
    assert inbox.take(reminder(), b"2", PLACE) == reminder()
    assert inbox.take(reminder(), b"2", PLACE) is None
    assert inbox.take(reminder(people=1), b"3", PLACE) == Alarm(AlarmReason.TWO_VERSIONS, PLACE, "rq-1@1")
    assert inbox.take(reminder(revision=2), b"4", PLACE) == reminder(revision=2)
    inbox.take(resolution(), b"5", PLACE)
    assert inbox.take(reminder(revision=3), b"6", PLACE) is None


def test_a_reminder_is_one_sentence() -> None:
    """How many have decided, how long is left, and which groups lack somebody."""
    said = reminder_in_words(reminder(open_groups=("privacy",)), now_ms=1_000)
    assert said == "reminder: 0 of 1 have decided, 10m 00s left; missing: privacy"
    assert reminder_in_words(reminder(), now_ms=10**9) == "reminder: 0 of 1 have decided, 0s left"


def reminder(**changes: Any) -> Reminder:
    """That the request still waits."""
    fields: dict[str, Any] = {
        "request_id": "rq-1",
        "action_id": "a",
        "lane": "ops",
        "agent": "ops",
        "type": "data.export",
        "deadline_ms": 601_000,
        "people": 0,
        "needed": 1,
        "reminded_at_ms": 1,
    }
    return Reminder(**fields | changes)
