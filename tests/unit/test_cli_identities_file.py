"""`identities.toml`: read into documents, refused with section and field."""

from pathlib import Path

import pytest

from sluicegate.schemas.document import Account, DocumentKind, Group
from sluicegate.schemas.errors import ConfigurationError
from sluicegate.schemas.keys import PrivateKey
from sluicegate.streams.cli.identities_file import Identities, read_identities

KEY = PrivateKey.generate().public.text
TEXT = """
[persons.p-1]
name = "Ann"

[accounts.ann]
issuer = "local"
subject = "ann"
person = "p-1"

[groups]
security = ["p-1"]

[agents."ops/night"]
owners = ["p-1"]
"""


def read(folder: Path, text: str) -> Identities:
    """The file with this text."""
    path = folder / "identities.toml"
    path.write_text(text)
    return read_identities(path)


def test_every_subject_becomes_a_document_and_who_is_named_comes_first(tmp_path: Path) -> None:
    """Persons before the accounts, groups and agents that name them."""
    bodies = read(tmp_path, TEXT).bodies(lambda _: KEY)
    assert list(bodies) == [
        (DocumentKind.PERSON, "p-1"),
        (DocumentKind.ACCOUNT, "ann"),
        (DocumentKind.GROUP, "security"),
        (DocumentKind.AGENT, "ops/night"),
    ]
    assert bodies[DocumentKind.GROUP, "security"] == Group(members=("p-1",))


def test_keys_come_from_the_state_folder_unless_written_down(tmp_path: Path) -> None:
    """Only accounts and agents without a key ask for one."""
    identities = read(tmp_path, TEXT.replace('person = "p-1"', f'person = "p-1"\nkey = "{KEY}"'))
    assert list(identities.keyless()) == ["ops/night"]
    account = identities.bodies(lambda _: KEY)[DocumentKind.ACCOUNT, "ann"]
    assert isinstance(account, Account)
    assert account.key == KEY


def test_an_empty_file_names_nobody(tmp_path: Path) -> None:
    """And publishes nothing."""
    assert read(tmp_path, "").bodies(lambda _: KEY) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[people.x]", "has a section `people`"),
        ("persons = 3", "`persons` must be a table"),
        ("[persons]\nx = 3", "`persons.x` must be a table"),
        ("[agents.x]\nowners = []", "agent `x`: `owners`"),
        ('[accounts.x]\nsubject = "x"\nperson = "p-1"', "account `x`: `account.issuer`"),
        ('[persons.p-1]\nnickname = "secret"', "person `p-1`: `nickname`"),
        ("not toml", "is not TOML"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, text: str, said: str) -> None:
    """Section, id and field; never the value."""
    with pytest.raises(ConfigurationError, match=said) as caught:
        read(tmp_path, text).bodies(lambda _: KEY)
    assert "secret" not in str(caught.value)


def test_masking_has_no_key_file_and_nobody_speaks_for_it(tmp_path: Path) -> None:
    """An agent that `releases` signs with a key that derives from masking's secret: none is made, and no command acts as it."""
    text = '[agents.masking]\nowners = ["p-1"]\nreleases = true\n[agents.ops]\nowners = ["p-1"]\n'
    identities = read(tmp_path, text)
    assert identities.releasing == ("masking",)
    assert identities.agents == ("ops",)
    assert list(identities.keyless()) == ["ops"]
    elsewhere = read(tmp_path, text.replace("releases = true", f'releases = true\nkey = "{KEY}"'))
    assert elsewhere.releasing == ()
