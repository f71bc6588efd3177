"""A thread that reads on for as long as a client lives and hands every batch to one function."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sluicegate.processors.contract import Record
from sluicegate.schemas.errors import AccessError, InvariantError, SluicegateError, TimedOutError

from .topic_reader import TopicReader, passed

_POLL_S: Final = 0.1
_CLOSE_S: Final = 20.0


@dataclass(slots=True)
class _Mark:
    """Somebody waits until reading has passed these ends, which the reading thread fetches."""

    ends: Mapping[int, int] | None = None


class Follower:
    """Follow a topic from where its reader starts.

    `take` is called in this thread, never concurrently. When reading ends for a reason that will not pass, `ended` is
    called once and every later question raises that reason.
    """

    def __init__(
        self,
        reader: TopicReader,
        take: Callable[[Sequence[Record]], None],
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        """Start reading at once."""
        self._reader = reader
        self._take = take
        self._ended = ended
        self._moved = threading.Condition()
        self._positions = reader.positions()
        self._marks: list[_Mark] = []
        self._failure: SluicegateError | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"follow {reader.topic}", daemon=True)
        self._thread.start()

    @property
    def partitions(self) -> int:
        """How many partitions the topic has."""
        return self._reader.partitions

    def check(self) -> None:
        """Raise the reason why reading ended, if it did."""
        if self._failure is not None:
            raise self._failure

    def catch_up(self, timeout_s: float) -> None:
        """Return when everything that stood in the topic at the call has been taken."""
        until, mark = time.monotonic() + timeout_s, _Mark()
        with self._moved:
            self._marks.append(mark)
            try:
                while mark.ends is None or not passed(self._positions, mark.ends):
                    self.check()
                    if not self._moved.wait(max(0.0, until - time.monotonic())):
                        raise TimedOutError(
                            f"`{self._reader.topic}` was not read to its end in {timeout_s:g} s; ask again"
                        )
            finally:
                self._marks.remove(mark)

    def close(self) -> None:
        """End the thread and its consumer; safe to call twice."""
        self._stopping.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                batch = self._reader.poll(_POLL_S)
                if batch:
                    self._take(batch)
                self._move()
            # Whoever still waits must not wait for a thread that is gone.
            self._fail(AccessError(f"the client that read `{self._reader.topic}` is closed; open a new one"))
        except SluicegateError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001  # whatever it is, waiting clients must hear of it
            self._fail(InvariantError(f"reading `{self._reader.topic}` ended with {type(error).__name__}"))
        finally:
            self._reader.close()

    def _move(self) -> None:
        positions = self._reader.positions()
        with self._moved:
            unmarked = [mark for mark in self._marks if mark.ends is None]
        ends = self._ends() if unmarked else None
        if ends is None and positions == self._positions:
            return
        with self._moved:
            for mark in unmarked:
                mark.ends = mark.ends or ends
            self._positions = positions
            self._moved.notify_all()

    def _ends(self) -> Mapping[int, int] | None:
        try:
            return self._reader.ends()
        except TimedOutError:
            # The broker is away for a while: who waits gives up in its own time, reading goes on.
            return None

    def _fail(self, error: SluicegateError) -> None:
        with self._moved:
            self._failure = error
            self._moved.notify_all()
        self._ended()
