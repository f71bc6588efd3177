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
ACTIONS = 20_000


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


def allow_path(records: Sequence[Record], seconds: float) -> int:
    """Work for so long, at most on so many records; how many were worked on."""
    gate = gate_with_rules(RULES)
    topology, now_ms, key = gate.topology, gate.driver.now_ms, gate.gate_key
    read = {topic: gate.driver.log.read(topic, 0) for topic in topology.table_topics}
    documents = [record for found, _ in read.values() for record in found]
    ends = {topic: end for topic, (_, end) in read.items()}
    tables = topology.apply(topology.no_tables(), documents, ends, frozenset({EXECUTOR}))
    task = Task(topology, 0, Stores(topology), dict.fromkeys(topology.sources, 0))
    ended_s, done = time.monotonic() + seconds, 0
    while time.monotonic() < ended_s and done < len(records):
        task.adopt(tables, now_ms)
        done += task.process({"actions": records[done : done + BATCH]}, now_ms)
        task.punctuate(now_ms)
        commit(Nowhere(), [task], now_ms, key=key)
    return done


def main(seconds: float) -> None:
    """Sign, work, until the time is over."""
    now_ms = gate_with_rules(RULES).driver.now_ms
    until_s, first = time.monotonic() + seconds, 0
    while (left_s := until_s - time.monotonic()) > 0:
        signed = actions(ACTIONS, deployment=DEPLOYMENT, key=seeded_key(AGENT), now_ms=now_ms, first=first)
        allow_path(arrived(signed, now_ms), left_s)
        first += ACTIONS


if __name__ == "__main__":
    main(float(sys.argv[1]))
