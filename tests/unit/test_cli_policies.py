"""`policy check | test | explain`: without a broker and without a starter folder."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sluicegate.streams.cli import app
from sluicegate.streams.cli.starter import policy


@pytest.fixture
def file(tmp_path: Path) -> str:
    """The starter policy as a file."""
    path = tmp_path / "policy.yaml"
    path.write_text(policy())
    return str(path)


def test_check_accepts_the_starter_policy(file: str) -> None:
    """And names it with its digest."""
    done = CliRunner().invoke(app, ["policy", "check", file, "--json"])
    said = json.loads(done.stdout)
    assert done.exit_code == 0
    assert (said["policy"], said["tests"], len(said["digest"])) == ("starter", 3, 64)


def test_check_names_file_line_and_rule_of_every_finding(file: str) -> None:
    """Exit status 1, one line per finding."""
    broken = policy().replace("review: one-person\n", "review: one-persn\n").replace("> 100", "> nobody")
    Path(file).write_text(broken)
    done = CliRunner().invoke(app, ["policy", "check", file])
    assert done.exit_code == 1
    assert "rule `deletes-wait`: review `one-persn` does not exist; did you mean `one-person`?" in done.stderr
    assert file in done.stderr


def test_a_failing_test_of_the_file_is_a_finding(file: str) -> None:
    """A policy whose own tests fail is not put in force, so it does not pass here."""
    Path(file).write_text(policy().replace("{effect: allow, rules: [reads-pass]}", "{effect: deny}"))
    done = CliRunner().invoke(app, ["policy", "test", file])
    assert done.exit_code == 1
    assert "test `reading is free`: expected effect `deny`, got `allow`" in done.stderr


def test_test_lists_what_passed(file: str) -> None:
    """By the names of the file."""
    done = CliRunner().invoke(app, ["policy", "test", file, "--json"])
    assert "reading is free" in json.loads(done.stdout)["passed"]


def test_explain_gives_the_verdict_and_what_became_of_every_rule(file: str) -> None:
    """From standard input, without the values."""
    action = json.dumps({"type": "crm.delete", "arguments": {"records": 500}})
    done = CliRunner().invoke(app, ["policy", "explain", file, "-", "--json"], input=action)
    said = json.loads(done.stdout)
    assert said["verdict"]["effect"] == "review"
    assert said["verdict"]["groups"] == {"security": 2}
    assert [rule["state"] for rule in said["rules"]] == ["matched", "matched"]
    assert "500" not in done.stdout


def test_explain_shows_values_only_when_asked(file: str) -> None:
    """`--values` is for the terminal of somebody who has the action anyway."""
    action = json.dumps({"type": "crm.delete", "arguments": {"records": 500}})
    plain = CliRunner().invoke(app, ["policy", "explain", file, "-"], input=action)
    raw = CliRunner().invoke(app, ["policy", "explain", file, "-", "--values"], input=action)
    assert "= 500" not in plain.stdout
    assert "action.arguments.records = 500" in raw.stdout


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"type": 3}', '{"type": "x", "arguments": []}', '{"a":1,"a":1}']
)
def test_explain_refuses_what_is_no_action(file: str, text: str) -> None:
    """As wrong usage, without repeating it."""
    assert CliRunner().invoke(app, ["policy", "explain", file, "-"], input=text).exit_code == 2


def test_check_shows_streams_and_warns_of_profiles_that_must_be_published(file: str) -> None:
    """What leaves without an action is said before it is signed."""
    streams = "\nstreams:\n  - {id: crm-nightly, from: [crm-pipeline], mask: ours}\n"
    Path(file).write_text(policy() + streams)
    said = json.loads(CliRunner().invoke(app, ["policy", "check", file, "--json"]).stdout)
    assert said["streams"] == [{"id": "crm-nightly", "from": ["crm-pipeline"], "mask": "ours"}]
    assert said["profiles"] == ["ours"]
    told = CliRunner().invoke(app, ["policy", "check", file]).stderr
    assert "stream `crm-nightly`: crm-pipeline may feed it, masked by `ours`" in told
    assert "careful: profile `ours` is not built in" in told


@pytest.mark.parametrize(
    ("on", "named"), [("on: [export.release], ", True), ("", True), ("on: [crm.read], ", False)]
)
def test_check_warns_of_a_rule_that_would_release_without_people(file: str, on: str, *, named: bool) -> None:
    """By name, or because it is for every type; masking refuses such a grant, so nothing would ever leave."""
    rule = f"rules:\n  - {{id: lets-go, {on}effect: allow, when: 'action.agent == \"x\"'}}\n"
    Path(file).write_text("version: 1\nname: mine\ndefault: deny\n" + rule)
    told = CliRunner().invoke(app, ["policy", "check", file])
    assert ("rule `mine/lets-go` can allow `export.release`" in told.stderr) is named, told.output
