"""The tables and links of README.md are the code's: topics, rights, retentions, commands, settings, targets, files."""

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
import typer
from pydantic import BaseModel
from readme_text import TREE, Block, blocks, missing, readme, rows

from sluicegate.streams.cli import app
from sluicegate.streams.kafka.principals import Role
from sluicegate.streams.kafka.rights import TABLE
from sluicegate.streams.kafka.topics import DAY_MS, FOREVER, Cleanup, Layout, TopicSpec, table
from sluicegate.streams.settings import Settings

LAYOUT: Final = Layout(partitions=6)
DLQ, EXECUTION = "dlq.<topic>", "execution.<executor>"
RAW: Final = {
    "actions",
    EXECUTION,
    "exports.raw",
    "exports.quarantine",
    DLQ,
    "gate.pending.changelog",
    "masking.held.changelog",
}
"""Where raw argument bytes live, and nowhere else: fixed by the design. What masking holds is masked, and may not be masked enough."""


def in_the_readme(topic: str) -> str:
    """The name under which README.md writes a topic."""
    if topic.startswith("dlq."):
        return DLQ
    return EXECUTION if topic.startswith("execution.") else topic


def kept(topic: TopicSpec) -> str:
    """Its retention in words."""
    if topic.cleanup is Cleanup.COMPACT:
        return "compacted"
    if topic.retention_ms == FOREVER:
        return "no limit"
    days, rest = divmod(topic.retention_ms, DAY_MS)
    windows = rest // LAYOUT.closing_window_ms
    assert rest == windows * LAYOUT.closing_window_ms
    return f"{days} day{'s' if days > 1 else ''}" + (" and two closing windows" if windows == 2 else "")


def kept_by_name() -> dict[str, str]:
    """Every topic as README.md names it, with its retention; topics of one name agree."""
    found: dict[str, str] = {}
    for topic in table(LAYOUT, ["crm"]):
        assert found.setdefault(in_the_readme(topic.name), kept(topic)) == kept(topic)
    return found


def roles_that(operation: str, topic: str) -> set[str]:
    """Who may read or write a topic by the table of rights."""
    found = set()
    for role, rights in TABLE.items():
        names = {name.format(name="crm") for name in getattr(rights, operation)}
        if any(name == topic or (name.endswith(".") and topic.startswith(name)) for name in names):
            found.add(role.value)
    return found


def commands_of(group: typer.Typer, before: str = "") -> Iterator[str]:
    """Every command with the names of its groups."""
    for command in group.registered_commands:
        name = command.name or (command.callback.__name__.replace("_", "-") if command.callback else "")
        yield f"{before}{name}"
    for sub in group.registered_groups:
        if sub.typer_instance is not None:
            name = sub.name if isinstance(sub.name, str) else sub.typer_instance.info.name
            yield from commands_of(sub.typer_instance, f"{before}{name} ")


def settings_of(model: type[BaseModel], before: str = "") -> Iterator[str]:
    """Every setting, tables as `table.name`."""
    for name, field in model.model_fields.items():
        kind: Any = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from settings_of(kind, f"{before}{name}.")
        else:
            yield f"{before}{name}"


def test_the_topics_are_those_of_the_code_with_their_retentions() -> None:
    """No topic is left out, none is invented, none is kept longer or shorter than said."""
    shown = {row[0]: row[4] for row in rows("topic", "written by", "read by", "holds", "kept")}
    assert shown == kept_by_name()


@pytest.mark.parametrize("operation", ["write", "read"])
def test_who_writes_and_reads_a_topic_is_the_table_of_rights(operation: str) -> None:
    """What README.md says Kafka enforces is what `acl apply` puts in force."""
    column = 1 if operation == "write" else 2
    for row in rows("topic", "written by", "read by", "holds", "kept"):
        if row[0] == DLQ and operation == "write":
            continue  # in words: who reads the topic
        name = row[0].replace("<executor>", "crm").replace("<topic>", "actions")
        assert set(row[column].split(", ")) == roles_that(operation, name), row[0]


