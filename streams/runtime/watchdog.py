"""Ends the process when one call does not return: some client calls do not keep their time limit.

A worker that hangs holds its partitions and nobody else may take them; the supervisor starts a new one with the same
transactional id, which fences whatever the old one still had under way.
"""

import contextlib
import faulthandler
import os
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, NoReturn, Self

from sluicegate.streams.logs import get_logger

_DEAF: Final = 2
"""Times the limit for which no thread of Python runs at all; the process then ends with status 1."""
EXIT_STUCK: Final = 75
"""EX_TEMPFAIL of sysexits.h: the watchdog ended the process."""


def end_process(status: int) -> NoReturn:
    """End without closing anything: a close would abort, and could tear a transaction whose outcome is unknown."""
    os._exit(status)


class Watchdog:
    """A thread that looks on while the worker calls `beat` before every call that may block."""

    minds_deafness = True
    """Whether code that lets no thread of Python run, not even this one, ends the process as well."""

    def __init__(self, limit_s: float, end: Callable[[int], object] = end_process) -> None:
        self._limit_s = limit_s
        self._end = end
        self._is_real = end is end_process and self.minds_deafness
        # Where the interpreter tells what the code was doing: nobody is to read that.
        self._nowhere = os.open(os.devnull, os.O_WRONLY) if self._is_real else -1
        self._stopped = threading.Event()
        self._doing = ("starting", time.monotonic(), 1)
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._arm()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()
        if self._is_real:
            faulthandler.cancel_dump_traceback_later()

    def beat(self, doing: str, *, patience: int = 1) -> None:
        """The worker is alive and about to do this, which may take so many times the limit."""
        self._doing = (doing, time.monotonic(), patience)

    def _arm(self) -> None:
        """Code that never lets another thread of Python run holds this thread up too: then the interpreter ends the process."""
        if self._is_real:
            faulthandler.dump_traceback_later(_DEAF * self._limit_s, exit=True, file=self._nowhere)

    def _watch(self) -> None:
        while not self._stopped.wait(min(1.0, self._limit_s / 4)):
            self._arm()
            doing, since, patience = self._doing
            if time.monotonic() - since > patience * self._limit_s:
                # INVARIANT: a log that cannot be written (standard error is gone) must not keep a stuck process alive.
                with contextlib.suppress(Exception):
                    get_logger("sluicegate.worker").error(
                        "a call does not return, ending the process", doing=doing
                    )
                self._end(EXIT_STUCK)
                return
