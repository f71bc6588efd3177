"""Log lines on standard error, JSON or for people, that cannot hold raw values.

Only short scalars pass. Whatever could carry content (bytes, containers, models, long text, and every field named
in `NEVER_SHOWN`) is replaced by its type and size, and of a foreign exception only the type is kept.
"""

import contextlib
import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, TextIO, cast

import structlog

from sluicegate.schemas.errors import SluicegateError

NEVER_SHOWN = frozenset(
    {
        "args",
        "arguments",
        "body",
        "content",
        "headers",
        "key",
        "password",
        "reason",
        "record",
        "summary",
        "value",
    }
)
LONGEST_TEXT = 300
CLIENT_LOGGER = "sluicegate.client"
"""The standard-library logger that the Kafka client writes its own lines to."""


def configure_logging(*, as_json: bool = False, level: int = logging.INFO) -> None:
    """Set up structlog for this process, and send the Kafka client's own warnings the same way."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            name_exception,
            hide_raw_values,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _StandardError())),
        cache_logger_on_first_use=False,
    )
    client = logging.getLogger(CLIENT_LOGGER)
    client.handlers = [_ToStructlog()]
    client.setLevel(logging.ERROR)  # its warnings are about things it tries again by itself
    client.propagate = False


def hide_raw_values(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace everything that could carry content by its type and size."""
    return {name: _shown(name, value) for name, value in event.items()}


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


def _shown(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str) and name not in NEVER_SHOWN:
        return value if len(value) <= LONGEST_TEXT else f"{value[:LONGEST_TEXT]}... ({len(value)} characters)"
    size = f" of {len(value)}" if hasattr(value, "__len__") else ""
    return f"<{type(value).__name__}{size}>"


class _StandardError:
    """Standard error as it is when a line is written; a line that cannot be written is lost, and nothing else is.

    A client's threads log: they must not end because the terminal they were started from is gone.
    """

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


class _ToStructlog(logging.Handler):
    """Forward the client's lines: they hold host names, topics and error codes, no record content."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(record.levelno, "kafka client", text=record.getMessage())


# A library prints nothing until the program sets up logging; what matters is raised as an error.
logging.getLogger(CLIENT_LOGGER).addHandler(logging.NullHandler())
