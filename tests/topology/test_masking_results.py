"""Masking on the driver: results of actions, from the executor's batches to what their reader gets."""

from collections.abc import Iterator

import pytest

from sluicegate.processors.events import Event, Reason
from sluicegate.processors.grant_signature import sign_grants
from sluicegate.processors.masking.engine.engine import Engine
from sluicegate.processors.masking.engine.records import Records
from sluicegate.processors.masking.engine.span_table import SpanTable
from sluicegate.processors.masking.engine.surrogates import Surrogates
from sluicegate.processors.masking.export_progress import CHANGELOG, KEPT_MS, OPEN_MS
from sluicegate.processors.masking.export_secrets import SECRET_BYTES
from sluicegate.processors.story import tell
from sluicegate.processors.verification import Placed, Verifier
from sluicegate.schemas import codec, document
from sluicegate.schemas.document import DocumentKind
from sluicegate.schemas.envelope import header
from sluicegate.schemas.errors import InvariantError
from sluicegate.schemas.export import CarriedGrant, ExportBatch, MaskedBatch, WithheldBatch
from sluicegate.schemas.grant import Grant
from sluicegate.schemas.state import ExportProgress
from sluicegate.streams.runtime.transaction import CommitStep
from sluicegate.streams.testing import Crashed, MaskingDriver, seeded_key

POLICY = """
version: 1
name: clinic
default: deny
rules:
  - {id: reads-pass, on: [crm.read], effect: allow}
"""
MAX_ENTRY_BYTES = 2048
HEAD_BYTES = 9
CANARY = "mara.zwicker@clinic.example"
BODY = b'{"mail": "mara.zwicker@clinic.example"}'
RAW_TOPICS = ("actions", "execution.crm", "exports.raw", "exports.quarantine", "dlq.exports.raw")


@pytest.fixture
def clinic() -> Iterator[MaskingDriver]:
    """An agent, two executors, gate and masking; whatever a test does to it verifies at its end."""
    world = MaskingDriver(POLICY)
    world.gate.person("p-own")
    world.gate.agent("ops-agent", owners=["p-own"])
    world.gate.agent("other-agent", owners=["p-own"])
    world.gate.executor("crm", types=["crm.read"])
    world.gate.executor("mailer", types=["mail.send"])
    world.run()
    yield world
    world.run()
    report = world.gate.report()
    assert [str(finding) for finding in report.findings] == []
    assert report.ok
    assert all(len(record.value or b"") <= MAX_ENTRY_BYTES for record in world.driver.read("audit"))
    for topic in set(world.driver.log.topics()) - set(RAW_TOPICS):
        assert all(CANARY.encode() not in (record.value or b"") for record in world.driver.read(topic)), topic


def granted(world: MaskingDriver) -> Grant:
    """A grant for a read."""
    return world.granted("ops-agent", "crm.read")


def refused(world: MaskingDriver) -> list[str | None]:
    """Reasons of the batches that were refused, each of which is kept as a dead letter."""
    world.run()
    reasons = [entry.reason for entry in world.entries(Event.BATCH_REFUSED)]
    assert [reason for reason, _ in world.gate.dead_letters("exports.raw")] == reasons
    return reasons


def test_a_result_comes_back_masked_in_its_order(clinic: MaskingDriver) -> None:
    """Three batches, one chain: the reader can follow it from the first digest to the last."""
    grant = granted(clinic)
    sent = clinic.result(grant, [BODY, b'{"rooms": 2}', BODY])
    clinic.run()
    masked = clinic.masked(grant)
    assert all(isinstance(batch, MaskedBatch) for batch in masked)
    assert [batch.sequence for batch in masked] == [0, 1, 2]
    assert [batch.previous for batch in masked] == [None, sent[0].digest, sent[1].digest]
    assert [batch.source_digest for batch in masked] == [one.digest for one in sent]
    assert [batch.count for batch in masked] == [None, None, 3]
    assert {batch.profile for batch in masked} == {"pii-basic"}


def test_one_value_has_one_surrogate_in_an_export_and_another_in_the_next(clinic: MaskingDriver) -> None:
    """Whoever reads two exports cannot tell that both are about one person."""
    first, second = granted(clinic), granted(clinic)
    clinic.result(first, [BODY, BODY])
    clinic.result(second, [BODY])
    clinic.run()
    bodies = [batch.body for batch in clinic.masked() if isinstance(batch, MaskedBatch)]
    assert bodies[0] == bodies[1]
    assert bodies[0] != bodies[2]


