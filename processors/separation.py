"""May this person decide on this action? Nobody who is behind it may; there is no exemption of any kind.

Behind an action are its agent's owners, the person it says it acts for, and, because delegation is never proven yet, every
account the agent may act for, all resolved to persons. Retirement changes nothing here: a retired owner, or a person whose
account was retired, is still behind the action. What cannot be resolved makes an origin *incomplete*: somebody unknown is
behind the action and might be anybody, so nobody may decide (see `is_origin_known`).

Behind an `export.release` are, beside the owners of masking, all who are behind what it would release. Of an agent that is not
masking such an action has an unknown origin, whatever it says.
"""

from collections.abc import Collection, Iterator

from sluicegate.schemas.action import AccountName
from sluicegate.schemas.document import Agent

from .directory import Directory, Signer, SignerKind, account_key
from .events import Reason
from .export_release import Exported


def origin_set(
    directory: Directory, agent_id: str, on_behalf_of: AccountName | None, exported: Exported | None = None
) -> frozenset[str]:
    """Every person known to be behind an action of this agent; check `is_origin_known` before anybody decides.

    `exported` is what an `export.release` would release.
    """
    behind = _all_behind(directory, agent_id, on_behalf_of, exported)
    return frozenset(person for person in behind if person is not None)


def is_origin_known(
    directory: Directory, agent_id: str, on_behalf_of: AccountName | None, exported: Exported | None = None
) -> bool:
    """Whether everybody behind an action can be named: agent, owners and accounts are all enrolled.

    False means that nobody may decide on the action. Operators heal it: enrol the account, or correct the agent's document.
    """
    behind = tuple(_all_behind(directory, agent_id, on_behalf_of, exported))
    # INVARIANT: an agent has an owner, so an empty origin is an unknown one, never one that excludes nobody.
    return bool(behind) and all(person in directory.persons for person in behind)


def decider(directory: Directory, account: AccountName, signer: Signer) -> str | Reason:
    """The person who speaks through `account` when this key signed, or why nobody does.

    The account's own key speaks for that account alone, a bridge for the accounts of its issuers; no other key for anyone.
    """
    if not _may_carry(directory, account, signer):
        return Reason.WRONG_ACCOUNT
    if account_key(account) not in directory.logins:
        return Reason.UNKNOWN_ACCOUNT
    return directory.person_of(account) or Reason.UNKNOWN_PERSON


def may_decide(
    directory: Directory, person: str, origin: Collection[str], groups: Collection[str]
) -> Reason | None:
    """Why this person may not decide, None when they may: outside the origin, and an active member of a group asked.

    With no group asked nobody may. Membership counts at the time of asking, not when the request was made.
    """
    if person in origin:
        return Reason.OWN_ACTION
    if not speaking_groups(directory, person, groups):
        return Reason.NOT_IN_GROUP
    return None


def speaking_groups(directory: Directory, person: str, groups: Collection[str]) -> frozenset[str]:
    """Of the groups asked, those this person can speak for: none when retired or unknown."""
    return frozenset(group for group in groups if person in directory.members(group))


def _all_behind(
    directory: Directory, agent_id: str, on_behalf_of: AccountName | None, exported: Exported | None
) -> Iterator[str | None]:
    yield from _behind(directory, agent_id, on_behalf_of)
    if exported is None:
        return
    if agent_id not in directory.releasing:
        # INVARIANT: who may say whom an export belongs to is masking alone; anybody else could name a stranger.
        yield None
    yield from exported.persons
    if exported.agent is not None:
        yield from _behind(directory, exported.agent, None)
    else:
        pipeline = directory.pipelines.get(exported.pipeline or "")
        yield from (pipeline.owners if pipeline is not None else ()) or (None,)


def _behind(directory: Directory, agent_id: str, on_behalf_of: AccountName | None) -> Iterator[str | None]:
    agent = directory.agents.get(agent_id)
    if agent is None:
        yield None
        return
    yield from agent.owners
    for account in _accounts(agent, on_behalf_of):
        yield _owner_of(directory, account)


def _accounts(agent: Agent, on_behalf_of: AccountName | None) -> Iterator[AccountName]:
    yield from agent.delegators
    if on_behalf_of is not None:
        yield on_behalf_of


def _owner_of(directory: Directory, account: AccountName) -> str | None:
    """The person an account belongs to, retired or not."""
    found = directory.accounts.get(directory.logins.get(account_key(account), ""))
    return None if found is None else found.person


def _may_carry(directory: Directory, account: AccountName, signer: Signer) -> bool:
    match signer.kind:
        case SignerKind.ACCOUNT:
            own = directory.accounts.get(signer.id)
            return own is not None and not own.retired and account_key(own.account) == account_key(account)
        case SignerKind.BRIDGE:
            bridge = directory.bridges.get(signer.id)
            return bridge is not None and not bridge.retired and account.issuer in bridge.issuers
        case _:
            return False
