"""Log lines that cannot hold raw values: only what `FIELDS` names passes, in the form it says.

An event is a constant sentence. Everything else about it is a field, and a field is written only when `FIELDS` knows its
name and the value has the form that goes with it; of others the name is told. Of an exception the class is kept, where it
was raised, and the message only when it is one of ours: never arguments, never local variables.

A library says nothing by itself: lines go to the standard library's logger `sluicegate`, already filtered, and whoever
wants them adds a handler there. `configure_logging` is for programs: it writes them to standard error.
"""

import contextlib
import logging
import re
import sys
import time
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from enum import Enum
from typing import Any, Final, Self

import structlog

from sluicegate.schemas.errors import SluicegateError

LOGGER: Final = "sluicegate"
CLIENT_LOGGER: Final = "sluicegate.client"
"""The standard-library logger that the Kafka client writes its own lines to."""
CLIENT_EVERY_S: Final = 5.0
"""At most one of the Kafka client's lines in this time."""
LONGEST_NAME: Final = 160
LONGEST_WORDS: Final = 300

_NAME: Final = re.compile(rf"[\w.@/:+<>-]{{1,{LONGEST_NAME}}}", re.ASCII)
_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'")
_REST: Final = "not_shown"


class Form(Enum):
    """What a field may hold."""

    NUMBER = "a number or a truth value"
    NAME = "one word: a code, a position, an id; no spaces"
    WORDS = "a sentence of our own code, cut to 300 characters"


FIELDS: Final[Mapping[str, Form]] = {
    **dict.fromkeys(
        (
            "aborts",
            "ahead_ms",
            "alarm",
            "at_once",
            "entries",
            "in_a_row",
            "known",
            "partition",
            "partitions",
            "punctuations",
            "records",
            "restarts",
            "slot",
            "status",
            "transactions",
            "types",
            "wait_s",
            "waited_s",
            *("claimed", "executed", "failed", "ignored", "refused", "results", "unknown", "withheld"),
        ),
        Form.NUMBER,
    ),
    **dict.fromkeys(
        (
            "action_id",
            "at",
            "check",
            "code",
            "error",
            "executor",
            "grant",
            "level",
            "outcome_id",
            "position",
            "raised_at",
            "signal",
            "timestamp",
            "topic",
            "type",
            "why",
        ),
        Form.NAME,
    ),
    **dict.fromkeys(("because", "doing", "event", "message", "text", "waiting_for"), Form.WORDS),
}
"""Every field that can appear in a line, `event` and what this module adds included."""


def get_logger(name: str) -> Any:
    """A logger of ours; `bind` and the methods of structlog. `name` is `sluicegate.<what>`."""
    return structlog.wrap_logger(
        logging.getLogger(name),
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            name_exception,
            keep_known_fields,
            _render,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def silent_logger() -> Any:
    """A logger that takes every line and writes none, for simulations: what goes wrong there is no news."""
    return structlog.wrap_logger(structlog.PrintLogger(), processors=[_drop])


def configure_logging(*, as_json: bool = False, level: int = logging.INFO) -> None:
    """For a program: write the lines of this process to standard error, as JSON or for people."""
    silence_logging()
    handler = _ToStandardError(as_json=as_json)
    logger = logging.getLogger(LOGGER)
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False


def has_handlers() -> bool:
    """Whether a program has said where this library's lines go."""
    handlers = (*logging.getLogger(LOGGER).handlers, *logging.getLogger().handlers)
    return any(not isinstance(handler, logging.NullHandler) for handler in handlers)


def silence_logging() -> None:
    """As it is before `configure_logging`: nothing is written unless somebody adds a handler."""
    logger = logging.getLogger(LOGGER)
    for handler in [each for each in logger.handlers if isinstance(each, _ToStandardError)]:
        logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)
    logger.propagate = True


