"""`profile publish | list | show` and policies that name profiles, on a real Kafka: what a gate would use is what is shown."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from sluicegate.schemas.document import DocumentKind
from sluicegate.schemas.errors import ConfigurationError, RefusedError
from sluicegate.streams.cli import app
from sluicegate.streams.clients.operator import Operator
from sluicegate.streams.clients.stored_key import key_or_new
from sluicegate.streams.settings import Settings, TrustSettings
from sluicegate.streams.testing.cluster import Cluster

pytestmark = pytest.mark.broker

OURS = "version: 1\nname: ours\nextends: pii-basic\ncolumns: {membership: keep}\n"
POLICY = "version: 1\nname: p\ndefault: deny\nrules:\n  - {id: a, on: [t], effect: allow, mask: ours}\n"


class Folder:
    """A folder with settings of a deployment, and an operator's key in its state folder."""

    def __init__(self, cluster: Cluster, path: Path) -> None:
        self.path = path
        key = key_or_new(cluster.state, "operator")[0]
        trust = TrustSettings(operators={key.key_id: key.public.text})
        self.settings: Settings = cluster.settings.model_copy(update={"trust": trust})
        (path / "sluicegate.toml").write_text(
            f'bootstrap = "{self.settings.bootstrap}"\nprefix = "{self.settings.prefix}"\n'
            f'deployment = "{self.settings.deployment}"\n'
            f'partitions = {self.settings.partitions}\nstate_dir = "{self.settings.state_dir}"\n'
            f'[trust.operators]\n"{key.key_id}" = "{key.public.text}"\n'
        )

    def file(self, name: str, text: str) -> str:
        """A file with this text."""
        (self.path / name).write_text(text)
        return str(self.path / name)

    def run(self, *words: str) -> Result:
        """One command."""
        return CliRunner().invoke(app, ["--config", str(self.path / "sluicegate.toml"), *words])

    def said(self, *words: str) -> Any:
        """What a command that must succeed prints as JSON."""
        done = self.run(*words, "--json")
        assert done.exit_code == 0, (done.output, done.exception)
        return json.loads(done.stdout)


@pytest.fixture
def folder(cluster: Cluster, tmp_path: Path) -> Folder:
    """On a fresh deployment."""
    return Folder(cluster, tmp_path)


def test_a_profile_is_published_listed_and_shown(folder: Folder) -> None:
    """Once per content; its file comes back as it was signed."""
    file = folder.file("ours.yaml", OURS)
    assert folder.said("profile", "publish", file)["published"]
    again = folder.said("profile", "publish", file)
    assert (again["version"], again["published"]) == (1, False)
    assert again["warnings"] == [
        "column `membership` leaves as it is: sign this only if nothing in it identifies anybody"
    ]
    listed = {one["profile"]: one for one in folder.said("profile", "list")}
    assert list(listed) == ["pii-basic", "limited-data-set", "hipaa-safe-harbor", "ours"]
    assert listed["ours"] == {"profile": "ours", "extends": "pii-basic", "version": 1, "policies": []}
    shown = folder.said("profile", "show", "ours")
    assert [line["name"] for line in shown["holds"] if line["what"] == "column"] == ["membership"]
    assert folder.run("profile", "show", "ours", "--text").stdout == OURS


def test_a_policy_whose_profile_is_missing_is_told_of_when_it_is_published(folder: Folder) -> None:
    """And in the list, until it is there."""
    policy = folder.file("policy.yaml", POLICY)
    assert folder.said("policy", "publish", policy)["missing_profiles"] == ["ours"]
    assert "policy `p` names `ours`, which nobody has published" in folder.run("profile", "list").stderr
    folder.said("profile", "publish", folder.file("ours.yaml", OURS))
    assert folder.said("policy", "publish", policy)["missing_profiles"] == []
    done = folder.run("profile", "list")
    assert "nobody has published" not in done.stderr
    assert "ours" in done.stdout


def test_what_does_not_load_is_not_signed(folder: Folder) -> None:
    """A broken file, the name of a built-in profile, another id than its name: refused before anything is written."""
    assert folder.run("profile", "publish", folder.file("a.yaml", "name: [")).exit_code != 0
    assert (
        folder.run(
            "profile", "publish", folder.file("b.yaml", OURS.replace("ours", "pii-basic", 1))
        ).exit_code
        != 0
    )
    with Operator.connect("operator", settings=folder.settings) as operator:
        with pytest.raises(RefusedError, match="calls itself `ours`"):
            operator.publish_profile("theirs", OURS)
        with pytest.raises(ConfigurationError):
            operator.publish_profile("ours", "")
        assert not [name for kind, name in operator.tables.versions if kind == DocumentKind.PROFILE]


def test_a_profile_that_is_not_there_is_refused_by_name(folder: Folder) -> None:
    """Exit status 1 and where to look."""
    done = folder.run("profile", "show", "nobody")
    assert done.exit_code == 1
    assert "no profile `nobody` is published" in done.stderr
