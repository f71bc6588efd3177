"""A time limit for calls that do not keep their own: made in a thread beside, which is used again as long as it comes back.

A thread per call would cost 0.2 ms of CPU, more than the work on an action.
"""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue


def within(limit_s: float, call: Callable[[], object]) -> None:
    """Make the call; what it raises is raised here, TimeoutError when it has not returned in time.

    Such a call goes on, and its thread ends with it: it does not keep the process from ending.
    """
    try:
        beside = _IDLE.pop()
    except IndexError:
        beside = _Beside()
    error = beside.made(call, limit_s)
    _IDLE.append(beside)
    if error is not None:
        raise error


class _Beside:
    """A thread that makes one call after the other."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._ends: SimpleQueue[BaseException | None] = SimpleQueue()
        self._is_lost = False
        threading.Thread(target=self._run, name="call-with-time-limit", daemon=True).start()

    def made(self, call: Callable[[], object], limit_s: float) -> BaseException | None:
        """What the call raised."""
        self._calls.put(call)
        try:
            return self._ends.get(timeout=limit_s)
        except Empty:
            self._is_lost = True
            raise TimeoutError("a call did not return within its time limit") from None

    def _run(self) -> None:
        while not self._is_lost:
            call = self._calls.get()
            error: BaseException | None = None
            try:
                call()
            except BaseException as raised:  # noqa: BLE001  # raised again by who waits
                error = raised
            self._ends.put(error)
            del call, error  # what they hold must not live until the next call


_IDLE: list[_Beside] = []
