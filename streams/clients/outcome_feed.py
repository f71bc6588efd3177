"""Follow `outcomes` for any number of agents of one principal, and wake whoever waits for one.

Reading starts before the first action is sent, so no outcome is missed. What an action was told is kept for as long as
somebody holds its history, and for the last `REMEMBERED` actions in any case.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final
from weakref import WeakValueDictionary

from sluicegate.processors.contract import Record
from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.errors import RecordError
from sluicegate.schemas.ids import partition_of
from sluicegate.schemas.outcome import Outcome
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.logs import get_logger

from .follower import Follower
from .outcome_history import OutcomeHistory
from .reading import read_record
from .topic_reader import From, Start, TopicReader

REMEMBERED: Final = 10_000
TOPIC: Final = "outcomes"

_Key = tuple[str, str]
_log = get_logger("sluicegate.clients")


class OutcomeFeed:
    """One reader thread; `start` before the first record is sent."""

    def __init__(self, connection: Connection, lane: str | None = None) -> None:
        """Follow the partition of one lane, or with None all of them."""
        self._connection = connection
        self._lane = lane
        self._lanes: set[bytes] = set()
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self._histories: WeakValueDictionary[_Key, OutcomeHistory] = WeakValueDictionary()
        self._recent: OrderedDict[_Key, OutcomeHistory] = OrderedDict()
        self._waiting: dict[_Key, list[Callable[[], None]]] = {}
        self._follower: Follower | None = None

    def start(self, lane: str) -> None:
        """Read from here on, and keep what concerns this lane; AccessError when `outcomes` cannot be read."""
        self._lanes.add(lane.encode())
        with self._starting:
            if self._follower is None:
                reader = TopicReader(self._connection, TOPIC, From.END, partitions=self._partitions())
                self._follower = Follower(reader, self._take, self.wake_all)
        self._follower.check()

    def history(self, agent: str, action_id: str) -> OutcomeHistory:
        """What has been told about an action since the feed started, and all that will be."""
        key = agent, action_id
        with self._lock:
            history = self._histories.get(key)
            if history is None:
                history = self._histories[key] = OutcomeHistory(agent, action_id)
            self._recent[key] = history
            self._recent.move_to_end(key)
            if len(self._recent) > REMEMBERED:
                self._recent.popitem(last=False)
        return history

    def read_back(self, history: OutcomeHistory, lane: str, start: Start) -> None:
        """Add what was told before the feed started, from `start` on; once it began at the beginning, never again."""
        if history.is_whole:
            return
        with TopicReader(self._connection, TOPIC, start, partitions=self._partition_of(lane)) as reader:
            for record in reader.to_end():
                outcome = _outcome(record)
                if outcome and (outcome.agent, outcome.action_id) == (history.agent, history.action_id):
                    with self._lock:
                        _add(history, record, outcome)
        history.is_whole = start is From.BEGINNING

    @contextmanager
    def waking(self, history: OutcomeHistory, wake: Callable[[], None]) -> Iterator[None]:
        """Call `wake` from the reader thread whenever there is news of this action, or no more can come."""
        key = history.agent, history.action_id
        with self._lock:
            self._waiting.setdefault(key, []).append(wake)
        try:
            yield
        finally:
            with self._lock:
                self._waiting[key].remove(wake)
                if not self._waiting[key]:
                    del self._waiting[key]

    def concerns(self, key: bytes | None) -> bool:
        """Whether records with this key are about an agent of this client."""
        return key in self._lanes

    def is_own(self, agent: str, action_id: str) -> bool:
        """Whether an action was sent from here and is not forgotten yet."""
        with self._lock:
            history = self._histories.get((agent, action_id))
        return history is not None and history.is_own

    def own(self) -> Sequence[OutcomeHistory]:
        """The histories of all actions that were sent from here and are not forgotten yet."""
        with self._lock:
            return [history for history in self._histories.values() if history.is_own]

    def wake(self, agent: str, action_id: str) -> None:
        """Wake whoever waits for this action."""
        with self._lock:
            woken = list(self._waiting.get((agent, action_id), ()))
        for wake in woken:
            wake()

    def check(self) -> None:
        """Raise the reason why reading ended, if it did."""
        if self._follower is not None:
            self._follower.check()

    def close(self) -> None:
        """End the reader thread; safe to call twice."""
        with self._starting:
            if self._follower is not None:
                self._follower.close()

    def _partitions(self) -> Sequence[int] | None:
        return None if self._lane is None else self._partition_of(self._lane)

    def _partition_of(self, lane: str) -> Sequence[int]:
        if self._follower is not None:
            return [partition_of(lane, self._follower.partitions)]
        with TopicReader(self._connection, TOPIC, From.END, partitions=()) as reader:
            return [partition_of(lane, reader.partitions)]

    def _take(self, records: Sequence[Record]) -> None:
        woken: list[Callable[[], None]] = []
        for record in records:
            # Neighbours on the partition are not even decoded.
            outcome = _outcome(record) if record.key in self._lanes else None
            if outcome is None:
                continue
            key = outcome.agent, outcome.action_id
            with self._lock:
                history = self._histories.get(key)
                if history is not None:
                    _add(history, record, outcome)
                    woken.extend(self._waiting.get(key, ()))
        for wake in woken:
            wake()

    def wake_all(self) -> None:
        """Wake everybody: no more can come."""
        with self._lock:
            woken = [wake for waiting in self._waiting.values() for wake in waiting]
        for wake in woken:
            wake()


def _outcome(record: Record) -> Outcome | None:
    try:
        return read_record(record, Outcome)
    except RecordError as error:
        _log.error("an outcome cannot be read", position=str(record.position), because=str(error))
        return None


def _add(history: OutcomeHistory, record: Record, outcome: Outcome) -> None:
    if not history.add(record.position.offset, sha256(record.value or b""), outcome, record.append_ms):
        _log.error(
            "two different outcomes under one id: both are refused",
            alarm=True,
            position=str(record.position),
            outcome_id=outcome.outcome_id,
        )
