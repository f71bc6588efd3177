"""Ask in a child process, with a time limit: a call that crashes or hangs there is a finding here."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection as Pipe

from sluicegate.schemas.errors import SluicegateError
from sluicegate.streams.settings import Settings

from .findings import Finding, fail

Ask = Callable[[Settings], Iterator[Finding]]
"""A function of a module, so that another process can find it."""


def ask_apart(ask: Ask, settings: Settings, limit_s: float) -> Iterator[Finding]:
    """The findings as they come; the last one says so when the process died or was too slow."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(ask, settings, theirs), daemon=True)
    process.start()
    theirs.close()
    deadline, is_done = time.monotonic() + limit_s, False
    try:
        while ours.poll(max(0.0, deadline - time.monotonic())):
            said = ours.recv()
            if said is None:
                is_done = True
                break
            yield said
        else:
            yield fail(
                "cluster",
                f"it did not answer everything in {limit_s:g} s",
                "ask again, or look at the broker",
            )
            is_done = True
    except EOFError:
        pass
    finally:
        if process.is_alive() and not is_done:
            process.join(1.0)
        process.kill()
        process.join()
    if not is_done:
        yield fail(
            "cluster",
            f"the Kafka client ended its process (status {process.exitcode})",
            "the broker answers in a way that the client cannot bear: is it Apache Kafka?",
        )


def _answer(ask: Ask, settings: Settings, pipe: Pipe) -> None:
    try:
        for finding in ask(settings):
            pipe.send(finding)
    except SluicegateError as error:
        pipe.send(fail("cluster", str(error), "put that right and ask again"))
    except Exception as error:  # noqa: BLE001  # whatever it is, it becomes a finding
        pipe.send(
            fail("cluster", f"asking ended with {type(error).__name__}", "a defect of sluicegate: report it")
        )
    pipe.send(None)
