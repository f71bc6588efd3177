"""Held batches on the driver: people release what the look at the bytes objected to, once, or it is destroyed."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from sluicegate.processors.contract import Position, Record, Step
from sluicegate.processors.events import Event, Reason
from sluicegate.processors.export_release import EXPORT_RELEASE, RELEASER
from sluicegate.processors.grant_signature import sign_grants
from sluicegate.processors.masking.held import CHANGELOG, HELD_MS, STORE, opened_batch, read_held
from sluicegate.processors.masking.release_requests import MAX_HELD
from sluicegate.processors.masking.releasing import MARGIN_MS
from sluicegate.processors.masking.releasing_keys import ReleasingKeys
from sluicegate.processors.release import Check
from sluicegate.processors.story import tell
from sluicegate.processors.verification import Verifier
from sluicegate.schemas import codec, document
from sluicegate.schemas.action import Action, Withdrawal
from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.decision import Choice
from sluicegate.schemas.document import DocumentKind
from sluicegate.schemas.envelope import envelope_digest, header, record_headers, sign
from sluicegate.schemas.errors import RecordError
from sluicegate.schemas.export import MaskedBatch, WithheldBatch
from sluicegate.schemas.grant import Grant, Signed
from sluicegate.schemas.outcome import Outcome, OutcomeKind
from sluicegate.schemas.receipt import Receipt
from sluicegate.streams.runtime.transaction import CommitStep
from sluicegate.streams.testing import Crashed, MaskingDriver, seeded_key

WITHIN_MS = 1_800_000
POLICY = """
version: 1
name: clinic
default: deny
reviews:
  privacy: {groups: {privacy-office: 1}, within: 30m, reason: required}
streams:
  - {id: crm-nightly, from: [nightly], mask: ward-notes}
rules:
  - {id: reads-pass, on: [crm.read], effect: allow, mask: ward-notes}
  - {id: plain-reads-pass, on: [crm.list], effect: allow}
  - {id: people-release, on: [export.release], effect: review, review: privacy}
