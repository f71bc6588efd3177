"""Masking: one topology over raw batches, pure and replayable. Nothing leaves that two engines did not look at.

Source: exports.raw, execution.masking.  Stores: exports, held.  Tables: policies, identities, controls.
Sinks: exports.masked, exports.quarantine, actions, receipts, audit, dlq.<source>.

::

    ExportBatch ──► intake ──► place ──► mask ──► look ──► exports.masked
                      │          │         └────────┴─────► exports.quarantine (sealed), a notice on exports.masked
                      │          │                └──► held, `export.release` on actions, where the profile says so
                      └──────────┴──► dlq.exports.raw
    Grant, Outcome ──► releasing ──► exports.masked (a held batch, or the notice that it is gone), receipts
    every batch ─► audit entry with its leaf
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sluicegate.processors import audit
from sluicegate.processors.contract import Due, Output, Record, Step, StoreReader, StoreSpec, Transaction
from sluicegate.processors.events import Event, Reason
from sluicegate.processors.intake import AuthenticBatch, authenticate_batch
from sluicegate.processors.masking.profile import BUILT_IN, Profile
from sluicegate.processors.ruling import Cause, DeadLetter, Ruling
from sluicegate.processors.tables import OperatorTables, Tables
from sluicegate.processors.traces import traceparent
from sluicegate.schemas import codec
from sluicegate.schemas.export import ExportBatch
from sluicegate.schemas.state import ExportProgress

from . import export_progress, held
from .engine.engine import Engine
from .engine.surrogates import Surrogates
from .export_intake import Belongs, Repeated, place
from .export_progress import put_progress, read_progress
from .export_records import (
    PROCESSOR,
    encode_quarantined,
    encode_withheld,
    entry_output,
    masked_batch,
    output,
    put_aside,
)
from .export_secrets import Draw, ExportSecrets
from .masking import Unmaskable, mask
from .release_report import WEIGHED, masking_report
from .release_requests import Asked, Objected, ReleaseRequests, with_persons_behind
from .releasing import Releasing
from .sealing import Recipient
from .second_look import second_look

LARGEST_BYTES: Final = 4 * 1024 * 1024 - 64 * 1024
"""Of a masked batch: what `exports.masked` accepts, with room for key and headers."""
MAX_REASONS: Final = 8
"""Codes that an entry and a notice name."""


@dataclass(frozen=True, slots=True)
class MaskingTopology(OperatorTables):
    """The masking processor as the runtime drives it. Without state: everything is in the store and the tables.

    `secret` is 32 bytes under which each export's own secret is kept; `recipient` is whom quarantined batches are sealed to;
    `draw` gives random bytes. `engine` finds what identifies; one topology is driven by one thread at a time.
    """

    partitions: int
    code_version: str
    secret: bytes = field(repr=False)
    recipient: Recipient
    engine: Engine = field(repr=False)
    draw: Draw = field(repr=False)
    skew_ms: int = 2_000
    audit_as_json: bool = False

    sources = ("exports.raw", held.GRANTS)
    joined = frozenset({held.GRANTS})
    output_topics = (
        "exports.masked",
        "exports.quarantine",
        "actions",
        "receipts",
        "audit",
        *(f"dlq.{source}" for source in sources),
    )

    @property
    def stores(self) -> tuple[StoreSpec, ...]:
        """Chains, until nothing can be added to them any more; what is held, until its action has ended."""
        chains = StoreSpec(export_progress.STORE, export_progress.CHANGELOG, export_progress.KEPT_MS)
        return (chains, held.SPEC)

    def adopt(self, partition: int, before: Tables | None, tables: Tables, now_ms: int) -> Step:
        """Write down which positions of the tables hold from here on."""
        entry = audit.adoption(partition, before, tables, now_ms, PROCESSOR)
        return Step(outputs=(entry_output(entry, str(partition), as_json=self.audit_as_json),))

    def process(self, stores: StoreReader, tables: Tables, record: Record, now_ms: int) -> Step:
        """One batch: masked, withheld, refused, or repeated; or what became of one that is held."""
        cause = Cause(str(record.position), record.append_ms, now_ms)
        if record.position.topic == held.GRANTS:
            taken = self._releasing().take(stores, tables, record, cause)
            return self._step(record, cause, Ruling(taken.event, taken.facts, taken.puts), taken.outputs)
        trusted = authenticate_batch(record, tables, self.trust.deployment, self.partitions)
        if isinstance(trusted, DeadLetter):
            return self._set_aside(record, cause, Event.DEAD_LETTER, {"reason": trusted.reason})
        batch = trusted.model
        placed = place(
            batch,
            trusted.digest,
            read_progress(stores, batch),
            tables,
            append_ms=record.append_ms,
            skew_ms=self.skew_ms,
        )
        facts = _facts(trusted)
        match placed:
            case Reason() as reason:
                return self._set_aside(record, cause, Event.BATCH_REFUSED, {**facts, "reason": reason})
            case Repeated():
                return self._step(record, cause, Ruling(Event.BATCH_REPEATED, facts), ())
            case Belongs(progress):
                return self._pass_on(record, cause, trusted, progress, tables)

    def due(self, store: str, key: bytes, value: bytes) -> Due | None:
        """The end of what is held. A chain without its last batch stays open until it is forgotten."""
        return held.held_due(key, value) if store == held.STORE else None

    def punctuate(self, stores: StoreReader, tables: Tables, due: Due, partition: int, now_ms: int) -> Step:
        """Something was held for longer than people may take."""
        del tables
        cause = Cause(f"{due.store}/{due.key.decode()}/{due.kind}@{due.at_ms}", due.at_ms, now_ms)
        taken = self._releasing().unanswered(stores, due, cause)
        if taken is None:
            return Step()
        ruling = Ruling(taken.event, {**taken.facts, "processor": PROCESSOR}, taken.puts)
        entry = audit.entry_for(ruling, cause, partition, taken.outputs, None)
        told = entry_output(entry, str(partition), as_json=self.audit_as_json)
        return Step(taken.puts, (*taken.outputs, told))

    def expired(self, store: str, value: bytes, stream_ms: int) -> bool:
        """Whether a chain is so old that whatever could be added to it is refused for its age."""
        return store == export_progress.STORE and export_progress.has_expired(value, stream_ms)

    def close(self, tables: Tables, transaction: Transaction) -> tuple[Output, ...]:
        """The tile."""
        entry = audit.tile(tables, transaction, self.code_version, PROCESSOR)
        return (entry_output(entry, str(transaction.partition), as_json=self.audit_as_json),)

    def _pass_on(
        self, record: Record, cause: Cause, trusted: AuthenticBatch, progress: ExportProgress, tables: Tables
    ) -> Step:
        secret, progress = self._secrets().taken(progress)
        profile = BUILT_IN.get(progress.profile) or tables.profiles.get(progress.profile)
        found = self._mask(trusted, profile, secret, cause.now_ms)
        if profile is not None and profile.releases:
            progress = with_persons_behind(progress, trusted.model, tables)
        if isinstance(found, _Passed):
            return self._let_out(record, cause, trusted, progress, found)
        if not isinstance(found, Objected):
            return self._withhold(record, cause, trusted, progress, found)
        requests = ReleaseRequests(self.trust.deployment, self.secret)
        asked = requests.ask(found, progress, tables, cause, 2, traceparent(record.headers))
        return self._withhold(record, cause, trusted, progress, found.reasons, asked)

    def _let_out(
        self,
        record: Record,
        cause: Cause,
        trusted: AuthenticBatch,
        progress: ExportProgress,
        passed: "_Passed",
    ) -> Step:
        """The masked batch to who reads the result."""
        batch, trace = trusted.model, traceparent(record.headers)
        facts = {
            **_facts(trusted),
            "profile": progress.profile,
            "result_batches": batch.count,
            "masked": dict(passed.counts),
            "reported": passed.reported,
        }
        ruling = Ruling(Event.BATCH_MASKED, facts, (put_progress(batch, progress),))
        sent = output("exports.masked", batch, passed.encoded, cause, 0, trace)
        return self._step(record, cause, ruling, (sent,))

    def _withhold(
        self,
        record: Record,
        cause: Cause,
        trusted: AuthenticBatch,
        progress: ExportProgress,
        reasons: tuple[str, ...],
        asked: Asked | None = None,
    ) -> Step:
        """The raw batch to the privacy office, a notice to who reads the result; `asked` when people may still release it."""
        batch, digest, trace = trusted.model, trusted.digest, traceparent(record.headers)
        release_id = None if asked is None else asked.release_id
        facts = {
            **_facts(trusted),
            "profile": progress.profile,
            "result_batches": batch.count,
            "reasons": reasons,
            "release_id": release_id,
        }
        sealed = self.recipient.seal(trusted.signed.value, self.secret, digest)
        kept = encode_quarantined(
            batch, digest, progress.profile, reasons, self.recipient, sealed, cause.now_ms, release_id
        )
        told = encode_withheld(batch, digest, progress.profile, reasons, cause.now_ms, release_id)
        held_now = progress.held + (asked is not None)
        withheld = progress.model_copy(update={"withheld": progress.withheld + 1, "held": held_now})
        puts = (put_progress(batch, withheld), *(() if asked is None else (asked.put,)))
        outputs = (
            output("exports.quarantine", batch, kept, cause, 0, trace),
            output("exports.masked", batch, told, cause, 1, trace),
            *(() if asked is None else (asked.output,)),
        )
        return self._step(record, cause, Ruling(Event.BATCH_WITHHELD, facts, puts), outputs)

    def _secrets(self) -> ExportSecrets:
        return ExportSecrets(self.secret, self.draw)

    def _releasing(self) -> Releasing:
        return Releasing(self.trust.deployment, self.partitions, self.skew_ms, self.secret)

    def _set_aside(self, record: Record, cause: Cause, event: Event, facts: dict[str, Any]) -> Step:
        """Original bytes to the dead letters, an entry to audit; no state."""
        return self._step(record, cause, Ruling(event, facts), (put_aside(record, facts["reason"]),))

    def _step(self, record: Record, cause: Cause, ruling: Ruling, outputs: tuple[Output, ...]) -> Step:
        partition = record.position.partition
        ruling = Ruling(ruling.event, {**ruling.facts, "processor": PROCESSOR}, ruling.puts)
        entry = audit.entry_for(ruling, cause, partition, outputs, audit.leaf_of(record))
        return Step(ruling.puts, (*outputs, entry_output(entry, str(partition), as_json=self.audit_as_json)))

    def _mask(
        self, trusted: AuthenticBatch, profile: Profile | None, secret: bytes, now_ms: int
    ) -> "_Passed | Objected | tuple[str, ...]":
        """The masked batch, or why it does not leave."""
        if profile is None:
            return ("unknown-profile",)
        try:
            return self._looked_at(trusted, profile, self._secrets().surrogates(secret, profile), now_ms)
        except Exception:  # noqa: BLE001  # INVARIANT: whatever an engine does with hostile bytes, they do not leave
            return ("engine-error",)

    def _looked_at(
        self, trusted: AuthenticBatch, profile: Profile, surrogates: Surrogates, now_ms: int
    ) -> "_Passed | Objected | tuple[str, ...]":
        batch = trusted.model
        this_year = datetime.fromtimestamp(now_ms / 1000, UTC).year
        masked = mask(batch.media_type, batch.body, profile, surrogates, self.engine, this_year=this_year)
        if isinstance(masked, Unmaskable):
            return masked.reasons[:MAX_REASONS]
        reasons = second_look(batch.media_type, batch.body, masked.body, profile, surrogates)
        model = masked_batch(batch, trusted.digest, profile.name, masked, now_ms)
        encoded = codec.encode(model)
        if len(encoded.value) > LARGEST_BYTES:
            return (*reasons, "too-large")[:MAX_REASONS]
        if not reasons:
            return _Passed(encoded, masked.counts, masked.reported)
        if not (profile.releases and WEIGHED.issuperset(reasons)):
            return reasons[:MAX_REASONS]

        def look(raw: bytes, row: bytes) -> tuple[str, ...]:
            return second_look(batch.media_type, raw, row, profile, surrogates)

        report = masking_report(batch.media_type, batch.body, masked, reasons, trusted.digest, look)
        return Objected(batch, model, reasons[:MAX_REASONS], report)


@dataclass(frozen=True, slots=True)
class _Passed:
    """Bytes that may leave."""

    encoded: Any = field(repr=False)
    counts: Mapping[str, int]
    reported: int


def _facts(trusted: AuthenticBatch) -> dict[str, Any]:
    batch: ExportBatch = trusted.model
    return {
        "action_id": batch.action_id,
        "agent": batch.agent,
        "grant_id": batch.grant_id,
        "executor": batch.source,
        "stream": batch.stream,
        "batch_id": batch.batch_id,
        "batch_digest": trusted.digest,
        "sequence": batch.sequence,
    }