def keep_known_fields(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Keep what `FIELDS` allows; name the fields that did not pass, without their values."""
    kept: dict[str, Any] = {}
    hidden = []
    for name, value in event.items():
        form = FIELDS.get(name)
        if value is None and form is not None:
            kept[name] = None
        elif form is not None and (shown := _FORMS[form](value)) is not None:
            kept[name] = shown
        else:
            # The name of a field may itself come from data (`**values`).
            hidden.append(name if _is_field_name(name) else "?")
    if hidden:
        kept[_REST] = sorted(hidden)
    return kept


def name_exception(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep of an exception its type, where it was raised, and the message only when it is one of ours."""
    error = event.pop("exc_info", None)
    error = sys.exc_info()[1] if error is True else error[1] if isinstance(error, tuple) else error
    if not isinstance(error, BaseException):
        return event
    frames = traceback.extract_tb(error.__traceback__)
    named = {
        "error": type(error).__name__,
        "raised_at": f"{frames[-1].name}:{frames[-1].lineno}" if frames else "?",
    }
    if isinstance(error, SluicegateError):
        named["message"] = str(error)
    return {**event, **named}


def _drop(_logger: Any, _method: str, _event: MutableMapping[str, Any]) -> Any:
    raise structlog.DropEvent


def _is_field_name(name: object) -> bool:
    return isinstance(name, str) and name.isidentifier() and name.isascii() and name in _ARGUMENT_NAMES


_ARGUMENT_NAMES: Final = frozenset(
    {*FIELDS, "args", "positional_args", "reason", "record", "stack_info", "value"}
)


def _number(value: Any) -> bool | int | float | None:
    # The exact types: a subclass could write itself as anything.
    return value if type(value) in {bool, int, float} else None


def _name(value: Any) -> str | None:
    text = value if isinstance(value, str) else None
    return str.__str__(text) if text is not None and _NAME.fullmatch(text) else None


def _words(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    text = "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in value
    )
    return text if len(text) <= LONGEST_WORDS else f"{text[:LONGEST_WORDS]}... ({len(text)} characters)"


_FORMS: Final[Mapping[Form, Callable[[Any], Any]]] = {
    Form.NUMBER: _number,
    Form.NAME: _name,
    Form.WORDS: _words,
}


class _Line(str):
    """A rendered line that still knows its fields: the handler of a program renders it again in its own form."""

    __slots__ = ("fields",)
    fields: Mapping[str, Any]

    def __new__(cls, fields: Mapping[str, Any]) -> Self:
        line = super().__new__(cls, _plain(fields))
        line.fields = fields
        return line


def _render(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> tuple[tuple[str], dict[str, Any]]:
    # INVARIANT: the line is the message and has no arguments: nothing is formatted into it any more.
    return (_Line(dict(event)),), {}


def _plain(fields: Mapping[str, Any]) -> str:
    """`what happened name=value ...`, for handlers of others, which add time and level themselves."""
    shown = (
        f"{name}={value}" for name, value in fields.items() if name not in {"event", "level", "timestamp"}
    )
    return " ".join((str(fields.get("event", "")), *shown))


class _ToStandardError(logging.Handler):
    """Standard error as it is when a line is written; a line that cannot be written is lost, and nothing else is.

    A client's threads log: they must not end because the terminal they were started from is gone.
    """

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def emit(self, record: logging.LogRecord) -> None:
        line = record.msg
        if not isinstance(line, _Line):
            return  # not by `get_logger`: nobody has looked at what it holds
        renderer: Any = (
            structlog.processors.JSONRenderer()
            if self._as_json
            else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        )
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(renderer(None, "", dict(line.fields)) + "\n")
            sys.stderr.flush()


class _FromClient(logging.Handler):
    """Forward the Kafka client's lines: host names, topics and error codes. What they quote is left out.

    While a broker is away every connection of every client complains many times a second: one line in a while is enough.
    """

    def __init__(self) -> None:
        super().__init__()
        self._next_s = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        now_s = time.monotonic()
        if now_s < self._next_s:
            return
        self._next_s = now_s + CLIENT_EVERY_S
        text = _QUOTED.sub('"..."', record.getMessage())
        get_logger("sluicegate.kafka").log(record.levelno, "kafka client", text=text)


def _set_up_library() -> None:
    # With a handler that does nothing the standard library does not write warnings to standard error by itself.
    logging.getLogger(LOGGER).addHandler(logging.NullHandler())
    client = logging.getLogger(CLIENT_LOGGER)
    client.addHandler(_FromClient())
    client.setLevel(logging.ERROR)  # its warnings are about things it tries again by itself
    client.propagate = False


_set_up_library()
