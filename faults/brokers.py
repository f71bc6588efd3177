"""The Kafka of a fault run: one broker or three, each behind a proxy of its own, to be killed, frozen and healed.

Clients know the proxies only; what brokers say to each other, and the run's own login of the broker's user, is never
aimed at. Data stays in the folder that the run gives, and with it everything that was acknowledged.
"""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from sluicegate.schemas.errors import BrokerError, SluicegateError
from sluicegate.streams.kafka.admin import Admin
from sluicegate.streams.kafka.broker_folder import choose_port
from sluicegate.streams.kafka.broker_settings import SUPER_USER, Member
from sluicegate.streams.kafka.conformance import check_transactions
from sluicegate.streams.kafka.connection import Connection
from sluicegate.streams.kafka.embedded import (
    READINESS_NAMING,
    READINESS_TOPIC,
    EmbeddedBroker,
    Lifetime,
    new_cluster_id,
    super_user_of,
)
from sluicegate.streams.kafka.java import HEAP_MIB, Java
from sluicegate.streams.kafka.principals import Naming
from sluicegate.streams.state_folder import StateFolder, write_private

from .aims import Aims
from .disk import SmallDisk, small_disk_for
from .proxy import Proxy

HEALTHY_S: Final = 120.0
"""Seen: 15 s for one broker, whose own session must end first; 6 s for one of three, more on a busy machine."""
END_S: Final = 20.0
CLOSE_S: Final = 5.0
"""After SIGTERM: the last of several cannot hand over what it leads, and would wait for its own limit."""
FULL_S: Final = 60.0
LOOK_S: Final = 0.1
TRANSACTIONS: Final = "__transaction_state"
_WRAP: Final = 1 << 32


class Node:
    """One broker and the proxy before it; any thread may break it, one at a time."""

    def __init__(
        self, proxy: Proxy, start: Callable[[], EmbeddedBroker], disk: SmallDisk | None = None
    ) -> None:
        self.proxy = proxy
        self.disk = disk
        self._start = start
        self._running: EmbeddedBroker | None = None
        self._turn = threading.RLock()

    @property
    def running(self) -> EmbeddedBroker:
        """The present process; `BrokerError` when there is none."""
        if self._running is None:
            raise BrokerError("this broker has been killed and not been started again")
        return self._running

    @property
    def is_running(self) -> bool:
        """Whether its process is there, frozen or not; one that ended by itself is not."""
        return self._running is not None and self._running.mark.is_running()

    def start(self) -> None:
        """On the data that is there; nothing happens when it runs."""
        with self._turn:
            if self.is_running:
                return
            self.reap()
            self.proxy.accept()
            try:
                self._running = self._start()
            except BaseException:
                self.proxy.refuse()
                raise

    def kill(self) -> None:
        """SIGKILL; from then on its address refuses, as that of a dead process does."""
        with self._turn:
            if self._running is not None and self._running.mark.is_running():
                os.kill(self._running.mark.pid, signal.SIGKILL)
            self.reap()

    def reap(self) -> None:
        """After it ended, by whatever: forget the process and refuse connections."""
        with self._turn:
            self.proxy.refuse()
            if self._running is not None:
                self._running.mark.wait(END_S)
                self._running.stop()
                self._running = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """SIGSTOP, and SIGCONT at the end of the block: connections stay open, nobody answers."""
        with self._turn:
            if not self.is_running:
                raise BrokerError("this broker does not run, so it cannot be frozen")
            pid = self.running.mark.pid
            os.kill(pid, signal.SIGSTOP)
            try:
                yield
            finally:
                if self.is_running:
                    os.kill(pid, signal.SIGCONT)

    def close(self) -> None:
        """End the broker, by SIGTERM when that does, and the proxy."""
        if self._running is not None:
            self._running.stop(CLOSE_S)
        self.proxy.close()


