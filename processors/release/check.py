"""The codes of every check before a release, and the two ways an examination ends."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sluicegate.schemas.action import Action
from sluicegate.schemas.grant import Grant


class Check(StrEnum):
    """The check that failed: what `Receipt.check` says, in the order in which they are made."""

    UNREADABLE = "unreadable"
    UNSIGNED = "unsigned"
    UNKNOWN_SIGNER = "unknown-signer"
    BAD_SIGNATURE = "bad-signature"
    REVOKED_SIGNER = "revoked-signer"
    WRONG_PARTITION = "wrong-partition"
    WRONG_DEPLOYMENT = "wrong-deployment"
    TABLES_BEHIND = "tables-behind"
    NOT_THE_AUDIENCE = "not-the-audience"
    NO_ROUTE = "no-route"
    GRANT_EXPIRED = "grant-expired"
    LIFE_TOO_LONG = "life-too-long"
    ACTION_ALTERED = "action-altered"
    ACTION_UNREADABLE = "action-unreadable"
    OTHER_ACTION = "other-action"
    ACTION_NOT_THE_AGENTS = "action-not-the-agents"
    WITHOUT_REQUEST = "without-request"
    UNKNOWN_ORIGIN = "unknown-origin"
    DECISION_UNREADABLE = "decision-unreadable"
    DECISION_NOT_TRUSTED = "decision-not-trusted"
    OTHER_DECISION = "other-decision"
    OTHER_VIEW = "other-view"
    NOT_APPROVED = "not-approved"
    UNKNOWN_PERSON = "unknown-person"
    OWN_ACTION = "own-action"
    NOT_IN_GROUP = "not-in-group"
    SAME_PERSON = "same-person"
    REASON_MISSING = "reason-missing"
    QUORUM_NOT_MET = "quorum-not-met"
    FLOOR = "floor"
    PAUSED = "paused"
    REVOKED_GRANT = "revoked-grant"
    REVOKED_EXECUTOR = "revoked-executor"
    # Found by the executor, outside the pure examination.
    USED_BEFORE = "used-before"
    CONFLICTING_GRANT = "conflicting-grant"
    NO_HANDLER = "no-handler"
    CLAIM_LATE = "claim-late"
    LEASE_OVER = "lease-over"
    NOTHING_HELD = "nothing-held"


SENTENCES: Final[Mapping[Check, str]] = {
    Check.UNREADABLE: "the record is no grant that can be read",
    Check.UNSIGNED: "the grant carries no signature",
    Check.UNKNOWN_SIGNER: "the key that signed the grant is no gate's",
    Check.BAD_SIGNATURE: "the gate's signature does not cover exactly this grant",
    Check.REVOKED_SIGNER: "the gate's key was revoked",
    Check.WRONG_DEPLOYMENT: "the grant was made for another deployment",
    Check.WRONG_PARTITION: "the grant stands on another lane or partition than its own",
    Check.TABLES_BEHIND: "the grant rests on documents that the executor cannot find",
    Check.NOT_THE_AUDIENCE: "the grant is for another executor",
    Check.NO_ROUTE: "operators do not route this action type to this executor alone",
    Check.GRANT_EXPIRED: "the grant had expired",
    Check.LIFE_TOO_LONG: "the grant lives longer than operators allow",
    Check.ACTION_ALTERED: "the bytes of the action are not those the digest names",
    Check.ACTION_UNREADABLE: "the action inside the grant cannot be read",
    Check.OTHER_ACTION: "grant and action name different ids, agents, lanes or types",
    Check.ACTION_NOT_THE_AGENTS: "the agent named did not sign the action with a key that counts",
    Check.WITHOUT_REQUEST: "decisions and request do not belong together",
    Check.UNKNOWN_ORIGIN: "somebody unknown is behind the action, so nobody may decide",
    Check.DECISION_UNREADABLE: "a decision inside the grant cannot be read",
    Check.DECISION_NOT_TRUSTED: "a decision is not signed by a key that speaks for its account",
    Check.OTHER_DECISION: "a decision is about another request, action or digest",
    Check.OTHER_VIEW: "a decision names a view that was not shown for this request",
    Check.NOT_APPROVED: "a decision does not approve",
    Check.UNKNOWN_PERSON: "the person behind a decision is unknown or retired",
    Check.OWN_ACTION: "a person who decided is behind the action",
    Check.NOT_IN_GROUP: "a person who decided is in none of the groups that were asked",
    Check.SAME_PERSON: "one person decided twice",
    Check.REASON_MISSING: "a decision lacks the reason that the request demands",
    Check.QUORUM_NOT_MET: "the decisions are not enough for the request",
    Check.FLOOR: "the decisions are not enough for the executor's floor",
    Check.PAUSED: "operators have paused what this action needs",
    Check.REVOKED_GRANT: "operators have revoked the grant",
    Check.REVOKED_EXECUTOR: "operators have revoked the executor's key",
    Check.USED_BEFORE: "the grant was claimed before: it is for one use",
    Check.CONFLICTING_GRANT: "two different grants carry the same id",
    Check.NO_HANDLER: "the executor has no handler for this action type",
    Check.CLAIM_LATE: "the claim was appended at or after the grant's expiry",
    Check.LEASE_OVER: "the lease of the claim was over before the executor could act",
    Check.NOTHING_HELD: "masking holds nothing that this grant could release",
}
"""One sentence per code, for logs, errors and stories; none contains a value."""


@dataclass(frozen=True, slots=True)
class Released:
    """Every check held: this action may be claimed, and then executed once."""

    grant: Grant
    action: Action


@dataclass(frozen=True, slots=True)
class Refusal:
    """The first check that failed.

    `grant` is what the record says, proven only when the check comes after the signature; None when it cannot be read.
    """

    check: Check
    grant: Grant | None = None

    @property
    def reason(self) -> str:
        """The sentence of the check."""
        return SENTENCES[self.check]
