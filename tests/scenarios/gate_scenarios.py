"""What must happen to actions, and what must never: written once, played on the driver and on a real Kafka.

A test folder inherits `GateScenarios` and gives it a fixture `world`; the fixture verifies the audit log after each scenario.
"""

import pytest
from bad_records import BAD_RECORDS, Attacker, Bad
from gate_world import OWNER, Asked, Raw, World

from sluicegate.processors.events import Event, Reason
from sluicegate.schemas import codec
from sluicegate.schemas.approval import Tally
from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.decision import Choice, Settled
from sluicegate.schemas.envelope import payload_type_of
from sluicegate.schemas.grant import Grant
from sluicegate.schemas.ids import partition_of
from sluicegate.schemas.outcome import OutcomeKind as Told
from sluicegate.streams.clients.execution_records import ReadGrant, Scribe


class GateScenarios:
    """Every ending an action can have, and every refusal, with the sentence in `show`."""

    def test_an_allowed_action_is_executed_once(self, world: World) -> None:
        """What the policy allows is granted at once, done once, and told."""
        asked = world.submit(world.agent(), "ward.read", {"ward": 3})
        world.outcome(asked, Told.EXECUTED)
        assert world.told(asked) == [Told.GRANTED, Told.EXECUTED]
        assert world.effects(asked) == 1

    def test_two_groups_approve_and_it_is_executed_once(self, world: World) -> None:
        """Neither group is enough; with both it is granted, and done once."""
        asked = world.submit(world.agent(), "data.export", {"rows": 120})
        request = world.request(asked)
        first = world.decide("ines", request)
        assert (first.counted, first.people, first.needed) == (True, 1, 2)
        assert world.told(asked) == [Told.PENDING]
        second = world.decide("mara", request)
        assert (second.counted, second.people) == (True, 2)
        world.outcome(asked, Told.EXECUTED)
        assert world.told(asked) == [Told.PENDING, Told.GRANTED, Told.EXECUTED]
        assert world.effects(asked) == 1

    def test_one_rejection_is_final(self, world: World) -> None:
        """After an approval, one rejection ends it; a later approval does not count."""
        asked = world.submit(world.agent(), "data.export", {"rows": 90_000})
        request = world.request(asked)
        world.decide("ines", request)
        assert world.decide("mara", request, Choice.REJECT).counted
        world.outcome(asked, Told.REJECTED)
        assert_refused(world, asked, world.decide("dara", request), Reason.NOT_WAITING)
        assert world.effects(asked) == 0

    def test_a_denied_action_is_never_done(self, world: World) -> None:
        """A rule that denies names itself; a type nobody knows, and one that nobody executes, are denied too."""
        dropped = world.submit(world.agent(), "data.drop", {"table": "patients"})
        outcome = world.outcome(dropped, Told.DENIED)
        assert (outcome.reason, outcome.rules) == (Reason.POLICY, ("scenarios/drops-never",))
        for action_type, reason in (
            ("pharmacy.order", Reason.POLICY_DEFAULT),
            ("roof.open", Reason.NO_EXECUTOR),
        ):
            asked = world.submit(world.agent(), action_type)
            assert world.outcome(asked, Told.DENIED).reason == reason
            assert reason in codes(world, asked)
            assert world.effects(asked) == 0

    def test_a_request_nobody_answers_expires(self, world: World) -> None:
        """Past its deadline it ends as expired, and a decision that comes afterwards does not count."""
        asked = world.submit(world.agent(), "device.reboot", {"device": 12})
        request = world.request(asked)
        assert world.outcome(asked, Told.EXPIRED).reason == Reason.DEADLINE
        assert_refused(world, asked, world.decide("mara", request), Reason.NOT_WAITING)
        assert world.effects(asked) == 0

    def test_people_are_reminded_before_the_deadline(self, world: World) -> None:
        """Once, with who is still missing; what they decide then counts, and `show` tells of it."""
        asked = world.submit(world.agent(), "device.wipe", {"device": 12})
        request = world.request(asked)
        assert world.decide("mara", request).counted
        reminder = world.reminder(asked)
        assert (reminder.request_id, reminder.deadline_ms) == (
            request.request_id,
            request.requirement.deadline_ms,
        )
        assert (reminder.people, reminder.needed, reminder.open_groups) == (1, 2, ("security",))
        assert world.told(asked) == [Told.PENDING]
        assert world.decide("dara", request).counted
        world.outcome(asked, Told.EXECUTED)
        (story,) = world.stories(asked)
        assert [step.codes[0] for step in story.steps].count(Event.REQUEST_REMINDED) == 1

    def test_a_late_decision_does_not_count(self, world: World) -> None:
        """Appended just after the deadline, before the gate has said expired: late, and the action expires."""
        asked = world.submit(world.agent(), "device.reboot", {"device": 12})
        request = world.request(asked)
        world.pass_until(request.requirement.deadline_ms + 20)
        assert_refused(world, asked, world.decide("mara", request), Reason.LATE)
        world.outcome(asked, Told.EXPIRED)
        assert world.effects(asked) == 0

    def test_a_withdrawn_action_is_not_done(self, world: World) -> None:
        """While it waits its agent takes it back; approving it afterwards counts for nothing."""
        asked = world.submit(world.agent(), "role.grant", {"role": "viewer"})
        request = world.request(asked)
        world.withdraw(asked)
        world.outcome(asked, Told.WITHDRAWN)
        assert_refused(world, asked, world.decide("mara", request), Reason.NOT_WAITING)
        assert world.effects(asked) == 0

    def test_an_edit_starts_from_the_beginning(self, world: World) -> None:
        """The edited request ends as superseded; its approvals are not carried over, and only the edit is done."""
        agent = world.agent()
        asked = world.submit(agent, "data.export", {"rows": 10})
        request = world.request(asked)
        world.decide("ines", request)
        edit = world.submit(agent, "data.export", {"rows": 20}, supersedes=asked)
        world.outcome(asked, Told.SUPERSEDED)
        assert_refused(world, asked, world.decide("mara", request), Reason.NOT_WAITING)
        again = world.request(edit)
        assert world.decide("mara", again).people == 1
        assert world.decide("ines", again).people == 2
        world.outcome(edit, Told.EXECUTED)
        assert (world.effects(asked), world.effects(edit)) == (0, 1)

    def test_what_has_ended_is_neither_withdrawn_nor_superseded(self, world: World) -> None:
        """Its outcome is told again, an edit of it is an action of its own, and it stays done once."""
        agent = world.agent()
        asked = world.submit(agent, "ward.read", {"ward": 3})
        world.outcome(asked, Told.EXECUTED)
        world.withdraw(asked)
        await_code(world, asked, Event.WITHDRAWAL_IGNORED)
        edit = world.submit(agent, "ward.read", {"ward": 4}, supersedes=asked)
        world.outcome(edit, Told.EXECUTED)
        assert world.told(asked) == [Told.GRANTED, Told.EXECUTED, Told.EXECUTED]
        assert (world.effects(asked), world.effects(edit)) == (1, 1)

    def test_the_same_action_again_is_told_again_and_not_done_again(self, world: World) -> None:
        """Same id and content, signed anew: the outcome there is, marked as repeated."""
        agent = world.agent()
        asked = world.submit(agent, "ward.read", {"ward": 3})
        world.outcome(asked, Told.EXECUTED)
        again = world.submit(agent, "ward.read", {"ward": 3}, action_id=asked.action_id)
        assert world.outcome(again, Told.EXECUTED).repeated
        assert Event.ACTION_REPEATED in codes(world, asked)
        assert world.effects(asked) == 1

    def test_the_same_id_with_other_content_is_a_conflict(self, world: World) -> None:
        """The copy is denied; the action that was there first goes on as if nothing had happened."""
        agent = world.agent()
        asked = world.submit(agent, "role.grant", {"role": "viewer"})
        request = world.request(asked)
        other = world.submit(agent, "role.grant", {"role": "admin"}, action_id=asked.action_id)
        denied = world.outcome(other, Told.DENIED)
        assert (denied.reason, denied.action_digest) == (Reason.CONFLICT, other.digest)
        assert world.outcome(asked, Told.PENDING).action_digest == asked.digest
        world.decide("mara", request)
        world.outcome(asked, Told.EXECUTED)
        assert world.effects(asked) == 1

    @pytest.mark.parametrize("login", [OWNER, f"{OWNER}-2"])
    def test_a2_nobody_approves_the_action_of_their_own_agent(self, world: World, login: str) -> None:
        """The owner is in the group that is asked, and yet does not count, through no login."""
        asked = world.submit(world.agent(), "role.grant", {"role": "viewer"})
        assert_refused(world, asked, world.decide(login, world.request(asked)), Reason.OWN_ACTION)
        assert world.told(asked) == [Told.PENDING]
        assert world.effects(asked) == 0

    def test_a1_a_person_counts_once_whatever_the_login(self, world: World) -> None:
        """Two are needed: the second login of the first person is not the second person."""
        asked = world.submit(world.agent(), "role.admin", {"role": "admin"})
        request = world.request(asked)
        assert world.decide("mara", request).counted
        assert_refused(world, asked, world.decide("mara-2", request), Reason.ALREADY_DECIDED)
        assert world.told(asked) == [Told.PENDING]
        assert world.decide("dara", request).people == 2
        world.outcome(asked, Told.EXECUTED)

    def test_a_person_of_no_group_that_is_asked_does_not_count(self, world: World) -> None:
        """Privacy has no say where only security is asked."""
        asked = world.submit(world.agent(), "role.grant", {"role": "viewer"})
        assert_refused(world, asked, world.decide("ines", world.request(asked)), Reason.NOT_IN_GROUP)
        assert world.told(asked) == [Told.PENDING]

    def test_d2_an_approval_of_another_action_digest_does_not_count(self, world: World) -> None:
        """A decision binds the exact bytes."""
        asked = world.submit(world.agent(), "role.grant", {"role": "viewer"})
        request = world.request(asked)
        other = request.model_copy(update={"action_digest": sha256(b"other bytes")})
        assert_refused(world, asked, world.decide("mara", other), Reason.WRONG_ACTION_DIGEST)
        assert world.told(asked) == [Told.PENDING]

    def test_d3_an_approval_of_another_view_does_not_count(self, world: World) -> None:
        """Whoever was shown something else has approved something else."""
        asked = world.submit(world.agent(), "role.grant", {"role": "admin"})
        request = world.request(asked)
        text = request.view.text.replace("admin", "viewer")
        assert text != request.view.text
        view = request.view.model_copy(update={"text": text, "digest": sha256(text.encode())})
        lied_to = world.decide("mara", request.model_copy(update={"view": view}))
        assert_refused(world, asked, lied_to, Reason.WRONG_VIEW_DIGEST)
        assert world.told(asked) == [Told.PENDING]

    def test_d1_an_approval_does_not_reach_another_action_of_the_same_content(self, world: World) -> None:
        """A request id on another action is unknown there, even with both digests right."""
        agent = world.agent()
        first, second = (world.submit(agent, "role.grant", {"role": "viewer"}) for _ in range(2))
        borrowed = world.request(second).model_copy(update={"request_id": world.request(first).request_id})
        assert_refused(world, second, world.decide("mara", borrowed), Reason.UNKNOWN_REQUEST)
        assert world.told(second) == [Told.PENDING]

    def test_a_grant_nobody_claims_lapses(self, world: World) -> None:
        """Its executor was away for the life of the grant; when it comes back it refuses, which changes nothing."""
        asked = world.submit(world.agent(), "gas.open")
        world.outcome(asked, Told.GRANTED)
        assert world.outcome(asked, Told.LAPSED).reason == Reason.NO_CLAIM_IN_TIME
        world.arrive("gas")
        await_code(world, asked, Event.RECEIPT_IGNORED)
        assert world.told(asked) == [Told.GRANTED, Told.LAPSED]
        assert world.effects(asked) == 0

    def test_i8_a_claim_after_the_expiry_has_no_effect(self, world: World) -> None:
        """Appended just after the grant's expiry, before the gate has said lapsed: refused, by the broker's time."""
        asked = world.submit(world.agent(), "steam.open")
        record = world.grant_of(asked, "steam")
        grant = codec.decode(payload_type_of(record.headers), record.value or b"", {"grant"})
        assert isinstance(grant, Grant)
        scribe = Scribe(world.deployment, "steam", world.key("steam"))
        claim = scribe.claim(ReadGrant(record, grant, sha256(record.value or b"")), grant.issued_at_ms)
        world.pass_until(grant.expires_at_ms + 20)
        entry = world.entry_of(world.write(Raw("receipts", claim.key, claim.value, claim.headers)))
        assert (entry.event, entry.reason) == (Event.CLAIM_LATE, Reason.GRANT_EXPIRED)
        assert world.outcome(asked, Told.REFUSED).reason == Reason.GRANT_EXPIRED
        assert Reason.GRANT_EXPIRED in codes(world, asked)
        assert world.effects(asked) == 0

    def test_d9_a_grant_at_another_executor_is_refused_and_changes_nothing(self, world: World) -> None:
        """The other executor writes down its refusal; the one it was meant for still executes it, once."""
        asked = world.submit(world.agent(), "door.open")
        grant = world.grant_of(asked, "door")
        world.write(Raw("execution.ward", grant.key, grant.value, grant.headers, grant.position.partition))
        await_code(world, asked, Event.RECEIPT_IGNORED)
        assert world.told(asked) == [Told.GRANTED]
        assert world.effects(asked) == 0
        world.arrive("door")
        world.outcome(asked, Told.EXECUTED)
        assert world.effects(asked) == 1

    def test_z4_a_crash_after_the_claim_is_unknown_until_the_right_person_settles_it(
        self, world: World
    ) -> None:
        """Never done again by anybody; the owner and a stranger settle nothing, a reconciler does."""
        asked = world.submit(world.agent(), "pump.start")
        assert world.outcome(asked, Told.UNKNOWN).reason == Reason.NO_RECEIPT_IN_TIME
        world.arrive("pump")
        later = world.submit(world.agent(), "pump.start")
        world.outcome(later, Told.EXECUTED)
        assert (world.effects(asked), world.effects(later)) == (0, 1)
        for login, reason in ((OWNER, Reason.OWN_ACTION), ("dara", Reason.NOT_A_RECONCILER)):
            entry = world.reconcile(login, asked, Settled.EXECUTED)
            assert (entry.event, entry.reason) == (Event.RECONCILIATION_IGNORED, reason)
        assert world.told(asked)[-1] is Told.UNKNOWN
        assert world.reconcile("ines", asked, Settled.FAILED).event == Event.RECONCILIATION_COUNTED
        assert world.outcome(asked, Told.RECONCILED).reason == Settled.FAILED
        assert world.effects(asked) == 0

    @pytest.mark.parametrize("bad", BAD_RECORDS, ids=lambda bad: bad.name.replace(" ", "-"))
    def test_p7_what_cannot_be_trusted_is_set_aside_and_the_gate_goes_on(
        self, world: World, bad: Bad
    ) -> None:
        """A dead letter with its bytes and an entry with the reason; the victim's action waits on and is done once."""
        asked = world.submit(world.agent(), "role.grant", {"role": "viewer"})
        request = world.request(asked)
        raw = placed(bad.forge(Attacker(world, world.agent(), asked)))
        place = world.write(raw)
        entry = world.entry_of(place)
        assert (entry.event, entry.reason) == (Event.DEAD_LETTER, bad.reason)
        assert (entry.outcomes, entry.action_id) == ((), None)
        assert world.dead_letter(place).value == (raw.value or b"")
        assert world.told(asked) == [Told.PENDING]
        assert world.decide("mara", request).counted
        world.outcome(asked, Told.EXECUTED)
        assert world.effects(asked) == 1


