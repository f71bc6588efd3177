"""Submit actions at fixed due times and note when the outcome of each is read.

One thread signs and sends, one reads `outcomes`. An action is signed before it is due: up to `SIGNED_AHEAD` before the
first one, the rest whenever the next one is not due yet.
"""

import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sluicegate.processors.contract import Record
from sluicegate.schemas.action import Action
from sluicegate.schemas.envelope import header
from sluicegate.schemas.fields import JsonObject
from sluicegate.schemas.ids import partition_of
from sluicegate.schemas.keys import PrivateKey
from sluicegate.schemas.outcome import Outcome
from sluicegate.streams.clients.reading import read_record
from sluicegate.streams.clients.sending import Sender
from sluicegate.streams.clients.signed_record import SignedRecord, build, nonce, sign_record
from sluicegate.streams.clients.topic_reader import From, TopicReader
from sluicegate.streams.kafka.connection import Connection

from .latencies import Latencies

SIGNED_AHEAD: Final = 60_000
LINGER_MS: Final = 1.0
"""The sender stands for many agents: what is due within a millisecond travels together, and waiting for it counts."""
SETTLED_S: Final = 15.0
"""After the last action: an outcome that takes longer is missing."""
_POLL_S: Final = 0.1
_SAY_EVERY_S: Final = 0.2

Progress = Callable[[int, int], None]
"""Called with how many are sent and how many there will be."""


@dataclass(frozen=True, slots=True)
class Load:
    """So many actions a second for so long; what is due in the first `warm_s` is sent and not counted."""

    rate: float
    seconds: float
    warm_s: float = 0.0

    @property
    def count(self) -> int:
        """All actions, those of the warm-up included."""
        return max(1, int(self.rate * (self.warm_s + self.seconds)))

    def due_s(self, number: int) -> float:
        """When an action is due, in seconds after the start."""
        return number / self.rate


@dataclass(frozen=True, slots=True)
class Submitter:
    """An agent that submits, and what."""

    agent: str
    lane: str
    key: PrivateKey = field(repr=False)
    type: str
    arguments: Callable[[int], JsonObject] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a load."""

    submitted: int
    told: Mapping[str, int]
    """Actions per first outcome."""
    seconds: float
    """From the first due time to the last outcome."""
    latencies: Latencies | None
    """From due time to outcome read; None when no outcome came."""
    behind: Latencies | None
    """From due time to the moment the generator had sent: large ones say that this machine was too slow for the rate."""
    began_s: float = field(repr=False)
    """When the first action was due, on the monotonic clock."""
    answered_s: Mapping[int, float] = field(repr=False)
    """From due time to outcome, by the number of the action, those of the warm-up included."""

    @property
    def missing(self) -> int:
        """Actions of which nothing was heard."""
        return self.submitted - sum(self.told.values())

    @property
    def per_second(self) -> float:
        """Outcomes per second, over the whole time."""
        return sum(self.told.values()) / self.seconds if self.seconds else 0.0


def run_load(
    connection: Connection,
    deployment: str,
    submitters: Sequence[Submitter],
    load: Load,
    *,
    progress: Progress = lambda _done, _all: None,
    settled_s: float = SETTLED_S,
) -> Loaded:
    """Put the load on, the submitters in turn; errors are those of the clients."""
    run = f"bn-{secrets.token_hex(6)}-"
    sender = Sender(connection, linger_ms=LINGER_MS)
    partitions = sender.partitions("actions")
    lanes = {submitter.lane for submitter in submitters}
    listener = _Listener(connection, run, {partition_of(lane, partitions) for lane in lanes}, load.count)
    try:
        with listener:
            began_s, sent_s = _send(sender, _signed(deployment, submitters, run, load.count), load, progress)
            listener.await_all(settled_s)
    finally:
        sender.close()
    return _loaded(load, began_s, sent_s, listener)


def _signed(deployment: str, submitters: Sequence[Submitter], run: str, count: int) -> Iterator[SignedRecord]:
    for number in range(count):
        submitter = submitters[number % len(submitters)]
        action = build(
            Action,
            deployment=deployment,
            action_id=f"{run}{number}",
            agent=submitter.agent,
            lane=submitter.lane,
            type=submitter.type,
            nonce=nonce(),
            created_at_ms=time.time_ns() // 1_000_000,
            arguments=submitter.arguments(number),
        )
        yield sign_record(submitter.key, action)


def _send(
    sender: Sender, signing: Iterator[SignedRecord], load: Load, progress: Progress
) -> tuple[float, list[float]]:
    """When the first action was due, and when each was sent."""
    ready = deque(record for _, record in zip(range(SIGNED_AHEAD), signing, strict=False))
    sent_s: list[float] = []
    said_s = 0.0
    began_s = time.monotonic()
    while len(sent_s) < load.count:
        now_s, due_s = time.monotonic(), began_s + load.due_s(len(sent_s))
        if now_s >= due_s or not ready:
            sender.send("actions", ready.popleft() if ready else next(signing))
            sent_s.append(time.monotonic())
        elif len(ready) < SIGNED_AHEAD and (record := next(signing, None)) is not None:
            ready.append(record)
        else:
            time.sleep(due_s - now_s)
        if now_s - said_s >= _SAY_EVERY_S:
            said_s = now_s
            progress(len(sent_s), load.count)
    progress(load.count, load.count)
    return began_s, sent_s


def _loaded(load: Load, began_s: float, sent_s: Sequence[float], listener: "_Listener") -> Loaded:
    counted = range(min(int(load.rate * load.warm_s), load.count - 1), load.count)
    answered_s = {
        number: heard_s - began_s - load.due_s(number) for number, heard_s in listener.heard_s.items()
    }
    return Loaded(
        submitted=load.count,
        told=dict(listener.told),
        seconds=max(listener.heard_s.values(), default=began_s) - began_s,
        latencies=Latencies.of(answered_s[number] for number in counted if number in answered_s),
        behind=Latencies.of(sent_s[number] - began_s - load.due_s(number) for number in counted),
        began_s=began_s,
        answered_s=answered_s,
    )


class _Listener:
    """Reads `outcomes` in a thread, from before the first action on; `heard_s` is when the first of each was read."""

    def __init__(self, connection: Connection, run: str, partitions: Collection[int], count: int) -> None:
        self.heard_s: dict[int, float] = {}
        self.told: Counter[str] = Counter()
        self._run = run.encode()
        self._count = count
        self._ended = threading.Event()
        self._failure: Exception | None = None
        self._reader = TopicReader(connection, "outcomes", From.END, partitions=partitions)
        self._thread = threading.Thread(target=self._listen, name="outcomes", daemon=True)

    def await_all(self, timeout_s: float) -> None:
        """Return when every action has its outcome, or when the time is over; raises what reading failed with."""
        self._ended.wait(timeout_s)
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._reader.close()

    def _listen(self) -> None:
        try:
            while not self._ended.is_set():
                self._take(self._reader.poll(_POLL_S))
        except Exception as error:  # noqa: BLE001  # raised again by who waits
            self._failure = error
            self._ended.set()

    def _take(self, records: Sequence[Record]) -> None:
        now_s = time.monotonic()
        for record in records:
            subject = header(record.headers, "ce_subject") or b""
            if not subject.startswith(self._run):
                continue
            number = int(subject[len(self._run) :])
            if number not in self.heard_s:
                self.heard_s[number] = now_s
                self.told[read_record(record, Outcome).outcome.value] += 1
        if len(self.heard_s) >= self._count:
            self._ended.set()
