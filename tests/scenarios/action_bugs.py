"""Bugs planted into the lives of actions, and into what a record must be to be believed."""

import time
from dataclasses import replace
from typing import Any

import pytest

from sluicegate.processors import intake
from sluicegate.processors.events import Reason
from sluicegate.processors.gate import approvals, grants, receipts, submissions
from sluicegate.schemas.keys import PublicKey


def closed_marker_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A closed action leaves nothing behind."""
    patch.setattr(submissions, "read_marker", lambda *_: None)


def duplicates_by_action_id_only(patch: pytest.MonkeyPatch) -> None:
    """Other content under a used id is taken for a copy."""
    patch.setattr(submissions, "content_digest", lambda _action: bytes(32))


def fresh_action_refused_as_stale(patch: pytest.MonkeyPatch) -> None:
    """One action in three is told that it is too old, however new it is."""
    real = submissions._stale

    def stale(created_at_ms: int, append_ms: int, window: submissions.Window) -> Reason | None:
        found = real(created_at_ms, append_ms, window)
        return Reason.TOO_OLD if found is None and append_ms % 3 == 0 else found

    patch.setattr(submissions, "_stale", stale)


def withdrawn_action_stays_open(patch: pytest.MonkeyPatch) -> None:
    """The agent is told that its action is withdrawn, and the request goes on."""
    real = approvals.withdraw
    patch.setattr(approvals, "withdraw", lambda held, cause: replace(real(held, cause), puts=()))


def superseded_action_stays_open(patch: pytest.MonkeyPatch) -> None:
    """The agent is told that its action is superseded, and the request goes on."""
    real = approvals.supersede
    patch.setattr(approvals, "supersede", lambda held, cause: replace(real(held, cause), puts=()))


def lost_claim_told_as_lapsed(patch: pytest.MonkeyPatch) -> None:
    """Of a claim without a receipt the agent is told that nobody has acted."""
    patch.setattr(receipts, "lose", grants.lapse)


def receipt_without_claim_closes(patch: pytest.MonkeyPatch) -> None:
    """Anybody's receipt closes, whether it names the claim or not."""
    patch.setattr(receipts, "_foreign", lambda pending, _record: None if pending else Reason.ALREADY_CLOSED)
    patch.setattr(receipts, "_unfit", lambda *_: None)


def expiry_of_a_claim_not_checked_by_the_gate(patch: pytest.MonkeyPatch) -> None:
    """The gate counts a claim after the grant's expiry."""
    real = receipts.take_claim
    patch.setattr(
        receipts, "take_claim", lambda held, claim, cause: real(held, claim, replace(cause, at_ms=0))
    )


def clock_read_in_a_processor(patch: pytest.MonkeyPatch) -> None:
    """An outcome tells the time of the machine instead of the transaction's."""
    real = grants.tell

    def tell(subject: Any, kind: Any, cause: Any, **more: Any) -> Any:
        return real(subject, kind, replace(cause, now_ms=time.time_ns() // 1_000), **more)

    patch.setattr(grants, "tell", tell)


# --- what is trusted ---


def key_id_trusted(patch: pytest.MonkeyPatch) -> None:
    """The id of a key is taken for its signature."""
    patch.setattr(PublicKey, "verify", lambda *_: None)


def signer_not_compared(patch: pytest.MonkeyPatch) -> None:
    """Any enrolled key may sign anything."""
    patch.setattr(intake, "_wrong_signer", lambda *_: None)


def partition_not_compared(patch: pytest.MonkeyPatch) -> None:
    """A record counts on whatever partition it stands."""
    patch.setattr(intake, "_misplaced", lambda *_: None)
