"""How commands end: one clear line on standard error, and an exit status."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from sluicegate.schemas.errors import (
    AccessError,
    BrokerError,
    ConfigurationError,
    InvariantError,
    PolicyError,
    RecordError,
    RefusedError,
    SignatureError,
    SluicegateError,
    TimedOutError,
)
from sluicegate.streams.cli import app
from sluicegate.streams.cli.failures import Commands, exit_status


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RefusedError, 1),
        (TimedOutError, 1),
        (PolicyError, 1),
        (InvariantError, 1),
        (SignatureError, 1),
        (ConfigurationError, 2),
        (AccessError, 2),
        (BrokerError, 2),
        (RecordError, 2),
        (SluicegateError, 2),
    ],
)
def test_a_refusal_is_1_and_everything_that_decided_nothing_is_2(
    error: type[SluicegateError], status: int
) -> None:
    """Scripts can tell a no from a mistake."""
    assert exit_status(error("x")) == status


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["submit"], "missing argument"),
        (["submit", "crm.read", "--nonsense"], "no such option"),
        (["nonsense"], "no such command"),
        (["gate", "run", "--workers", "0"], "invalid value"),
        (["executor", "add", "crm"], "missing option"),
        (["reject", "rq-1"], "missing option"),
    ],
)
def test_wrong_usage_is_one_line_that_says_where_to_read_on(arguments: list[str], said: str) -> None:
    """Status 2, nothing on standard output, no box and no traceback."""
    done = CliRunner().invoke(app, arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("sluicegate: ")
    assert said in line
    assert line.endswith("--help`")


def test_an_error_of_ours_is_a_line_and_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that needs a broker says how to get one."""
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["topics", "plan"])
    assert done.exit_code == 2
    assert done.stderr.startswith("sluicegate: no broker to connect to")
    assert "sluicegate up" in done.stderr
    assert "Traceback" not in done.output


def test_who_acts_without_a_starter_folder_is_told_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither agent nor account is guessed."""
    monkeypatch.chdir(tmp_path)
    for arguments in (["submit", "crm.read"], ["approve", "rq-123456"]):
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 2
        assert "sluicegate init" in done.stderr


def test_ctrl_c_is_130() -> None:
    """128 and the number of the signal, as shells expect."""
    program = typer.Typer(cls=Commands)

    @program.callback()
    def root() -> None:
        """A group of one."""

    @program.command()
    def wait() -> None:
        """Be interrupted."""
        raise KeyboardInterrupt

    assert CliRunner().invoke(program, ["wait"]).exit_code == 130


def test_without_arguments_the_help_is_printed() -> None:
    """A newcomer's first call teaches."""
    done = CliRunner().invoke(app, [])
    assert "sluicegate init" in done.output