def test_surrogates_agree_across_a_crash_and_die_with_the_export(clinic: MaskingDriver) -> None:
    """The secret is drawn once, is kept encrypted while batches may come, and is gone from the state with the last one."""
    grant = granted(clinic)
    first = clinic.send(clinic.batch(grant, BODY))
    clinic.run()
    (open_chain,) = _chains(clinic)
    assert open_chain.sealed_secret is not None
    assert _drawn_first() not in b"".join(record.value or b"" for record in clinic.driver.read(CHANGELOG))
    clinic.driver.restart()
    clinic.send(clinic.batch(grant, BODY, first, count=2))
    clinic.run()
    one, other = (batch.body for batch in clinic.masked(grant) if isinstance(batch, MaskedBatch))
    assert one == other
    (closed,) = _chains(clinic)
    assert closed.closed
    assert closed.sealed_secret is None


def test_a_withheld_last_batch_ends_the_secret_too(clinic: MaskingDriver) -> None:
    """However the chain ends."""
    clinic.result(granted(clinic), [BODY, b"{not json"])
    clinic.run()
    (closed,) = _chains(clinic)
    assert (closed.closed, closed.withheld, closed.sealed_secret) == (True, 1, None)


@pytest.mark.parametrize(
    ("owner", "name", "defect"),
    [
        (Engine, "spans", lambda *_: SpanTable.empty()),
        (Surrogates, "surrogate", lambda *_: b"<email:aaaaaaaaaaaaaaaaaaaaaaaa>"),
        (Records, "masked", lambda _self, texts: texts),
        (Records, "masked", lambda *_: 1 // 0),
    ],
)
def test_a_defect_of_the_engine_lets_nothing_leave(
    clinic: MaskingDriver, monkeypatch: pytest.MonkeyPatch, owner: type, name: str, defect: object
) -> None:
    """Finds nothing, makes up surrogates, hands the text through, or raises: the look at the bytes does not depend on it."""
    monkeypatch.setattr(owner, name, defect)
    body = b'{"note": "mara.zwicker@clinic.example was here", "mail": "mara.zwicker@clinic.example"}'
    clinic.result(granted(clinic), [body])
    clinic.run()
    assert [type(batch) for batch in clinic.masked()] == [WithheldBatch]


def test_the_entry_of_a_batch_says_what_was_masked_and_nothing_else(clinic: MaskingDriver) -> None:
    """Counts, digests and ids; who reads `audit` learns no value."""
    grant = granted(clinic)
    (sent,) = clinic.result(grant, [BODY])
    clinic.run()
    (entry,) = clinic.entries(Event.BATCH_MASKED)
    assert (entry.grant_id, entry.agent, entry.executor) == (grant.grant_id, "ops-agent", "crm")
    assert (entry.batch_digest, entry.sequence, entry.result_batches) == (sent.digest, 0, 1)
    assert entry.masked == {"email": 1}
    assert entry.leaf is not None
    assert entry.leaf.offset == sent.position.offset


def test_what_does_not_pass_is_sealed_and_a_notice_takes_its_place(clinic: MaskingDriver) -> None:
    """The chain stays whole, the reader learns that a link is withheld, and only the privacy office can open it."""
    grant = granted(clinic)
    sent = clinic.result(grant, [b"{not json " + CANARY.encode(), BODY])
    clinic.run()
    withheld, masked = clinic.masked(grant)
    assert isinstance(withheld, WithheldBatch)
    assert isinstance(masked, MaskedBatch)
    assert masked.previous == withheld.source_digest == sent[0].digest
    (kept,) = clinic.quarantined()
    assert kept.recipient == clinic.recipient.key_id
    assert CANARY.encode() not in kept.sealed
    assert codec.decode_own(clinic.opened(kept), ExportBatch) == sent[0].batch
    (entry,) = clinic.entries(Event.BATCH_WITHHELD)
    assert entry.reasons == withheld.reasons == kept.reasons != ()


def test_a_profile_that_nobody_knows_withholds(clinic: MaskingDriver) -> None:
    """Unknown means no."""
    grant = granted(clinic)
    carried = clinic.carried(grant)
    unknown = codec.encode(grant.model_copy(update={"mask": "clinic-notes"}))
    signed = _signed_by_gate(clinic, unknown.payload_type, unknown.value)
    assert carried.payload_type == unknown.payload_type
    clinic.send(clinic.batch(grant, BODY, grant=signed, count=1))
    clinic.run()
    (batch,) = clinic.masked(grant)
    assert isinstance(batch, WithheldBatch)
    assert batch.reasons == ("unknown-profile",)


def test_a_published_profile_is_used_and_a_built_in_one_cannot_be_replaced(clinic: MaskingDriver) -> None:
    """Operators add profiles; what a built-in name promises is not theirs to change."""
    for name in ("clinic-notes", "pii-basic"):
        text = f"version: 1\nname: {name}\nextends: pii-basic\n"
        clinic.gate.publish(DocumentKind.PROFILE, name, document.ProfileText(text=text))
    clinic.run()
    assert set(clinic.driver.tables.current.profiles) == {"clinic-notes"}
    assert [ignored.reason for ignored in clinic.driver.tables.current.ignored] == [Reason.PROFILE_INVALID]


def test_the_same_batch_again_is_handed_on_once(clinic: MaskingDriver) -> None:
    """A copy of the last batch is noted and changes nothing."""
    grant = granted(clinic)
    (sent,) = clinic.result(grant, [BODY])
    clinic.driver.produce_again(sent.position)
    clinic.run()
    assert len(clinic.masked(grant)) == 1
    assert len(clinic.entries(Event.BATCH_REPEATED)) == 1


def test_nothing_can_be_added_to_a_complete_result(clinic: MaskingDriver) -> None:
    """Not a further batch, and not a second beginning."""
    grant = granted(clinic)
    (last,) = clinic.result(grant, [BODY])
    clinic.send(clinic.batch(grant, BODY, last))
    clinic.send(clinic.batch(grant, b"{}"))
    assert refused(clinic) == [Reason.CHAIN_CLOSED, Reason.CHAIN_CLOSED]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"sequence": 2}, Reason.OUT_OF_SEQUENCE),
        ({"previous": bytes(32)}, Reason.OTHER_CHAIN),
        ({"previous": None}, Reason.OTHER_CHAIN),
        ({"count": 1}, Reason.WRONG_COUNT),
        ({"count": 3}, Reason.WRONG_COUNT),
        ({"agent": "other-agent"}, Reason.OTHER_GRANT),
        ({"action_id": "action-x"}, Reason.OTHER_GRANT),
    ],
)
def test_a_batch_that_is_not_the_next_of_its_chain_is_refused(
    clinic: MaskingDriver, fields: dict[str, object], reason: Reason
) -> None:
    """Gaps, forks, wrong counts and other names; the right one still fits afterwards."""
    grant = granted(clinic)
    first = clinic.send(clinic.batch(grant, BODY))
    clinic.send(clinic.batch(grant, BODY, first, **fields))
    assert refused(clinic) == [reason]
    clinic.send(clinic.batch(grant, BODY, first, count=2))
    clinic.run()
    assert [batch.sequence for batch in clinic.masked(grant)] == [0, 1]


