"""Where a simulation takes place: the cluster, workers, executors, and the turns they take; what happens there is in `*_events`."""

from collections.abc import Callable
from random import Random
from typing import Any, Final

from sluicegate.processors.contract import Record
from sluicegate.schemas.action import Action
from sluicegate.schemas.canonical import sha256
from sluicegate.schemas.grant import Grant
from sluicegate.streams.testing.driver import START_MS
from sluicegate.streams.testing.gate_driver import seeded_key

from .checks import Broken, check_new
from .cluster import SimulatedCluster
from .enrolment import CRM_TYPES, PARTITIONS, enrolled
from .executor_process import EXECUTOR_ENDED, ExecutorProcess
from .gate_worker import CachedGate, Ended, GateWorker
from .history import OWNERS, History
from .seen import EXECUTORS, Seen

WORKERS: Final = 2
AGENTS: Final = tuple(OWNERS)


class Greedy(Random):
    """Takes everything that is there."""

    def random(self) -> float:
        """The largest number."""
        return 0.999999


class Stage:
    """Everybody who takes part; what must always hold is checked whenever somebody looks."""

    def __init__(
        self,
        *,
        wild_clocks: bool = False,
        policies_change: bool = False,
        note: Callable[[str], None] | None = None,
    ) -> None:
        self.cluster = SimulatedCluster(START_MS, PARTITIONS)
        self.history = History()
        self.seen = Seen(self.cluster, PARTITIONS)
        self.wild_clocks = wild_clocks
        self.policies_change = policies_change
        self.faults = 0
        self.met_open = 0
        """Faults that met an open transaction."""
        self.broken: list[Broken] = []
        self._note = note
        self.standing: set[int] = set()
        self.greedy = Greedy(0)
        people = enrolled()
        given = people.topology
        self.topology = CachedGate(given.trust, PARTITIONS, "simulated", given.window, given.json_topics)
        self.cluster.begin_with(people.driver.log)
        self.cluster.now_ms += 3_000
        self.people = people.beside(self.topology, self.cluster)
        self.workers = [
            GateWorker(self.topology, self.cluster, slot, PARTITIONS, self.people.gate_key)
            for slot in range(WORKERS)
        ]
        self.executors = {
            name: ExecutorProcess(
                self.cluster,
                name,
                seeded_key(name),
                CRM_TYPES if name == "crm" else ("mail.send",),
                given.trust,
                PARTITIONS,
                lambda: self.workers[0].tables.current,
                self._act,
            )
            for name in EXECUTORS
        }

    def look(self) -> None:
        """Read what is new, and check what must hold at any time."""
        new = self.seen.look()
        if self._note is not None:
            for record, model in new:
                self.say(_line(record, model))
        self.broken += check_new(self.history, self.seen, new)

    def say(self, line: str) -> None:
        """A line of the trace."""
        if self._note is not None:
            self._note(f"            {line}")

    def pass_time(self, milliseconds: int) -> None:
        """The brokers' clock goes on, and what is open for too long is ended."""
        self.cluster.now_ms += milliseconds
        self.people.driver.now_ms = self.cluster.now_ms
        self.cluster.time_out()

    def gate_turn(self, worker: GateWorker, chance: Random) -> None:
        """One turn of a worker; one that ends is started again."""
        try:
            worker.turn(chance)
        except Ended as reason:
            self.say(f"worker {worker.slot} ends: {reason}")
            worker.restart()
            self.cluster.assign(1)

    def executor_turn(self, executor: ExecutorProcess, chance: Random) -> None:
        """One turn of an executor; one that ends is started again."""
        try:
            executor.turn(chance)
        except EXECUTOR_ENDED:
            executor.restart()

    def look_later(self, chance: Random, lagging: str) -> None:
        """The gate looks again and again, and reads everything but one input."""
        self.pass_time(chance.choice((4_001, 6_000)))
        before = [set(worker.stalled) for worker in self.workers]
        for worker in self.workers * 4:
            worker.stalled = {lagging}
            self.gate_turn(worker, self.greedy)
        for worker, stalled in zip(self.workers, before, strict=True):
            worker.stalled = stalled

    def ghost(self, record: Record, partition: int) -> None:
        """A copy of a record appears, and is remembered as one."""
        position = self.people.driver.produce(
            record.position.topic, record.key, record.value, record.headers, partition=partition
        )
        self.history.ghosts.add(position)
        self.say(f"a copy of {record.position} appears at {position}")

    def count_fault(self, name: str) -> None:
        """A fault, and whether it met an open transaction of this transactional id."""
        self.faults += 1
        self.met_open += self.cluster.has_open_records(name)

    def last(self, topic: str) -> list[Record]:
        """The newest records of a topic."""
        found: list[Record] = []
        for partition in range(PARTITIONS):
            found += self.cluster.read(topic, partition)[0][-5:]
        return found

    def _act(self, action: Action, grant: Grant) -> None:
        """What happens at the target."""
        done = grant.agent, grant.action_id, grant.grant_id
        self.history.tried.append(done)
        if not self.seen.is_claimed(grant.grant_id):
            self.broken.append(Broken("I1", f"{action.action_id} is acted on before its claim is committed"))
        if sha256(grant.grant_id.encode())[0] % 8 == 0:
            raise ConnectionError
        self.history.effects.append(done)
        self.say(f"the target does {action.action_id} for {grant.grant_id}")


Happening = Callable[[Stage, Random], None]
"""One kind of event: it draws from its own chance only."""


def _line(record: Record, model: Any) -> str:
    about = [
        str(getattr(model, name))
        for name in ("action_id", "outcome", "event", "reason", "happened", "resolution", "grant_id")
        if getattr(model, name, None) is not None
    ]
    return f"{record.position} {model.kind} {' '.join(about)}"