class Brokers:
    """Of a run; `with` them. Serves as the broker of a `Cluster`. Brokers are counted from 0, around when too far."""

    def __init__(self, state: StateFolder, nodes: Sequence[Node], aims: Aims, held: ExitStack) -> None:
        """`held` is what must go when all of them have ended."""
        self.state = state
        self.nodes = tuple(nodes)
        self.aims = aims
        self._asking = threading.Lock()
        self._held = held
        with ThreadPoolExecutor(len(nodes)) as starters:
            starts = [starters.submit(node.start) for node in nodes]
        try:
            for start in starts:
                start.result()
            self.await_healthy()
        except BaseException:
            self.close()
            raise

    @property
    def bootstrap(self) -> str:
        """The addresses of all proxies."""
        return ",".join(node.proxy.address for node in self.nodes)

    @property
    def replication(self) -> int:
        """How many brokers keep each record: all."""
        return len(self.nodes)

    def super_user(self, naming: Naming) -> Connection:
        """The connection of the brokers' own user, whom no right binds."""
        return super_user_of(self.state, self.bootstrap, naming)

    def node(self, target: int) -> Node:
        """By its number; every number names one."""
        return self.nodes[target % len(self.nodes)]

    def kill(self, target: int, seconds: float) -> None:
        """SIGKILL, start again after `seconds`, and wait until all is well."""
        node = self.node(target)
        node.kill()
        time.sleep(seconds)
        node.start()
        self.await_healthy()

    def kill_leader(self, seconds: float, *, topic: str, partition: int = 0) -> int:
        """The same to the leader of a partition; `topic` is its name on the cluster. Which it was."""
        target = self.leader_of(topic, partition)
        self.kill(target, seconds)
        return target

    def kill_coordinator(self, transactional_id: str, seconds: float) -> int:
        """The same to the coordinator of a transactional id; which it was."""
        target = self.transaction_coordinator(transactional_id)
        self.kill(target, seconds)
        return target

    def stall(self, target: int, seconds: float) -> None:
        """SIGSTOP, SIGCONT after `seconds`; that all is well again is not waited for."""
        with self.node(target).frozen():
            time.sleep(seconds)

    def starve(self, target: int, seconds: float) -> None:
        """Fill its disk until it fails of that, free the disk after `seconds`, start again, wait until all is well.

        It fails when it has something to write: without traffic that is a `BrokerError` after a minute. Only of brokers
        that were given small disks.
        """
        node = self.node(target)
        if (disk := node.disk) is None:
            raise BrokerError("this broker has no small disk of its own: give `disk_mib`")
        try:
            deadline = time.monotonic() + FULL_S
            while node.is_running:
                disk.fill()
                if time.monotonic() > deadline:
                    raise BrokerError(f"a broker on a full disk still runs after {FULL_S:.0f} s")
                time.sleep(LOOK_S)
            node.reap()
            time.sleep(seconds)
        finally:
            disk.free()
        node.start()
        self.await_healthy()

    def leader_of(self, topic: str, partition: int = 0) -> int:
        """The broker that leads a partition now; `topic` is its name on the cluster."""
        leader: int = self._metadata().topics[topic].partitions[partition].leader
        if leader < 0:
            raise BrokerError(f"partition {partition} of `{topic}` has no leader now")
        return leader % len(self.nodes)

    def transaction_coordinator(self, transactional_id: str) -> int:
        """The broker that decides the transactions of this id now."""
        return self.leader_of(TRANSACTIONS, self._bucket(TRANSACTIONS, transactional_id))

    def busiest(self) -> int:
        """The broker that leads most partitions now."""
        topics = self._metadata().topics.values()
        leaders: Counter[int] = Counter(part.leader for topic in topics for part in topic.partitions.values())
        leaders.pop(-1, None)
        return leaders.most_common(1)[0][0] % len(self.nodes)

    def await_healthy(self, limit_s: float = HEALTHY_S) -> None:
        """Return when every partition has its leader and all its copies, and a transaction commits; `BrokerError` else."""
        deadline = time.monotonic() + limit_s
        with self._asking:
            while (trouble := self._trouble()) is not None:
                if time.monotonic() > deadline:
                    raise BrokerError(f"the brokers were not well after {limit_s:.0f} s: {trouble}")
                time.sleep(LOOK_S)

    def close(self) -> None:
        """End everything that this object started."""
        with ThreadPoolExecutor(len(self.nodes)) as enders:
            list(enders.map(Node.close, self.nodes))
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _trouble(self) -> str | None:
        try:
            return self._unsettled() or self._without_transactions()
        except SluicegateError as error:
            return str(error)

    def _unsettled(self) -> str | None:
        found = self._metadata()
        if len(found.brokers) < len(self.nodes):
            return f"{len(found.brokers)} of {len(self.nodes)} brokers are known"
        short = [
            topic.topic
            for topic in found.topics.values()
            for part in topic.partitions.values()
            if part.leader < 0 or set(part.isrs) != set(part.replicas)
        ]
        return f"{len(short)} partitions lack a leader or a copy, one of `{short[0]}`" if short else None

    def _without_transactions(self) -> str | None:
        connection = self.super_user(READINESS_NAMING)
        admin = Admin(connection)
        admin.await_leaders()
        if READINESS_TOPIC not in admin.partitions():
            admin.create_topics({READINESS_TOPIC: (1, self.replication, {"retention.ms": "3600000"})})
        check_transactions(connection, READINESS_TOPIC).require()
        return None

    def _metadata(self) -> Any:
        # A new client each time: one that has seen a broker die goes on with what it knew for a while.
        admin = Admin(self.super_user(READINESS_NAMING))
        admin.reachable()
        return admin.client.list_topics(timeout=END_S)

    def _bucket(self, topic: str, name: str) -> int:
        partitions: int = len(self._metadata().topics[topic].partitions)
        return bucket_of(name, partitions)