"""
PROFILE = "version: 1\nname: ward-notes\nextends: pii-basic\ncolumns: {room: keep}\nrelease: withheld\n"
CANARY = "mara.zwicker@clinic.example"
BODY = b'[{"mail": "mara.zwicker@clinic.example", "room": "W3"}, {"mail": null, "room": "mara.zwicker@clinic.example"}]'
"""The second row names in a kept column whom the first one masks: masked, and objected to."""
RAW_TOPICS = {"actions", "exports.raw", "exports.quarantine", "dlq.exports.raw", "exports.masked"}


@pytest.fixture
def clinic() -> Iterator[MaskingDriver]:
    """An agent whose results may be released, masking as agent and executor, two of the privacy office; `audit` verifies."""
    world = MaskingDriver(POLICY)
    gate = world.gate
    for person in ("p-own", "p-mask", "p-pipe", "p-pri"):
        gate.person(person, groups=["privacy-office"])
    gate.agent("ops-agent", owners=["p-own"])
    gate.executor("crm", types=["crm.read", "crm.list"])
    world.enrol_masking(owners=["p-mask"])
    world.pipeline("nightly", owners=["p-pipe"])
    gate.publish(DocumentKind.PROFILE, "ward-notes", document.ProfileText(text=PROFILE))
    world.run()
    yield world
    world.run()
    report = gate.report()
    assert [str(finding) for finding in report.findings] == []
    for topic in set(world.driver.log.topics()) - RAW_TOPICS:
        assert all(CANARY.encode() not in (record.value or b"") for record in world.driver.read(topic)), topic


def held(world: MaskingDriver, body: bytes = BODY) -> tuple[Grant, Action]:
    """A result that was objected to, and the release that masking asks for."""
    grant = world.granted("ops-agent", "crm.read")
    world.result(grant, [body])
    world.run()
    return grant, world.releases()[-1]


def decide(world: MaskingDriver, release: Action, choice: Choice = Choice.APPROVE, by: str = "p-pri") -> str:
    """One decision on a release, and what comes of it: `counted` or the reason why not."""
    decision = world.gate.decide(by, world.gate.request(release), choice)
    world.run()
    tally = world.gate.tally(decision)
    return "counted" if tally.counted else str(tally.reason)


def holds(world: MaskingDriver) -> int:
    """How many batches are held."""
    return sum(len(stores[STORE]) for stores in world.driver.state().values())


def ends(world: MaskingDriver) -> list[tuple[str, str | None]]:
    """What became of held batches: event and reason."""
    wanted = {
        Event.EXPORT_RELEASED,
        Event.EXPORT_DESTROYED,
        Event.EXPORT_FORGOTTEN,
        Event.RELEASE_REFUSED,
        Event.RELEASE_IGNORED,
    }
    return [(entry.event, entry.reason) for entry in world.entries() if entry.event in wanted]


def test_what_people_approve_leaves_once(clinic: MaskingDriver) -> None:
    """Notice, request, approval, grant: then the masked batch stands where the notice stood, and nothing is held any more."""
    grant, release = held(clinic)
    (notice,) = clinic.masked(grant)
    assert isinstance(notice, WithheldBatch)
    assert notice.release_id == release.action_id
    assert clinic.quarantined()[0].release_id == release.action_id
    assert holds(clinic) == 1
    assert decide(clinic, release) == "counted"
    assert clinic.gate.outcome(release).outcome is OutcomeKind.EXECUTED
    _, released = clinic.masked(grant)
    assert isinstance(released, MaskedBatch)
    assert (released.release_id, released.source_digest) == (release.action_id, notice.source_digest)
    assert (released.sequence, released.count, released.previous) == (0, 1, None)
    assert json.loads(released.body)[1]["room"] == CANARY
    assert holds(clinic) == 0
    assert ends(clinic) == [(Event.EXPORT_RELEASED, None)]


def test_people_are_told_counts_and_see_only_rows_that_the_look_lets_pass(clinic: MaskingDriver) -> None:
    """The report holds the reasons and how many rows they are about; what was objected to is in no view and in no action."""
    grant, release = held(clinic)
    report = release.arguments
    assert report["of"] == {
        "agent": "ops-agent",
        "action_id": grant.action_id,
        "batch": 1,
        "persons": ["p-own"],
    }
    assert (report["rows"], report["looked_at"], report["objected"]) == (2, 2, 1)
    assert report["masked"] == {"email": 1}
    assert report["sample"] == [{"mail": "[email]", "room": "W3"}]
    assert CANARY not in json.dumps(release.arguments)
    view = clinic.gate.request(release).view
    assert view.complete
    assert json.loads(view.text)["arguments"]["objected"] == 1


@pytest.mark.parametrize("behind", ["p-own", "p-mask"])
def test_nobody_behind_the_action_releases_its_result(clinic: MaskingDriver, behind: str) -> None:
    """The owner of the agent, and who answers for masking, are in the privacy office, and are refused."""
    _, release = held(clinic)
    assert decide(clinic, release, by=behind) == Reason.OWN_ACTION
    assert holds(clinic) == 1


def test_who_owned_the_agent_when_the_result_began_is_behind_it(clinic: MaskingDriver) -> None:
    """A later batch of the same result: operators have given the agent another owner in between."""
    grant = clinic.granted("ops-agent", "crm.read")
    first = clinic.send(clinic.batch(grant, b"[]"))
    clinic.run()
    clinic.gate.agent("ops-agent", owners=["p-pipe"])
    clinic.run()
    clinic.send(clinic.batch(grant, BODY, first, count=2))
    clinic.run()
    (release,) = clinic.releases()
    assert decide(clinic, release, by="p-own") == Reason.OWN_ACTION
    assert decide(clinic, release, by="p-pipe") == Reason.OWN_ACTION
    assert decide(clinic, release) == "counted"


def test_a_stream_is_released_without_its_pipelines_owners(clinic: MaskingDriver) -> None:
    """Of a standing stream the pipeline's owners are behind the release."""
    clinic.send(clinic.stream_batch("nightly", "crm-nightly", BODY))
    clinic.run()
    (release,) = clinic.releases()
    assert decide(clinic, release, by="p-pipe") == Reason.OWN_ACTION
    assert decide(clinic, release) == "counted"
    assert [type(batch) for batch in clinic.masked()] == [WithheldBatch, MaskedBatch]