def test_a_result_without_its_grant_is_refused(clinic: MaskingDriver) -> None:
    """The first batch carries the grant, or nothing proves that anybody wanted it."""
    grant = granted(clinic)
    clinic.send(clinic.batch(grant, BODY, grant=None))
    assert refused(clinic) == [Reason.NO_GRANT]


def test_another_executor_cannot_return_anything(clinic: MaskingDriver) -> None:
    """With its own key and the other's genuine grant: the grant names who may."""
    grant = granted(clinic)
    clinic.send(clinic.batch(grant, BODY, source="mailer"))
    assert refused(clinic) == [Reason.OTHER_GRANT]
    first = clinic.send(clinic.batch(grant, BODY))
    clinic.send(clinic.batch(grant, BODY, first, source="mailer"))
    assert refused(clinic) == [Reason.OTHER_GRANT, Reason.OTHER_GRANT]


@pytest.mark.parametrize(
    "fields", [{"mask": "limited-data-set"}, {"executor": "mailer"}, {"action_id": "action-x"}]
)
def test_a_grant_that_was_altered_is_no_grant(clinic: MaskingDriver, fields: dict[str, object]) -> None:
    """The gate's signature covers every byte of it, the profile included."""
    grant = granted(clinic)
    altered = codec.encode(grant.model_copy(update=fields))
    carried = clinic.carried(grant).model_copy(update={"value": altered.value})
    clinic.send(clinic.batch(grant, BODY, grant=carried))
    assert refused(clinic) == [Reason.NOT_A_GRANT]


