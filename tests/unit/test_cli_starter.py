"""`init`, `config`, `key`: a starter folder that works as it is."""

import json
import stat
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sluicegate.processors.policy import load as load_policy
from sluicegate.schemas.document import Agent, DocumentKind
from sluicegate.schemas.keys import PrivateKey
from sluicegate.streams.cli import app
from sluicegate.streams.cli.identities_file import read_identities
from sluicegate.streams.cli.starter import policy
from sluicegate.streams.gate_workers import check_operators
from sluicegate.streams.settings import load
from sluicegate.streams.state_folder import StateFolder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A starter folder that is the working directory."""
    done = CliRunner().invoke(app, ["init", str(tmp_path / "clinic")])
    assert done.exit_code == 0, done.output
    monkeypatch.chdir(tmp_path / "clinic")
    return tmp_path / "clinic"


def test_the_starter_settings_load_and_pin_the_operator_whose_key_was_made(folder: Path) -> None:
    """The pinned public key is that of keys/operator.ed25519, under its own id."""
    settings = load(folder / "sluicegate.toml")
    seed = (folder / ".sluicegate/keys/operator.ed25519").read_text()
    assert settings.trust.operators == {
        PrivateKey.from_text(seed).key_id: PrivateKey.from_text(seed).public.text
    }
    check_operators(settings.trust.operators)


def test_the_starter_policy_loads_and_its_tests_pass() -> None:
    """What `init` writes is never refused by a gate."""
    assert load_policy(policy()).name == "starter"


def test_the_groups_of_the_starter_policy_are_those_of_the_starter_identities(folder: Path) -> None:
    """Nothing waits for a group that nobody is in."""
    groups = tomllib.loads((folder / "identities.toml").read_text())["groups"]
    assert set(groups) == {"security"}
    assert "groups: {security:" in (folder / "policy.yaml").read_text()


def test_the_starter_identities_make_valid_documents_with_the_keys_that_were_made(folder: Path) -> None:
    """Every subject becomes a document; the agent has an owner who is not the first reviewer."""
    identities = read_identities(folder / "identities.toml")
    state = StateFolder(folder / ".sluicegate")
    public = {
        name: PrivateKey.from_text(state.key_path(name).read_text()).public.text
        for name in identities.keyless()
    }
    assert "masking" not in public
    bodies = identities.bodies(lambda name: public.get(name, public["gate"]))
    agent = bodies[DocumentKind.AGENT, "ops-agent"]
    assert isinstance(agent, Agent)
    assert agent.key == public["ops-agent"]
    reviewer = identities.fields_of("accounts", "robin")
    assert reviewer is not None
    assert reviewer["person"] not in agent.owners


def test_private_keys_are_for_their_owner_only(folder: Path) -> None:
    """Files 0600 in a folder 0700, which git does not see."""
    keys = folder / ".sluicegate/keys"
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys.iterdir()} == {0o600}
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    assert ".sluicegate/" in (folder / ".gitignore").read_text().splitlines()


def test_a_second_init_changes_nothing(folder: Path) -> None:
    """What is there is kept, byte by byte, and said to be."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    done = CliRunner().invoke(app, ["init", "--json"])
    assert set(json.loads(done.stdout)["files"].values()) == {False}
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_two_starter_folders_share_no_person(tmp_path: Path) -> None:
    """Person ids are random: they say nothing about anybody."""
    for name in ("one", "two"):
        CliRunner().invoke(app, ["init", str(tmp_path / name)])
    one, two = (
        set(tomllib.loads((tmp_path / name / "identities.toml").read_text())["persons"])
        for name in ("one", "two")
    )
    assert not one & two


@pytest.mark.usefixtures("folder")
def test_config_show_masks_what_could_be_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password from the environment is in force and never printed."""
    monkeypatch.setenv("SLUICEGATE_KAFKA__SASL_PASSWORD", "hunter2")
    for arguments in (["config", "show"], ["config", "show", "--json"]):
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0
        assert "hunter2" not in done.output
        assert "sasl.password" in done.output


def test_key_new_prints_the_public_half_and_keeps_an_existing_key(folder: Path) -> None:
    """The second call gives the same key; the seed is printed by neither."""
    first, second = (CliRunner().invoke(app, ["key", "new", "airline/run-7", "--json"]) for _ in range(2))
    one, two = json.loads(first.stdout), json.loads(second.stdout)
    assert (one["made"], two["made"]) == (True, False)
    assert one["public_key"] == two["public_key"]
    path = folder / ".sluicegate/keys/airline%2Frun-7.ed25519"
    assert path.read_text() not in first.output + second.output


@pytest.mark.parametrize("name", ["a/../../escape", "..", "a/b"])
def test_no_id_makes_a_key_outside_the_folder_of_keys(folder: Path, name: str) -> None:
    """Whatever an id holds, it is one file name."""
    path = StateFolder(folder).key_path(name)
    assert path.parent == folder / "keys"


@pytest.mark.parametrize("name", ["", "ä", "a\nb", "x" * 129])
def test_key_new_refuses_ids_that_nothing_could_have(folder: Path, name: str) -> None:
    """Refused as wrong usage, before anything is written."""
    assert CliRunner().invoke(app, ["key", "new", name]).exit_code == 2
    assert len(list((folder / ".sluicegate/keys").iterdir())) == 8