@pytest.mark.parametrize("how", ["rejected", "expired", "withdrawn", "denied", "lapsed"])
def test_what_people_do_not_release_is_destroyed(clinic: MaskingDriver, how: str) -> None:
    """Whatever ends the release otherwise: nothing is held, a second notice says so, and the entry names the end."""
    if how == "denied":
        clinic.gate.policy("policy", POLICY.replace("effect: review, review: privacy", "effect: deny"))
        clinic.run()
    if how == "lapsed":
        clinic.driver.stalled.add("execution.masking")
    grant, release = held(clinic)
    match how:
        case "rejected":
            decide(clinic, release, Choice.REJECT)
        case "expired":
            clinic.advance(WITHIN_MS + 5_000)
        case "withdrawn":
            withdraw(clinic, release)
        case "lapsed":
            decide(clinic, release)
            clinic.advance(310_000)
            clinic.driver.stalled.clear()
    clinic.run()
    assert clinic.gate.outcome(release).outcome == how
    assert holds(clinic) == 0
    assert (Event.EXPORT_DESTROYED, how) in ends(clinic)
    first, second = clinic.masked(grant)
    assert isinstance(first, WithheldBatch)
    assert isinstance(second, WithheldBatch)
    assert (first.release_id, second.release_id) == (release.action_id, None)
    assert first.reasons == second.reasons


def withdraw(world: MaskingDriver, release: Action) -> None:
    """Masking takes its request back: with its key somebody could."""
    withdrawal = Withdrawal(
        deployment=release.deployment,
        withdrawal_id="withdrawal-1",
        action_id=release.action_id,
        agent=release.agent,
        lane=release.lane,
        nonce=bytes(16),
        created_at_ms=world.driver.now_ms,
    )
    key = ReleasingKeys.of(world.topology.secret).agent
    world.gate.append("actions", withdrawal, key, lane=release.lane, subject=release.action_id)


def granted(world: MaskingDriver, release: Action) -> Position:
    """Where the grant for a release stands, before masking has read it."""
    world.driver.stalled.add("execution.masking")
    assert decide(world, release) == "counted"
    return world.driver.read(f"execution.{RELEASER}")[-1].position


def forged(world: MaskingDriver, at: Position, **fields: Any) -> None:
    """A copy of a grant with other fields, signed with the gate's own key."""
    record = next(one for one in world.driver.read(at.topic) if one.position == at)
    grant = codec.decode(
        (header(record.headers, "content-type") or b"").decode(), record.value or b"", {"grant"}
    )
    encoded = codec.encode(grant.model_copy(update=fields))
    (signature,) = sign_grants(world.gate.gate_key, [(encoded.payload_type, encoded.value)])
    headers = tuple(
        (name, {"sig": signature.sig.encode(), "sig-path": signature.path.encode()}.get(name, value))
        for name, value in record.headers
    )
    world.driver.produce(at.topic, record.key, encoded.value, headers)


def test_a_grant_a_second_time_releases_nothing(clinic: MaskingDriver) -> None:
    """The same bytes again, before and after the release: one batch leaves, the copy is refused and changes no outcome."""
    grant, release = held(clinic)
    at = granted(clinic, release)
    clinic.driver.produce_again(at)
    clinic.driver.stalled.clear()
    clinic.run()
    clinic.driver.produce_again(at)
    clinic.run()
    assert [type(batch) for batch in clinic.masked(grant)] == [WithheldBatch, MaskedBatch]
    refused = (Event.RELEASE_REFUSED, Check.NOTHING_HELD)
    assert ends(clinic) == [(Event.EXPORT_RELEASED, None), refused, refused]
    assert clinic.gate.outcome(release).outcome is OutcomeKind.EXECUTED


@pytest.mark.parametrize(
    ("fields", "check"),
    [
        ({"action_digest": bytes(32)}, Check.ACTION_ALTERED),
        ({"action_id": "rl-other"}, Check.OTHER_ACTION),
        ({"decisions": ()}, Check.QUORUM_NOT_MET),
        ({"decisions": (), "request_id": None, "requirement": None}, Check.FLOOR),
        ({"executor": "crm"}, Check.NOT_THE_AUDIENCE),
        ({"deployment": "other"}, Check.WRONG_DEPLOYMENT),
    ],
)
def test_a_stolen_gate_key_releases_nothing(
    clinic: MaskingDriver, fields: dict[str, Any], check: Check
) -> None:
    """Another digest, another action, no decisions, nobody asked: refused by the check that every executor makes, or by masking's."""
    grant, release = held(clinic)
    forged(clinic, granted(clinic, release), **fields)
    taken = step_for(clinic, clinic.driver.read(f"execution.{RELEASER}")[-1])
    assert [output.topic for output in taken.outputs] == ["receipts", "audit"]
    assert taken.puts == ()
    entry = codec.decode_own(taken.outputs[-1].value, type(clinic.entries()[0]))
    assert entry.reason == check
    assert len(clinic.masked(grant)) == 1


