"""Who is behind an action, who speaks when a key signs, and who may decide."""

import pytest

from sluicegate.processors.directory import Directory, Signer, SignerKind, account_key
from sluicegate.processors.events import Reason
from sluicegate.processors.separation import decider, is_origin_known, may_decide, origin_set
from sluicegate.schemas.action import AccountName
from sluicegate.schemas.document import Account, Agent, Bridge, Group, Person
from sluicegate.schemas.keys import PrivateKey

KEY = PrivateKey.from_seed(bytes(32))


def account(subject: str, issuer: str = "corp") -> AccountName:
    """A login."""
    return AccountName(issuer=issuer, subject=subject)


ACCOUNTS = {
    "ann-corp": Account(account=account("ann"), person="ann"),
    "ann-chat": Account(account=account("U1", "chat"), person="ann"),
    "bob-corp": Account(account=account("bob"), person="bob", retired=True),
    "cay-corp": Account(account=account("cay"), person="cay"),
    "dan-corp": Account(account=account("dan"), person="dan"),
}
DIRECTORY = Directory(
    persons={
        "ann": Person(),
        "bob": Person(),
        "cay": Person(retired=True),
        "dan": Person(),
        "root": Person(name="administrator"),
    },
    accounts=ACCOUNTS,
    logins={account_key(found.account): name for name, found in ACCOUNTS.items()},
    groups={"privacy": Group(members=("ann", "bob", "cay", "dan", "root", "ghost"))},
    agents={
        "helper": Agent(key=KEY.public.text, owners=("root",), delegators=(account("bob"), account("cay"))),
        "stray": Agent(key=KEY.public.text, owners=("root",), delegators=(account("nobody"),)),
        "orphan": Agent(key=KEY.public.text, owners=("ghost",)),
    },
    bridges={"chat": Bridge(key=KEY.public.text, issuers=("chat",))},
)


def signer(kind: SignerKind, name: str) -> Signer:
    """A key that belongs to this subject."""
    return Signer(kind, name, KEY.public)


def test_a2_a3_owners_delegators_and_the_person_acted_for_are_behind_an_action() -> None:
    """Everybody behind an action is in its origin set, as a person."""
    assert origin_set(DIRECTORY, "helper", account("ann")) == {"root", "bob", "cay", "ann"}


def test_retirement_lets_nobody_out_of_the_origin() -> None:
    """A retired person and the person of a retired account are still behind the action."""
    assert {"bob", "cay"} <= origin_set(DIRECTORY, "helper", None)


@pytest.mark.parametrize(
    ("agent", "claimed", "known"),
    [
        ("helper", None, True),
        ("helper", account("ann"), True),
        ("helper", account("nobody"), False),
        ("helper", account("ann", "elsewhere"), False),
        ("stray", None, False),
        ("orphan", None, False),
        ("unknown", None, False),
    ],
)
def test_an_origin_with_somebody_unknown_is_not_known(
    agent: str, claimed: AccountName | None, *, known: bool
) -> None:
    """An account nobody enrolled, an owner without a document, an unknown agent: somebody unknown is behind it."""
    assert is_origin_known(DIRECTORY, agent, claimed) is known


def test_a1_every_account_of_a_person_is_that_person() -> None:
    """Two logins of one person resolve to one person, who is in the origin under both."""
    origin = origin_set(DIRECTORY, "helper", account("ann"))
    person = decider(DIRECTORY, account("U1", "chat"), signer(SignerKind.BRIDGE, "chat"))
    assert person == "ann"
    assert may_decide(DIRECTORY, person, origin, ["privacy"]) is Reason.OWN_ACTION


@pytest.mark.parametrize(
    ("subject", "issuer", "kind", "name", "answer"),
    [
        ("ann", "corp", SignerKind.ACCOUNT, "ann-corp", "ann"),
        ("ann", "corp", SignerKind.ACCOUNT, "dan-corp", Reason.WRONG_ACCOUNT),
        ("bob", "corp", SignerKind.ACCOUNT, "bob-corp", Reason.WRONG_ACCOUNT),
        ("cay", "corp", SignerKind.ACCOUNT, "cay-corp", Reason.UNKNOWN_PERSON),
        ("U1", "chat", SignerKind.BRIDGE, "chat", "ann"),
        ("U2", "chat", SignerKind.BRIDGE, "chat", Reason.UNKNOWN_ACCOUNT),
        ("ann", "corp", SignerKind.BRIDGE, "chat", Reason.WRONG_ACCOUNT),
        ("ann", "corp", SignerKind.AGENT, "helper", Reason.WRONG_ACCOUNT),
        ("ann", "corp", SignerKind.GATE, "gate", Reason.WRONG_ACCOUNT),
        ("ann", "corp", SignerKind.EXECUTOR, "crm", Reason.WRONG_ACCOUNT),
        ("ann ", "corp", SignerKind.ACCOUNT, "ann-corp", Reason.WRONG_ACCOUNT),
        ("Ann", "corp", SignerKind.ACCOUNT, "ann-corp", Reason.WRONG_ACCOUNT),
    ],
)
def test_a5_a10_a11_only_an_accounts_key_or_its_issuers_bridge_speaks_for_it(
    subject: str, issuer: str, kind: SignerKind, name: str, answer: str | Reason
) -> None:
    """No agent, gate, executor, other account or other issuer's bridge speaks for a person; logins compare exactly."""
    assert decider(DIRECTORY, account(subject, issuer), signer(kind, name)) == answer


@pytest.mark.parametrize(
    ("person", "groups", "reason"),
    [
        ("dan", ["privacy"], None),
        ("dan", [], Reason.NOT_IN_GROUP),
        ("dan", ["nobody-defined-this"], Reason.NOT_IN_GROUP),
        ("cay", ["privacy"], Reason.NOT_IN_GROUP),
        ("ghost", ["privacy"], Reason.NOT_IN_GROUP),
        ("root", ["privacy"], Reason.OWN_ACTION),
    ],
)
def test_a12_nobody_behind_an_action_and_nobody_outside_the_groups_decides(
    person: str, groups: list[str], reason: Reason | None
) -> None:
    """Active members of a group asked may decide; an administrator who owns the agent may not."""
    assert may_decide(DIRECTORY, person, {"root"}, groups) is reason
