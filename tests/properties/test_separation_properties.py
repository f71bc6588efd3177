"""Random alias graphs: whatever accounts people have, nobody behind an action decides on it."""

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.processors.directory import Directory, Signer, SignerKind, account_key
from sluicegate.processors.events import Reason
from sluicegate.processors.separation import decider, is_origin_known, may_decide, origin_set
from sluicegate.schemas.action import AccountName
from sluicegate.schemas.document import Account, Agent, Group, Person
from sluicegate.schemas.keys import PrivateKey

KEY = PrivateKey.from_seed(bytes(32))
PEOPLE = tuple(f"person-{n}" for n in range(4))
LOGINS = tuple(
    AccountName(issuer=issuer, subject=subject) for issuer in ("corp", "chat") for subject in ("a", "b", "c")
)

logins = st.sampled_from(LOGINS)
people = st.sampled_from(PEOPLE)


@st.composite
def directories(draw: st.DrawFn) -> Directory:
    """Persons, some of their logins, one group, one agent with owners and delegators; some of it retired."""
    owners_of = draw(st.dictionaries(st.sampled_from(range(len(LOGINS))), people))
    accounts = {
        f"account-{n}": Account(account=LOGINS[n], person=person, retired=draw(st.booleans()))
        for n, person in owners_of.items()
    }
    agent = Agent(
        key=KEY.public.text,
        owners=tuple(draw(st.lists(people, min_size=1, max_size=2))),
        delegators=tuple(draw(st.lists(logins, max_size=2))),
    )
    return Directory(
        persons={person: Person(retired=draw(st.booleans())) for person in PEOPLE},
        accounts=accounts,
        logins={account_key(found.account): name for name, found in accounts.items()},
        groups={"privacy": Group(members=PEOPLE)},
        agents={"helper": agent},
    )


@given(directory=directories(), claimed=st.none() | logins, login=logins)
def test_a1_no_account_of_anybody_behind_an_action_decides(
    directory: Directory, claimed: AccountName | None, login: AccountName
) -> None:
    """Through whichever account a person speaks, being behind the action refuses them."""
    account = directory.logins.get(account_key(login))
    if account is None:
        return
    person = decider(directory, login, Signer(SignerKind.ACCOUNT, account, KEY.public))
    if isinstance(person, Reason):
        return
    origin = origin_set(directory, "helper", claimed)
    agent = directory.agents["helper"]
    behind = set(agent.owners) | {
        found.person
        for found in directory.accounts.values()
        if found.account in agent.delegators or found.account == claimed
    }
    assert behind == origin
    if person in behind:
        assert may_decide(directory, person, origin, ["privacy"]) is Reason.OWN_ACTION


@given(directory=directories(), claimed=st.none() | logins)
def test_an_origin_is_known_exactly_when_every_account_behind_it_is_enrolled(
    directory: Directory, claimed: AccountName | None
) -> None:
    """One login that nobody enrolled is enough to make an origin unknown."""
    named = [*directory.agents["helper"].delegators, *([claimed] if claimed else [])]
    enrolled = all(account_key(login) in directory.logins for login in named)
    assert is_origin_known(directory, "helper", claimed) is enrolled