def step_for(world: MaskingDriver, record: Record) -> Step:
    """What masking would do about a record, without doing it."""
    stores = world.driver.tasks[record.position.partition].stores
    return world.topology.process(stores, world.driver.tables.current, record, world.driver.now_ms)


def another(world: MaskingDriver, release: Action) -> Signed:
    """Another action under the id of a release, signed by masking."""
    encoded = codec.encode(release.model_copy(update={"arguments": {**release.arguments, "rows": 9}}))
    key = ReleasingKeys.of(world.topology.secret).agent
    return Signed(
        payload_type=encoded.payload_type,
        value=encoded.value,
        sig=sign(key, encoded.payload_type, encoded.value),
    )


def test_a_grant_for_another_action_of_the_same_id_releases_nothing(clinic: MaskingDriver) -> None:
    """What is held belongs to the exact bytes that people were shown."""
    _, release = held(clinic)
    signed = another(clinic, release)
    digest = envelope_digest(signed.payload_type, signed.value)
    fields = {"decisions": (), "request_id": None, "requirement": None}
    forged(clinic, granted(clinic, release), action=signed, action_digest=digest, **fields)
    taken = step_for(clinic, clinic.driver.read(f"execution.{RELEASER}")[-1])
    assert codec.decode_own(taken.outputs[-1].value, AuditEntry).reason == Check.NOTHING_HELD


def test_a_copy_that_no_gate_signed_ends_nothing(clinic: MaskingDriver) -> None:
    """Its refusal names a claim that never was, so the gate leaves the real grant alone."""
    _, release = held(clinic)
    granted(clinic, release)
    record = clinic.driver.read(f"execution.{RELEASER}")[-1]
    stranger = sign(seeded_key("gate-2"), "other", b"bytes").encode()
    own_key = clinic.gate.gate_key.key_id.encode()
    without = tuple(one for one in record.headers if one[0] != "sig")
    unsigned, *_ = step_for(clinic, replace(record, headers=without)).outputs
    assert unsigned.topic == f"dlq.execution.{RELEASER}"
    for sig in (stranger, own_key + stranger[len(own_key) :]):
        stray = replace(record, headers=(*without, ("sig", sig)))
        receipt, *_ = step_for(clinic, stray).outputs
        assert receipt.topic == "receipts"
        assert codec.decode_own(receipt.value, Receipt).claim_id is not None


def test_the_end_of_a_copy_destroys_nothing(clinic: MaskingDriver) -> None:
    """Another action under the id of a release is denied as a conflict: masking is told, and holds on to what it asked for."""
    grant, release = held(clinic)
    signed = another(clinic, release)
    headers = record_headers(
        kind="action",
        payload_type=signed.payload_type,
        id="copy",
        subject=release.action_id,
        source="/test",
        sig=signed.sig,
    )
    clinic.driver.produce("actions", release.lane.encode(), signed.value, headers)
    clinic.run()
    assert ends(clinic) == [(Event.RELEASE_IGNORED, Reason.NOTHING_HELD)]
    assert (holds(clinic), len(clinic.masked(grant))) == (1, 1)


def test_the_end_of_one_release_is_not_that_of_another(clinic: MaskingDriver) -> None:
    """A gate's signature covers exactly the end that it told: the same headers over other bytes destroy nothing."""
    _, first = held(clinic)
    _, second = held(clinic)
    decide(clinic, first, Choice.REJECT)
    record = clinic.driver.read(f"execution.{RELEASER}")[-1]
    told = codec.decode_own(record.value or b"", Outcome)
    digest = clinic.gate.outcome(second).action_digest
    moved = told.model_copy(update={"action_id": second.action_id, "action_digest": digest})
    clinic.driver.produce(record.position.topic, record.key, codec.encode(moved).value, record.headers)
    clinic.run()
    assert holds(clinic) == 1
    assert [reason for reason, _ in clinic.gate.dead_letters(record.position.topic)] == [Reason.BAD_SIGNATURE]


