"""Whose decision a decision is: the person behind the account, when the signer may speak for it."""

from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.decision import Decision, Reconciliation
from sluicegate.schemas.state import Pending

from .directory import Signer, SignerKind
from .events import Reason
from .separation import origin_set
from .tables import Tables


def person_behind(record: Decision | Reconciliation, signer: Signer, tables: Tables) -> str | Reason:
    """The person who decided, or why nobody is known to have.

    A key of one's own speaks for its own account only; a bridge for accounts of the issuers it was enrolled for.
    """
    directory = tables.directory
    if signer.kind is SignerKind.ACCOUNT:
        if directory.accounts[signer.id].account != record.account:
            return Reason.WRONG_ACCOUNT
    elif record.account.issuer not in directory.bridges[signer.id].issuers:
        return Reason.WRONG_ACCOUNT
    return directory.person_of(record.account) or Reason.UNKNOWN_ACCOUNT


def may_reconcile(
    pending: Pending | None, record: Reconciliation, person: str, tables: Tables
) -> Reason | None:
    """Why this person may not settle what became of this grant."""
    if pending is None or pending.granted is None:
        return Reason.ALREADY_CLOSED
    granted = pending.granted
    if granted.grant_id != record.grant_id:
        return Reason.UNKNOWN_GRANT
    if pending.phase.value != "unknown":
        return Reason.NOT_UNKNOWN
    if person in granted.excluded or person in origin_set(tables.directory, pending.agent, None):
        return Reason.OWN_ACTION
    executor = tables.directory.executors.get(granted.executor)
    reconcilers = executor.reconcilers if executor else ()
    if not any(person in tables.directory.members(group) for group in reconcilers):
        return Reason.NOT_A_RECONCILER
    return None


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
