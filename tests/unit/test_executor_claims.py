"""What an executor remembers of its grants, and what it does with a batch of them."""

import pytest

from sluicegate.processors.contract import Position, Record
from sluicegate.processors.release import STRAY, Check, Refusal, Released
from sluicegate.schemas import codec
from sluicegate.schemas.action import Action
from sluicegate.schemas.envelope import envelope_digest, record_headers
from sluicegate.schemas.grant import Grant, Signed
from sluicegate.schemas.keys import PrivateKey
from sluicegate.schemas.receipt import Claim, Happened, Receipt
from sluicegate.streams.clients.claim_book import REMEMBERED_MS, ClaimBook
from sluicegate.streams.clients.execution_records import OwnRecord, ReadGrant, Scribe
from sluicegate.streams.clients.judgement import Judgement, judge, once_each

SCRIBE = Scribe("test", "crm", PrivateKey.from_seed(bytes(32)))
TYPES = {"crm.read"}


def grant(name: str = "gr-1", *, life_ms: int = 100) -> Grant:
    """A grant; another life makes other bytes under the same id."""
    return Grant(
        deployment="test",
        grant_id=name,
        action_id="ac-1",
        action_digest=bytes(32),
        lane="helper",
        agent="helper",
        executor="crm",
        type="crm.read",
        issued_at_ms=0,
        expires_at_ms=life_ms,
        action=Signed(payload_type="x", value=b"x", sig="x"),
    )


def action(action_type: str = "crm.read") -> Action:
    """The action of a grant."""
    return Action(
        deployment="test", action_id="ac-1", agent="helper", lane="helper", type=action_type,
        nonce=bytes(16), created_at_ms=0, arguments={},
    )  # fmt: skip


def record(of: Grant, offset: int = 0) -> Record:
    """The record of a grant; its signature is of no interest here."""
    encoded = codec.encode(of)
    headers = record_headers(
        kind="grant", payload_type=encoded.payload_type, id="x", subject="x", source="/test", sig="x"
    )
    return Record(Position("execution.crm", 0, offset), 0, b"helper", headers, encoded.value)


def read(of: Grant, offset: int = 0) -> ReadGrant:
    """A grant as the executor has read it."""
    found = record(of, offset)
    encoded = codec.encode(of)
    return ReadGrant(found, of, envelope_digest(encoded.payload_type, found.value or b""))


def released(of: Grant, book: ClaimBook, offset: int = 0) -> Judgement:
    """The judgement of a grant that every check lets pass."""
    return judge(record(of, offset), Released(of, action()), book, TYPES)


def test_a_new_grant_is_to_be_claimed() -> None:
    """Released, unknown, and with a handler: its action is to be executed."""
    assert released(grant(), ClaimBook()).action == action()


def test_d8_a_claimed_grant_is_refused_and_a_refused_one_passed_over() -> None:
    """After a claim the same bytes are used up; after a refusal a copy of it needs no second answer."""
    book = ClaimBook()
    book.note(SCRIBE.claim(read(grant()), 1).model, 1)
    assert released(grant(), book).check is Check.USED_BEFORE
    book.note(SCRIBE.refusal(read(grant("gr-2")), Check.PAUSED, 1).model, 1)
    copy = released(grant("gr-2"), book)
    assert (copy.action, copy.check) == (None, None)


@pytest.mark.parametrize("is_claimed", [True, False])
def test_other_bytes_under_a_known_id_are_a_conflict(*, is_claimed: bool) -> None:
    """The id of a claim, and of a refusal, tells which bytes it was about, even after a restart."""
    book, first = ClaimBook(), read(grant())
    own = SCRIBE.claim(first, 1) if is_claimed else SCRIBE.refusal(first, Check.PAUSED, 1)
    book.note(own.model, 1)
    assert released(grant(life_ms=101), book).check is Check.CONFLICTING_GRANT


def test_an_expired_grant_that_was_used_is_refused_as_used() -> None:
    """That it was used is the truth about it, whatever else is wrong with it by now."""
    book = ClaimBook()
    book.note(SCRIBE.claim(read(grant()), 1).model, 1)
    judged = judge(record(grant()), Refusal(Check.GRANT_EXPIRED, grant()), book, TYPES)
    assert judged.check is Check.USED_BEFORE


def test_an_unproven_record_is_looked_up_nowhere() -> None:
    """What no gate signed is refused for that, whatever id it claims."""
    book = ClaimBook()
    book.note(SCRIBE.claim(read(grant()), 1).model, 1)
    judged = judge(record(grant()), Refusal(Check.BAD_SIGNATURE, grant()), book, TYPES)
    assert judged.check is Check.BAD_SIGNATURE


def test_a_type_without_handler_is_refused() -> None:
    """An executor claims only what it can do."""
    judged = judge(record(grant()), Released(grant(), action("crm.drop")), ClaimBook(), TYPES)
    assert (judged.action, judged.check) == (None, Check.NO_HANDLER)


