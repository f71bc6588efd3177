"""What an executor does with each grant it has read: claim it, refuse it, or pass over a copy. Pure.

A stray record (no gate signed it, or it is a copy out of place) is refused for that and looked up nowhere, so that it leaves
the grant it names alone. Any other is looked up first: that a grant was used before is the truth about it, even when it has expired since.
"""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace

from sluicegate.processors.contract import Record
from sluicegate.processors.release import STRAY, Check, Refusal, Released
from sluicegate.schemas.action import Action
from sluicegate.schemas.envelope import envelope_digest, payload_type_of

from .claim_book import ClaimBook, Use
from .execution_records import ReadGrant

Examine = Callable[[Record], Released | Refusal]


@dataclass(frozen=True, slots=True)
class Judgement:
    """`check` refuses; `action` is to be claimed and executed; neither means a copy that is passed over.

    `read` is None for a record that is no grant at all: a dead letter.
    """

    record: Record
    read: ReadGrant | None = None
    action: Action | None = None
    check: Check | None = None

    def refused(self, check: Check) -> "Judgement":
        """The same grant, refused."""
        return replace(self, action=None, check=check)

    @property
    def is_stray(self) -> bool:
        """Whether the record is not the grant it names."""
        return self.read is None or self.check in STRAY


def judge(record: Record, answer: Released | Refusal, book: ClaimBook, types: Container[str]) -> Judgement:
    """One record: what the examination said of it, what its partition's book knows, what there are handlers for."""
    if answer.grant is None:
        return Judgement(record, check=answer.check if isinstance(answer, Refusal) else Check.UNREADABLE)
    digest = envelope_digest(payload_type_of(record.headers), record.value or b"")
    read = ReadGrant(record, answer.grant, digest)
    if isinstance(answer, Refusal) and answer.check in STRAY:
        return Judgement(record, read, check=answer.check)
    match book.look(read.grant.grant_id, digest):
        case Use.USED:
            return Judgement(record, read, check=Check.USED_BEFORE)
        case Use.CONFLICT:
            return Judgement(record, read, check=Check.CONFLICTING_GRANT)
        case Use.REFUSED:
            return Judgement(record, read)
        case Use.NEW:
            return _new(record, read, answer, types)


def once_each(judgements: Sequence[Judgement]) -> list[Judgement]:
    """Judgements of one batch with doubles in it settled: a copy is passed over, of two that differ both are refused."""
    settled = list(judgements)
    first: dict[str, int] = {}
    for index, judgement in enumerate(judgements):
        if judgement.read is None or judgement.is_stray:
            continue
        earlier = first.setdefault(judgement.read.grant.grant_id, index)
        if earlier == index:
            continue
        kept = judgements[earlier].read
        if kept is not None and kept.digest == judgement.read.digest:
            settled[index] = replace(judgement, action=None, check=None)
            continue
        settled[index] = judgement.refused(Check.CONFLICTING_GRANT)
        settled[earlier] = settled[earlier].refused(Check.CONFLICTING_GRANT)
    return settled


def _new(record: Record, read: ReadGrant, answer: Released | Refusal, types: Container[str]) -> Judgement:
    if isinstance(answer, Refusal):
        return Judgement(record, read, check=answer.check)
    if answer.action.type not in types:
        return Judgement(record, read, check=Check.NO_HANDLER)
    return Judgement(record, read, action=answer.action)