def placed(raw: Raw) -> Raw:
    """A record with partition -1 goes to the one partition, of two, where its key does not belong."""
    if raw.partition != -1:
        return raw
    right = partition_of((raw.key or b"").decode(), 2)
    return Raw(raw.topic, raw.key, raw.value, raw.headers, 1 - right)


def codes(world: World, asked: Asked) -> set[str]:
    """Every event and reason that `show` tells about the action; each comes with a sentence."""
    steps = [step for story in world.stories(asked) for step in story.steps if story.agent == asked.agent]
    assert not [step.sentence for step in steps if "named `" in step.sentence], "a reason has no sentence"
    return {code for step in steps for code in step.codes}


def assert_refused(world: World, asked: Asked, tally: Tally, reason: Reason) -> None:
    """The decision did not count, for this reason, and `show` says so."""
    assert (tally.counted, tally.reason) == (False, reason)
    assert {Event.DECISION_NOT_COUNTED, reason} <= codes(world, asked)


def await_code(world: World, asked: Asked, code: str) -> None:
    """Wait until `show` tells this event or reason."""
    limit_ms = world.now_ms() + 30_000
    while code not in codes(world, asked):
        assert world.now_ms() < limit_ms, f"{code} was not written down"
        world.pass_until(world.now_ms() + 50)
