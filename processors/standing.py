"""Does a waiting action still stand? What intake and submission saw may have ended while people decided.

An executor checks the same and would refuse the grant; saying no here tells the agent why, and costs nobody a claim.
"""

from sluicegate.schemas.action import Action
from sluicegate.schemas.envelope import split_signature
from sluicegate.schemas.grant import Signed
from sluicegate.schemas.state import Pending

from .directory import Directory, SignerKind
from .events import Reason
from .tables import Tables


def why_fallen(pending: Pending, action: Action, signed: Signed, tables: Tables) -> Reason | None:
    """Why nothing may be granted for an action any more; None while its agent, key, lane and delegation stand."""
    key_id, _ = split_signature(signed.sig)
    signer = tables.directory.signer(key_id)
    if signer is None or (signer.kind, signer.id) != (SignerKind.AGENT, action.agent):
        return Reason.UNKNOWN_KEY
    if tables.controls.key_revoked(key_id, pending.append_ms):
        return Reason.REVOKED_KEY
    if not is_on_its_lane(tables.directory, action.agent, action.lane):
        return Reason.WRONG_LANE
    return None if may_act_for(tables.directory, action) else Reason.NOT_A_DELEGATOR


def is_on_its_lane(directory: Directory, agent_id: str, lane: str) -> bool:
    """Whether an enrolled agent may act on a lane: the one that operators gave it, its id unless they say otherwise.

    Masking acts on the lane of what it holds: held batch, grant and outcome stand on one partition.
    """
    return lane == (directory.agents[agent_id].lane or agent_id) or agent_id in directory.releasing


def may_act_for(directory: Directory, action: Action) -> bool:
    """Whether an enrolled agent may say that it acts for this account."""
    claimed = action.on_behalf_of
    return claimed is None or claimed in directory.agents[action.agent].delegators
