"""`profile check | show`: without a broker; what a profile does is said before anybody signs it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from sluicegate.processors.masking.profile import BUILT_IN
from sluicegate.streams.cli import app

OURS = """\
version: 1
name: customers
extends: pii-basic
kinds: {phone: keep, date: year}
columns: {membership: keep, plan: plain, note: text, referrer: user drop, internal: drop}
keys: {by_login: user}
"""


def run(*words: str) -> Result:
    """A `profile` command in this process."""
    return CliRunner().invoke(app, ["profile", *words])


def held(done: Result) -> dict[tuple[str, str], dict[str, Any]]:
    """What the profile holds, by what it is and name."""
    assert done.exit_code == 0, done.output
    return {(line["what"], line["name"]): line for line in json.loads(done.stdout)["holds"]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A profile that keeps two columns."""
    path = tmp_path / "customers.yaml"
    path.write_text(OURS)
    return path


def test_check_says_what_becomes_of_every_kind_and_of_each_named_column(file: Path) -> None:
    """What the profile says itself and what the one it extends says are told apart."""
    said = held(run("check", str(file), "--json"))
    assert (said["kind", "name"]["becomes"], said["kind", "name"]["own"]) == ("<name>", False)
    assert (said["kind", "date"]["becomes"], said["kind", "date"]["own"]) == ("its year", True)
    assert {name: line["becomes"] for (what, name), line in said.items() if what != "kind"} == {
        "membership": "kept, not looked at",
        "plan": "searched for shapes of identifiers, else kept",
        "note": "searched as free text, for names too",
        "referrer": "null",
        "internal": "null",
        "by_login": "<user:...>, the same for the same value within one export",
    }


def test_check_warns_of_what_the_profile_keeps(file: Path) -> None:
    """Whatever leaves as it is because of this file, and nothing else."""
    done = run("check", str(file))
    assert done.exit_code == 0
    assert [line for line in done.stderr.splitlines() if line.startswith("careful")] == [
        "careful: kind `phone` is kept everywhere, `pii-basic` masks it",
        "careful: column `membership` leaves as it is: sign this only if nothing in it identifies anybody",
    ]


def test_check_warns_of_a_profile_that_extends_nothing(tmp_path: Path) -> None:
    """It masks only what it names."""
    path = tmp_path / "bare.yaml"
    path.write_text("version: 1\nname: bare\nkinds: {email: tag}\n")
    assert "it extends no built-in profile" in run("check", str(path)).stderr


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("", ":1:1: the file is empty"),
        (OURS.replace("keep,", "kepp,", 1), ":4:16: `phone` cannot be `kepp`"),
        (OURS.replace("pii-basic", "pii-basik"), "did you mean `pii-basic`?"),
        (OURS.replace("customers", "pii-basic"), "is built in"),
    ],
)
def test_check_names_file_line_and_column_of_every_finding(file: Path, text: str, finding: str) -> None:
    """And ends with a status that is not success."""
    file.write_text(text)
    done = run("check", str(file))
    assert done.exit_code != 0
    assert f"{file}:" in done.stderr
    assert finding in done.stderr


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_profile_is_shown_without_a_broker(name: str) -> None:
    """With the paragraph of law where it names one."""
    said = held(run("show", name, "--json"))
    assert said["kind", "email"]["becomes"] != "kept"
    assert (said["kind", "ssn"]["rule"] is not None) is (name != "pii-basic")


def test_a_built_in_profile_has_no_signed_text() -> None:
    """`--text` is for published ones."""
    assert run("show", "pii-basic", "--text").exit_code == 2


def test_a_file_that_cannot_be_read_is_wrong_usage(tmp_path: Path) -> None:
    """One line, no traceback."""
    done = run("check", str(tmp_path / "absent.yaml"))
    assert done.exit_code == 2
    assert "cannot be read" in done.stderr
