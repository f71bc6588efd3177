"""The Kafka client as our producers and restorers see it, over a `SimulatedCluster`, with answers that get lost.

The runtime's own `KafkaProducer` and the executors' `ClaimProducer` work on it: what each error means is theirs.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, cast

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaError, KafkaException, TopicPartition

from sluicegate.processors.contract import Position, Record, Topology
from sluicegate.streams.clients.claim_producer import ClaimProducer
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.kafka.principals import Principal
from sluicegate.streams.runtime.producer import KafkaProducer
from sluicegate.streams.runtime.restore import Restorer
from sluicegate.streams.runtime.task import Progress
from sluicegate.streams.runtime.watchdog import Watchdog

from .cluster import EvictedError, FencedError, LateEnd, SimulatedCluster

_TIMED_OUT: Final = KafkaError._TIMED_OUT  # noqa: SLF001  # the client's public constant
_FENCED: Final = KafkaError._FENCED  # noqa: SLF001  # the client's public constant


def _error(code: int, *, fatal: bool = False, again: bool = False, abort: bool = False) -> KafkaException:
    return KafkaException(KafkaError(code, "simulated", fatal, again, abort))


@dataclass(slots=True)
class Network:
    """What goes wrong with the next request of one process; each happens once."""

    commit: str | None = None
    """`reply-lost`: it is done and nobody hears of it. `late`: a copy is still under way when it has been done."""
    offsets: str | None = None
    """`reply-lost` as above; `refused`: the transaction has to be aborted."""
    delivery: bool = False
    """A record cannot be delivered."""

    def take(self, what: str) -> Any:
        """What goes wrong with this one."""
        found = getattr(self, what)
        setattr(self, what, type(found)() if isinstance(found, bool) else None)
        return found


class Names:
    """The little that producers and readers ask of a connection: names as they are."""

    def __init__(self, principal: Principal, transactional_id: str) -> None:
        self.principal = principal
        self.user = transactional_id
        self._transactional_id = transactional_id

    def topic(self, logical: str) -> str:
        """The name on the cluster."""
        return logical

    def logical(self, topic: str) -> str:
        """The name in the program."""
        return topic

    def transactional_id(self, slot: int) -> str:
        """The id of this slot."""
        return f"{self._transactional_id}.{slot}"

    @property
    def connection(self) -> Connection:
        """As what the constructors ask for."""
        return cast("Connection", self)


class SimulatedMessage:
    """A record as the client hands it over."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def error(self) -> None:
        """No error."""

    def topic(self) -> str:
        """Its topic."""
        return self._record.position.topic

    def partition(self) -> int:
        """Its partition."""
        return self._record.position.partition

    def offset(self) -> int:
        """Its offset."""
        return self._record.position.offset

    def key(self) -> bytes | None:
        """Its key."""
        return self._record.key

    def value(self) -> bytes | None:
        """Its value."""
        return self._record.value

    def headers(self) -> list[tuple[str, bytes | None]]:
        """Its headers."""
        return list(self._record.headers)

    def timestamp(self) -> tuple[int, int]:
        """When the broker appended it."""
        return TIMESTAMP_LOG_APPEND_TIME, self._record.append_ms