def test_what_was_sealed_is_what_was_shown(clinic: MaskingDriver) -> None:
    """A held batch whose digest is not the one in the report does not open."""
    _, release = held(clinic)
    stores = clinic.driver.tasks[clinic.driver.partition_of(release.lane.encode())].stores
    kept = read_held(stores, release.action_id)
    assert kept is not None
    assert opened_batch(clinic.topology.secret, kept).release_id == release.action_id
    assert release.arguments["held_digest"] == kept.held_digest.hex()
    with pytest.raises(RecordError):
        opened_batch(clinic.topology.secret, kept.model_copy(update={"held_digest": bytes(32)}))


def test_a_release_by_policy_alone_is_refused(clinic: MaskingDriver) -> None:
    """A policy that allows releases gets a grant without people: masking does not act on it, and destroys what it held."""
    clinic.gate.policy("policy", POLICY.replace("effect: review, review: privacy", "effect: allow"))
    clinic.run()
    _, release = held(clinic)
    outcome = clinic.gate.outcome(release)
    assert (outcome.outcome, outcome.reason) == (OutcomeKind.REFUSED, Check.FLOOR)
    assert ends(clinic) == [(Event.RELEASE_REFUSED, Check.FLOOR), (Event.EXPORT_DESTROYED, "refused")]


@pytest.mark.parametrize("left_ms", [0, MARGIN_MS - 1])
def test_a_grant_that_ends_too_soon_is_refused(clinic: MaskingDriver, left_ms: int) -> None:
    """The claim must be appended before the expiry, whatever happens to this worker meanwhile: I8 holds."""
    grant, release = held(clinic)
    granted(clinic, release)
    clinic.driver.advance(300_000 - left_ms)
    clinic.gate.driver.now_ms = clinic.driver.now_ms
    clinic.driver.stalled.clear()
    clinic.driver.run()
    assert ends(clinic) == [(Event.RELEASE_REFUSED, Check.GRANT_EXPIRED)]
    clinic.run()
    assert clinic.gate.outcome(release).outcome is OutcomeKind.REFUSED
    assert [type(batch) for batch in clinic.masked(grant)] == [WithheldBatch, WithheldBatch]


def test_an_action_that_names_anothers_export_releases_nothing(clinic: MaskingDriver) -> None:
    """Another agent repeats masking's report word for word under its own name: nobody is asked, nothing leaves, all is held on."""
    grant, release = held(clinic)
    forged_action = clinic.gate.submit("ops-agent", EXPORT_RELEASE, release.arguments)
    clinic.run()
    assert clinic.gate.outcome(forged_action).reason == Reason.UNKNOWN_ORIGIN
    assert (holds(clinic), len(clinic.masked(grant))) == (1, 1)


@pytest.mark.parametrize("step", list(CommitStep))
def test_a_crash_before_any_step_changes_nothing(clinic: MaskingDriver, step: CommitStep) -> None:
    """While it begins to hold, and while it releases: started again, the same batch is held once and leaves once."""
    grant = clinic.granted("ops-agent", "crm.read")
    clinic.result(grant, [BODY])
    clinic.driver.crash_at(step)
    with pytest.raises(Crashed):
        clinic.driver.run()
    clinic.driver.restart()
    clinic.run()
    (release,) = clinic.releases()
    assert holds(clinic) == 1
    granted(clinic, release)
    clinic.driver.stalled.clear()
    clinic.driver.crash_at(step)
    with pytest.raises(Crashed):
        clinic.driver.run()
    clinic.driver.restart()
    clinic.run()
    assert [type(batch) for batch in clinic.masked(grant)] == [WithheldBatch, MaskedBatch]
    assert ends(clinic) == [(Event.EXPORT_RELEASED, None)]
    assert clinic.gate.outcome(release).outcome is OutcomeKind.EXECUTED