def test_a_grant_signed_by_an_executor_is_no_grant(clinic: MaskingDriver) -> None:
    """Only a gate's key makes grants."""
    grant = granted(clinic)
    carried = _signed_by_gate(clinic, clinic.carried(grant).payload_type, clinic.carried(grant).value, "crm")
    clinic.send(clinic.batch(grant, BODY, grant=carried))
    assert refused(clinic) == [Reason.NOT_A_GRANT]


def test_revoked_grants_and_gate_keys_return_nothing(clinic: MaskingDriver) -> None:
    """Neither at the beginning of a result nor in its middle."""
    first, second = granted(clinic), granted(clinic)
    begun = clinic.send(clinic.batch(first, BODY))
    clinic.run()
    revoked = document.Revocation(grant_id=first.grant_id, from_ms=clinic.driver.now_ms)
    clinic.gate.publish(DocumentKind.REVOCATION, "r-1", revoked)
    clinic.run()
    clinic.send(clinic.batch(first, BODY, begun))
    assert refused(clinic) == [Reason.REVOKED_GRANT]
    lost = document.Revocation(key_id=clinic.gate.gate_key.key_id, from_ms=clinic.driver.now_ms)
    clinic.gate.publish(DocumentKind.REVOCATION, "r-2", lost)
    clinic.run()
    clinic.send(clinic.batch(second, BODY))
    assert refused(clinic) == [Reason.REVOKED_GRANT, Reason.REVOKED_KEY]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"key": seeded_key("stranger")}, Reason.UNKNOWN_KEY),
        ({"key": seeded_key("mailer")}, Reason.WRONG_SIGNER),
        ({"key": seeded_key("ops-agent")}, Reason.WRONG_SIGNER),
        ({"change": lambda value: value[:-1] + b"x"}, Reason.BAD_SIGNATURE),
        ({"alter_headers": lambda headers: headers[:-1]}, Reason.UNSIGNED),
        ({"partition": 1}, Reason.WRONG_PARTITION),
    ],
)
def test_what_cannot_be_trusted_is_set_aside(
    clinic: MaskingDriver, settings: dict[str, object], reason: Reason
) -> None:
    """A dead letter with the exact bytes, an entry, and no chain has begun."""
    grant = granted(clinic)
    if "partition" in settings:
        settings = {"partition": 1 - clinic.driver.partition_of(b"ops-agent")}
    clinic.send(clinic.batch(grant, BODY), **settings)  # type: ignore[arg-type]  # whatever the case says
    clinic.run()
    ((found, record),) = clinic.gate.dead_letters("exports.raw")
    assert found == reason
    assert header(record.headers, "dlq-origin") is not None
    assert clinic.masked() == []
    clinic.result(grant, [BODY])
    clinic.run()
    assert len(clinic.masked(grant)) == 1


def test_a_grant_is_too_old_before_its_chain_is_forgotten(clinic: MaskingDriver) -> None:
    """While the chain is remembered it is closed; once it may be forgotten its grant counts for nothing any more."""
    grant = granted(clinic)
    again = clinic.batch(grant, b"{}", count=1)
    clinic.result(grant, [BODY])
    clinic.run()
    clinic.advance(OPEN_MS)
    clinic.send(again)
    assert refused(clinic) == [Reason.CHAIN_CLOSED]
    clinic.advance(KEPT_MS + 1)
    other = granted(clinic)
    clinic.result(other, [b"{}"])
    clinic.run()
    clinic.send(again)
    assert refused(clinic) == [Reason.CHAIN_CLOSED, Reason.TOO_LATE]
    assert len(clinic.masked(grant)) == 1


def test_a_result_too_large_to_leave_is_withheld(clinic: MaskingDriver) -> None:
    """Sized before it is written: a record that the topic refuses would stop masking for ever."""
    grant = granted(clinic)
    clinic.send(clinic.batch(grant, b'"' + b"a" * (4 * 1024 * 1024 - 66_000) + b'"', count=1))
    clinic.run()
    (batch,) = clinic.masked(grant)
    assert isinstance(batch, WithheldBatch | MaskedBatch)
    assert all(len(record.value or b"") < 4 * 1024 * 1024 for record in clinic.driver.read("exports.masked"))


