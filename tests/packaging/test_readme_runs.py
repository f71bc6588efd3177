"""What README.md and the clients' docstrings tell a newcomer to type works, on a real Apache Kafka."""

import inspect
import re
import textwrap
import tomllib
from collections.abc import Iterator
from types import ModuleType

import pytest
from readme_shell import Shell
from readme_text import Block, blocks

from sluicegate.streams.clients import agent, async_agent, audit_reader, executor, gated, reviewer

pytestmark = [pytest.mark.broker]

DOCUMENTED = """
version: 1
name: documented
agents: [clinic-ops]
default: deny
reviews:
  one-person: {groups: {security: 1}, within: 30m}
rules:
  - {id: passes, on: [crm.read, iam.grant], effect: allow}
  - {id: waits, on: [crm.delete], effect: review, review: one-person}
"""
"""What the docstrings take for granted: the agent `clinic-ops`, a reviewer `dana`."""
IAM = "import types; iam = types.SimpleNamespace(grant=lambda *_, **__: {})\n"


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A shell that has typed everything README.md says, in order; what it started still runs."""
    shell = Shell(tmp_path_factory.mktemp("readme"))
    try:
        for block in blocks():
            follow(shell, block)
        shell.finish()
        yield shell
    finally:
        shell.close()


def follow(shell: Shell, block: Block) -> None:
    """Do what a reader does with a block: save a file, or type commands."""
    if block.file_name is not None:
        (shell.folder / block.file_name).write_text(block.text, encoding="utf-8")
    elif block.language == "json":
        (shell.folder / "runs.jsonl").write_text(block.text, encoding="utf-8")
    elif block.language == "console" and not block.text.startswith("$ make"):
        for command in block.commands():
            if "background" in block.words:
                shell.start(command.text, command.shown, later="later" in block.words)
            else:
                shell.run(command.text, command.status, command.shown)


def example_of(documented: object) -> str:
    """The literal block of a docstring."""
    text = inspect.getdoc(documented) or ""
    found = re.search(r"::\n\n((?:    .*\n|\n)+)", text + "\n")
    assert found is not None, f"{documented} shows no example"
    return textwrap.dedent(found[1])


def save(shell: Shell, documented: ModuleType | type, before: str = "") -> str:
    """The example of a docstring as a file in the shell's folder; its name."""
    name = f"documented_{documented.__name__.rpartition('.')[2].lower()}.py"
    text = example_of(documented)
    if "async with" in text:
        inside = textwrap.indent(text, "    ")
        text = f"import asyncio\nasync def main():\n{inside}\nasyncio.run(main())\n"
    (shell.folder / name).write_text(before + text, encoding="utf-8")
    return name


def enrol_the_documented(shell: Shell) -> None:
    """Add to the folder of the quick start whom the docstrings name."""
    path = shell.folder / "identities.toml"
    known = tomllib.loads(path.read_text(encoding="utf-8"))
    owner, robin = known["accounts"]["olga"]["person"], known["accounts"]["robin"]["person"]
    account = f'[accounts.dana]\nissuer = "https://login.example"\nsubject = "dana"\nperson = "{robin}"\n'
    with path.open("a", encoding="utf-8") as file:
        file.write(f'\n[agents.clinic-ops]\nowners = ["{owner}"]\n{account}')
    (shell.folder / "documented.yaml").write_text(DOCUMENTED, encoding="utf-8")
    shell.run("sluicegate identity apply && sluicegate policy publish documented.yaml")


def approve_when_asked(shell: Shell, program: str) -> None:
    """Run the reviewer's example until it had something to decide."""
    for _ in range(10):
        if "1 of 1 None" in shell.run(f"python {program}"):
            return
    pytest.fail("nothing waited for the documented reviewer", pytrace=False)


def test_everything_the_readme_types_does_what_it_shows(walked: Shell) -> None:
    """In order, in one folder: exit status and every shown line."""
    assert walked.folder.name == "clinic"


def test_the_examples_in_docstrings_run_as_they_stand(walked: Shell) -> None:
    """Agent, async agent, reviewer, gated function, executor and audit reader, against the gate of the quick start."""
    shell = walked
    enrol_the_documented(shell)
    decide = save(shell, reviewer)
    asking = shell.start(f"python {save(shell, agent)}", ("executed", "a person has approved it"), later=True)
    approve_when_asked(shell, decide)
    assert asking.end() == 0, asking.said()
    calling = shell.start(f"python {save(shell, gated, IAM)}")
    approve_when_asked(shell, decide)
    assert calling.end() == 0, calling.said()
    shell.start(f"python {save(shell, executor, IAM)}")
    shell.run(f"python {save(shell, async_agent)}")
    shell.run(
        "sluicegate submit iam.grant --agent clinic-ops --arg user=ann --arg role=viewer --wait --timeout 20"
    )
    shell.run(f"python {save(shell, audit_reader.AuditReader)}", shown=("clean: … True",))
    shell.finish()
