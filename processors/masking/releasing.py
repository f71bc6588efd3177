"""Release what is held once people have approved, or destroy it.

Source: execution.masking (grants, and the ends of actions that got none), punctuation `unanswered`.  Store: held.
Sinks: exports.masked, receipts, audit, dlq.execution.masking.

A grant goes through the checks of every executor, and needs people whatever a policy says. Claim, receipt and the released batch are
one transaction with the state, so a batch is released at most once, and its end is never unknown. The gate judges a claim by the
time of its append, which nobody knows here yet: a grant that ends within `MARGIN_MS` is refused, because a worker that stands still
for longer between reading and writing has lost its partition, and cannot commit.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from sluicegate.processors.burial import dead_letter
from sluicegate.processors.contract import Due, Output, Put, Record, StoreReader
from sluicegate.processors.events import Event, Reason
from sluicegate.processors.export_release import RELEASER
from sluicegate.processors.release import STRAY, Check, Post, Refusal, Released, examine
from sluicegate.processors.ruling import Cause
from sluicegate.processors.tables import Tables
from sluicegate.schemas import codec
from sluicegate.schemas.envelope import envelope_digest, header, record_headers, sign
from sluicegate.schemas.errors import RecordError
from sluicegate.schemas.export import MaskedBatch, WithheldBatch
from sluicegate.schemas.grant import Grant
from sluicegate.schemas.ids import derived_id
from sluicegate.schemas.receipt import Claim, Happened, Receipt
from sluicegate.schemas.state import HeldExport

from .ends import told_end
from .export_progress import put_progress, read_progress
from .export_records import SOURCE, output
from .held import end_held, opened_batch, read_held
from .releasing_keys import ReleasingKeys

MARGIN_MS: Final = 60_000
"""Longer than a member of a group that does not answer keeps its partitions (45 s)."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What one record or punctuation led to; its audit entry is written by who asked."""

    event: Event
    facts: dict[str, Any]
    puts: tuple[Put, ...] = ()
    outputs: tuple[Output, ...] = ()


@dataclass(frozen=True, slots=True)
class Releasing:
    """Masking as the executor of `export.release`; `secret` is masking's."""

    deployment: str
    partitions: int
    skew_ms: int
    secret: bytes = field(repr=False)

    def take(self, stores: StoreReader, tables: Tables, record: Record, cause: Cause) -> Taken:
        """A grant, or the end of an action that got none. Never raises for what a record holds."""
        if (header_of(record) or b"").startswith(b"application/vnd.sluicegate.outcome."):
            return self._ended(stores, tables, record, cause)
        post = Post(self.deployment, RELEASER, self.partitions, self.skew_ms)
        found = examine(record, tables, post, cause.now_ms)
        if isinstance(found, Refusal):
            return self._refused(record, found.grant, found.check, cause)
        return self._granted(stores, tables, record, found, cause)

    def unanswered(self, stores: StoreReader, due: Due, cause: Cause) -> Taken | None:
        """Nobody has said anything for as long as any policy lets people decide."""
        held = read_held(stores, due.key.decode())
        if held is None:
            return None
        return self._destroyed(stores, Event.EXPORT_FORGOTTEN, held, Reason.NO_ANSWER, cause)

    def _granted(
        self, stores: StoreReader, tables: Tables, record: Record, released: Released, cause: Cause
    ) -> Taken:
        grant = released.grant
        held = read_held(stores, grant.action_id)
        check = _unfit(grant, held, cause.now_ms)
        masked = None if held is None or check else self._opened(held)
        if masked is not None and tables.controls.grant_revoked(masked.grant_id or ""):
            # The examination knows the grant to release; this is the one under which the batch came.
            check, masked = Check.REVOKED_GRANT, None
        if held is None or masked is None:
            return self._refused(record, grant, check or Check.NOTHING_HELD, cause)
        claim_id = derived_id("cl", grant.grant_id, _digest(record).hex())
        outputs = (
            self._told(self._claim(grant, claim_id, cause.now_ms), claim_id, cause, 0),
            self._told(self._receipt(grant, claim_id, cause), cause.id("rc"), cause, 1),
            output("exports.masked", masked, codec.encode(masked), cause, 2, None),
        )
        facts = _facts(masked, held) | {
            "grant_id": grant.grant_id,
            "claim_id": claim_id,
            "executor": RELEASER,
        }
        return Taken(Event.EXPORT_RELEASED, facts, _ended(stores, held, masked), outputs)

    def _refused(self, record: Record, grant: Grant | None, check: Check, cause: Cause) -> Taken:
        """Say so in a receipt; the end that the gate tells then destroys what is held."""
        if grant is None:
            return Taken(
                Event.DEAD_LETTER, {"reason": Reason.UNREADABLE}, (), (dead_letter(record, check.value),)
            )
        # INVARIANT: a record that no gate signed names a claim that never was, so nobody's copy can end another's action.
        claim_id = cause.id("cl", "stray") if check in STRAY else None
        receipt = self._receipt(grant, claim_id, cause, check=check)
        facts = {"release_id": grant.action_id, "executor": RELEASER, "reason": check}
        if check not in STRAY:
            facts |= {"action_id": grant.action_id, "agent": grant.agent, "grant_id": grant.grant_id}
        return Taken(Event.RELEASE_REFUSED, facts, (), (self._told(receipt, receipt.receipt_id, cause, 0),))

    def _ended(self, stores: StoreReader, tables: Tables, record: Record, cause: Cause) -> Taken:
        outcome = told_end(record, tables, self.partitions)
        if isinstance(outcome, Reason):
            return Taken(Event.DEAD_LETTER, {"reason": outcome}, (), (dead_letter(record, outcome.value),))
        held = read_held(stores, outcome.action_id)
        if held is None or (held.agent, held.action_digest) != (outcome.agent, outcome.action_digest):
            facts = {"release_id": outcome.action_id, "reason": Reason.NOTHING_HELD}
            return Taken(Event.RELEASE_IGNORED, facts)
        return self._destroyed(stores, Event.EXPORT_DESTROYED, held, outcome.outcome.value, cause)

    def _destroyed(
        self, stores: StoreReader, event: Event, held: HeldExport, reason: str, cause: Cause
    ) -> Taken:
        """Hold it no longer, and say so where its notice stands."""
        masked = self._opened(held)
        puts = _ended(stores, held, masked)
        if masked is None:
            return Taken(event, {"release_id": held.action_id, "reason": reason}, puts)
        notice = codec.encode(_notice(masked, held.reasons, cause.now_ms))
        facts = _facts(masked, held) | {"reason": reason}
        return Taken(event, facts, puts, (output("exports.masked", masked, notice, cause, 0, None),))

    def _opened(self, held: HeldExport) -> MaskedBatch | None:
        """The held batch; None when masking's key was exchanged since."""
        try:
            return opened_batch(self.secret, held)
        except RecordError:
            return None

    def _claim(self, grant: Grant, claim_id: str, now_ms: int) -> Claim:
        return Claim(
            deployment=self.deployment,
            claim_id=claim_id,
            grant_id=grant.grant_id,
            action_id=grant.action_id,
            lane=grant.lane,
            agent=grant.agent,
            action_digest=grant.action_digest,
            executor=RELEASER,
            claimed_at_ms=now_ms,
        )

    def _receipt(
        self, grant: Grant, claim_id: str | None, cause: Cause, *, check: Check | None = None
    ) -> Receipt:
        return Receipt(
            deployment=self.deployment,
            receipt_id=cause.id("rc"),
            grant_id=grant.grant_id,
            claim_id=claim_id,
            action_id=grant.action_id,
            lane=grant.lane,
            agent=grant.agent,
            executor=RELEASER,
            happened=Happened.EXECUTED if check is None else Happened.REFUSED,
            check=check,
            created_at_ms=cause.now_ms,
        )

    def _told(self, model: Claim | Receipt, record_id: str, cause: Cause, ordinal: int) -> Output:
        encoded = codec.encode(model)
        headers = record_headers(
            kind=model.kind,
            payload_type=encoded.payload_type,
            id=record_id,
            subject=model.action_id,
            source=SOURCE,
            origin=cause.origin,
            ordinal=ordinal,
            sig=sign(ReleasingKeys.of(self.secret).executor, encoded.payload_type, encoded.value),
        )
        return Output("receipts", model.lane.encode(), encoded.value, headers)


