"""One round: a deployment on its own brokers, a workload, faults, healing, the end of everything, judgement."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from sluicegate.schemas.errors import SluicegateError
from sluicegate.streams.clients.audit_reader import AuditReader
from sluicegate.streams.doctor.held_readers import examine_held_readers
from sluicegate.streams.kafka.admin import Admin
from sluicegate.streams.kafka.principals import Naming, Role
from sluicegate.streams.testing.cluster import Broker

from .deployment import PREFIX, SKEW_MS, Deployed, deployed
from .injecting import Breakable, Injector
from .oracle.ends import open_actions
from .oracle.findings import counts, sentences
from .oracle.history import INPUTS, History
from .oracle.judge import judge
from .oracle.people import people
from .oracle.reading import LogReader
from .oracle.wire import Stored, read
from .policy import PERSONS, RECONCILER
from .rebalances import Rebalances, follow
from .replaying import replay
from .schedule import Fault
from .tally import Tally
from .workload import Agents, Person, Settler, Told

WARM_S: Final = 2.0
COOL_S: Final = 3.0
END_LIMIT_S: Final = 240.0
"""After healing: session, transaction, deadline, grant and lease, one after the other, and a catching up."""
_LOOK_S: Final = 2.0
HISTORY: Final = "history.pickle.gz"

Said = Callable[[str], None]


class Brokers(Broker, Breakable, Protocol):
    """What a round runs on."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one round is to do."""

    seed: int
    faults: tuple[Fault, ...]
    seconds: float
    rate: float
    workers: int
    partitions: int
    brokers: int

    @property
    def replication(self) -> int:
        """Of every topic."""
        return self.brokers


def run_round(
    plan: Plan,
    brokers: Brokers,
    folder: Path,
    said: Said,
    *,
    keep: bool = False,
) -> dict[str, Any]:
    """Everything, and what came of it as plain values; the history is kept when something is wrong, or asked for."""
    began_s = time.monotonic()
    tally, told, rebalances = Tally(), Told(), Rebalances()
    said("setting up")
    with deployed(
        brokers, folder, workers=plan.workers, partitions=plan.partitions, replication=plan.replication
    ) as running:
        injector = Injector(running, brokers, tally, plan.seed)
        with LogReader(brokers.super_user(Naming(PREFIX)).client_config(), PREFIX) as log:
            with _at_work(plan, running, told, injector, rebalances):
                time.sleep(WARM_S)
                injector.run(plan.faults, said)
                said("healed")
                time.sleep(COOL_S)
            said("waiting for the end of everything")
            healed_s = time.monotonic()
            ended = _await_end(log, running)
            end_s = time.monotonic() - healed_s
            held = [] if ended else _held_readers(brokers)
            running.ended.set()
            running.executors.end()
            running.workers.end()
            log.read_to_end()
            verified = AuditReader(running.local.connection(Role.ANALYST)).verify()
            history = History(
                running.known, tuple(log.records), tuple(told.acknowledged()), tuple(running.effects())
            )
    said("judging")
    findings = [*judge(history), *replay(history, skew_ms=SKEW_MS)]
    told_by_verifier = [str(finding) for finding in verified.findings]
    if keep or findings or told_by_verifier or not ended:
        history.save(folder / HISTORY)
    tally.rebalances = rebalances.count
    return {
        "seed": plan.seed,
        "seconds": round(time.monotonic() - began_s, 1),
        "actions": len({(one.agent, one.action_id) for one in history.acknowledged}),
        **tally.figures(),
        **counts(findings),
        "ended": ended,
        "end_seconds": round(end_s, 1),
        "held_readers": held,
        "findings": sentences(findings),
        "verifier": {"ok": verified.ok, "findings": told_by_verifier[:50]},
        "records": len(history.records),
        "effects": len(history.effects),
        "brokers": plan.brokers,
        "scheduled": len(plan.faults),
        "details": tally.details(),
        "happened": [asdict(one) for one in tally.happened()],
        "workload": {name: dict(getattr(told, name)) for name in ("sent", "tallies", "troubles")},
        "restarts": {
            "workers": sum(status.restarts for status in running.workers.status),
            "executors": running.executors.restarts,
        },
    }


@contextmanager
def _at_work(
    plan: Plan, running: Deployed, told: Told, injector: Injector, rebalances: Rebalances
) -> Iterator[None]:
    """Agents submit and people decide; agents end with the block, people and counting go on until the round ends."""
    ending, agents = threading.Event(), Agents(running.local, told, seed=plan.seed, rate=plan.rate)
    thread = threading.Thread(target=agents.run, args=(ending,), name="agents", daemon=True)
    thread.start()
    _people(running, told)
    threading.Thread(
        target=follow, args=(rebalances, injector.statuses, running.ended), name="rebalances", daemon=True
    ).start()
    try:
        yield
    finally:
        ending.set()
        thread.join(60)
        agents.close(60)


def _people(running: Deployed, told: Told) -> None:
    settler = Settler(
        running.local, told, lambda grant: any(one.grant_id == grant for one in running.effects())
    )
    work = [Person(running.local, told, name).run for name in PERSONS if name != RECONCILER]
    for what in (*work, settler.run):
        threading.Thread(target=what, args=(running.ended,), daemon=True).start()


def _await_end(log: LogReader, running: Deployed) -> bool:
    """Whether every action has ended and everything sent was consumed, within the limit (I10)."""
    until = time.monotonic() + END_LIMIT_S
    while time.monotonic() < until:
        try:
            log.read_to_end()
        except (TimeoutError, SluicegateError):
            continue
        if not _open(log.records, running):
            return True
        time.sleep(_LOOK_S)
    return False


def _held_readers(brokers: Brokers) -> list[str]:
    """Where an open transaction stands in the way: Kafka 4.3 can lose its end (KAFKA-20734), and nothing ends then."""
    found = examine_held_readers(Admin(brokers.super_user(Naming(PREFIX))))
    return [f"{finding.about}: {finding.said}" for finding in found if finding.todo]


def _open(records: Sequence[Stored], running: Deployed) -> bool:
    history = History(running.known, records, (), ())
    topics = history.topics()
    known = people(topics.get("identities", ()), running.known)
    consumed = sum(
        fields["leaf"] is not None and fields["processor"] == "gate"
        for fields in map(read, topics.get("audit", ()))
    )
    sent = sum(len(topics.get(topic, ())) for topic in INPUTS)
    return consumed < sent or bool(open_actions(topics, known))


@contextmanager
def own_error_output(path: Path) -> Iterator[Any]:
    """What processes and libraries say goes to a file; the terminal is for the one who runs this."""
    with ExitStack() as stack:
        terminal = stack.enter_context(os.fdopen(os.dup(2), "w", buffering=1))
        file = stack.enter_context(path.open("ab"))
        sys.stderr.flush()
        os.dup2(file.fileno(), 2)
        try:
            yield terminal
        finally:
            sys.stderr.flush()
            os.dup2(terminal.fileno(), 2)