def test_what_nobody_answers_is_destroyed_at_last(clinic: MaskingDriver) -> None:
    """The action never reached a gate: after 31 days, longer than any deadline, it is gone all the same."""
    clinic.gate.driver.stalled.add("actions")
    grant = world_grant(clinic)
    clinic.result(grant, [BODY])
    clinic.driver.run()
    assert holds(clinic) == 1
    clinic.driver.advance(HELD_MS + 5_000)
    clinic.driver.run()
    assert holds(clinic) == 0
    assert ends(clinic) == [(Event.EXPORT_FORGOTTEN, Reason.NO_ANSWER)]
    clinic.gate.driver.stalled.clear()
    clinic.gate.driver.now_ms = clinic.driver.now_ms


def world_grant(world: MaskingDriver) -> Grant:
    """A grant from before the gate stood still."""
    world.gate.driver.stalled.clear()
    grant = world.granted("ops-agent", "crm.read")
    world.gate.driver.stalled.add("actions")
    return grant


def test_the_end_of_a_release_counts_only_with_the_gates_signature(clinic: MaskingDriver) -> None:
    """An outcome signed by another key, or copied from `outcomes` unsigned, destroys nothing and is set aside."""
    _, release = held(clinic)
    told = clinic.gate.outcome(release).model_copy(update={"outcome": OutcomeKind.REJECTED})
    for key in ("ops-agent", "gate-2"):
        clinic.gate.append(
            f"execution.{RELEASER}", told, seeded_key(key), lane=release.lane, subject=release.action_id
        )
    clinic.run()
    assert holds(clinic) == 1
    assert len(clinic.gate.dead_letters(f"execution.{RELEASER}")) == 2


@pytest.mark.parametrize("what", ["profile", "not-enrolled", "unmaskable"])
def test_nothing_is_held_where_nobody_could_release_it(clinic: MaskingDriver, what: str) -> None:
    """Without `release: withheld`, without masking's enrolment, or when it could not be masked at all: quarantine, as ever."""
    if what == "not-enrolled":
        clinic.gate.agent("masking", owners=["p-mask"])
        clinic.run()
    grant = clinic.granted("ops-agent", "crm.list" if what == "profile" else "crm.read")
    clinic.result(grant, [b"{not json" if what == "unmaskable" else plain(what)])
    clinic.run()
    assert clinic.releases() == []
    assert holds(clinic) == 0
    assert clinic.driver.read(CHANGELOG) == []


def plain(what: str) -> bytes:
    """A body that the look objects to under the profile at hand."""
    return BODY if what == "not-enrolled" else b'[{"membership": "mara.zwicker@clinic.example"}]'


def test_the_story_of_an_action_tells_of_its_release(clinic: MaskingDriver) -> None:
    """`show` says that a batch was withheld, which release people were asked for, and that it left."""
    grant, release = held(clinic)
    decide(clinic, release)
    (story,) = tell(grant.action_id, clinic.gate.entries())
    said = [step.sentence for step in story.steps]
    assert any(release.action_id in sentence and "sealed in quarantine" in sentence for sentence in said)
    assert any("people approved" in sentence for sentence in said)


def test_masking_that_worked_before_it_could_release_goes_on(clinic: MaskingDriver) -> None:
    """An upgrade: its group has offsets of `exports.raw` alone, and what stands on the new topic is read from its beginning."""
    grant = clinic.granted("ops-agent", "crm.list")
    clinic.result(grant, [b"[]"])
    clinic.run()
    for partition in range(2):
        del clinic.driver.log.offsets["execution.masking", partition]
    clinic.driver.restart()
    _, release = held(clinic)
    assert decide(clinic, release) == "counted"
    assert ends(clinic) == [(Event.EXPORT_RELEASED, None)]


@pytest.mark.parametrize(
    ("event", "change", "sentence"),
    [
        (Event.EXPORT_RELEASED, {"release_id": "rl-other"}, "that nobody held"),
        (Event.EXPORT_RELEASED, {"grant_id": "gr-other"}, "without a grant that rests on people"),
        (Event.EXPORT_RELEASED, {"batch_digest": bytes(32)}, "another batch was held"),
        (Event.EXPORT_RELEASED, {"written": ()}, "wrote something else than it must"),
        (Event.EXPORT_RELEASED, {"processor": "gate"}, "not for `gate` to write"),
        (Event.DECISION_COUNTED, {"people": ()}, "without a grant that rests on people"),
        (Event.BATCH_WITHHELD, {"release_id": None}, "that nobody held"),
        (Event.RELEASE_REFUSED, {"event": Event.EXPORT_RELEASED, "reason": None}, "a second time"),
    ],
)
def test_verify_sees_a_release_that_cannot_have_been(
    clinic: MaskingDriver, event: Event, change: dict[str, Any], sentence: str
) -> None:
    """Another release, another batch, no people, a second time: from `audit` alone, whoever changed it."""
    _, release = held(clinic)
    at = granted(clinic, release)
    clinic.driver.produce_again(at)
    clinic.driver.stalled.clear()
    clinic.run()
    verifier = Verifier()
    for record in clinic.driver.read("audit"):
        entry = codec.decode_own(record.value or b"", AuditEntry)
        if entry.event == event:
            entry = entry.model_copy(update=change)
        verifier.take(record.position.partition, record.position.offset, record.append_ms, entry)
    assert any(sentence in finding.sentence for finding in verifier.report().findings)


