"""Every kind of record there is, with its model."""

from collections.abc import Mapping
from typing import Final

from .action import Action, Withdrawal
from .approval import ApprovalRequest, Reminder, Resolution, Tally
from .audit import AuditEntry
from .decision import Decision, Reconciliation
from .document import Document
from .export import ExportBatch, MaskedBatch, QuarantinedBatch, WithheldBatch
from .fields import Wire
from .grant import Grant
from .outcome import Outcome
from .receipt import Claim, Receipt
from .state import ExportProgress, HeldExport, Pending

MODELS: Final[Mapping[str, type[Wire]]] = {
    model.model_fields["kind"].default: model
    for model in (
        Action,
        Withdrawal,
        ApprovalRequest,
        Tally,
        Reminder,
        Resolution,
        Decision,
        Reconciliation,
        Document,
        Grant,
        Claim,
        Receipt,
        Outcome,
        AuditEntry,
        Pending,
        ExportProgress,
        HeldExport,
        ExportBatch,
        MaskedBatch,
        WithheldBatch,
        QuarantinedBatch,
    )
}
