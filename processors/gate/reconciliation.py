"""Who may settle what became of an execution: a reconciler of that executor, outside the origin of the action."""

from sluicegate.processors.events import Reason
from sluicegate.processors.separation import is_origin_known, may_decide, origin_set
from sluicegate.processors.tables import Tables
from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.decision import Reconciliation
from sluicegate.schemas.state import Pending, Phase


def may_reconcile(
    pending: Pending | None, record: Reconciliation, person: str, tables: Tables
) -> Reason | None:
    """Why this person may not settle what became of this grant."""
    if pending is None or pending.granted is None:
        return Reason.ALREADY_CLOSED
    granted = pending.granted
    if granted.grant_id != record.grant_id:
        return Reason.UNKNOWN_GRANT
    if pending.phase is not Phase.UNKNOWN:
        return Reason.NOT_UNKNOWN
    executor = tables.directory.executors.get(granted.executor)
    if not is_origin_known(tables.directory, pending.agent, None):
        return Reason.UNKNOWN_ORIGIN
    origin = {*granted.excluded, *origin_set(tables.directory, pending.agent, None)}
    refusal = may_decide(tables.directory, person, origin, executor.reconcilers if executor else ())
    return Reason.NOT_A_RECONCILER if refusal is Reason.NOT_IN_GROUP else refusal


def reconciliation_facts(record: Reconciliation, person: str | None) -> dict[str, object]:
    """What an entry about a reconciliation says of it."""
    return {
        "action_id": record.action_id,
        "agent": record.agent,
        "grant_id": record.grant_id,
        "decision_id": record.reconciliation_id,
        "person": person,
        "choice": record.settled.value,
        "text_length": len(record.reason),
        "text_digest": sha256(record.nonce, record.reason.encode()),
    }
