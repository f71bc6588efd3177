"""Make histories as a gate writes them to one partition of `audit`, without a gate: for tests of whatever reads them."""

from typing import Any

from sluicegate.processors.events import Event, Reason
from sluicegate.schemas.approval import ResolutionKind
from sluicegate.schemas.audit import AuditEntry
from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.outcome import OutcomeKind

from .entry_writer import EntryWriter

LIFE_MS = 300_000
WITHIN_MS = 600_000
EXECUTOR = "crm"


class AuditHistory(EntryWriter):
    """Every method writes one entry of a gate that keeps its promises; `tile` ends the transaction."""

    def allow(self, action_id: str, superseded: str | None = None) -> AuditEntry:
        """An action allowed by policy."""
        return self.record(
            Event.ACTION_GRANTED,
            "actions",
            outcome=OutcomeKind.GRANTED,
            writes=(f"execution.{EXECUTOR}",),
            superseded=superseded,
            **self._action(action_id),
            **self._grant(action_id),
        )

    def ask(
        self,
        action_id: str,
        groups: dict[str, int] | None = None,
        quorum: int | None = None,
        excluded: tuple[str, ...] = ("p-owner",),
        superseded: str | None = None,
    ) -> AuditEntry:
        """An action that waits for people."""
        asked = {"security": 1} if groups is None else groups
        return self.record(
            Event.ACTION_WAITING,
            "actions",
            outcome=OutcomeKind.PENDING,
            writes=("approvals",),
            superseded=superseded,
            request_id=f"rq-{action_id}",
            requirement=asked,
            quorum=sum(asked.values()) if quorum is None else quorum,
            deadline_ms=self.now_ms + WITHIN_MS,
            excluded=excluded,
            view_digest=sha256(b"view"),
            **self._action(action_id),
        )

    def deny(self, action_id: str, reason: Reason = Reason.POLICY) -> AuditEntry:
        """An action denied by policy."""
        return self.record(
            Event.ACTION_DENIED,
            "actions",
            outcome=OutcomeKind.DENIED,
            reason=reason.value,
            **self._action(action_id),
        )

    def approve(self, action_id: str, person: str, groups: tuple[str, ...] = ("security",)) -> AuditEntry:
        """An approval that counts and is not the last one needed."""
        return self.record(Event.DECISION_COUNTED, "decisions", **self._decision(action_id, person, groups))

    def approve_last(
        self,
        action_id: str,
        person: str,
        groups: tuple[str, ...] = ("security",),
        *,
        people: tuple[str, ...] = (),
        requirement: dict[str, int] | None = None,
        quorum: int | None = None,
        excluded: tuple[str, ...] = ("p-owner",),
    ) -> AuditEntry:
        """The approval that leads to the grant; `people` are the others it rests on."""
        asked = {"security": 1} if requirement is None else requirement
        facts: dict[str, Any] = self._decision(action_id, person, groups) | self._grant(action_id)
        facts["writes"] = ("approvals", f"execution.{EXECUTOR}")
        return self.record(
            Event.DECISION_COUNTED,
            "decisions",
            outcome=OutcomeKind.GRANTED,
            resolution=ResolutionKind.APPROVED,
            requirement=asked,
            quorum=sum(asked.values()) if quorum is None else quorum,
            people=tuple(sorted((*people, person))),
            excluded=excluded,
            **facts,
        )

    def reject(self, action_id: str, person: str, groups: tuple[str, ...] = ("security",)) -> AuditEntry:
        """A rejection: it ends the request."""
        facts: dict[str, Any] = self._decision(action_id, person, groups) | {"choice": "reject"}
        return self.record(
            Event.DECISION_COUNTED,
            "decisions",
            outcome=OutcomeKind.REJECTED,
            resolution=ResolutionKind.REJECTED,
            reason=Reason.REJECTED.value,
            **facts,
        )

    def refuse_decision(self, action_id: str, person: str, reason: Reason = Reason.OWN_ACTION) -> AuditEntry:
        """A decision that does not count."""
        facts: dict[str, Any] = self._decision(action_id, person, ()) | {"counted": False}
        return self.record(Event.DECISION_NOT_COUNTED, "decisions", reason=reason.value, **facts)

    def claim(self, action_id: str) -> AuditEntry:
        """The executor's claim."""
        return self.record(Event.CLAIM_COUNTED, "receipts", **self._claimed(action_id))

    def claim_late(self, action_id: str) -> AuditEntry:
        """A claim at or after the expiry."""
        return self.record(
            Event.CLAIM_LATE,
            "receipts",
            outcome=OutcomeKind.REFUSED,
            reason=Reason.GRANT_EXPIRED.value,
            **self._claimed(action_id),
        )

    def receive(self, action_id: str, outcome: OutcomeKind = OutcomeKind.EXECUTED) -> AuditEntry:
        """The executor's receipt after its claim."""
        return self.record(Event.RECEIPT_COUNTED, "receipts", outcome=outcome, **self._claimed(action_id))

    def receive_result(self, action_id: str, batches: int) -> AuditEntry:
        """The receipt of an action that returned so many batches, as `mask` numbers them."""
        told = {"result_digest": batch_digest(action_id, batches - 1), "result_batches": batches}
        facts: dict[str, Any] = self._claimed(action_id) | told
        return self.record(Event.RECEIPT_COUNTED, "receipts", outcome=OutcomeKind.EXECUTED, **facts)

    def mask(self, action_id: str, sequence: int, count: int | None = None) -> AuditEntry:
        """A batch of a result that was masked; the last one has the count."""
        return self.record(
            Event.BATCH_MASKED,
            "exports.raw",
            writes=("exports.masked",),
            masked={"email": 1},
            reported=0,
            **self._batch(action_id, sequence, count),
        )

    def withhold(self, action_id: str, sequence: int, count: int | None = None) -> AuditEntry:
        """A batch of a result that did not pass."""
        return self.record(
            Event.BATCH_WITHHELD,
            "exports.raw",
            writes=("exports.quarantine", "exports.masked"),
            reasons=("residual-email",),
            **self._batch(action_id, sequence, count),
        )

    def repeat_batch(self, action_id: str, sequence: int) -> AuditEntry:
        """A batch that came a second time."""
        return self.record(Event.BATCH_REPEATED, "exports.raw", **self._batch(action_id, sequence, None))

    def refuse_batch(self, action_id: str, reason: Reason = Reason.CHAIN_CLOSED) -> AuditEntry:
        """A batch that belongs nowhere."""
        return self.record(
            Event.BATCH_REFUSED,
            "exports.raw",
            reason=reason.value,
            writes=("dlq.exports.raw",),
            **self._batch(action_id, 9, None),
        )

    def refuse(self, action_id: str, check: str = "floor") -> AuditEntry:
        """The executor refuses a grant before it claims it."""
        facts: dict[str, Any] = self._claimed(action_id) | {"claim_id": None}
        return self.record(
            Event.RECEIPT_COUNTED, "receipts", outcome=OutcomeKind.REFUSED, reason=check, **facts
        )

    def ignore(self, event: Event, action_id: str, reason: Reason) -> AuditEntry:
        """A claim or receipt that changes nothing."""
        return self.record(event, "receipts", reason=reason.value, **self._claimed(action_id))

    def reconcile(self, action_id: str, person: str = "p-3", choice: str = "executed") -> AuditEntry:
        """A person settles an unknown end."""
        facts: dict[str, Any] = self._claimed(action_id) | {
            "person": person,
            "choice": choice,
            "decision_id": f"rc-{action_id}",
        }
        return self.record(
            Event.RECONCILIATION_COUNTED, "decisions", outcome=OutcomeKind.RECONCILED, reason=choice, **facts
        )

    def lose(self, action_id: str) -> AuditEntry:
        """No receipt within the lease."""
        return self.punctuation(
            Event.CLAIM_UNKNOWN,
            action_id,
            OutcomeKind.UNKNOWN,
            grant_id=f"gr-{action_id}",
            claim_id=f"cl-{action_id}",
            executor=EXECUTOR,
            reason=Reason.NO_RECEIPT_IN_TIME.value,
        )

    def lapse(self, action_id: str) -> AuditEntry:
        """Nobody claimed the grant in time."""
        return self.punctuation(
            Event.GRANT_LAPSED,
            action_id,
            OutcomeKind.LAPSED,
            grant_id=f"gr-{action_id}",
            executor=EXECUTOR,
            reason=Reason.NO_CLAIM_IN_TIME.value,
        )

    def expire(self, action_id: str) -> AuditEntry:
        """The request's deadline passed."""
        return self.punctuation(
            Event.REQUEST_EXPIRED,
            action_id,
            OutcomeKind.EXPIRED,
            request_id=f"rq-{action_id}",
            resolution=ResolutionKind.EXPIRED,
            reason=Reason.DEADLINE.value,
        )

    def withdraw(self, action_id: str) -> AuditEntry:
        """The agent took a waiting action back."""
        return self.record(
            Event.WITHDRAWAL_COUNTED,
            "actions",
            action_id=action_id,
            outcome=OutcomeKind.WITHDRAWN,
            writes=("approvals",),
            request_id=f"rq-{action_id}",
            resolution=ResolutionKind.WITHDRAWN,
        )

    def repeat(self, action_id: str, outcome: OutcomeKind) -> AuditEntry:
        """A copy of an action gets its present outcome again."""
        return self.record(
            Event.ACTION_REPEATED, "actions", outcome=outcome, repeated=True, **self._action(action_id)
        )

    def conflict(self, action_id: str) -> AuditEntry:
        """Another content under an id in use."""
        facts: dict[str, Any] = self._action(action_id) | {
            "action_digest": sha256(b"other", action_id.encode())
        }
        return self.record(
            Event.ACTION_CONFLICT,
            "actions",
            outcome=OutcomeKind.DENIED,
            reason=Reason.CONFLICT.value,
            **facts,
        )

    def bury(self, topic: str, reason: Reason = Reason.UNREADABLE) -> AuditEntry:
        """A record nobody can read or trust."""
        return self.record(Event.DEAD_LETTER, topic, reason=reason.value, writes=(f"dlq.{topic}",))

    def _action(self, action_id: str) -> dict[str, Any]:
        digest = sha256(action_id.encode())
        return {
            "action_id": action_id,
            "action_type": "crm.update",
            "action_digest": digest,
            "rules": ("r-1",),
        }

    def _grant(self, action_id: str) -> dict[str, Any]:
        expires_at_ms = self.now_ms + LIFE_MS
        return {"grant_id": f"gr-{action_id}", "executor": EXECUTOR, "expires_at_ms": expires_at_ms}

    def _decision(self, action_id: str, person: str, groups: tuple[str, ...]) -> dict[str, Any]:
        return {
            "action_id": action_id,
            "request_id": f"rq-{action_id}",
            "decision_id": f"de-{action_id}-{person}",
            "person": person,
            "groups": groups,
            "choice": "approve",
            "counted": True,
            "writes": ("approvals",),
        }

    def _batch(self, action_id: str, sequence: int, count: int | None) -> dict[str, Any]:
        return {
            "action_id": action_id,
            "grant_id": f"gr-{action_id}",
            "executor": EXECUTOR,
            "batch_id": f"ba-{action_id}-{sequence}",
            "batch_digest": batch_digest(action_id, sequence),
            "sequence": sequence,
            "result_batches": count,
            "profile": "pii-basic",
        }

    def _claimed(self, action_id: str) -> dict[str, Any]:
        return {
            "action_id": action_id,
            "grant_id": f"gr-{action_id}",
            "claim_id": f"cl-{action_id}",
            "executor": EXECUTOR,
        }


def batch_digest(action_id: str, sequence: int) -> bytes:
    """The digest that the histories give a batch."""
    return sha256(f"{action_id}/{sequence}".encode())
