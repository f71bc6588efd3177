"""An executor's process in a simulation: its real turn, claims, acts and receipts; only its readers are in memory."""

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import cache
from random import Random
from typing import Any, Final, cast

from sluicegate.processors.contract import Record
from sluicegate.processors.release import Post
from sluicegate.processors.tables import Tables, Trust
from sluicegate.schemas.keys import PrivateKey
from sluicegate.streams.clients.claim_book import REMEMBERED_MS, ClaimBook
from sluicegate.streams.clients.execution_records import Scribe
from sluicegate.streams.clients.executor import Executor
from sluicegate.streams.clients.executor_steps import ExecutorStep
from sluicegate.streams.clients.executor_workplace import ActingWatchdog, Clock, Handler, Workplace
from sluicegate.streams.clients.grant_reader import GrantReader
from sluicegate.streams.clients.receipts_back import RECEIPTS
from sluicegate.streams.kafka.principals import Principal, Role
from sluicegate.streams.logs import silent_logger
from sluicegate.streams.runtime.producer import UnclearError
from sluicegate.streams.runtime.task import Progress

from .client import Names, Network, SimulatedClaimProducer
from .cluster import SimulatedCluster

_SILENT: Final = silent_logger()
WATCHDOG_S: Final = 60.0


@cache
def _names(name: str) -> Names:
    return Names(Principal(Role.EXECUTOR, name), f"executor.{name}")


_MADE: Final[dict[tuple[str, str], Executor]] = {}


def _new_executor(names: Names, key: PrivateKey, trust: Trust) -> Executor:
    """As one that was just made; to bind a logger takes longer than to run a seed, so each is made once and copied."""
    made = _MADE.get((names.user, key.key_id))
    if made is None:
        made = _MADE[names.user, key.key_id] = Executor(names.connection, key, {}, trust=trust)
    return copy(made)


class ExecutorCrashedError(Exception):
    """The process ended before a step."""


class SimulatedClock(Clock):
    """The brokers' clock, with the skew of one machine."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self._cluster = cluster
        self.skew = 0

    def wall_ms(self) -> int:
        """What the machine takes for the time."""
        return self._cluster.now_ms + self.skew

    def monotonic_s(self) -> float:
        """Goes on as the simulation does."""
        return self._cluster.now_ms / 1000

    def sleep(self, seconds: float) -> None:
        """Nobody waits in a simulation."""


class SimulatedGrants(GrantReader):
    """Reads `execution.<name>` from its committed offsets; the books are read back before a grant is handed out."""

    def __init__(self, cluster: SimulatedCluster, scribe: Scribe, clock: Clock, partitions: int) -> None:
        self.topic = f"execution.{scribe.executor}"
        self.chance = Random(0)  # noqa: S311  # a simulation draws from its seed
        self._cluster = cluster
        self._scribe = scribe
        self._positions: dict[int, int] = {}
        self._books: dict[int, ClaimBook] = {}
        self._clock = clock
        self._partitions = partitions

    @property
    def ready(self) -> bool:
        """Whether every partition is restored."""
        return len(self._books) == self._partitions

    def gather(self, most: int, wait_s: float) -> list[Record]:
        """Some of the grants that are there."""
        del most, wait_s
        self._restore()
        found = []
        for partition in self._books:
            limit = (0, 1, 2, 100)[int(self.chance.random() * 4)]
            if limit:
                records, position = self._cluster.read(
                    self.topic, partition, self._positions[partition], limit
                )
                self._positions[partition] = position
                found += records
        return found

    def rewind(self, records: Sequence[Record]) -> None:
        """Read these again."""
        for record in reversed(records):
            self._positions[record.position.partition] = record.position.offset

    def close(self) -> None:
        """Nothing to close."""

    def _restore(self) -> None:
        """Books before grants: up to the high watermark asked for once the offsets are stable."""
        for partition in range(self._partitions):
            if partition in self._books or not self._cluster.are_stable((self.topic,), partition):
                continue
            records, position = self._cluster.read(RECEIPTS, partition)
            if position < self._cluster.high_watermark(RECEIPTS, partition):
                continue
            book, since_ms = ClaimBook(), self._clock.wall_ms() - REMEMBERED_MS
            for record in records:
                own = self._scribe.own(record) if record.append_ms >= since_ms else None
                if own is not None:
                    book.note(own, record.append_ms)
            committed: Progress | None = self._cluster.offsets.get((self.topic, partition))
            self._positions[partition] = committed.offset if committed else 0
            self._books[partition] = book


class SimulatedTables:
    """The tables of an executor: as the gate's, which hold more."""

    def __init__(self, read: Callable[[], Tables]) -> None:
        self._read = read

    @property
    def current(self) -> Tables:
        """What operators have said."""
        return self._read()

    def freshen(self) -> Tables:
        """The same: they are always fresh here."""
        return self._read()

    def read_on(self, for_s: float) -> bool:
        """Nothing more to read."""
        del for_s
        return False

    def close(self) -> None:
        """Nothing to close."""


class ExecutorProcess:
    """One executor. `act` is told of every call of a handler: the target's side of the world."""

    def __init__(
        self,
        cluster: SimulatedCluster,
        name: str,
        key: PrivateKey,
        types: Sequence[str],
        trust: Trust,
        partitions: int,
        tables: Callable[[], Tables],
        act: Handler,
    ) -> None:
        self.name = name
        self.clock = SimulatedClock(cluster)
        self.network = Network()
        self.at_step: dict[ExecutorStep, Callable[[], None]] = {}
        self.counts: Counter[str] = Counter()
        self._cluster = cluster
        self._key = key
        self._handlers: Mapping[str, Handler] = dict.fromkeys(types, act)
        self._trust = trust
        self._partitions = partitions
        self._tables = tables
        self.restart()

    def restart(self) -> None:
        """A new process in the same slot: claims are read back, what was not told is not known any more."""
        self.network = Network()
        self.at_step = {}
        names = _names(self.name)
        self._executor = executor = _new_executor(names, self._key, self._trust)
        executor._fault, executor._handlers = self._step, self._handlers  # noqa: SLF001  # a process that begins
        executor._to_act, executor._ends, executor._most = deque(), [], 1  # noqa: SLF001
        watchdog = ActingWatchdog(WATCHDOG_S)
        scribe = Scribe(self._trust.deployment, self.name, self._key)
        self.grants = SimulatedGrants(self._cluster, scribe, self.clock, self._partitions)
        self._work = Workplace(
            scribe=scribe,
            handlers=self._handlers,
            post=Post(self._trust.deployment, self.name, self._partitions),
            tables=cast("Any", SimulatedTables(self._tables)),
            grants=self.grants,
            producer=SimulatedClaimProducer(self._cluster, names, 0, lambda: None, watchdog, self.network),
            watchdog=watchdog,
            fault=self._step,
            counts=self.counts,
            log=_SILENT,
            clock=self.clock,
        )

    def turn(self, chance: Random) -> None:
        """One turn of the executor's loop."""
        self.grants.chance = chance
        self._executor._turn(self._work)  # noqa: SLF001  # the process is the simulation's to run

    def _step(self, step: ExecutorStep) -> None:
        happens = self.at_step.pop(step, None)
        if happens is not None:
            happens()


EXECUTOR_ENDED: Final = (ExecutorCrashedError, UnclearError)
"""What ends a process of an executor."""
