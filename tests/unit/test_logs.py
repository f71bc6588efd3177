"""Log lines cannot hold raw values, and a library says nothing by itself."""

import ast
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from sluicegate import streams
from sluicegate.schemas.errors import PolicyError
from sluicegate.streams.logs import CLIENT_LOGGER, FIELDS, Form, configure_logging, get_logger

RAW = "Jane Doe, born 1970-01-01"
WORD = "jane.doe-1970"
SOURCES = Path(streams.__file__).parent


class Patient(BaseModel):
    """A model whose text form shows its values."""

    name: str = RAW


class Chatty(int):
    """A number that writes itself as something else."""

    def __repr__(self) -> str:
        return RAW

    __str__ = __repr__


def written(capsys: pytest.CaptureFixture[str]) -> str:
    """What was written, and nothing of it to standard output."""
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


@pytest.mark.parametrize(
    "fields",
    [
        {"record": RAW},
        {"value": WORD},
        {"reason": WORD},
        {"anything": WORD},
        {RAW: 1},
        {WORD: 1},
        {"because": Patient()},
        {"because": RAW.encode()},
        {"because": [RAW]},
        {"because": {"name": RAW}},
        {"because": "x" * 300 + RAW},
        {"position": RAW},
        {"position": "x" * 200 + WORD},
        {"position": Patient()},
        {"partition": RAW},
        {"partition": WORD},
        {"partition": Chatty(3)},
        {"stack_info": RAW},
        {"exc_info": RAW},
    ],
)
def test_what_could_carry_content_does_not_pass(
    fields: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    """Unknown fields, fields of the wrong form, containers, bytes, models and long text are not written."""
    configure_logging(as_json=True)
    get_logger("sluicegate.test").warning("consumed", slot=3, **fields)
    line = written(capsys)
    assert RAW not in line
    assert WORD not in line
    assert json.loads(line)["slot"] == 3


def test_fields_that_did_not_pass_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever reads the line sees that something is missing; names that come from data are not shown."""
    configure_logging(as_json=True)
    get_logger("sluicegate.test").info("consumed", value=WORD, **{RAW: 1})
    assert json.loads(written(capsys))["not_shown"] == ["?", "value"]


def test_arguments_are_not_formatted_into_the_event(capsys: pytest.CaptureFixture[str]) -> None:
    """The event is a constant sentence: what is passed beside it is not put into it."""
    configure_logging(as_json=True)
    get_logger("sluicegate.test").warning("read %s", RAW)
    assert RAW not in written(capsys)


def test_control_characters_cannot_forge_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A line break in a sentence stays inside its line."""
    configure_logging()
    get_logger("sluicegate.test").warning("stopped", because="one\n2026 [error] forged\x1b[2J")
    line = written(capsys)
    assert line.count("\n") == 1
    assert "\x1b[2J" not in line


def test_of_a_foreign_exception_only_the_type_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """The message of somebody else's exception may quote data; ours never do. Local variables are never shown."""
    configure_logging(as_json=True)
    for error in (ValueError(RAW), PolicyError("`rules.yaml` line 3: no such effect"), KeyError(WORD)):
        local = RAW
        try:
            raise error
        except (ValueError, PolicyError, KeyError):
            get_logger("sluicegate.test").exception("failed")
        del local
    lines = written(capsys)
    assert RAW not in lines
    assert WORD not in lines
    assert "ValueError" in lines
    assert "no such effect" in lines


@pytest.mark.parametrize("as_json", [True, False])
def test_chained_exceptions_show_nothing_of_what_caused_them(
    capsys: pytest.CaptureFixture[str], *, as_json: bool
) -> None:
    """The cause of one of our errors may be a foreign one that quotes data."""
    configure_logging(as_json=as_json)
    try:
        raise PolicyError("it does not load") from ValueError(RAW)  # noqa: TRY301
    except PolicyError:
        get_logger("sluicegate.test").exception("failed")
    lines = written(capsys)
    assert RAW not in lines
    assert "it does not load" in lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f'FAIL [rdkafka#producer-1] 127.0.0.1:9092: refused "{RAW}"', "127.0.0.1:9092: refused"),
        ("FAIL " + "x" * 400 + WORD, "FAIL xxx"),
    ],
)
def test_what_the_kafka_client_quotes_is_left_out(
    text: str, shown: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lines keep facility, host and error; quoted parts and the rest of a long line go."""
    configure_logging(as_json=True)
    client = logging.getLogger(CLIENT_LOGGER)
    monkeypatch.setattr(client.handlers[0], "_next_s", 0.0)
    client.warning("tried again by itself")
    client.error("%s", text)
    lines = written(capsys)
    assert RAW not in lines
    assert WORD not in lines
    assert shown in lines
    assert "tried again" not in lines


def test_a_flood_of_the_kafka_client_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every connection complains while a broker is away; nobody reads ten thousand lines."""
    configure_logging(as_json=True)
    client = logging.getLogger(CLIENT_LOGGER)
    monkeypatch.setattr(client.handlers[0], "_next_s", 0.0)
    for _ in range(1000):
        client.error("FAIL: connection refused")
    assert written(capsys).count("\n") == 1


def test_foreign_lines_under_our_name_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    """Only lines that came through the filter are written: a plain logger below ours has none."""
    configure_logging()
    logging.getLogger("sluicegate.worker").error("read %s", RAW)
    assert written(capsys) == ""


@pytest.fixture
def handler() -> Iterator[list[str]]:
    """A handler of a program that uses the library."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    keep = Keep()
    logging.getLogger().addHandler(keep)
    yield lines
    logging.getLogger().removeHandler(keep)


def test_programs_that_use_the_library_get_filtered_lines(handler: list[str]) -> None:
    """With a handler of their own they read the same fields and no more."""
    get_logger("sluicegate.test").warning("consumed", slot=3, value=RAW)
    assert handler == ["consumed slot=3 not_shown=['value']"]


def test_a_library_says_nothing_by_itself() -> None:
    """Neither our lines nor the Kafka client's reach a terminal of a program that has set up no logging."""
    program = (
        "import logging, sluicegate\n"
        "from sluicegate.streams.logs import CLIENT_LOGGER, get_logger\n"
        "get_logger('sluicegate.test').error('failed', slot=1)\n"
        "logging.getLogger(CLIENT_LOGGER).error('FAIL')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call of a method of a logger in the code."""
    for path in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"debug", "info", "warning", "error", "exception", "bind"}
                and "log" in ast.unparse(node.func.value)
            ):
                yield f"{path.relative_to(SOURCES)}:{node.lineno}", node


def test_every_line_of_ours_is_a_constant_with_known_fields() -> None:
    """No event is put together from data, and no field is one that would not pass."""
    found = list(calls())
    assert len(found) > 15
    for place, call in found:
        assert all(_is_constant(argument) for argument in call.args), place
        names = {keyword.arg for keyword in call.keywords} - {None, "exc_info"}
        assert names <= set(FIELDS), place


def test_structlog_is_used_in_one_place() -> None:
    """A logger got past `get_logger` would write whatever it is given."""
    users = {
        path.relative_to(SOURCES).as_posix()
        for path in SOURCES.rglob("*.py")
        if "structlog" in path.read_text(encoding="utf-8")
    }
    assert users == {"logs.py"}


def test_the_forms_are_those_of_the_fields() -> None:
    """A field of each form, so that none is forgotten."""
    assert set(FIELDS.values()) == set(Form)


def _is_constant(argument: ast.expr) -> bool:
    """A literal, a name in capitals, or both joined."""
    if isinstance(argument, ast.BinOp):
        return _is_constant(argument.left) and _is_constant(argument.right)
    return isinstance(argument, ast.Constant) or (
        isinstance(argument, ast.Name) and argument.id.isupper() and argument.id != "_"
    )
