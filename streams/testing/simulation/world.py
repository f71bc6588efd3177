"""A deployment in memory: agents, people, executors, workers of the gate, and everything that can happen to them."""

from typing import Final

from sluicegate.schemas.decision import Settled
from sluicegate.schemas.grant import Grant
from sluicegate.schemas.outcome import Outcome, OutcomeKind
from sluicegate.streams.testing.driver import START_MS

from . import agent_events, cluster_events, executor_events, gate_events, people_events
from .enrolment import PARTITIONS
from .events import Event
from .stage import Happening, Stage

_TURNS: Final = 40
_EVENTS: Final[dict[str, Happening]] = {
    **agent_events.EVENTS,
    **people_events.EVENTS,
    **executor_events.EVENTS,
    **gate_events.EVENTS,
    **cluster_events.EVENTS,
}


class World(Stage):
    """One simulation. `do` makes one event happen; what must always hold is checked after each."""

    def do(self, event: Event) -> None:
        """Make it happen, then look at what everybody may read."""
        self.people.driver.now_ms = self.cluster.now_ms
        if self._note is not None:
            self._note(f"+{(self.cluster.now_ms - START_MS) / 1000:.3f} s  {event.kind} {event.number:x}")
        _EVENTS[event.kind](self, event.chance())
        self.look()

    def heal(self) -> None:
        """No fault from here on: clocks agree, requests arrive, everybody reads everything."""
        for worker in self.workers:
            worker.at_step.clear()
            worker.network.commit = worker.network.offsets = None
            worker.network.delivery = False
            worker.skew, worker.brokers_skew, worker.tables_lag_ms = 0, 0, 0
            worker.stalled.clear()
        for executor in self.executors.values():
            executor.at_step.clear()
            executor.network.commit = executor.network.offsets = None
            executor.network.delivery = False
            executor.clock.skew = 0
        while self.cluster.late:
            self.cluster.arrive_late()
        self.cluster.markers_wait = False
        self.cluster.deliver_markers()

    def work(self) -> None:
        """Let everybody work until nothing is left to do at this moment."""
        for _ in range(_TURNS):
            before = self._progress()
            for worker in self.workers:
                self.gate_turn(worker, self.greedy)
            for executor in self.executors.values():
                self.executor_turn(executor, self.greedy)
            self.look()
            if self._progress() == before:
                return

    def reconcile(self) -> None:
        """People settle what is unknown."""
        news = [
            told
            for record, told in self.seen.models[Outcome]
            if record.position not in self.history.ghosts and not told.repeated and told.reason != "conflict"
        ]
        last = {(each.agent, each.action_id): each for each in news}
        for grant in self.seen.of(Grant):
            told = last.get((grant.agent, grant.action_id))
            if told is not None and told.outcome is OutcomeKind.UNKNOWN and told.grant_id == grant.grant_id:
                self.people.reconcile("p-cat", grant, Settled.EXECUTED)

    def _progress(self) -> tuple[int, ...]:
        return (
            *(worker.commits + worker.starts + len(worker.tasks) for worker in self.workers),
            *(sum(executor.counts.values()) for executor in self.executors.values()),
            sum(self.cluster.high_watermark(topic, n) for topic in ("receipts",) for n in range(PARTITIONS)),
        )
