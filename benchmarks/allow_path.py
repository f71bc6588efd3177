"""The allow path as a worker runs it, without a broker: what the profiler looks at. `python -m benchmarks.allow_path SECONDS`.

Fresh signed actions in transactions of 200 through the real task: intake, policy of 50 rules, grant, outcome, entry, state,
the tile, the signatures of the grants, the merge. Signing the actions is done before, and again whenever they run out.
"""

import sys
import time
from collections.abc import Sequence

from sluicegate.processors.contract import Record
from sluicegate.schemas.envelope import Headers
from sluicegate.streams.runtime.stores import Stores
from sluicegate.streams.runtime.task import Progress, Task
from sluicegate.streams.runtime.transaction import commit
from sluicegate.streams.testing import seeded_key
from sluicegate.streams.testing.gate_driver import DEPLOYMENT

from .material import AGENT, EXECUTOR, actions, arrived
from .pure import gate_with_rules

RULES = 50
BATCH = 200
ACTIONS = 10_000


class Nowhere:
    """A transactional producer that keeps nothing."""

    def begin(self) -> None:
        """Nothing."""

    def produce(self, topic: str, partition: int, key: bytes, value: bytes | None, headers: Headers) -> None:
        """Nothing."""

    def flush(self) -> None:
        """Nothing."""

    def send_offsets(self, progress: Sequence[Progress]) -> None:
        """Nothing."""

    def commit(self) -> None:
        """Nothing."""


class AllowPath:
    """A gate's task with its tables, ready to work."""

    def __init__(self) -> None:
        gate = gate_with_rules(RULES)
        topology = gate.topology
        read = {topic: gate.driver.log.read(topic, 0) for topic in topology.table_topics}
        documents = [record for found, _ in read.values() for record in found]
        ends = {topic: end for topic, (_, end) in read.items()}
        self.now_ms = gate.driver.now_ms
        self._key = gate.gate_key
        self._tables = topology.apply(topology.no_tables(), documents, ends, frozenset({EXECUTOR}))
        self._task = Task(topology, 0, Stores(topology), dict.fromkeys(topology.sources, 0))

    def allow_path(self, records: Sequence[Record], ended_s: float) -> None:
        """Work until then, at most on these records."""
        task, now_ms = self._task, self.now_ms
        for first in range(0, len(records), BATCH):
            if time.monotonic() > ended_s:
                return
            task.adopt(self._tables, now_ms)
            task.process({"actions": records[first : first + BATCH]}, now_ms)
            task.punctuate(now_ms)
            commit(Nowhere(), [task], now_ms, key=self._key)


def main(seconds: float) -> None:
    """Sign, work, until the time is over."""
    path, first, ended_s = AllowPath(), 0, time.monotonic() + seconds
    while time.monotonic() < ended_s:
        signed = actions(
            ACTIONS, deployment=DEPLOYMENT, key=seeded_key(AGENT), now_ms=path.now_ms, first=first
        )
        path.allow_path(arrived(signed, path.now_ms, first), ended_s)
        first += ACTIONS


if __name__ == "__main__":
    main(float(sys.argv[1]))