class OneBroker(Brokers):
    """A single embedded broker behind a proxy: the cluster of the short run."""

    def __init__(
        self,
        folder: Path,
        *,
        aims: Aims | None = None,
        heap_mib: int = HEAP_MIB,
        disk_mib: int | None = None,
    ) -> None:
        """`folder` becomes the state folder and keeps the data; a start on the same folder goes on with it.

        With `disk_mib` the data is on a small disk instead, which can be filled and is gone with this object;
        `disk.NoMountError` where there can be none.
        """
        aims = aims or Aims()
        state = StateFolder(folder)
        held = ExitStack()
        (disk,) = _disks([state], disk_mib, held)
        proxy = _proxy(aims, node=0)

        def start() -> EmbeddedBroker:
            return EmbeddedBroker.start(
                state,
                port=proxy.upstream,
                advertised=proxy.port,
                lifetime=Lifetime.WITH_PARENT,
                heap_mib=heap_mib,
            )

        super().__init__(state, [Node(proxy, start, disk)], aims, held)


class ThreeBrokers(Brokers):
    """Three embedded brokers: every record on all three, acknowledged by two; about 345 MiB of memory each.

    Each has a folder of its own below the given one; the first one's is the state folder of the deployment.
    """

    COUNT: Final = 3

    def __init__(
        self,
        folder: Path,
        *,
        aims: Aims | None = None,
        heap_mib: int = HEAP_MIB,
        disk_mib: int | None = None,
    ) -> None:
        """A start on the same folder goes on with its data; with `disk_mib` each has a small disk, as above."""
        aims = aims or Aims()
        states = [StateFolder(folder / f"broker-{number}") for number in range(self.COUNT)]
        _share_login(states)
        java = Java.provide(heap_mib=heap_mib)
        cluster_id, controllers = _quorum(folder, self.COUNT)
        held, nodes = ExitStack(), []
        for number, (state, disk) in enumerate(zip(states, _disks(states, disk_mib, held), strict=True)):
            proxy = _proxy(aims, node=number)
            member = Member(number, cluster_id, controllers)
            nodes.append(Node(proxy, _starter(state, proxy, member, java), disk))
        super().__init__(states[0], nodes, aims, held)


def bucket_of(name: str, partitions: int) -> int:
    """The partition in which Kafka keeps a transactional id or a group: Java's hash of the name, without its sign."""
    value = 0
    for unit in memoryview(name.encode("utf-16-le")).cast("H"):
        value = (31 * value + unit) % _WRAP
    signed = value - _WRAP if value >= _WRAP // 2 else value
    return (0 if signed == -_WRAP // 2 else abs(signed)) % partitions


def _starter(state: StateFolder, proxy: Proxy, member: Member, java: Java) -> Callable[[], EmbeddedBroker]:
    def start() -> EmbeddedBroker:
        return EmbeddedBroker.start(
            state,
            port=proxy.upstream,
            advertised=proxy.port,
            member=member,
            lifetime=Lifetime.WITH_PARENT,
            java=java,
        )

    return start


def _disks(states: Sequence[StateFolder], size_mib: int | None, held: ExitStack) -> list[SmallDisk | None]:
    if size_mib is None:
        return [None] * len(states)
    with ExitStack() as mounted:
        disks: list[SmallDisk | None] = [
            mounted.enter_context(small_disk_for(state, size_mib)) for state in states
        ]
        held.push(mounted.pop_all())
    return disks


def _proxy(aims: Aims, node: int) -> Proxy:
    # Not from the range of outgoing ports: one that refuses for a while must find its port free again.
    port = choose_port()
    return Proxy(aims, port=port, upstream=choose_port({port}), node=node)


def _share_login(states: Sequence[StateFolder]) -> None:
    for state in states:
        state.create()
    password, _ = states[0].secret_or_new(SUPER_USER)
    for state in states[1:]:
        write_private(state.secret_path(SUPER_USER), password.encode())


def _quorum(folder: Path, count: int) -> tuple[str, dict[int, int]]:
    """The cluster's id and its controllers' ports, remembered: nodes that were formatted keep both."""
    remembered = folder / "quorum"
    if remembered.exists():
        cluster_id, *ports = remembered.read_text("ascii").split()
        return cluster_id, dict(enumerate(map(int, ports)))
    cluster_id = new_cluster_id()
    controllers: dict[int, int] = {}
    for number in range(count):
        controllers[number] = choose_port(controllers.values())
    write_private(remembered, " ".join([cluster_id, *map(str, controllers.values())]).encode())
    return cluster_id, controllers