@dataclass(slots=True)
class SimulatedClient:
    """A transactional producer of the client library. A transaction begins at the broker with its first record."""

    cluster: SimulatedCluster
    name: str
    network: Network
    on_delivery: Callable[[KafkaError | None, Any], None]
    reports_all: bool
    epoch: int = -1
    _buffer: list[tuple[str, int, bytes | None, bytes | None, Any]] = field(default_factory=list)

    def init_transactions(self, _timeout: float) -> None:
        """A new epoch."""
        self.epoch = self.cluster.init(self.name)

    def begin_transaction(self) -> None:
        """Local, as in the library."""
        self._buffer.clear()

    def produce(
        self, topic: str, value: bytes | None, key: bytes | None, partition: int, headers: Any = ()
    ) -> None:
        """Into the queue; sent by `flush` or `commit_transaction`."""
        self._buffer.append((topic, partition, key, value, tuple(headers)))

    def poll(self, _timeout: float) -> int:
        """Nothing to do."""
        return 0

    def flush(self, _timeout: float) -> int:
        """Send the queue."""
        for topic, partition, key, value, headers in self._buffer:
            if self.network.take("delivery"):
                message = SimulatedMessage(Record(Position(topic, partition, 0), 0, key, headers, value))
                self.on_delivery(_error(KafkaError.MSG_SIZE_TOO_LARGE).args[0], message)
                continue
            position = self._asking(
                partial(self.cluster.produce, self.name, self.epoch, topic, partition, key, value, headers)
            )
            if self.reports_all:
                record = Record(position, self.cluster.now_ms, key, headers, value)
                self.on_delivery(None, SimulatedMessage(record))
        self._buffer.clear()
        return 0

    def send_offsets_to_transaction(
        self, offsets: Iterable[TopicPartition], member: tuple[str, int] | None, _timeout: float
    ) -> None:
        """Offsets of the group, refused for a member that it does not know like this."""
        progress = [Progress(o.topic, o.partition, o.offset, o.metadata or "") for o in offsets]
        fault = self.network.take("offsets")
        if fault == "refused":
            raise _error(KafkaError.COORDINATOR_NOT_AVAILABLE, abort=True)
        self._asking(lambda: self.cluster.add_offsets(self.name, self.epoch, progress, member))
        if fault == "reply-lost":
            raise _error(_TIMED_OUT, again=True)

    def commit_transaction(self, _timeout: float) -> None:
        """End it well; the reply may be lost, and a copy of the request may come late."""
        self.flush(0)
        fault = self.network.take("commit")
        if fault == "late":
            self.cluster.late.append(LateEnd(self.name, self.epoch, commits=True))
            raise _error(_TIMED_OUT, again=True)
        self._asking(lambda: self.cluster.end(self.name, self.epoch, commits=True))
        if fault == "reply-lost":
            raise _error(_TIMED_OUT, again=True)

    def abort_transaction(self, _timeout: float) -> None:
        """End it as if it had never been."""
        self._buffer.clear()
        self._asking(lambda: self.cluster.end(self.name, self.epoch, commits=False))

    def _asking(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except FencedError:
            raise _error(_FENCED, fatal=True) from None
        except EvictedError:
            raise _error(KafkaError.UNKNOWN_MEMBER_ID, abort=True) from None


class _Simulated(KafkaProducer):
    """The runtime's producer with a simulated client in it, and without a thread for calls that do not return."""

    again_s = 0.0

    def __init__(
        self,
        cluster: SimulatedCluster,
        names: Names,
        slot: int,
        group_metadata: Callable[[], Any],
        watchdog: Watchdog,
        network: Network,
    ) -> None:
        self._cluster = cluster
        self._network = network
        super().__init__(names.connection, slot, group_metadata, watchdog)

    def _client(self) -> Any:
        name = self._connection.transactional_id(self._slot)
        return SimulatedClient(
            self._cluster, name, self._network, self._delivered, not self.reports_only_failures
        )

    def _returning(self, call: Callable[[], object]) -> None:
        call()

    def _say_repeating(self, doing: str, error: KafkaError) -> None:
        """A simulation repeats calls all the time."""


class SimulatedProducer(_Simulated):
    """The producer of one slot of the gate."""


class SimulatedClaimProducer(_Simulated, ClaimProducer):
    """The producer of one slot of an executor."""


class NothingYet(Exception):  # noqa: N818  # a way out of a loop that would wait
    """What a reader waits for is not there."""


class SimulatedReader:
    """A consumer without a group: what a restorer reads with. Readers of committed records only."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self._cluster = cluster
        self._positions: dict[tuple[str, int], int] = {}
        self._queue: deque[SimulatedMessage] = deque()
        self._has_looked = False

    def incremental_assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Read these from their beginning."""
        self._positions.update({(each.topic, each.partition): 0 for each in partitions})
        self._has_looked = False

    def incremental_unassign(self, partitions: Iterable[TopicPartition]) -> None:
        """Read these no more."""
        for each in partitions:
            self._positions.pop((each.topic, each.partition), None)
        gone = [m for m in self._queue if (m.topic(), m.partition()) not in self._positions]
        for message in gone:
            self._queue.remove(message)

    def poll(self, _timeout: float) -> SimulatedMessage | None:
        """One record; None once when there is no more, then NothingYet."""
        if not self._queue:
            self._fetch()
        if self._queue:
            self._has_looked = False
            return self._queue.popleft()
        if self._has_looked:
            self._has_looked = False
            raise NothingYet
        self._has_looked = True
        return None

    def consume(self, count: int, _timeout: float) -> list[SimulatedMessage]:
        """What is there."""
        return [self._queue.popleft() for _ in range(min(count, len(self._queue)))]

    def position(self, partitions: Iterable[TopicPartition]) -> list[TopicPartition]:
        """The next offset of each, which has passed markers."""
        return [
            TopicPartition(each.topic, each.partition, self._positions[each.topic, each.partition])
            for each in partitions
        ]

    def close(self) -> None:
        """Nothing to close."""

    def _fetch(self) -> None:
        for (topic, partition), start in self._positions.items():
            records, position = self._cluster.read(topic, partition, start)
            self._queue.extend(map(SimulatedMessage, records))
            self._positions[topic, partition] = position


class SimulatedEnds:
    """End offsets, answered at once: first and last of each partition."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self._cluster = cluster

    def wait(self, partitions: Iterable[tuple[str, int]]) -> dict[tuple[str, int], tuple[int, int]]:
        """High watermarks: open transactions included."""
        return {each: (0, self._cluster.high_watermark(*each)) for each in partitions}


class SimulatedRestorer(Restorer):
    """The runtime's restorer with a simulated reader in it."""

    def __init__(
        self, cluster: SimulatedCluster, names: Names, topology: Topology[Any], evidence: tuple[str, ...]
    ) -> None:
        self._reading = SimulatedReader(cluster)
        super().__init__(
            names.connection,
            topology,
            cast("Any", SimulatedEnds(cluster)),
            evidence=evidence,
        )

    def _client(self) -> Any:
        return self._reading
