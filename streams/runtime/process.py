"""The main function of a worker process: signals, exit status, and the line to its supervisor."""

import gc
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from types import FrameType
from typing import Final

from confluent_kafka import KafkaException

from sluicegate.schemas.errors import SluicegateError
from sluicegate.streams.logs import configure_logging, get_logger

from .marks import Marks
from .producer import UnclearError
from .spec import WorkerSpec
from .status import WorkerFailure, WorkerStatus
from .transaction import MustAbort
from .watchdog import Watchdog, end_process
from .worker import Worker

EXIT_DRAINED: Final = 0
EXIT_FAILED: Final = 1
EXIT_UNCLEAR: Final = 70
"""EX_SOFTWARE of sysexits.h: ended at once, because going on could do harm; a successor asks the log."""
EXIT_KILLED: Final = 143
"""128 and SIGTERM: the second SIGTERM ended it at once."""


def work(spec: WorkerSpec, slot: int, pipe: Pipe | None = None, marks: Marks | None = None) -> None:
    """Run one worker until SIGTERM, which drains; a second SIGTERM ends at once. Ends the process."""
    configure_logging(as_json=spec.log_json, level=spec.log_level)
    # Ctrl-C reaches the whole process group; the supervisor decides and sends SIGTERM.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stop, report = _Stop(), _reporter(pipe)
    signal.signal(signal.SIGTERM, stop.on_signal)
    with Watchdog(spec.watchdog_ms / 1000) as watchdog:
        try:
            worker = Worker(spec, slot, watchdog, stop, report, marks)
            _settle()
            worker.run()
        except Exception as error:  # noqa: BLE001  # whatever it is, the process ends and says so
            report(WorkerFailure(slot, _say_why(slot, error)))
            # Without closing: a close would abort, and could tear a transaction whose outcome is unknown.
            end_process(EXIT_FAILED if isinstance(error, SluicegateError) else EXIT_UNCLEAR)
    end_process(EXIT_DRAINED)


def _settle() -> None:
    """What is here before the first record, modules above all, stays: no full collection goes through it again."""
    gc.collect()
    gc.freeze()


class _Stop:
    """True once SIGTERM has come; a second one ends the process at once."""

    def __init__(self) -> None:
        self._asked = False

    def __call__(self) -> bool:
        return self._asked

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._asked:
            end_process(EXIT_KILLED)
        self._asked = True


def _reporter(pipe: Pipe | None) -> Callable[[WorkerStatus | WorkerFailure], None]:
    is_cut = pipe is None

    def report(status: WorkerStatus | WorkerFailure) -> None:
        nonlocal is_cut
        if pipe is None or is_cut:
            return
        try:
            pipe.send(status)
        except OSError:
            # The supervisor is gone: nobody would stop this worker, so it drains on its own.
            is_cut = True
            signal.raise_signal(signal.SIGTERM)

    return report


def _say_why(slot: int, error: Exception) -> str:
    log = get_logger("sluicegate.worker").bind(slot=slot)
    ours = isinstance(error, SluicegateError | UnclearError | MustAbort)
    because = str(error) if ours else type(error).__name__
    if isinstance(error, KafkaException):
        because = f"Kafka: {error.args[0].name()}"
    log.error("ending the process", exc_info=error, because=because)
    return because
