"""Every command's `--help` teaches: a first sentence, an example that is still possible, `--json` where data is printed."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from sluicegate.streams.cli import app

ROOT: Any = typer.main.get_command(app)
WITHOUT_JSON = {
    "schema asyncapi",
    "schema avro",
    "schema json",
    "sign",
    "up",
    "demo",
    "gate run",
    "mask run",
    "broker stop",
    "stack prepare",
    "stack provision",
}
"""Commands that print no data, and `sign`, whose output is JSON always."""


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its words."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


ALL = dict(commands(ROOT))


def options(command: Any) -> set[str]:
    """Every spelling of every option."""
    return {
        spelling for parameter in command.params for spelling in parameter.opts if spelling.startswith("-")
    }


def test_the_commands_are_exactly_these() -> None:
    """Adding or removing one is a decision; the README lists them."""
    assert set(ALL) == {
        *("init", "config show", "broker start", "broker stop", "broker status", "topics plan", "topics apply"),
        *("acl plan", "acl apply", "key new", "identity apply", "identity show", "executor add"),
        *(f"identity add {kind}" for kind in ("person", "account", "group", "agent", "bridge", "gate", "pipeline")),
        *("policy check", "policy test", "policy explain", "policy publish", "gate run", "up", "play", "bench", "doctor",
        "demo"),
        *("profile check", "profile publish", "profile list", "profile show"),
        *("stack prepare", "stack provision"),
        *("mask check", "mask explain", "mask file", "mask lexicon", "mask run", "mask score", "quarantine list", "quarantine show", "quarantine open"),
        *("submit", "sign", "withdraw", "inbox", "approve", "reject", "reconcile"),
        *("show", "audit tail", "audit replay", "audit export", "verify", "dlq list", "dlq show", "dlq replay"),
        *("schema asyncapi", "schema json", "schema avro"),
    }  # fmt: skip


@pytest.mark.parametrize("words", sorted(ALL))
def test_help_begins_with_a_sentence_and_ends_with_an_example(words: str) -> None:
    """What it does, then how it is typed."""
    text = ALL[words].help or ""
    assert re.match(r"[A-Z][^\n]*[.:]", text), "no first sentence"
    assert "Example: " in text


@pytest.mark.parametrize("words", sorted(ALL))
def test_the_example_names_this_command_and_only_options_it_has(words: str) -> None:
    """Examples are not left behind by changes."""
    example = " ".join(ALL[words].help.split("Example: ")[1].split("\n\n")[0].split())
    call = next(part for part in example.split(" | ") if part.startswith(f"sluicegate {words}"))
    spellings = {part.split("=")[0] for part in shlex.split(call) if part.startswith("--")}
    assert spellings <= options(ALL[words])


@pytest.mark.parametrize("words", sorted(ALL))
def test_commands_that_print_data_print_it_as_json_too(words: str) -> None:
    """For programs, under the same name everywhere."""
    assert ("--json" in options(ALL[words])) is (words not in WITHOUT_JSON)


@pytest.mark.parametrize("words", sorted(ALL))
def test_help_can_be_asked_for_anywhere_without_settings(words: str, tmp_path: Any, monkeypatch: Any) -> None:
    """Also where no settings file is, and where it is broken."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sluicegate.toml").write_text("not toml")
    done = CliRunner().invoke(app, [*words.split(), "--help"])
    assert done.exit_code == 0
    assert "Usage: " in done.output


@pytest.mark.parametrize("words", sorted(ALL))
def test_every_option_says_what_it_is_for(words: str) -> None:
    """No option is left to be guessed."""
    silent = [p.opts for p in ALL[words].params if not getattr(p, "help", None)]
    assert not silent