def test_every_reader_of_an_input_may_write_its_dead_letters() -> None:
    """`dlq.<topic>` is written by who reads the topic, as README.md says in words."""
    for topic in table(LAYOUT, ["crm"]):
        if topic.name.startswith("dlq."):
            writers = roles_that("write", topic.name)
            assert writers
            assert writers <= roles_that("read", topic.name.removeprefix("dlq."))


def test_raw_values_live_where_the_readme_says_and_as_long() -> None:
    """The list is complete, and its retentions are the code's."""
    shown = {row[0]: row[1] for row in rows("topic", "kept")}
    assert set(shown) == RAW
    assert shown == {name: kept for name, kept in kept_by_name().items() if name in RAW}


def test_topics_marked_as_raw_are_the_raw_ones() -> None:
    """The mark in the table of topics agrees with the list below it."""
    marked = {
        row[0]
        for row in rows("topic", "written by", "read by", "holds", "kept")
        if re.search(r"\braw (?:arguments|data|bytes)", row[3])
    }
    assert marked == RAW


def test_the_commands_are_those_of_the_program() -> None:
    """Every command, each once, each with a description."""
    shown = rows("command", "what it does")
    assert sorted(name for name, _ in shown) == sorted(commands_of(app))
    assert all(said for _, said in shown)


def test_the_settings_are_those_of_the_code() -> None:
    """Every setting, in its order."""
    assert [name for name, _ in rows("setting", "means")] == list(settings_of(Settings))


def test_every_setting_is_named_for_a_role_that_exists() -> None:
    """Roles in the table of topics are roles of the code."""
    named = {
        role
        for row in rows("topic", "written by", "read by", "holds", "kept")
        for column in (row[1], row[2])
        if column != "who reads the topic"
        for role in column.split(", ")
    }
    assert named <= {role.value for role in Role}


def test_make_targets_that_are_shown_exist() -> None:
    """`make demo` and `make test` are the two commands."""
    typed = [
        command.text for block in blocks() if block.language == "console" for command in block.commands()
    ]
    shown = [text.removeprefix("make ") for text in typed if text.startswith("make ")]
    makefile = (TREE / "Makefile").read_text(encoding="utf-8")
    assert shown == ["demo", "test"]
    assert all(re.search(rf"^{target}:.*## ", makefile, re.MULTILINE) for target in shown)


def test_links_to_files_lead_somewhere() -> None:
    """Every relative link names a file or folder of the checkout."""
    links = re.findall(r"\]\((?!https?://)([^)#]+)\)", readme())
    assert links
    assert [link for link in links if not (TREE / link).exists()] == []


def test_every_shown_program_is_run_by_the_readme() -> None:
    """No Python example stands without the line that runs it, so the walk tests all of them."""
    typed = "\n".join(block.text for block in blocks() if block.language == "console")
    programs = [block.file_name for block in blocks() if block.language == "python"]
    assert None not in programs
    assert all(f"python {name}" in typed for name in programs)


def test_a_shown_line_that_is_not_printed_is_noticed() -> None:
    """The walk's own check: dots stand for anything, everything else must be there, in one line."""
    output = "a   1  published\nb  2  kept at 127.0.0.1:9092; done\n"
    assert missing(("a 1 published", "b … at 127.0.0.1:…; done", "… 2 …"), output) == []
    assert missing(("a 2", "a … kept", "kept at"), output) == ["a 2", "a … kept"]


def test_commands_and_statuses_are_read_from_a_block() -> None:
    """The walk's own reading: the status in a comment, the lines below a command."""
    block = Block("console", (), "$ one --x     # exit status 1\nsaid\n…\n$ two\n", 1)
    assert [(each.text, each.status, each.shown) for each in block.commands()] == [
        ("one --x", 1, ("said",)),
        ("two", 0, ()),
    ]
