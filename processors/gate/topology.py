"""The gate: one topology over actions, decisions and receipts, pure and replayable.

Source: actions, decisions, receipts (in this order within a transaction).  Stores: pending, closed.
Tables: policies, identities, controls.  Sinks: approvals, execution.<executor>, outcomes, audit, dlq.<source>.

::

    Action ──► intake ──► submissions ──► allow ──► grants ──► execution.<executor>
                              ├─────────► review ─► approvals ─► grants ─► execution.<executor>
                              └─────────► deny
    Decision ─► intake ─► separation ─► approvals ─► tally
    Claim, Receipt ─► intake ─► receipts ─► outcome
    every input ─► audit entry with its leaf
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from sluicegate.processors import audit
from sluicegate.processors.burial import dead_letter
from sluicegate.processors.contract import Due, Output, Put, Record, Step, StoreReader, StoreSpec, Transaction
from sluicegate.processors.events import Event, Reason
from sluicegate.processors.intake import Authentic, authenticate
from sluicegate.processors.ruling import Cause, DeadLetter, Ruling, Send
from sluicegate.processors.separation import decider
from sluicegate.processors.tables import OperatorTables, Tables
from sluicegate.processors.traces import traceparent
from sluicegate.schemas import codec
from sluicegate.schemas.action import Action, Withdrawal
from sluicegate.schemas.decision import Decision, Reconciliation
from sluicegate.schemas.envelope import Headers, record_headers
from sluicegate.schemas.receipt import Claim, Receipt

from . import approvals, closed, grants, pending, receipts, reconciliation, submissions
from .pending import read_pending
from .releases import told_to_masking
from .submissions import Submission, Window

SOURCE = "/sluicegate/gate"
"""`ce_source` of everything the gate writes."""


class Read(NamedTuple):
    """A record, and whether it can be trusted."""

    record: Record
    trusted: Authentic | DeadLetter


class Judged(NamedTuple):
    """A record, and what can be said about it before any state is looked at: of an action, what policies say."""

    record: Record
    found: Submission | Authentic | DeadLetter


class Ruled(NamedTuple):
    """A record and what was decided about it."""

    record: Record
    cause: Cause
    ruling: Ruling | DeadLetter

    @property
    def puts(self) -> tuple[Put, ...]:
        """What changes in the stores; a dead letter touches none."""
        return () if isinstance(self.ruling, DeadLetter) else self.ruling.puts


@dataclass(frozen=True, slots=True)
class GateTopology(OperatorTables):
    """The gate as the runtime drives it. Without state: everything is in stores and tables.

    `partitions` is the number of partitions of every co-partitioned topic; `code_version` is recorded in every tile.
    Records on `json_topics` are written as JSON: any of `approvals`, `outcomes`, `audit`.
    """

    partitions: int
    code_version: str
    window: Window = field(default_factory=Window)
    json_topics: frozenset[str] = frozenset()

    sources = ("actions", "decisions", "receipts")
    output_topics = ("approvals", "outcomes", "audit", "dlq.actions", "dlq.decisions", "dlq.receipts")

    @property
    def stores(self) -> tuple[StoreSpec, ...]:
        """Pending actions until they close; markers for the closing window and the skew on both of its ends."""
        retention_ms = self.window.closing_ms + 2 * self.window.skew_ms
        return (
            StoreSpec(pending.STORE, pending.CHANGELOG),
            StoreSpec(closed.STORE, closed.CHANGELOG, retention_ms),
        )

    def executors(self, tables: Tables) -> frozenset[str]:
        """Every executor that is not retired."""
        return frozenset(
            name for name, executor in tables.directory.executors.items() if not executor.retired
        )

    def adopt(self, partition: int, before: Tables | None, tables: Tables, now_ms: int) -> Step:
        """Write down which positions of the tables hold from here on."""
        entry = audit.adoption(partition, before, tables, now_ms)
        return Step(outputs=(_entry_output(entry, str(partition), self.json_topics),))

    def process(self, stores: StoreReader, tables: Tables, record: Record, now_ms: int) -> Step:
        """One record of one input."""
        judged = self.judge(tables, self.read(tables, record, now_ms), now_ms)
        ruled = self.decide(stores, tables, judged, now_ms)
        return Step(ruled.puts, self.write(ruled))

    def read(self, tables: Tables, record: Record, now_ms: int) -> Read:
        """Whether a record can be read and trusted."""
        del now_ms
        return Read(record, authenticate(record, tables, self.trust.deployment, self.partitions))

    def judge(self, tables: Tables, read: Read, now_ms: int) -> Judged:
        """What policies say about an action; of a copy as well, which only the state knows for one."""
        del now_ms
        record, trusted = read
        if isinstance(trusted, Authentic) and isinstance(trusted.model, Action):
            return Judged(record, submissions.judge(tables, trusted, trusted.model))
        return Judged(record, trusted)

    def decide(self, stores: StoreReader, tables: Tables, judged: Judged, now_ms: int) -> Ruled:
        """What becomes of it."""
        record, found = judged
        cause = Cause(str(record.position), record.append_ms, now_ms)
        match found:
            case Submission():
                ruling = submissions.submit(stores, tables, record, found, self.window, cause)
            case Authentic():
                ruling = self._rule(stores, tables, found, cause)
            case DeadLetter():
                ruling = found
        return Ruled(
            record, cause, ruling if isinstance(ruling, DeadLetter) else told_to_masking(ruling, tables)
        )

    def write(self, decided: Ruled) -> tuple[Output, ...]:
        """The records that tell of it, its audit entry with the leaf last."""
        record, cause, ruling = decided.record, decided.cause, decided.ruling
        leaf = audit.leaf_of(record)
        if isinstance(ruling, DeadLetter):
            return _bury(record, ruling.reason, cause, leaf, self.json_topics)
        return _outputs(ruling, cause, record.position.partition, leaf, record.headers, self.json_topics)

    def due(self, store: str, key: bytes, value: bytes) -> Due | None:
        """Reminder, deadline, lapse or lease of a pending action."""
        return pending.pending_due(key, value) if store == pending.STORE else None

    def began_ms(self, store: str, value: bytes) -> int | None:
        """Log-append time of a pending action."""
        return pending.unpack_pending(value).append_ms if store == pending.STORE else None

    def punctuate(self, stores: StoreReader, tables: Tables, due: Due, partition: int, now_ms: int) -> Step:
        """A reminder, a deadline, a grant nobody claimed, or a claim without receipt."""
        value = stores.get(due.store, due.key)
        if value is None:
            return Step()
        held = pending.unpack_pending(value)
        origin = f"{due.store}/{held.agent}/{held.action_id}/{due.kind}@{due.at_ms}"
        cause = Cause(origin, due.at_ms, now_ms)
        match due.kind:
            case "reminder":
                ruling = approvals.remind(held, cause)
            case "deadline":
                ruling = approvals.expire(held, cause)
            case "lapse":
                ruling = grants.lapse(held, cause)
            case _:
                ruling = receipts.lose(held, cause)
        ruling = told_to_masking(ruling, tables)
        return Step(ruling.puts, _outputs(ruling, cause, partition, None, (), self.json_topics))

    def expired(self, store: str, value: bytes, stream_ms: int) -> bool:
        """Whether a closed marker has left the window."""
        if store != closed.STORE:
            return False
        return closed.closed_ms(value) + self.window.closing_ms + 2 * self.window.skew_ms < stream_ms

    def close(self, tables: Tables, transaction: Transaction) -> tuple[Output, ...]:
        """The tile."""
        entry = audit.tile(tables, transaction, self.code_version)
        return (_entry_output(entry, str(transaction.partition), self.json_topics),)

    def _rule(
        self, stores: StoreReader, tables: Tables, trusted: Authentic, cause: Cause
    ) -> Ruling | DeadLetter:
        assert not isinstance(trusted.model, Action)  # noqa: S101  # an action is a submission by now
        match trusted.model:
            case Withdrawal() as withdrawal:
                return submissions.withdraw(stores, withdrawal, trusted.digest, self.window, cause)
            case Decision() as decision:
                held = read_pending(stores, decision.agent, decision.action_id)
                person = decider(tables.directory, decision.account, trusted.signer)
                return approvals.count(held, decision, trusted, person, tables, cause)
            case Reconciliation() as settling:
                return _reconcile(stores, tables, trusted, settling, cause)
            case Claim() as claim:
                return receipts.take_claim(read_pending(stores, claim.agent, claim.action_id), claim, cause)
            case Receipt() as receipt:
                return receipts.take_receipt(
                    read_pending(stores, receipt.agent, receipt.action_id), receipt, cause
                )


def _reconcile(
    stores: StoreReader, tables: Tables, trusted: Authentic, record: Reconciliation, cause: Cause
) -> Ruling:
    held = read_pending(stores, record.agent, record.action_id)
    person = decider(tables.directory, record.account, trusted.signer)
    refusal = (
        person if isinstance(person, Reason) else reconciliation.may_reconcile(held, record, person, tables)
    )
    facts = reconciliation.reconciliation_facts(record, None if isinstance(person, Reason) else person)
    if refusal is not None or held is None:
        facts["reason"] = refusal or Reason.ALREADY_CLOSED
        return Ruling(Event.RECONCILIATION_IGNORED, facts, lane=record.lane)
    ruling = receipts.settle(held, record, cause)
    return Ruling(
        ruling.event, {**facts, **ruling.facts}, ruling.puts, ruling.sends, ruling.outcomes, ruling.lane
    )


def _outputs(
    ruling: Ruling,
    cause: Cause,
    partition: int,
    leaf: audit.Fields | None,
    headers: Headers,
    json_topics: frozenset[str],
) -> tuple[Output, ...]:
    """Turn a ruling into records, its audit entry last."""
    trace = traceparent(headers)
    lane = ruling.lane or ""
    outputs = [
        _output(send, lane, cause.origin, ordinal, trace, json_topics)
        for ordinal, send in enumerate(ruling.sends)
    ]
    entry = audit.entry_for(ruling, cause, partition, outputs, leaf)
    return (*outputs, _entry_output(entry, lane, json_topics))


def _output(
    send: Send, lane: str, origin: str, ordinal: int, trace: bytes | None, json_topics: frozenset[str]
) -> Output:
    encoded = codec.encode_as(send.model, as_json=send.topic in json_topics)
    headers = record_headers(
        kind=send.model.kind,
        payload_type=encoded.payload_type,
        id=send.id,
        subject=send.model.action_id,
        source=SOURCE,
        origin=origin,
        ordinal=ordinal,
        traceparent=trace,
    )
    return Output(send.topic, lane.encode(), encoded.value, headers, signed=send.signed)


def _entry_output(entry: audit.Fields, key: str, json_topics: frozenset[str]) -> Output:
    return audit.entry_output(entry, key, SOURCE, as_json="audit" in json_topics)


def _bury(
    record: Record, reason: Reason, cause: Cause, leaf: audit.Fields, json_topics: frozenset[str]
) -> tuple[Output, Output]:
    """Original bytes to the dead letters, an entry to audit; no state, no outcome."""
    dead = dead_letter(record, reason.value)
    partition = record.position.partition
    ruling = Ruling(Event.DEAD_LETTER, {"reason": reason})
    entry = audit.entry_for(ruling, cause, partition, (dead,), leaf)
    return dead, _entry_output(entry, str(partition), json_topics)