def header_of(record: Record) -> bytes | None:
    """The one `content-type` of a record, None when there is none or more than one."""
    try:
        return header(record.headers, "content-type")
    except RecordError:
        return None


def _unfit(grant: Grant, held: HeldExport | None, now_ms: int) -> Check | None:
    """What no other executor checks: something is held for exactly this action, people have approved, and there is time."""
    if held is None or (held.agent, held.action_digest) != (grant.agent, grant.action_digest):
        return Check.NOTHING_HELD
    if not grant.decisions:
        return Check.FLOOR
    return Check.GRANT_EXPIRED if grant.expires_at_ms - now_ms < MARGIN_MS else None


def _ended(stores: StoreReader, held: HeldExport, masked: MaskedBatch | None) -> tuple[Put, ...]:
    """Hold it no longer; its chain, unless it is forgotten by now, has one less that waits."""
    progress = None if masked is None else read_progress(stores, masked)
    if masked is None or progress is None:
        return (end_held(held.action_id),)
    fewer = progress.model_copy(update={"held": max(0, progress.held - 1)})
    return end_held(held.action_id), put_progress(masked, fewer)


def _digest(record: Record) -> bytes:
    return envelope_digest((header_of(record) or b"").decode("ascii", "replace"), record.value or b"")


def _facts(masked: MaskedBatch, held: HeldExport) -> dict[str, Any]:
    return {
        "release_id": held.action_id,
        "action_id": masked.action_id,
        "agent": masked.agent,
        "stream": masked.stream,
        "batch_id": masked.batch_id,
        "batch_digest": masked.source_digest,
        "sequence": masked.sequence,
        "profile": masked.profile,
    }


def _notice(masked: MaskedBatch, reasons: tuple[str, ...], now_ms: int) -> WithheldBatch:
    return WithheldBatch(
        batch_id=masked.batch_id,
        action_id=masked.action_id,
        lane=masked.lane,
        agent=masked.agent,
        source=masked.source,
        grant_id=masked.grant_id,
        stream=masked.stream,
        sequence=masked.sequence,
        previous=masked.previous,
        count=masked.count,
        profile=masked.profile,
        reasons=reasons,
        source_digest=masked.source_digest,
        withheld_at_ms=now_ms,
    )