def test_with_another_key_nothing_is_released_and_all_is_destroyed(clinic: MaskingDriver) -> None:
    """Masking's secret was exchanged while people decided: what it held does not open, so the grant is refused, and nothing stays."""
    grant, release = held(clinic)
    granted(clinic, release)
    clinic.driver.stalled.clear()
    clinic.driver.topology = clinic.topology = replace(clinic.topology, secret=bytes(32))
    clinic.driver.restart()
    clinic.run()
    # Nor does the gate know the executor's new key: its refusal is a dead letter, and the grant lapses.
    clinic.advance(310_000)
    assert ends(clinic) == [(Event.RELEASE_REFUSED, Check.NOTHING_HELD), (Event.EXPORT_DESTROYED, "lapsed")]
    assert (holds(clinic), len(clinic.masked(grant))) == (0, 1)


def test_at_most_eight_batches_of_a_stream_wait_at_a_time(clinic: MaskingDriver) -> None:
    """A pipeline that goes on sending what is objected to fills neither memory nor inbox; one that is decided makes room for one."""
    last = None
    for _ in range(MAX_HELD + 2):
        last = clinic.send(clinic.stream_batch("nightly", "crm-nightly", BODY, last))
    clinic.run()
    assert (len(clinic.releases()), holds(clinic)) == (MAX_HELD, MAX_HELD)
    assert len(clinic.quarantined()) == MAX_HELD + 2
    decide(clinic, clinic.releases()[0])
    decide(clinic, clinic.releases()[1], Choice.REJECT)
    for _ in range(3):
        last = clinic.send(clinic.stream_batch("nightly", "crm-nightly", BODY, last))
    clinic.run()
    assert (len(clinic.releases()), holds(clinic)) == (MAX_HELD + 2, MAX_HELD)


def test_a_revoked_grant_takes_back_what_is_held_under_it(clinic: MaskingDriver) -> None:
    """Operators revoke the grant of the original action while people decide: their approval lets nothing of it out any more."""
    grant, release = held(clinic)
    revoked = document.Revocation(grant_id=grant.grant_id, from_ms=clinic.driver.now_ms)
    clinic.gate.publish(DocumentKind.REVOCATION, "revocation-1", revoked)
    clinic.run()
    decide(clinic, release)
    assert ends(clinic) == [
        (Event.RELEASE_REFUSED, Check.REVOKED_GRANT),
        (Event.EXPORT_DESTROYED, "refused"),
    ]
    assert [type(batch) for batch in clinic.masked(grant)] == [WithheldBatch, WithheldBatch]
    assert holds(clinic) == 0


@pytest.mark.parametrize(
    ("column", "value", "elsewhere"),
    [
        ("name", "Bo Li", "Bo Li"),
        ("phone", "06 12 34 56 78", "06.12.34.56.78"),
        ("mail", CANARY, "marazwicker"),
    ],
)
def test_a_row_with_what_was_masked_in_another_is_not_shown(
    clinic: MaskingDriver, column: str, value: str, elsewhere: str
) -> None:
    """However short its words are, and written in one: alone, the row has nothing against it, so its words must tell."""
    rows = [{column: value, "room": "W3"}, {column: None, "room": elsewhere}, {column: None, "room": "W4"}]
    _, release = held(clinic, json.dumps(rows).encode())
    assert elsewhere not in json.dumps(release.arguments)
    assert elsewhere not in clinic.gate.request(release).view.text
    sample = release.arguments["sample"]
    assert isinstance(sample, list)
    assert len(sample) == 2