@pytest.mark.parametrize("step", CommitStep)
def test_a_crash_at_any_step_hands_each_batch_on_once(clinic: MaskingDriver, step: CommitStep) -> None:
    """The same records as without the crash, and a history that verifies."""
    grant = granted(clinic)
    clinic.result(grant, [BODY, b"{not json", BODY])
    clinic.driver.now_ms = clinic.gate.driver.now_ms
    clinic.driver.crash_at(step)
    with pytest.raises(Crashed):
        clinic.driver.run()
    clinic.driver.restart()
    clinic.run()
    assert [(batch.sequence, batch.kind) for batch in clinic.masked(grant)] == [
        (0, "masked-batch"),
        (1, "withheld-batch"),
        (2, "masked-batch"),
    ]
    assert len(clinic.quarantined()) == 1


def test_a_replay_gives_the_same_bytes() -> None:
    """Sealing and surrogates included: nothing is drawn."""

    def play() -> dict[str, object]:
        world = MaskingDriver(POLICY)
        world.gate.person("p-own")
        world.gate.agent("ops-agent", owners=["p-own"])
        world.gate.executor("crm", types=["crm.read"])
        world.run()
        world.result(granted(world), [BODY, b"{not json"])
        world.run()
        return {**world.driver.visible()}

    assert play() == play()


def test_the_gates_entries_are_no_evidence_about_masking() -> None:
    """A masking that starts beside a gate which has worked for long begins at 0."""
    world = MaskingDriver(POLICY)
    world.gate.run()
    assert world.driver.read("audit")
    world.driver.restart()


def test_masking_that_has_lost_its_offsets_stops_instead_of_starting_over(clinic: MaskingDriver) -> None:
    """Its own records on `exports.masked` prove that it has worked."""
    clinic.result(granted(clinic), [BODY])
    clinic.run()
    saved = dict(clinic.driver.log.offsets)
    clinic.driver.log.offsets.clear()
    with pytest.raises(InvariantError, match="worked on before"):
        clinic.driver.restart()
    clinic.driver.log.offsets.update(saved)
    clinic.driver.restart()


def test_the_story_of_an_action_tells_what_became_of_its_result(clinic: MaskingDriver) -> None:
    """`show` has a sentence for what was masked and what was withheld."""
    grant = granted(clinic)
    clinic.result(grant, [BODY, b"{not json"])
    clinic.run()
    (story,) = tell(grant.action_id, clinic.gate.entries())
    sentences = [step.sentence for step in story.steps]
    assert any("was masked, checked and handed on" in sentence for sentence in sentences)
    assert any("sealed in quarantine" in sentence for sentence in sentences)


def _chains(world: MaskingDriver) -> list[ExportProgress]:
    """Every chain, as the changelog has it last."""
    last = {record.key: record.value for record in world.driver.read(CHANGELOG)}
    return [
        codec.decode_own(value[HEAD_BYTES:], ExportProgress) for value in last.values() if value is not None
    ]


def _drawn_first() -> bytes:
    """The secret that masking drew first."""
    return MaskingDriver(POLICY).topology.draw(SECRET_BYTES)


def _signed_by_gate(
    world: MaskingDriver, payload_type: str, value: bytes, signer: str | None = None
) -> CarriedGrant:
    key = world.gate.gate_key if signer is None else seeded_key(signer)
    (signature,) = sign_grants(key, [(payload_type, value)])
    return CarriedGrant(
        payload_type=payload_type, value=value, sig=signature.sig, sig_path=signature.path.encode()
    )


def test_a_history_read_from_any_entry_on_raises_no_false_alarm(clinic: MaskingDriver) -> None:
    """An analyst keeps a part: what came before is unproven, and nothing is called a violation for it."""
    first, second = granted(clinic), granted(clinic)
    clinic.result(first, [BODY, BODY])
    clinic.gate.run()
    assert clinic.gate.report().ok, "masking lags"
    clinic.send(clinic.batch(second, BODY))
    clinic.run()
    partition = clinic.driver.partition_of(b"ops-agent")
    placed = [
        Placed(partition, record.position.offset, record.append_ms, entry)
        for record, entry in zip(clinic.driver.read("audit"), clinic.gate.entries(), strict=True)
        if record.position.partition == partition
    ]
    for begin in range(1, len(placed)):
        verifier = Verifier()
        for one in placed[begin:]:
            verifier.take_placed(one)
        report = verifier.report()
        assert [str(finding) for finding in report.findings] == [], begin
        assert not report.is_complete, begin