def test_of_one_batch_a_copy_is_passed_over_and_of_two_that_differ_both_are_refused() -> None:
    """The book does not know a grant yet whose double stands in the same batch."""
    book = ClaimBook()
    copies = once_each([released(grant(), book), released(grant(), book, 1)])
    assert [judged.action is not None for judged in copies] == [True, False]
    assert [judged.check for judged in copies] == [None, None]
    rivals = once_each([released(grant(), book), released(grant(life_ms=101), book, 1)])
    assert [judged.check for judged in rivals] == [Check.CONFLICTING_GRANT] * 2
    assert all(judged.action is None for judged in rivals)


def test_a_forgery_does_not_refuse_the_grant_whose_id_it_takes() -> None:
    """An unsigned record in the same batch changes nothing for the signed one."""
    forged = judge(
        record(grant(life_ms=9)), Refusal(Check.BAD_SIGNATURE, grant(life_ms=9)), ClaimBook(), TYPES
    )
    judged = once_each([forged, released(grant(), ClaimBook(), 1)])
    assert judged[1].action == action()


def test_d8_a_copy_out_of_place_does_not_pass_for_the_grant() -> None:
    """A copy on another partition in the same batch is refused alone; the grant in its place is executed."""
    copy = judge(record(grant()), Refusal(Check.WRONG_PARTITION, grant()), ClaimBook(), TYPES)
    judged = once_each([copy, released(grant(), ClaimBook(), 1)])
    assert [each.check for each in judged] == [Check.WRONG_PARTITION, None]
    assert judged[1].action == action()


@pytest.mark.parametrize("check", sorted(STRAY))
def test_the_refusal_of_a_stray_record_is_no_word_about_the_grant(check: Check) -> None:
    """It names a claim that never was: read back it blocks nothing, and its claim is not the one the grant will have."""
    refusal, claim = SCRIBE.refusal(read(grant()), check, 1).model, SCRIBE.claim(read(grant()), 1).model
    book = ClaimBook()
    book.note(refusal, 1)
    assert released(grant(), book).action == action()
    assert refusal.claim_id not in {None, claim.claim_id}


def test_the_book_forgets_only_what_is_older_than_any_grant() -> None:
    """A claim is known for as long as its grant could be used, and not for ever."""
    book = ClaimBook()
    start_ms = 10 * REMEMBERED_MS
    book.note(SCRIBE.claim(read(grant()), start_ms).model, start_ms)
    later = [read(grant(f"gr-{number}")) for number in range(2, 5)]
    book.note(SCRIBE.claim(later[0], 0).model, start_ms + REMEMBERED_MS)
    assert released(grant(), book).check is Check.USED_BEFORE
    book.note(SCRIBE.claim(later[1], 0).model, start_ms + REMEMBERED_MS + 1)
    assert released(grant(), book).check is Check.USED_BEFORE
    book.note(SCRIBE.claim(later[2], 0).model, start_ms + 2 * REMEMBERED_MS + 2)
    assert released(grant(), book).action is not None


def own(signed: OwnRecord, scribe: Scribe = SCRIBE) -> Claim | Receipt | None:
    """What an executor makes of a record it reads back."""
    return scribe.own(Record(Position("receipts", 0, 0), 0, signed.key, signed.headers, signed.value))


def test_an_executor_knows_its_own_records_and_no_others() -> None:
    """Signed by another key, for another deployment or executor, or altered: not its own."""
    claim = SCRIBE.claim(read(grant()), 1)
    assert own(claim) == claim.model
    assert own(claim, Scribe("test", "crm", PrivateKey.generate())) is None
    assert own(claim, Scribe("staging", "crm", SCRIBE.key)) is None
    assert own(claim, Scribe("test", "mail", SCRIBE.key)) is None
    assert own(OwnRecord(claim.model, claim.value + b"x", claim.headers)) is None
    assert own(OwnRecord(claim.model, claim.value, ())) is None


class _Hidden(Exception):  # noqa: N818
    pass


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (ValueError("secret"), "ValueError"),
        (_Hidden("secret"), "Hidden"),
        (type("Ä", (Exception,), {})(), "Exception"),
    ],
)
def test_h1_a_failed_receipt_names_the_class_of_the_error_only(error: Exception, failure: str) -> None:
    """No message of an exception reaches `receipts`, and any class name fits."""
    receipt = SCRIBE.failed(read(grant()), "cl-1", 1, error)
    assert isinstance(receipt.model, Receipt)
    assert (receipt.model.happened, receipt.model.failure) == (Happened.FAILED, failure)
    assert b"secret" not in receipt.value


def test_what_is_written_twice_about_a_claim_is_one_record() -> None:
    """Claims and ends have ids that derive from the grant, so a repeated one is recognised."""
    one, two = SCRIBE.claim(read(grant()), 1), SCRIBE.claim(read(grant()), 2)
    assert isinstance(one.model, Claim)
    assert isinstance(two.model, Claim)
    assert one.model.claim_id == two.model.claim_id
    assert SCRIBE.executed(read(grant()), "cl-1", 1).value != one.value
